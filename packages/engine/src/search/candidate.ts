/**
 * One choice of ring, chain and batch block: its levels, scales and refreshes, checked by compiling what comes out. If the tracked noise of the compiled plan misses the
 * target after all, the error budget is tightened by what is missing.
 */
import { CkksError } from '@slytherin/ckks'
import { InvalidPlanError } from '../errors.js'
import { relativeErrorOf } from '../plan/derive.js'
import type { PlanCore } from '../plan/plan.js'
import type { Chain } from './chain.js'
import { problemOf } from './error-budget.js'
import { exactCore } from './exact-steps.js'
import type { Settings } from './options.js'
import { costOf, schedule, withoutCosts } from './placement.js'
import type { Preparation } from './preparation.js'
import { RunningCosts } from './running-costs.js'
import type { Blockage, Schedule, ScheduleProblem } from './schedule.js'
import { type Trial, trialOf } from './trial.js'

const MAXIMUM_TIGHTENINGS = 6
/** An error that is nearly what it was before the budget was tightened by more than this will not fall. */
const WORTHWHILE_TIGHTENING = 1
const UNCHANGED_BITS = 0.1

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
    const { logN, packing, batchBlock, specialPrimes } = chain
    this.trial = trialOf(preparation.architecture, settings, chain, preparation.packedLayers(logN, packing, batchBlock))
    this.costs = new RunningCosts(this.trial, preparation.costsOf(logN, specialPrimes))
  }

  /** The cheapest. @param bound cost that it must stay below */
  run(bound: number): Candidate | 'worse' | Blockage {
    let scheduled = false
    const found = this.tightened(bound, problem => {
      scheduled = true
      return schedule(problem, bound)
    })
    if (found === 'worse' || 'core' in found || !scheduled || found.kind === 'memory') return found
    // what costs more may be more precise
    return this.tightened(bound, (_, any) => any, found)
  }

  /**
   * Any, in no time; undefined where there are schedules, but the first that comes to hand is not precise enough or takes too much memory, and the cheapest may be better.
   */
  any(): Candidate | Blockage | undefined {
    let scheduled = false
    const found = this.tightened(Number.POSITIVE_INFINITY, (_, any) => {
      scheduled = true
      return any
    })
    return found === 'worse' || ('needed' in found && scheduled) ? undefined : found
  }

  /** @param choose one of a problem's schedules, given any of them */
  private tightened(
    bound: number,
    choose: (problem: ScheduleProblem, any: Schedule) => Schedule | 'costly' | Blockage,
    otherwise?: Blockage
  ): Candidate | 'worse' | Blockage {
    const operation = this.trial.architecture.layers.length
    let tightening = 0
    let before = Number.POSITIVE_INFINITY
    for (let attempt = 0; attempt < MAXIMUM_TIGHTENINGS; attempt++) {
      const problem = problemOf(this.trial, this.costs, tightening)
      // most chains have no schedule, which is found in no time where costs are not kept apart
      const any = schedule(withoutCosts(problem))
      if (any === 'costly') return 'worse'
      if ('needed' in any) return otherwise ?? any
      const found = choose(problem, any)
      if (found === 'costly') return 'worse'
      if ('needed' in found) return found
      const bytes = this.costs.passBytes(found)
      const { evaluatorMemory } = this.trial.settings
      if (bytes > evaluatorMemory) return otherwise ?? { operation, kind: 'memory', needed: bytes, available: evaluatorMemory }
      const total = costOf(problem, found) + this.costs.raisedKeyCost(found)
      if (total >= bound) return 'worse'
      const core = this.core(found)
      if (!core) return otherwise ?? { operation, kind: 'precision', needed: tightening, available: 0 }
      const missing = this.missingBits(core)
      if (missing <= 0) return { core, chain: this.trial.chain, total }
      // what a smaller budget does not change comes from elsewhere: doubles, mostly
      if (tightening > WORTHWHILE_TIGHTENING && Math.abs(missing - before) < UNCHANGED_BITS) break
      before = missing
      tightening += missing + 0.1
    }
    return otherwise ?? { operation, kind: 'precision', needed: tightening, available: 0 }
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
    const { settings, parameters } = this.trial
    try {
      return Math.log2(relativeErrorOf(core, { parameters }) / settings.precision)
    } catch (error) {
      if (error instanceof InvalidPlanError) return 0.5
      throw error
    }
  }
}
