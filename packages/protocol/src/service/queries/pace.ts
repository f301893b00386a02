/** How long queries of a release take here: what was measured, and before that what its plan says. */
import type { Plan } from '../../terms/plan.js'
import type { RecordStore } from '../store/records.js'

const PACE = 'query-pace'
/** Of what is known, how much one more measurement changes. */
const NEWS = 0.3

export class Pace {
  readonly #records: RecordStore
  /** Seconds by release. */
  readonly #seconds = new Map<string, number>()

  private constructor(records: RecordStore) {
    this.#records = records
  }

  static async open(records: RecordStore): Promise<Pace> {
    const pace = new Pace(records)
    for (const { key, value } of await records.list(PACE)) pace.#seconds.set(key, value as number)
    return pace
  }

  /** Seconds that a query takes. */
  of(release: string, plan: Plan): number {
    const { evaluation, refresh, result } = plan.costs.seconds
    return this.#seconds.get(release) ?? evaluation + refresh + result
  }

  async measured(release: string, seconds: number): Promise<void> {
    const known = this.#seconds.get(release)
    const now = known === undefined ? seconds : known + NEWS * (seconds - known)
    this.#seconds.set(release, now)
    await this.#records.put(PACE, release, now)
  }
}
