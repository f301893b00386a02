/** Plans of releases, which never change: reading one takes longer than a small query does. */
import { type Plan, parsePlan } from '@slytherin/protocol'
import type { KnownRelease } from './lookup.js'

/** Plans are megabytes; models that are asked at one time are few. */
const KEPT = 16

export class PlanCache {
  /** Those used last come last. */
  readonly #plans = new Map<string, Plan>()

  of({ release, document }: Pick<KnownRelease, 'release' | 'document'>): Plan {
    const plan = this.#plans.get(release) ?? parsePlan(document.plan)
    this.#plans.delete(release)
    this.#plans.set(release, plan)
    const [oldest] = this.#plans.keys()
    if (this.#plans.size > KEPT) this.#plans.delete(oldest!)
    return plan
  }
}
