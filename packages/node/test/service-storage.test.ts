/** Stores of a service on disk: the same as those in memory, durable, and of no use to who has the disk alone. */
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type DocumentStore,
  GRANT,
  type Grant,
  identify,
  MemoryDocumentStore,
  MemoryRecordStore,
  MemorySpendingStore,
  REVOCATION,
  type RecordStore,
  type Revocation,
  type Signed,
  type SpendingStore
} from '@slytherin/protocol/service'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ContentDirectory } from '../src/storage/content-directory.js'
import { SecretDirectory } from '../src/storage/secret-directory.js'
import { ServiceDatabase } from '../src/storage/service-database.js'
import { SqliteShareLedger } from '../src/storage/share-ledger.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-stores-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

const hex = (digit: string, length = 64): string => digit.repeat(length)

function grant(epoch: string, issuer: string, queries: number): Signed<Grant> {
  const document: Grant = {
    kind: 'grant',
    version: 1,
    epoch,
    issuer,
    querier: 'q',
    senders: ['q'],
    models: ['*'],
    nonce: hex('1', 32),
    created: 1,
    expires: 2,
    queries,
    decryptions: 5
  }
  return { document, signatures: [{ peer: issuer, signature: 'ab' }] }
}

/** Both, so that neither can drift from the other. */
const DATABASES = {
  memory: () => ({ records: new MemoryRecordStore(), documents: new MemoryDocumentStore(), spendings: new MemorySpendingStore() }),
  sqlite: () => new ServiceDatabase(join(directory, 'service.sqlite'))
} satisfies Record<string, () => { records: RecordStore; documents: DocumentStore; spendings: SpendingStore }>

describe.each(Object.keys(DATABASES) as (keyof typeof DATABASES)[])('records, documents and spendings in %s', kind => {
  it('keep what was put last, by kind and key', async () => {
    const { records } = DATABASES[kind]()
    await records.put('a', '2', { x: [1, null] })
    await records.put('a', '1', 'first')
    await records.put('b', '1', true)
    await records.put('a', '1', 'second')
    expect(await records.get('a', '1')).toBe('second')
    expect(await records.list('a')).toEqual([
      { key: '1', value: 'second' },
      { key: '2', value: { x: [1, null] } }
    ])
    await records.delete('a', '1')
    await records.delete('a', 'none')
    expect(await records.get('a', '1')).toBeUndefined()
    expect(await records.list('c')).toEqual([])
  })

  it('file documents by kind, epoch and name, and leave what is there as it is', async () => {
    const { documents } = DATABASES[kind]()
    const [one, two, other] = [grant(hex('a'), 'x', 1), grant(hex('a'), 'y', 2), grant(hex('b'), 'x', 3)]
    for (const document of [two, one, other]) expect(await documents.put(GRANT, document)).toBe('new')
    const forged = { ...one, signatures: [{ peer: 'x', signature: 'cd' }] }
    expect(await documents.put(GRANT, forged)).toBe('known')
    expect(await documents.get(GRANT, identify(GRANT, one.document))).toEqual(one)
    const revocation: Revocation = { kind: 'revocation', version: 1, epoch: hex('a'), grant: hex('c'), issuer: 'x', created: 1 }
    await documents.put(REVOCATION, { document: revocation, signatures: [] })
    const identifiers = async (filter: Parameters<DocumentStore['list']>[0]): Promise<string[]> =>
      (await documents.list(filter)).map(({ identifier }) => identifier)
    const [first, second, third] = [two, one, other].map(({ document }) => identify(GRANT, document))
    expect(await identifiers({})).toEqual([first, second, third, identify(REVOCATION, revocation)])
    expect(await identifiers({ kind: 'grant', epoch: hex('a') })).toEqual([first, second])
    expect(await identifiers({ epoch: hex('a'), name: 'x' })).toEqual([second])
    expect(await documents.list({ kind: 'revocation' })).toEqual([
      { kind: 'revocation', identifier: identify(REVOCATION, revocation), epoch: hex('a'), name: hex('c') }
    ])
    await documents.remove('grant', second!)
    expect(await documents.get(GRANT, second!)).toBeUndefined()
  })

  it('count an item once, all claims or none, and never above a limit', async () => {
    const { spendings } = DATABASES[kind]()
    const claim = (account: string, item: string, amount: number, limit = 10) => ({ epoch: hex('a'), account, item, amount, limit })
    expect(await spendings.spend([claim('g', '1', 4), claim('e', '1', 4)])).toEqual({ outcome: 'first' })
    expect(await spendings.spend([claim('g', '1', 4), claim('e', '1', 4)])).toEqual({ outcome: 'again' })
    expect(await spendings.spend([claim('g', '1', 5)])).toMatchObject({ outcome: 'differs', used: 4 })
    // The second has no room: nothing of the first is kept either.
    expect(await spendings.spend([claim('g', '2', 6), claim('e', '2', 6, 9)])).toMatchObject({
      outcome: 'exceeded',
      claim: { account: 'e' },
      used: 4
    })
    expect(await spendings.used(hex('a'), 'g')).toBe(4)
    // Two of one account in one go count together.
    expect(await spendings.spend([claim('g', '3', 4), claim('g', '4', 3)])).toMatchObject({ outcome: 'exceeded', claim: { item: '4' } })
    expect(await spendings.spend([claim('g', '3', 3), claim('g', '4', 3)])).toEqual({ outcome: 'first' })
    expect([await spendings.used(hex('a'), 'g'), await spendings.used(hex('b'), 'g')]).toEqual([10, 0])
    await spendings.giveBack(hex('a'), 'g', '4')
    expect(await spendings.has(hex('a'), 'g', '4')).toBe(false)
    expect(await spendings.spend([claim('g', '5', 3)])).toEqual({ outcome: 'first' })
    await spendings.spend([{ ...claim('g', '1', 1), epoch: hex('b') }, claim('e', '1', 4)])
    expect([await spendings.accounts(hex('a')), await spendings.accounts(hex('b')), await spendings.accounts(hex('c'))]).toEqual([
      ['e', 'g'],
      ['g'],
      []
    ])
    await spendings.forget(hex('a'), 'g')
    expect([await spendings.used(hex('a'), 'g'), await spendings.used(hex('a'), 'e'), await spendings.used(hex('b'), 'g')]).toEqual([
      0, 4, 1
    ])
    expect(await spendings.accounts(hex('a'))).toEqual(['e'])
    // A claim that is not recorded leaves the counts as they were, those of accounts that come before it, too.
    expect(await spendings.spend([claim('n', '1', 7), claim('e', '9', 7)])).toMatchObject({ outcome: 'exceeded', used: 4 })
    expect([await spendings.used(hex('a'), 'n'), await spendings.used(hex('a'), 'e')]).toEqual([0, 4])
    expect(await spendings.spend([claim('n', '1', 7), claim('e', '9', 6)])).toEqual({ outcome: 'first' })
    expect(await spendings.spend([claim('n', '2', 4)])).toMatchObject({ outcome: 'exceeded', used: 7 })
    expect(await spendings.accounts(hex('a'))).toEqual(['e', 'n'])
    // What was forgotten may be had again.
    expect(await spendings.spend([claim('g', '1', 10)])).toEqual({ outcome: 'first' })
  })
})

describe('the database of a service', () => {
  it('is there after it was closed, and after a process that did not close it', async () => {
    const path = join(directory, 'service.sqlite')
    const left = new ServiceDatabase(path)
    await left.records.put('a', '1', 1)
    await left.documents.put(GRANT, grant(hex('a'), 'x', 1))
    await left.spendings.spend([{ epoch: hex('a'), account: 'g', item: '1', amount: 1, limit: 1 }])
    using opened = new ServiceDatabase(path)
    expect(await opened.records.get('a', '1')).toBe(1)
    expect(await opened.documents.list({})).toHaveLength(1)
    expect(await opened.spendings.used(hex('a'), 'g')).toBe(1)
    left.dispose()
  })

  it('says that the disk is full, keeps what is there, and goes on when there is room', async () => {
    const path = join(directory, 'service.sqlite')
    using database = new ServiceDatabase(path)
    await database.records.put('a', '1', 'kept')
    database.limitPages(20)
    const fill = async (): Promise<void> => {
      for (let k = 0; k < 1000; k++) await database.records.put('fill', String(k), 'x'.repeat(1000))
    }
    await expect(fill()).rejects.toMatchObject({ code: 'storage-full', remedy: expect.stringContaining('Make room') })
    const claims = Array.from({ length: 2000 }, (_, k) => ({ epoch: hex('a'), account: 'g', item: `${k}`, amount: 1, limit: 10_000 }))
    await expect(database.spendings.spend(claims)).rejects.toMatchObject({ code: 'storage-full' })
    expect(await database.records.get('a', '1')).toBe('kept')
    expect(await database.spendings.used(hex('a'), 'g')).toBe(0)
    database.limitPages(100_000)
    expect(await database.spendings.spend(claims)).toEqual({ outcome: 'first' })
  })
})

describe('contents on disk', () => {
  it('are found by what they are, space by space, and never anything else', async () => {
    const contents = new ContentDirectory(join(directory, 'contents'))
    expect(await contents.spaces()).toEqual([])
    const [one, two] = [Uint8Array.of(1, 2, 3), new Uint8Array(5000).fill(7)]
    const name = await contents.put('query-1', one)
    expect(await contents.put('query-1', one)).toBe(name)
    await contents.put('query-1', two)
    expect(await contents.get('query-1', name)).toEqual(one)
    expect([await contents.has('query-1', name), await contents.has('query-2', name)]).toEqual([true, false])
    expect(await contents.size('query-1')).toBe(5003)
    // What was damaged is gone, and can be put again.
    await writeFile(join(directory, 'contents', 'query-1', name), 'damaged')
    expect(await contents.get('query-1', name)).toBeUndefined()
    expect(await contents.has('query-1', name)).toBe(false)
    expect(await contents.put('query-1', one)).toBe(name)
    await contents.put('query-2', one)
    await contents.clear('query-1')
    await contents.clear('query-3')
    expect(await contents.spaces()).toEqual(['query-2'])
    expect(await contents.size('query-1')).toBe(0)
    for (const bad of ['..', 'a/b', '', '.x']) await expect(contents.put(bad, one)).rejects.toThrow(RangeError)
    await expect(contents.get('query-2', '../../x')).rejects.toThrow(RangeError)
  })
})

describe('secrets on disk', () => {
  const key = new Uint8Array(32).fill(5)

  it('are sealed, bound to their name, and gone when erased', async () => {
    const path = join(directory, 'secrets')
    using ledger = new SqliteShareLedger(join(directory, 'shares.sqlite'))
    using secrets = await SecretDirectory.open(path, key, ledger)
    const secret = new Uint8Array(64).fill(0x41)
    await secrets.put('a/share', secret)
    await secrets.put(
      'b/share',
      secret.map(byte => byte + 1)
    )
    const read = await secrets.get('a/share')
    expect(read).toEqual(secret)
    // A copy of its own: who wipes it wipes nothing else, and what is cut from it stays.
    const cut = read!.slice(0, 8)
    read!.fill(0)
    expect(cut).toEqual(secret.slice(0, 8))
    expect(await secrets.get('a/share')).toEqual(secret)
    const [one, two] = (await readdir(path)).filter(name => name.endsWith('.json')).map(name => join(path, name))
    for (const file of [one!, two!]) expect(await readFile(file, 'latin1')).not.toContain('A'.repeat(16))
    // One in the place of the other does not open.
    const [first, second] = [await readFile(one!), await readFile(two!)]
    await writeFile(one!, second)
    await writeFile(two!, first)
    await expect(secrets.get('a/share')).rejects.toThrow('is not what slytherin wrote there')
    await writeFile(one!, first)
    await chmod(one!, 0o644)
    await Promise.any([expect(secrets.get('a/share')).rejects.toThrow('0644'), expect(secrets.get('b/share')).rejects.toThrow('0644')])
    await chmod(one!, 0o600)
    await secrets.erase('a/share')
    await secrets.erase('a/share')
    expect(await secrets.get('a/share')).toBeUndefined()
  })

  it('do not open with another key, and leave nothing half written', async () => {
    const path = join(directory, 'secrets')
    using ledger = new SqliteShareLedger(join(directory, 'shares.sqlite'))
    const secrets = await SecretDirectory.open(path, key, ledger)
    await secrets.put('x', Uint8Array.of(1))
    secrets.dispose()
    await writeFile(join(path, 'left.json.abc.new'), 'half')
    await expect(SecretDirectory.open(path, new Uint8Array(32).fill(6), ledger)).rejects.toThrow(
      /not written by this party.*Put the ledger back/
    )
    expect((await readdir(path)).filter(name => name.endsWith('.new'))).toEqual([])
    using again = await SecretDirectory.open(path, key, ledger)
    expect(await again.get('x')).toEqual(Uint8Array.of(1))
  })

  describe('are of one ledger', () => {
    const file = (): string => join(directory, 'shares.sqlite')
    const path = (): string => join(directory, 'secrets')
    const give = (ledger: SqliteShareLedger, instance: string): void =>
      void ledger.claim({ session: 'epoch', protocol: 'switch of', instance, inputHash: 'h' })

    /** One run of a party, which keeps a share and gives two others of it. */
    async function run(instances: readonly string[] = []): Promise<void> {
      using ledger = new SqliteShareLedger(file())
      using secrets = await SecretDirectory.open(path(), key, ledger)
      await secrets.put('epoch/share', Uint8Array.of(7))
      for (const instance of instances) give(ledger, instance)
    }
    const dropLedger = async (): Promise<void> => {
      for (const end of ['', '-wal', '-shm']) await rm(file() + end, { force: true })
    }

    it('a party that is started again goes on, with what it gave meanwhile', async () => {
      await run(['a', 'b'])
      await run(['c'])
      using ledger = new SqliteShareLedger(file())
      using secrets = await SecretDirectory.open(path(), key, ledger)
      expect(await secrets.get('epoch/share')).toEqual(Uint8Array.of(7))
    })

    it.each([
      ['deleted', dropLedger],
      [
        'rolled back',
        async () => {
          await dropLedger()
          await cp(join(directory, 'old'), file())
        }
      ],
      ['without its mark', async () => await rm(join(path(), 'ledger.mark'))]
    ])('one that was %s: the party is not started, and hears what to do', async (_what, spoil) => {
      await run(['a'])
      await cp(file(), join(directory, 'old'))
      await run(['b'])
      await spoil()
      await expect(run()).rejects.toThrow(/Put the ledger back.*cohort reshare/)
    })

    it('a mark for a new ledger, made while the secrets were elsewhere, opens none of them', async () => {
      await run(['a'])
      await cp(path(), join(directory, 'elsewhere'), { recursive: true })
      await rm(path(), { recursive: true })
      await dropLedger()
      {
        using ledger = new SqliteShareLedger(file())
        using _fresh = await SecretDirectory.open(path(), key, ledger)
      }
      const moved = (await readdir(join(directory, 'elsewhere'))).filter(name => name.endsWith('.json'))
      for (const name of moved) await cp(join(directory, 'elsewhere', name), join(path(), name))
      using ledger = new SqliteShareLedger(file())
      using secrets = await SecretDirectory.open(path(), key, ledger)
      await expect(secrets.get('epoch/share')).rejects.toThrow('is not what slytherin wrote there')
    })
  })
})
