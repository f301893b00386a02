import { IDBFactory } from 'fake-indexeddb'
import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it } from 'vitest'
import { MalformedInputError } from '../src/errors.js'
import { readCohortTerms } from '../src/querier/cohort-terms.js'
import { exportIdentity, importIdentity, ownIdentity } from '../src/querier/identity.js'
import { openPageDatabase } from '../src/storage/page-database.js'
import { PageRecords, PageSecrets } from '../src/storage/page-stores.js'

const MESSAGE = new TextEncoder().encode('a message')

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory()
})

describe('identity of a page', () => {
  it('is made once, kept, and signs what its peer id verifies', async () => {
    const first = await ownIdentity(await openPageDatabase())
    const again = await ownIdentity(await openPageDatabase())
    expect(again.peer).toBe(first.peer)
    expect(first.peer).toMatch(/^12D3KooW/)
    const signature = await first.signer.sign(MESSAGE)
    expect(await again.signer.verify(first.peer, MESSAGE, signature)).toBe(true)
    expect(await again.signer.verify(first.peer, MESSAGE.subarray(1), signature)).toBe(false)
    const other = await ownIdentity(await openPageDatabase('another'))
    expect(other.peer).not.toBe(first.peer)
    expect(await other.signer.verify(other.peer, MESSAGE, signature)).toBe(false)
  })

  it('goes to another browser as text, and takes the place of the one there', async () => {
    const here = await ownIdentity(await openPageDatabase('here'))
    const there = await openPageDatabase('there')
    await ownIdentity(there)
    expect((await importIdentity(exportIdentity(here), there)).peer).toBe(here.peer)
    expect((await ownIdentity(there)).peer).toBe(here.peer)
  })

  it('refuses text that is no identity, naming the field, and keeps the one that it has', async () => {
    const database = await openPageDatabase()
    const own = await ownIdentity(database)
    const good = JSON.parse(exportIdentity(own)) as Record<string, string>
    const other = JSON.parse(exportIdentity(await ownIdentity(await openPageDatabase('another')))) as Record<string, string>
    const halves = good['privateKey']!.slice(0, 64) + other['privateKey']!.slice(64)
    const bad: [unknown, string][] = [
      ['no JSON', 'file'],
      [{ ...good, version: 2 }, 'version'],
      [{ ...good, privateKey: 'ff' }, 'privateKey'],
      [{ ...good, peer: other['peer'] }, 'peer'],
      [{ ...good, privateKey: halves, peer: other['peer'] }, 'privateKey']
    ]
    for (const [content, field] of bad) {
      const text = typeof content === 'string' ? content : JSON.stringify(content)
      await expect(importIdentity(text, database)).rejects.toMatchObject({ name: 'MalformedInputError', field })
    }
    expect((await ownIdentity(database)).peer).toBe(own.peer)
  })
})

describe('what a page keeps', () => {
  it('records by kind and key, secrets by name, as copies', async () => {
    const database = await openPageDatabase()
    const records = new PageRecords(database)
    await records.put('asked', 'b', { n: 1 })
    await records.put('asked', 'a', { n: 2 })
    await records.put('asked-else', 'c', 3)
    expect(await records.list('asked')).toEqual([
      { key: 'a', value: { n: 2 } },
      { key: 'b', value: { n: 1 } }
    ])
    expect(await records.count('asked')).toBe(2)
    await records.delete('asked', 'a')
    await records.delete('asked', 'a')
    expect(await records.get('asked', 'a')).toBeUndefined()
    const secrets = new PageSecrets(database)
    const secret = Uint8Array.of(1, 2, 3)
    await secrets.put('s', secret)
    secret.fill(0)
    expect(await secrets.get('s')).toEqual(Uint8Array.of(1, 2, 3))
    await secrets.erase('s')
    await secrets.erase('s')
    expect(await secrets.get('s')).toBeUndefined()
  })
})

describe('what a page is told of its cohort', () => {
  const peer = `12D3KooW${'a'.repeat(44)}`
  const terms = {
    version: 1,
    software: '0.1.0',
    evaluator: { peer, url: 'ws://127.0.0.1:4002' },
    roster: [{ peer, name: 'evaluator', roles: ['evaluator'] }]
  }

  it('is taken when it is what it should be, and refused by its field otherwise', () => {
    expect(readCohortTerms(terms)).toEqual(terms)
    const bad: [unknown, string][] = [
      [undefined, 'cohort'],
      [{ ...terms, version: 2 }, 'version'],
      [{ ...terms, more: 1 }, 'cohort'],
      [{ ...terms, evaluator: { peer, url: 'http://127.0.0.1' } }, 'evaluator.url'],
      [{ ...terms, evaluator: { peer: 'x', url: 'ws://a' } }, 'evaluator.peer'],
      [{ ...terms, roster: [{ peer, name: 'evaluator', roles: ['witness'] }] }, 'evaluator.peer'],
      [{ ...terms, roster: [{ peer, name: 'evaluator', roles: ['king'] }] }, 'roster.0.roles.0']
    ]
    for (const [json, field] of bad) {
      expect(() => readCohortTerms(json)).toThrow(expect.objectContaining({ field }))
      expect(() => readCohortTerms(json)).toThrow(MalformedInputError)
    }
  })
})
