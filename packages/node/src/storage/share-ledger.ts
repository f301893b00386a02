/**
 * The share ledger on disk: one SQLite table, one transaction per claim, synchronous to the platter before `claim` returns. A process killed at any
 * instant has either recorded a claim or not given the share.
 */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { ShareAlreadyGivenError, type ShareLedger, type ShareLedgerEntry } from '@slytherin/mhe'
import { LedgerMovedError } from './errors.js'
import type { LedgerMark } from './ledger-mark.js'

export class SqliteShareLedger implements ShareLedger, Disposable {
  private readonly database: DatabaseSync
  private readonly insert: StatementSync
  private readonly find: StatementSync
  private readonly list: StatementSync
  private readonly counting: StatementSync
  /** Random, made with the ledger, hexadecimal: tells it from any other. */
  readonly identity: string
  /** Of the file that was opened; none of a ledger in memory. */
  private readonly inode: number | undefined
  private followed: { readonly session: string; readonly mark: LedgerMark; count: number } | undefined

  /** Opens or makes the ledger. One process at a time. */
  constructor(readonly path: string) {
    this.database = new DatabaseSync(path)
    this.database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
    this.database.exec(`CREATE TABLE IF NOT EXISTS share (
      session TEXT NOT NULL, protocol TEXT NOT NULL, instance TEXT NOT NULL, inputHash TEXT NOT NULL, givenAt TEXT NOT NULL,
      PRIMARY KEY (session, protocol, instance)) STRICT, WITHOUT ROWID`)
    this.database.exec('CREATE TABLE IF NOT EXISTS ledger (identity TEXT NOT NULL) STRICT')
    this.database.prepare('INSERT INTO ledger SELECT ? WHERE NOT EXISTS (SELECT * FROM ledger)').run(randomBytes(16).toString('hex'))
    this.identity = String(this.database.prepare('SELECT identity FROM ledger').get()?.['identity'])
    this.inode = statSync(path, { throwIfNoEntry: false })?.ino
    this.insert = this.database.prepare('INSERT INTO share VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
    this.find = this.database.prepare('SELECT inputHash FROM share WHERE session = ? AND protocol = ? AND instance = ?')
    this.list = this.database.prepare('SELECT instance FROM share WHERE session = ? AND protocol = ? ORDER BY instance')
    this.counting = this.database.prepare('SELECT COUNT(*) AS count FROM share WHERE session = ?')
  }

  /** Shares recorded of a session. */
  count(session: string): number {
    return Number(this.counting.get(session)?.['count'])
  }

  /** From here on a mark is kept of how many shares of a session are recorded; undefined for none. */
  follow(session: string, mark: LedgerMark): void
  follow(session: undefined, mark: undefined): void
  follow(session: string | undefined, mark: LedgerMark | undefined): void {
    this.followed = session === undefined || mark === undefined ? undefined : { session, mark, count: this.count(session) }
  }

  claim({ session, protocol, instance, inputHash }: ShareLedgerEntry): 'first' | 'again' {
    this.checkInPlace()
    const { changes } = this.insert.run(session, protocol, instance, inputHash, new Date().toISOString())
    if (Number(changes) === 1) {
      const { followed } = this
      if (followed?.session === session) followed.mark.advance(++followed.count)
      return 'first'
    }
    const recorded = String(this.find.get(session, protocol, instance)?.['inputHash'])
    if (recorded === inputHash) return 'again'
    throw new ShareAlreadyGivenError(session, protocol, instance, recorded, inputHash)
  }

  instances(session: string, protocol: string): string[] {
    return this.list.all(session, protocol).map(row => String(row['instance']))
  }

  /** What is written to a file that was taken away is remembered by nobody. */
  private checkInPlace(): void {
    if (statSync(this.path, { throwIfNoEntry: false })?.ino === this.inode) return
    throw new LedgerMovedError(this.path)
  }

  dispose(): void {
    this.database.close()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
