/**
 * What becomes of a plan's precision when its encrypted weights are switched to another collective key (mhe/provable-switch.ts): every switch leaves the flooding of t
 * shares in every weight,
 *
 *   σ² = k·t·σ_flood²,    σ_flood = sqrt(12·τ)·2^(s/2)·σ_ct        k switches, σ_ct of a fresh encryption
 *
 * Flooding knows of no new secret: it is part of the weights from then on. What results are flooded by stays as planned; what is left of their precision does not.
 */
import { floodingGrowth, minimumNoise, PROVABLE_FACTOR } from '@slytherin/ckks'
import { InvalidPlanError } from '../errors.js'
import { programOf } from './compiled.js'
import { errorsOf, PRECISION_TARGET } from './derive.js'
import type { Plan } from './plan.js'
import { fitsFlooded, floodingOf } from './precision.js'

/** What a plan may lose: its worst error may double, or reach what plans aim at. */
const LARGEST_GROWTH = 2

/** What is left of a plan's precision, and what may be left of it. */
export interface MovedPrecision {
  /** Worst logit error expected, relative to the largest logit. */
  readonly relativeError: number
  /** What it may be. */
  readonly allowed: number
  /** First weight that has no room for the flooding beside its message; null when all have. */
  readonly tight: number | null
}

/**
 * Precision of a plan whose weights have been switched to other keys.
 *
 * @param moves how often
 */
export function movedPrecision(plan: Plan, moves: number): MovedPrecision {
  const program = programOf(plan)
  const { noise, parameters } = program
  const own = Math.max(noise.fresh(PROVABLE_FACTOR), minimumNoise(noise))
  const weightError = own + floodingGrowth(floodingOf(plan), plan.threshold) + 0.5 * Math.log2(moves)
  const tight = plan.weights.items.findIndex(
    ({ level, scale, magnitude }) => !fitsFlooded(parameters.logModulus(level), weightError, scale, magnitude)
  )
  return {
    relativeError: worstErrorOf(plan, weightError) / plan.architecture.output.largest,
    allowed: Math.max(PRECISION_TARGET, LARGEST_GROWTH * plan.precision.relativeError),
    tight: tight < 0 ? null : tight
  }
}

/** Infinite where the result has no room for the error. */
function worstErrorOf(plan: Plan, weightError: number): number {
  try {
    return errorsOf(plan, programOf(plan), plan.inputs, weightError).worstError
  } catch (error) {
    if (error instanceof InvalidPlanError) return Number.POSITIVE_INFINITY
    throw error
  }
}
