/** What queries of a release take here: what was measured, and before that what its plan says. */
import type { Plan } from '../../terms/plan.js'
import type { RecordStore } from '../store/records.js'

const PACE = 'query-pace'
/** Of what is known, how much one more measurement changes. */
const NEWS = 0.3

/** Of a query, seconds. */
export interface Taken {
  /** Of one place that computes: of all its parts together. */
  readonly work: number
  /** With key holders. */
  readonly held: number
}

export class Pace {
  readonly #records: RecordStore
  /** By release. */
  readonly #taken = new Map<string, Taken>()

  private constructor(records: RecordStore) {
    this.#records = records
  }

  static async open(records: RecordStore): Promise<Pace> {
    const pace = new Pace(records)
    for (const { key, value } of await records.list(PACE)) {
      // Earlier releases kept one number.
      pace.#taken.set(key, typeof value === 'number' ? { work: value, held: 0 } : (value as Taken))
    }
    return pace
  }

  /** What a query takes. */
  of(release: string, plan: Plan): Taken {
    const { evaluation, refresh, result } = plan.costs.seconds
    return this.#taken.get(release) ?? { work: evaluation, held: refresh + result }
  }

  async measured(release: string, taken: Taken): Promise<void> {
    const known = this.#taken.get(release)
    const mixed = (before: number, news: number): number => before + NEWS * (news - before)
    const now = known === undefined ? taken : { work: mixed(known.work, taken.work), held: mixed(known.held, taken.held) }
    this.#taken.set(release, now)
    await this.#records.put(PACE, release, now)
  }
}
