/**
 * A service's durable state of one party in one SQLite database: records, signed documents, what was spent. Synchronous to the platter before a call returns; a full
 * disk refuses what is new and keeps what is there. One process at a time.
 */
import { existsSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type Plan, parsePlan } from '@slytherin/protocol'
import {
  type Claim,
  type DocumentFilter,
  type DocumentKind,
  type DocumentStore,
  decodeSigned,
  encodeSigned,
  filingOf,
  identify,
  RELEASE,
  type RecordStore,
  type ServiceDocument,
  type Signed,
  type SpendingStore,
  type Spent,
  type StoredName
} from '@slytherin/protocol/service'
import { storageFull } from './storage-full.js'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS record (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS document (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, identifier TEXT NOT NULL, epoch TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL,
    UNIQUE (kind, identifier)) STRICT;
  CREATE INDEX IF NOT EXISTS document_place ON document (kind, epoch, name);
  CREATE TABLE IF NOT EXISTS spending (
    epoch TEXT NOT NULL, account TEXT NOT NULL, item TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (epoch, account, item)) STRICT, WITHOUT ROWID;
`

export class ServiceDatabase implements Disposable {
  readonly records: RecordStore
  readonly documents: DocumentStore
  readonly spendings: SpendingStore
  readonly #database: DatabaseSync

  /** Opens or makes the database. @throws where it is of a later version of the software */
  constructor(path: string) {
    this.#database = new DatabaseSync(path)
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
    this.#database.exec(SCHEMA)
    const guarded = <T>(write: () => T): T => {
      try {
        return write()
      } catch (error) {
        throw storageFull(error, path)
      }
    }
    this.records = new Records(this.#database, guarded)
    this.documents = new Documents(this.#database, guarded)
    this.spendings = new Spendings(this.#database, guarded)
  }

  /** The database takes no more pages of 4096 bytes than so many: what a full disk does. */
  limitPages(pages: number): void {
    this.#database.exec(`PRAGMA max_page_count = ${Math.floor(pages)}`)
  }

  dispose(): void {
    this.#database.close()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Models in service that a database knows, those that were withdrawn left out; of a party that runs, too. Nothing where there is no database yet. */
export function releasesIn(path: string): { readonly name: string; readonly plan: Plan }[] {
  if (!existsSync(path)) return []
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const select = database.prepare(
      "SELECT bytes FROM document WHERE kind = 'release' AND identifier NOT IN (SELECT name FROM document WHERE kind = 'withdrawal')"
    )
    return select.all().map(row => {
      const { document } = decodeSigned(RELEASE, Uint8Array.from(row['bytes'] as Uint8Array), 'store')
      return { name: document.name, plan: parsePlan(document.plan) }
    })
  } finally {
    database.close()
  }
}

type Guarded = <T>(write: () => T) => T

/** Releases, which never change, are megabytes and are looked up many times in a query: so many are kept as they were read. */
const READ_RELEASES = 32

class Records implements RecordStore {
  readonly #guarded: Guarded
  readonly #put: StatementSync
  readonly #get: StatementSync
  readonly #list: StatementSync
  readonly #count: StatementSync
  readonly #delete: StatementSync

  constructor(database: DatabaseSync, guarded: Guarded) {
    this.#guarded = guarded
    this.#put = database.prepare('INSERT INTO record VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value')
    this.#get = database.prepare('SELECT value FROM record WHERE kind = ? AND key = ?')
    this.#list = database.prepare('SELECT key, value FROM record WHERE kind = ? ORDER BY key')
    this.#count = database.prepare('SELECT COUNT(*) AS count FROM record WHERE kind = ?')
    this.#delete = database.prepare('DELETE FROM record WHERE kind = ? AND key = ?')
  }

  async put(kind: string, key: string, value: unknown): Promise<void> {
    this.#guarded(() => this.#put.run(kind, key, JSON.stringify(value)))
  }

  async get(kind: string, key: string): Promise<unknown> {
    const row = this.#get.get(kind, key)
    return row === undefined ? undefined : JSON.parse(String(row['value']))
  }

  async list(kind: string): Promise<{ readonly key: string; readonly value: unknown }[]> {
    return this.#list.all(kind).map(row => ({ key: String(row['key']), value: JSON.parse(String(row['value'])) }))
  }

  async count(kind: string): Promise<number> {
    return Number(this.#count.get(kind)?.['count'])
  }

  async delete(kind: string, key: string): Promise<void> {
    this.#guarded(() => this.#delete.run(kind, key))
  }
}

class Documents implements DocumentStore {
  readonly #guarded: Guarded
  /** Those used last come last. */
  readonly #releases = new Map<string, Signed<ServiceDocument>>()
  readonly #put: StatementSync
  readonly #get: StatementSync
  readonly #list: StatementSync
  readonly #remove: StatementSync

  constructor(database: DatabaseSync, guarded: Guarded) {
    this.#guarded = guarded
    this.#put = database.prepare(
      'INSERT INTO document (kind, identifier, epoch, name, bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'
    )
    this.#get = database.prepare('SELECT bytes FROM document WHERE kind = ? AND identifier = ?')
    this.#list = database.prepare(`SELECT kind, identifier, epoch, name FROM document
      WHERE (:kind IS NULL OR kind = :kind) AND (:epoch IS NULL OR epoch = :epoch) AND (:name IS NULL OR name = :name) ORDER BY kind, number`)
    this.#remove = database.prepare('DELETE FROM document WHERE kind = ? AND identifier = ?')
  }

  async put<T extends ServiceDocument>(kind: DocumentKind<T>, signed: Signed<T>): Promise<'new' | 'known'> {
    const { epoch, name } = filingOf(signed.document)
    const identifier = identify(kind, signed.document)
    const { changes } = this.#guarded(() => this.#put.run(kind.kind, identifier, epoch, name, encodeSigned(signed)))
    return Number(changes) === 1 ? 'new' : 'known'
  }

  async get<T extends ServiceDocument>(kind: DocumentKind<T>, identifier: string): Promise<Signed<T> | undefined> {
    if (kind.kind !== RELEASE.kind) return this.#read(kind, identifier)
    const read = (this.#releases.get(identifier) as Signed<T> | undefined) ?? this.#read(kind, identifier)
    this.#releases.delete(identifier)
    if (read !== undefined) this.#releases.set(identifier, read)
    const [oldest] = this.#releases.keys()
    if (this.#releases.size > READ_RELEASES) this.#releases.delete(oldest!)
    return read
  }

  #read<T extends ServiceDocument>(kind: DocumentKind<T>, identifier: string): Signed<T> | undefined {
    const row = this.#get.get(kind.kind, identifier)
    return row === undefined ? undefined : decodeSigned(kind, Uint8Array.from(row['bytes'] as Uint8Array), 'store')
  }

  async list({ kind, epoch, name }: DocumentFilter): Promise<StoredName[]> {
    const rows = this.#list.all({ kind: kind ?? null, epoch: epoch ?? null, name: name ?? null })
    return rows.map(row => ({
      kind: String(row['kind']),
      identifier: String(row['identifier']),
      epoch: String(row['epoch']),
      name: String(row['name'])
    }))
  }

  async remove(kind: string, identifier: string): Promise<void> {
    this.#guarded(() => this.#remove.run(kind, identifier))
    if (kind === RELEASE.kind) this.#releases.delete(identifier)
  }
}

class Spendings implements SpendingStore {
  readonly #database: DatabaseSync
  readonly #guarded: Guarded
  readonly #insert: StatementSync
  readonly #find: StatementSync
  readonly #sum: StatementSync
  readonly #remove: StatementSync
  readonly #accounts: StatementSync
  readonly #forget: StatementSync
  /** What accounts have come to, as far as that was asked: to sum an account up takes the longer the more was taken from it. */
  readonly #totals = new Map<string, number>()

  constructor(database: DatabaseSync, guarded: Guarded) {
    this.#database = database
    this.#guarded = guarded
    this.#insert = database.prepare('INSERT INTO spending VALUES (?, ?, ?, ?)')
    this.#find = database.prepare('SELECT amount FROM spending WHERE epoch = ? AND account = ? AND item = ?')
    this.#sum = database.prepare('SELECT COALESCE(SUM(amount), 0) AS sum FROM spending WHERE epoch = ? AND account = ?')
    this.#remove = database.prepare('DELETE FROM spending WHERE epoch = ? AND account = ? AND item = ?')
    this.#accounts = database.prepare('SELECT DISTINCT account FROM spending WHERE epoch = ? ORDER BY account')
    this.#forget = database.prepare('DELETE FROM spending WHERE epoch = ? AND account = ?')
  }

  async spend(claims: readonly Claim[]): Promise<Spent> {
    return this.#guarded(() => {
      try {
        const added = new Map<string, number>()
        this.#database.exec('BEGIN IMMEDIATE')
        const spent = this.#claim(claims, added)
        this.#database.exec('claim' in spent ? 'ROLLBACK' : 'COMMIT')
        if ('claim' in spent) return spent
        for (const [name, amount] of added) this.#totals.set(name, this.#totals.get(name)! + amount)
        return spent
      } catch (error) {
        // One that found no room may have been rolled back already.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    })
  }

  async giveBack(epoch: string, account: string, item: string): Promise<void> {
    this.#guarded(() => this.#remove.run(epoch, account, item))
    this.#totals.delete(nameOf(epoch, account))
  }

  async used(epoch: string, account: string): Promise<number> {
    return this.#used(epoch, account)
  }

  async has(epoch: string, account: string, item: string): Promise<boolean> {
    return this.#find.get(epoch, account, item) !== undefined
  }

  async accounts(epoch: string): Promise<string[]> {
    return this.#accounts.all(epoch).map(row => String(row['account']))
  }

  async forget(epoch: string, account: string): Promise<void> {
    this.#guarded(() => this.#forget.run(epoch, account))
    this.#totals.delete(nameOf(epoch, account))
  }

  /** @param added what comes to each account if this is committed */
  #claim(claims: readonly Claim[], added: Map<string, number>): Spent {
    for (const claim of claims) {
      const { epoch, account, item, amount, limit } = claim
      const known = this.#find.get(epoch, account, item)?.['amount']
      if (known !== undefined && Number(known) !== amount) return { outcome: 'differs', claim, used: Number(known) }
      if (known !== undefined) continue
      const name = nameOf(epoch, account)
      const pending = added.get(name) ?? 0
      // Summed up before anything is inserted.
      const used = this.#used(epoch, account) + pending
      if (used + amount > limit) return { outcome: 'exceeded', claim, used }
      this.#insert.run(epoch, account, item, amount)
      added.set(name, pending + amount)
    }
    return { outcome: added.size === 0 ? 'again' : 'first' }
  }

  #used(epoch: string, account: string): number {
    const name = nameOf(epoch, account)
    const used = this.#totals.get(name) ?? Number(this.#sum.get(epoch, account)?.['sum'])
    this.#totals.set(name, used)
    return used
  }
}

/** Of an account, in memory. An epoch's identifier is hexadecimal. */
const nameOf = (epoch: string, account: string): string => `${epoch} ${account}`
