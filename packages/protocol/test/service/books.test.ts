/** What is counted, where whoever counts keeps books of its own. */
import { Books, EPOCH, type Grant, MemoryDocumentStore, MemorySpendingStore, type Query, type Release } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { created } from './support/cohort.js'

const DAY = 86_400_000

test('a grant whose time is over is refused with whom to ask for another, when a query is taken and when it is decrypted', async () => {
  const { record } = await created(2, 3)
  const { epoch } = record.document.sharing
  const documents = new MemoryDocumentStore()
  await documents.put(EPOCH, record)
  let now = Date.now()
  const books = new Books({ documents, spendings: new MemorySpendingStore(), now: () => now })
  const grant = { epoch, issuer: 'owner', queries: 10, decryptions: 10, created: now, expires: now + DAY } as Grant
  const release = { epoch } as Release
  const query = (name: string) => ({ epoch, query: name, grant: 'g', release: 'r', sender: 'querier' }) as Query
  await books.admit(query('a'), grant, release)
  await books.decrypt(query('a'), grant, 'a/out', 1)
  now += 2 * DAY
  const refused = {
    code: 'grant-refused',
    field: 'grant',
    actual: expect.stringContaining('expired'),
    remedy: expect.stringContaining('Ask owner for another one: slytherin grant create')
  }
  await expect(books.admit(query('b'), grant, release)).rejects.toMatchObject(refused)
  await expect(books.decrypt(query('a'), grant, 'a/out', 1)).rejects.toMatchObject(refused)
  expect((await books.grantUse('g', grant)).queries.used).toBe(1)
  await books.giveBack(query('a'), grant)
  expect((await books.grantUse('g', grant)).queries.used).toBe(0)
})
