/**
 * What a witness has endorsed of each query, and which attempts it went on from: durable before a signature leaves, so that a witness that was killed signs nothing
 * that contradicts what it signed before.
 */
import type { RecordStore } from '../store/records.js'

const WITNESSED = 'witnessed'

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

export class WitnessDiary {
  readonly #records: RecordStore
  readonly #queries = new Map<string, WitnessedQuery>()

  private constructor(records: RecordStore) {
    this.#records = records
  }

  /** Forgets what has expired. */
  static async open(records: RecordStore, now: () => number): Promise<WitnessDiary> {
    const diary = new WitnessDiary(records)
    for (const { key, value } of await records.list(WITNESSED)) {
      const entry = value as WitnessedQuery
      if (entry.expires + CLOCKS < now()) await records.delete(WITNESSED, key)
      else diary.#queries.set(key, entry)
    }
    return diary
  }

  of(query: string, step: string): StepEntry | undefined {
    return this.#queries.get(query)?.steps[step]
  }

  /** Durable before it resolves. */
  async write(query: string, expires: number, step: string, entry: StepEntry): Promise<void> {
    const steps = { ...this.#queries.get(query)?.steps, [step]: entry }
    const record = { expires, steps }
    await this.#records.put(WITNESSED, query, record)
    this.#queries.set(query, record)
  }
}

/** What clocks may differ by, milliseconds. */
const CLOCKS = 3_600_000
