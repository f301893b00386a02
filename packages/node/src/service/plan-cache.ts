/** Plans of releases, which never change: reading one takes longer than a small query does. */
import { type Plan, parsePlan } from '@slytherin/protocol'
import type { KnownRelease } from './lookup.js'

export class PlanCache {
  readonly #plans = new Map<string, Plan>()

  of({ release, document }: Pick<KnownRelease, 'release' | 'document'>): Plan {
    const known = this.#plans.get(release)
    if (known !== undefined) return known
    const plan = parsePlan(document.plan)
    this.#plans.set(release, plan)
    return plan
  }
}
