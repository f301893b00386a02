/**
 * One choice of ring, chain and batch block: its levels, scales and refreshes, checked by compiling what comes out. If the tracked noise of the compiled plan misses the
 * target after all, the error budget is tightened by what is missing.
 */
import { CkksError } from '@slytherin/ckks'
import { InvalidPlanError } from '../errors.js'
import { derivePlan } from '../plan/derive.js'
import type { PlanCore } from '../plan/plan.js'
import type { Chain } from './chain.js'
import { problemOf } from './error-budget.js'
import { exactCore } from './exact-steps.js'
import type { Settings } from './options.js'
import { type Blockage, type Schedule, schedule, withoutCosts } from './placement.js'
import type { Preparation } from './preparation.js'
import { RunningCosts } from './running-costs.js'
import { type Trial, trialOf } from './trial.js'

const MAXIMUM_TIGHTENINGS = 6

export interface Candidate {
  readonly core: PlanCore
  readonly chain: Chain
  readonly total: number
}

/** Levels, scales and refreshes for one chain. */
export class Search {
  private readonly trial: Trial
  private readonly costs: RunningCosts

  constructor(preparation: Preparation, settings: Settings, chain: Chain) {
    const { logN, packing, batchBlock } = chain
    this.trial = trialOf(preparation.architecture, settings, chain, preparation.packedLayers(logN, packing, batchBlock))
    this.costs = new RunningCosts(this.trial, preparation.costsOf(logN))
  }

  /** @param bound cost that a candidate must stay below */
  run(bound: number): Candidate | 'worse' | Blockage {
    const operation = this.trial.architecture.layers.length
    let tightening = 0
    // most chains have no schedule, which is found in no time where costs are not kept apart
    const any = schedule(withoutCosts(problemOf(this.trial, this.costs, tightening)))
    if (typeof any === 'object' && 'needed' in any) return any
    for (let attempt = 0; attempt < MAXIMUM_TIGHTENINGS; attempt++) {
      const found = schedule(problemOf(this.trial, this.costs, tightening), bound)
      if (found === 'costly') return 'worse'
      if ('needed' in found) return found
      const bytes = this.costs.passBytes(found)
      const { evaluatorMemory } = this.trial.settings
      if (bytes > evaluatorMemory) return { operation, kind: 'memory', needed: bytes, available: evaluatorMemory }
      const total = found.cost + this.costs.raisedKeyCost(found)
      if (total >= bound) return 'worse'
      const core = this.core(found)
      if (!core) return { operation, kind: 'precision', needed: tightening, available: 0 }
      const missing = this.missingBits(core)
      if (missing <= 0) return { core, chain: this.trial.chain, total }
      tightening += missing + 0.1
    }
    return { operation, kind: 'precision', needed: tightening, available: 0 }
  }

  /** The plan's core, with exact scales; undefined when a polynomial cannot keep its own. */
  private core(found: Schedule): PlanCore | undefined {
    try {
      return exactCore(this.trial, found, this.costs.blocksPerPass(found))
    } catch (error) {
      if (error instanceof CkksError) return undefined
      throw error
    }
  }

  /** Bits by which the tracked precision misses the target; not positive when it is met. */
  private missingBits(core: PlanCore): number {
    const { settings } = this.trial
    try {
      const made = derivePlan(core, settings.costModel, { allowInsecure: settings.insecure })
      return Math.log2(made.precision.relativeError / settings.precision)
    } catch (error) {
      if (error instanceof InvalidPlanError) return 0.5
      throw error
    }
  }
}
