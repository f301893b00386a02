/**
 * What an evaluator knows of its queries, durable: a query that was submitted is answered although the evaluator was killed, and no share is asked for twice under
 * two requests. A record is written whole before anything is done that rests on it; big things (inputs, shares, results) lie in the content store, in the query's
 * space.
 */
import type { AttemptName } from '../cryptography/epoch.js'
import type { Query } from '../objects/query.js'
import type { Signed } from '../objects/signed.js'
import type { RecordStore } from '../store/records.js'
import type { QueryState } from './calls.js'

const QUERY = 'query'

export interface AttemptRecord {
  readonly name: AttemptName
  /** `asked` is written before the first holder is asked. */
  readonly state: 'asked' | 'answered' | 'failed'
  /** Hashes of the answers, by holder and ciphertext. */
  readonly answers: readonly (readonly string[])[]
  /** What the holders have signed of their answers, in the same order; hexadecimal. */
  readonly signatures: readonly string[]
  /** Why it failed. */
  readonly reason: string
}

/** The last refresh of a pass. */
export interface RefreshedPass {
  readonly pass: number
  readonly step: number
  /** Hashes. */
  readonly ciphertexts: readonly string[]
  readonly bytes: number
}

export interface QueryRecord {
  readonly query: string
  readonly epoch: string
  readonly release: string
  readonly grant: string
  readonly sender: string
  readonly querier: string
  readonly samples: number
  readonly state: QueryState
  /** Milliseconds since 1970: opened, submitted, and when its signed form or its inputs expire. */
  readonly created: number
  readonly queued: number
  readonly expires: number
  readonly inputs: readonly (string | null)[]
  readonly proved: readonly number[]
  /** By batch, SHA-256 of the proof where it is kept for witnesses. */
  readonly proofs: Readonly<Record<string, string>>
  readonly signed: Signed<Query> | null
  /** Hash of the key that results are switched to. */
  readonly resultKey: string
  /** By step. */
  readonly attempts: Readonly<Record<string, readonly AttemptRecord[]>>
  /** Where it goes on when the evaluator was killed. */
  readonly refreshed?: readonly RefreshedPass[]
  readonly result: readonly string[]
  /** The evaluator's, under the result; hexadecimal. */
  readonly signature: string
  /** Bytes that it takes in the content store. */
  readonly bytes: number
  readonly code: string
  readonly message: string
}

/** States in which a query still costs something. */
export const LIVE: ReadonlySet<QueryState> = new Set(['open', 'queued', 'running', 'done'])

export class QueryJournal {
  readonly #records: RecordStore
  readonly #onState: (record: QueryRecord) => void
  readonly #queries = new Map<string, QueryRecord>()
  readonly #versions = new Map<string, number>()
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #changing = new Map<string, Promise<unknown>>()

  private constructor(records: RecordStore, onState: (record: QueryRecord) => void) {
    this.#records = records
    this.#onState = onState
  }

  /** @param onState told of every query that is in another state than before */
  static async open(records: RecordStore, onState: (record: QueryRecord) => void = () => undefined): Promise<QueryJournal> {
    const journal = new QueryJournal(records, onState)
    for (const { key, value } of await records.list(QUERY)) journal.#queries.set(key, value as QueryRecord)
    return journal
  }

  get(query: string): QueryRecord | undefined {
    return this.#queries.get(query)
  }

  list(...states: readonly QueryState[]): QueryRecord[] {
    return [...this.#queries.values()].filter(({ state }) => states.length === 0 || states.includes(state))
  }

  /** Grows with every change that whoever follows the query should hear of. */
  version(query: string): number {
    return this.#versions.get(query) ?? 0
  }

  /** A new query. @throws StorageFullError; what was there stays */
  async put(record: QueryRecord): Promise<QueryRecord> {
    await this.#records.put(QUERY, record.query, record)
    this.#queries.set(record.query, record)
    this.touch(record.query)
    this.#onState(record)
    return record
  }

  /**
   * One change of a query after the other.
   * @param change what changes of the record as it is then; undefined when nothing does any more
   * @throws StorageFullError; what was there stays
   */
  async change(
    query: string,
    change: Partial<QueryRecord> | ((record: QueryRecord) => Partial<QueryRecord> | undefined)
  ): Promise<QueryRecord> {
    const before = this.#changing.get(query) ?? Promise.resolve()
    const changed = before
      .catch(() => undefined)
      .then(async () => {
        const record = this.#queries.get(query)!
        const news = typeof change === 'function' ? change(record) : change
        if (news === undefined) return record
        await this.#records.put(QUERY, query, { ...record, ...news })
        // What was noted meanwhile stays.
        return this.note(query, news)
      })
    this.#changing.set(query, changed)
    try {
      return await changed
    } finally {
      if (this.#changing.get(query) === changed) this.#changing.delete(query)
    }
  }

  /** Changes what need not be durable at once: the next `put` writes it. */
  note(query: string, change: Partial<QueryRecord>): QueryRecord {
    const before = this.#queries.get(query)!
    const record = { ...before, ...change }
    this.#queries.set(query, record)
    this.touch(query)
    if (record.state !== before.state) this.#onState(record)
    return record
  }

  async delete(query: string): Promise<void> {
    await this.#records.delete(QUERY, query)
    this.#queries.delete(query)
    this.touch(query)
    this.#versions.delete(query)
  }

  /** There is news of the query. */
  touch(query: string): void {
    this.#versions.set(query, this.version(query) + 1)
    const waiting = this.#waiting.get(query)
    this.#waiting.delete(query)
    for (const wake of waiting ?? []) wake()
  }

  /** Resolves when there is news that is not of this version, or after a time. */
  async news(query: string, version: number, milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.version(query) !== version || milliseconds === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = this.#waiting.get(query) ?? new Set()
    this.#waiting.set(query, waiting.add(resolve))
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    clearTimeout(timer)
    waiting.delete(resolve)
  }
}
