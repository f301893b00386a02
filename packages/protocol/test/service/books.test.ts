/** What is counted, where whoever counts keeps books of its own. */
import {
  Books,
  EPOCH,
  GRANT,
  type Grant,
  identify,
  MemoryDocumentStore,
  MemorySpendingStore,
  type Query,
  type Release
} from '@slytherin/protocol/service'
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

test('what was counted of keys that are over is forgotten, but not of a grant that is in force with those that follow', async () => {
  const { record } = await created(2, 3)
  const { epoch } = record.document.sharing
  const { expires } = record.document.proposal
  const documents = new MemoryDocumentStore()
  await documents.put(EPOCH, record)
  const spendings = new MemorySpendingStore()
  let now = Date.now()
  const books = new Books({ documents, spendings, now: () => now })
  const grantUntil = (time: number, nonce: string): Grant => ({
    kind: 'grant',
    version: 1,
    epoch,
    issuer: 'owner',
    querier: 'querier',
    senders: ['querier'],
    models: ['*'],
    nonce: nonce.repeat(32),
    created: now,
    expires: time,
    queries: 10,
    decryptions: 10
  })
  const [short, long, unknown] = [grantUntil(expires, '1'), grantUntil(expires + 30 * DAY, '2'), grantUntil(expires, '3')]
  const names = [short, long, unknown].map(grant => identify(GRANT, grant))
  for (const document of [short, long]) await documents.put(GRANT, { document, signatures: [] })
  for (const [k, grant] of [short, long, unknown].entries()) {
    const query = { epoch, query: `query-${k}`, grant: names[k]!, release: 'r', sender: 'querier' } as Query
    await books.admit(query, grant, { epoch } as Release)
    await books.decrypt(query, grant, `attempt-${k}`, 2)
    await books.refresh(query, `attempt-${k}`, 3)
  }
  const used = async (): Promise<number[][]> => [
    Object.values(await books.epochUse(epoch, record.document.proposal)).map(budget => budget.used),
    ...(await Promise.all(
      [short, long, unknown].map(async (grant, k) => Object.values(await books.grantUse(names[k]!, grant)).map(budget => budget.used))
    ))
  ]
  const all = [[6, 9], ...Array.from({ length: 3 }, () => [1, 2])]
  expect(await used()).toEqual(all)
  // Clocks may be wrong for a while.
  now = expires + DAY - 1
  await books.forgetOver()
  expect(await used()).toEqual(all)
  now = expires + DAY
  await books.forgetOver()
  expect(await used()).toEqual([
    [0, 0],
    [0, 0],
    [1, 2],
    [1, 2]
  ])
  now = expires + 31 * DAY
  await books.forgetOver()
  expect(await used()).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
    [1, 2]
  ])
  // A grant that this party was not handed when it was counted, and is by now.
  await documents.put(GRANT, { document: unknown, signatures: [] })
  await books.forgetOver()
  expect(await spendings.accounts(epoch)).toEqual([])
})
