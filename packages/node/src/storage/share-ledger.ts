/**
 * The share ledger on disk: one SQLite table, one transaction per claim, synchronous to the platter before `claim` returns. A process killed at any
 * instant has either recorded a claim or not given the share.
 */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { ShareAlreadyGivenError, type ShareLedger, type ShareLedgerEntry } from '@slytherin/mhe'
import { LedgerDamagedError, LedgerMovedError } from './errors.js'
import type { LedgerContent, LedgerMark } from './ledger-mark.js'

/** A durable share ledger: for every share that was given, the hash of what it was given for. */
export class SqliteShareLedger implements ShareLedger, Disposable {
  private readonly database: DatabaseSync
  private readonly insert: StatementSync
  private readonly find: StatementSync
  private readonly counting: StatementSync
  private readonly reading: StatementSync
  /** Random, made with the ledger, hexadecimal: tells it from any other. */
  readonly identity: string
  /** Of the file that was opened; none of a ledger in memory. */
  private readonly inode: number | undefined
  private followed: { readonly session: string | null; readonly mark: LedgerMark; content: LedgerContent } | undefined

  /** Opens or makes the ledger. One process at a time. @throws LedgerDamagedError */
  constructor(readonly path: string) {
    const { database, identity } = this.guarded(() => openDatabase(path))
    this.database = database
    this.identity = identity
    this.inode = statSync(path, { throwIfNoEntry: false })?.ino
    try {
      const prepared = this.guarded(() => [
        database.prepare('INSERT INTO share VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
        database.prepare('SELECT inputHash FROM share WHERE session = ? AND protocol = ? AND instance = ?'),
        database.prepare('SELECT COUNT(*) AS count FROM share WHERE session = ? AND protocol = ?'),
        database.prepare('SELECT session, protocol, instance, inputHash FROM share WHERE ? IS NULL OR session = ?')
      ])
      ;[this.insert, this.find, this.counting, this.reading] = prepared as [StatementSync, StatementSync, StatementSync, StatementSync]
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Shares recorded of a session; of all of them for null. @throws LedgerDamagedError */
  *recorded(session: string | null): Generator<ShareLedgerEntry> {
    try {
      for (const row of this.reading.iterate(session, session)) {
        const text = (column: keyof ShareLedgerEntry): string => String(row[column])
        yield { session: text('session'), protocol: text('protocol'), instance: text('instance'), inputHash: text('inputHash') }
      }
    } catch (error) {
      throw new LedgerDamagedError(this.path, { cause: error })
    }
  }

  /** From here on a mark is kept of which shares of a session, or for null of any, are recorded; undefined for none. */
  follow(session: string | null, mark: LedgerMark): void
  follow(session: undefined, mark: undefined): void
  follow(session: string | null | undefined, mark: LedgerMark | undefined): void {
    this.followed = undefined
    if (session === undefined || mark === undefined) return
    const content = mark.contentOf(this.recorded(session))
    mark.advance(content)
    this.followed = { session, mark, content }
  }

  /** @throws ShareAlreadyGivenError, LedgerMovedError, LedgerDamagedError */
  claim(entry: ShareLedgerEntry): 'first' | 'again' {
    const { session, protocol, instance, inputHash } = entry
    this.checkInPlace()
    const { changes } = this.guarded(() => this.insert.run(session, protocol, instance, inputHash, new Date().toISOString()))
    if (Number(changes) === 1) {
      const { followed } = this
      if (followed !== undefined && (followed.session ?? session) === session) {
        followed.content = followed.mark.with(followed.content, entry)
        followed.mark.advance(followed.content)
      }
      return 'first'
    }
    const recorded = String(this.guarded(() => this.find.get(session, protocol, instance)?.['inputHash']))
    if (recorded === inputHash) return 'again'
    throw new ShareAlreadyGivenError(session, protocol, instance, recorded, inputHash)
  }

  count(session: string, protocol: string): number {
    return this.guarded(() => Number(this.counting.get(session, protocol)?.['count']))
  }

  has(session: string, protocol: string, instance: string): boolean {
    return this.guarded(() => this.find.get(session, protocol, instance) !== undefined)
  }

  /** What SQLite throws says nothing of what to do. */
  private guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw new LedgerDamagedError(this.path, { cause: error })
    }
  }

  /** What is written to a file that was taken away is remembered by nobody. */
  private checkInPlace(): void {
    if (statSync(this.path, { throwIfNoEntry: false })?.ino === this.inode) return
    throw new LedgerMovedError(this.path)
  }

  /** Closes the database. */
  dispose(): void {
    this.database.close()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

const TABLES: Readonly<Record<string, string>> = {
  ledger: 'CREATE TABLE ledger (identity TEXT NOT NULL) STRICT',
  share: `CREATE TABLE share (
      session TEXT NOT NULL, protocol TEXT NOT NULL, instance TEXT NOT NULL, inputHash TEXT NOT NULL, givenAt TEXT NOT NULL,
      PRIMARY KEY (session, protocol, instance)) STRICT, WITHOUT ROWID`
}

/** A file whose pages do not fit together, or whose tables are others, may have lost rows, and with them shares that were given. */
function openDatabase(path: string): { readonly database: DatabaseSync; readonly identity: string } {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
    const [check] = Object.values(database.prepare('PRAGMA integrity_check(1)').get() ?? {})
    if (check !== 'ok') throw new Error(String(check))
    for (const sql of Object.values(TABLES)) database.exec(sql.replace('TABLE', 'TABLE IF NOT EXISTS'))
    for (const { name, sql } of database.prepare('SELECT name, sql FROM sqlite_schema').all()) {
      if (sql !== TABLES[String(name)]) throw new Error(`${String(name)} is no table of a ledger`)
    }
    database.prepare('INSERT INTO ledger SELECT ? WHERE NOT EXISTS (SELECT * FROM ledger)').run(randomBytes(16).toString('hex'))
    return { database, identity: String(database.prepare('SELECT identity FROM ledger').get()?.['identity']) }
  } catch (error) {
    database.close()
    throw error
  }
}
