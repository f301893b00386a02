/**
 * The share ledger on disk: one SQLite table, one transaction per claim, synchronous to the platter before `claim` returns. A process killed at any
 * instant has either recorded a claim or not given the share.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { ShareAlreadyGivenError, type ShareLedger, type ShareLedgerEntry } from '@slytherin/mhe'

export class SqliteShareLedger implements ShareLedger, Disposable {
  private readonly database: DatabaseSync
  private readonly insert: StatementSync
  private readonly find: StatementSync
  private readonly list: StatementSync

  /** Opens or makes the ledger. One process at a time. */
  constructor(path: string) {
    this.database = new DatabaseSync(path)
    this.database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
    this.database.exec(`CREATE TABLE IF NOT EXISTS share (
      session TEXT NOT NULL, protocol TEXT NOT NULL, instance TEXT NOT NULL, inputHash TEXT NOT NULL, givenAt TEXT NOT NULL,
      PRIMARY KEY (session, protocol, instance)) STRICT, WITHOUT ROWID`)
    this.insert = this.database.prepare('INSERT INTO share VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
    this.find = this.database.prepare('SELECT inputHash FROM share WHERE session = ? AND protocol = ? AND instance = ?')
    this.list = this.database.prepare('SELECT instance FROM share WHERE session = ? AND protocol = ? ORDER BY instance')
  }

  claim({ session, protocol, instance, inputHash }: ShareLedgerEntry): 'first' | 'again' {
    const { changes } = this.insert.run(session, protocol, instance, inputHash, new Date().toISOString())
    if (Number(changes) === 1) return 'first'
    const recorded = String(this.find.get(session, protocol, instance)?.['inputHash'])
    if (recorded === inputHash) return 'again'
    throw new ShareAlreadyGivenError(session, protocol, instance, recorded, inputHash)
  }

  instances(session: string, protocol: string): string[] {
    return this.list.all(session, protocol).map(row => String(row['instance']))
  }

  dispose(): void {
    this.database.close()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
