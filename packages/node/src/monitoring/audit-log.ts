/**
 * Who was allowed what, who asked, and what this party gave for it: a JSON line an event, appended to files of the state directory that only its user reads, turned over
 * and bounded. Names, identifiers, counts and times; nothing of a request's data.
 *
 * It is for people: what a party must never forget (shares that were given, what grants have left) is in its ledger and its database.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { RotatingFile } from './rotating-file.js'

export interface AuditLogOptions {
  /** Made with mode 0700 when missing. */
  readonly directory: string
  /** Of one file, bytes; and how many files. */
  readonly bytes: number
  readonly files: number
  onFailure(error: Error): void
  readonly now?: () => number
}

export interface AuditEntry {
  readonly event: string
  readonly [field: string]: unknown
}

export class AuditLog {
  readonly #file: RotatingFile
  readonly #now: () => number

  constructor({ directory, now = Date.now, ...options }: AuditLogOptions) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#file = new RotatingFile({ ...options, path: join(directory, 'audit.jsonl') })
    this.#now = now
  }

  /** Lines that could not be written. */
  get dropped(): number {
    return this.#file.dropped
  }

  add({ event, ...fields }: AuditEntry): void {
    this.#file.write(`${JSON.stringify({ time: new Date(this.#now()).toISOString(), event, ...fields })}\n`)
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
