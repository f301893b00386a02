/**
 * What a witness has endorsed of each query, and which attempts it went on from: durable before a signature leaves, so that a witness that was killed signs nothing
 * that contradicts what it signed before.
 */
import type { RecordStore } from '../store/records.js'

const WITNESSED = 'witnessed'

/** How often entries are looked for whose time is over, milliseconds. */
const SWEEP = 3_600_000

/** Of one step of a query. */
export interface StepEntry {
  /** The attempt that was endorsed last, or gone on from. */
  readonly number: number
  readonly instance: string
  /** What was endorsed, hexadecimal; empty where the step was followed without. */
  readonly c1: string
  /** Whether its answers were used: no other attempt at the step is followed any more. */
  readonly used: boolean
}

export interface WitnessedQuery {
  /** Milliseconds since 1970: after that nobody is helped with it. */
  readonly expires: number
  readonly steps: Readonly<Record<string, StepEntry>>
}

/** On the disk alone: a witness follows a few queries at a time, and has followed any number. */
export class WitnessDiary {
  readonly #records: RecordStore
  readonly #now: () => number
  #swept = Number.NEGATIVE_INFINITY

  private constructor(records: RecordStore, now: () => number) {
    this.#records = records
    this.#now = now
  }

  /** Forgets what has expired. */
  static async open(records: RecordStore, now: () => number): Promise<WitnessDiary> {
    const diary = new WitnessDiary(records, now)
    await diary.#forget()
    return diary
  }

  async of(query: string, step: string): Promise<StepEntry | undefined> {
    return (await this.#of(query))?.steps[step]
  }

  /** Durable before it resolves. Of one query one at a time. */
  async write(query: string, expires: number, step: string, entry: StepEntry): Promise<void> {
    await this.#forget()
    const steps = { ...(await this.#of(query))?.steps, [step]: entry }
    await this.#records.put(WITNESSED, query, { expires, steps } satisfies WitnessedQuery)
  }

  async #of(query: string): Promise<WitnessedQuery | undefined> {
    return (await this.#records.get(WITNESSED, query)) as WitnessedQuery | undefined
  }

  async #forget(): Promise<void> {
    const now = this.#now()
    if (now < this.#swept + SWEEP) return
    this.#swept = now
    for (const { key, value } of await this.#records.list(WITNESSED)) {
      if ((value as WitnessedQuery).expires + CLOCKS < now) await this.#records.delete(WITNESSED, key)
    }
  }
}

/** What clocks may differ by, milliseconds. */
const CLOCKS = 3_600_000
