/**
 * What an evaluator knows of its queries, durable: a query that was submitted is answered although the evaluator was killed, and no share is asked for twice under
 * two requests. A record is written whole before anything is done that rests on it; big things (inputs, shares, results) lie in the content store, in the query's
 * space.
 *
 * A query that waits, or whose result does, has a slip in memory, of a few hundred bytes whatever its inputs are; all of its record is on the disk, and is read when the
 * query runs, or its result is fetched.
 *
 * A query that is over is final. What is left of its record, so that its name is not used again and whoever asks hears how it ended, is on the disk; of these only the last
 * are in memory.
 */
import type { AttemptName } from '../cryptography/epoch.js'
import type { Query } from '../objects/query.js'
import type { Signed } from '../objects/signed.js'
import type { RecordStore } from '../store/records.js'
import type { QueryState } from './calls.js'

const QUERY = 'query'
/** Kind of record: what is left of a query that is over. */
const OVER = 'query-over'
/** Queries that are over, in memory. */
const REMEMBERED = 256
/** How often those are looked for whose time is over, milliseconds. */
const OVER_SWEEP = 3_600_000

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

/** States in which nothing changes for a long time: there may be thousands. */
const RESTING: ReadonlySet<QueryState> = new Set(['queued', 'done'])
/** What a slip has not. */
const LEFT_OUT = {
  inputs: [],
  proved: [],
  proofs: {},
  signed: null,
  resultKey: '',
  attempts: {},
  refreshed: [],
  result: [],
  signature: ''
} as const satisfies Partial<QueryRecord>

export class QueryJournal {
  readonly #records: RecordStore
  readonly #onState: (record: QueryRecord) => void
  /** Those that still cost something; slips of those that rest. */
  readonly #queries = new Map<string, QueryRecord>()
  /** What many of them have in common, once each. */
  readonly #texts = new Map<string, string>()
  /** Those used last come last. */
  readonly #over = new Map<string, QueryRecord>()
  readonly #counts = new Map<QueryState, number>()
  /** When those that are over were last looked through. */
  #swept = Number.NEGATIVE_INFINITY
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
    for (const { value } of await records.list(OVER)) journal.#count((value as QueryRecord).state, 1)
    for (const { key, value } of await records.list(QUERY)) {
      const record = value as QueryRecord
      // One that was killed between the two has it in both.
      if ((await records.get(OVER, key)) !== undefined) await records.delete(QUERY, key)
      else if (LIVE.has(record.state)) journal.#queries.set(key, journal.#slip(record))
      else await journal.#end(record)
    }
    return journal
  }

  /** As far as it is in memory: all that are not over are, but of those that wait, or whose results do, only what a slip has. @see recall, whole */
  get(query: string): QueryRecord | undefined {
    return this.#queries.get(query) ?? this.#over.get(query)
  }

  /** Makes `get` find a query that is over. */
  async recall(query: string): Promise<QueryRecord | undefined> {
    const known = this.get(query) ?? ((await this.#records.get(OVER, query)) as QueryRecord | undefined)
    if (known !== undefined && !this.#queries.has(query)) this.#remember(known)
    return this.get(query)
  }

  /** All of a record. */
  async whole(query: string): Promise<QueryRecord | undefined> {
    const known = await this.recall(query)
    if (known === undefined || !RESTING.has(known.state)) return known
    // Over since, or gone on.
    return ((await this.#records.get(QUERY, query)) as QueryRecord | undefined) ?? (await this.recall(query))
  }

  /** Those that are not over, as `get` has them. */
  list(...states: readonly QueryState[]): QueryRecord[] {
    return [...this.#queries.values()].filter(({ state }) => states.length === 0 || states.includes(state))
  }

  /** How many there are, those that are over, too. */
  states(): Partial<Record<QueryState, number>> {
    const states: Partial<Record<QueryState, number>> = Object.fromEntries(this.#counts)
    for (const { state } of this.#queries.values()) states[state] = (states[state] ?? 0) + 1
    return states
  }

  /** How many records are in memory. */
  get size(): number {
    return this.#queries.size + this.#over.size
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
        if (!this.#queries.has(query)) return (await this.recall(query))!
        const record = (await this.whole(query))!
        const news = typeof change === 'function' ? change(record) : change
        if (news === undefined) return record
        const next = { ...record, ...news }
        if (!LIVE.has(next.state)) return await this.#end(next)
        await this.#records.put(QUERY, query, next)
        // What was noted meanwhile stays; of one that rested nothing was.
        return RESTING.has(record.state) ? this.#keep(next, record.state) : this.note(query, news)
      })
    this.#changing.set(query, changed)
    try {
      return await changed
    } finally {
      if (this.#changing.get(query) === changed) this.#changing.delete(query)
    }
  }

  /** Changes what need not be durable at once, of a query that is open or runs: the next `put` writes it. */
  note(query: string, change: Partial<QueryRecord>): QueryRecord {
    const before = this.#queries.get(query)
    if (before === undefined) return this.#over.get(query)!
    return this.#keep({ ...before, ...change }, before.state)
  }

  #keep(record: QueryRecord, before: QueryState): QueryRecord {
    const { query, state } = record
    this.#queries.set(query, this.#slip(record))
    this.touch(query)
    if (state !== before) this.#onState(record)
    return record
  }

  /** What stays in memory of a record. */
  #slip(record: QueryRecord): QueryRecord {
    if (!RESTING.has(record.state)) return record
    const once = (text: string): string => {
      const known = this.#texts.get(text)
      if (known !== undefined) return known
      if (this.#texts.size >= REMEMBERED) this.#texts.clear()
      this.#texts.set(text, text)
      return text
    }
    const { epoch, release, grant, sender, querier } = record
    const shared = { epoch: once(epoch), release: once(release), grant: once(grant), sender: once(sender), querier: once(querier) }
    return { ...record, ...shared, ...LEFT_OUT }
  }

  /** Forgets queries that are over and could not be asked again. @param before the time until which they were good */
  async forget(before: number): Promise<void> {
    if (before < this.#swept + OVER_SWEEP) return
    this.#swept = before
    for (const { key, value } of await this.#records.list(OVER)) {
      const { state, expires } = value as QueryRecord
      if (expires > before) continue
      await this.#records.delete(OVER, key)
      this.#over.delete(key)
      this.#count(state, -1)
    }
  }

  /** The record of a query that is over, with what it needed while it was not. What was there stays when there is no room. */
  async #end(record: QueryRecord): Promise<QueryRecord> {
    const { query } = record
    const { resultKey, result, signature } = record
    const left: QueryRecord = { ...record, ...LEFT_OUT, resultKey, result, signature }
    await this.#records.put(OVER, query, left)
    await this.#records.delete(QUERY, query)
    this.#queries.delete(query)
    this.#remember(left)
    this.#count(record.state, 1)
    this.#wake(query)
    this.#versions.delete(query)
    this.#onState(record)
    return record
  }

  #remember(record: QueryRecord): void {
    this.#over.delete(record.query)
    this.#over.set(record.query, record)
    const [oldest] = this.#over.keys()
    if (this.#over.size > REMEMBERED) this.#over.delete(oldest!)
  }

  #count(state: QueryState, added: number): void {
    const count = (this.#counts.get(state) ?? 0) + added
    if (count > 0) this.#counts.set(state, count)
    else this.#counts.delete(state)
  }

  /** There is news of the query. Of one that is over there is none. */
  touch(query: string): void {
    if (!this.#queries.has(query)) return
    this.#versions.set(query, this.version(query) + 1)
    this.#wake(query)
  }

  #wake(query: string): void {
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
    signal.addEventListener('abort', resolve as () => void, { once: true })
    await promise
    clearTimeout(timer)
    signal.removeEventListener('abort', resolve as () => void)
    waiting.delete(resolve)
    if (waiting.size === 0 && this.#waiting.get(query) === waiting) this.#waiting.delete(query)
  }
}
