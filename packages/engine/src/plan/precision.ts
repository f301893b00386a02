/** What is left of the result after flooding: the formulas that the multiparty package floods by, on the metadata alone. */
import { type Flooding, floodedBits, slotNoise } from '@slytherin/ckks'

/** Standard deviations that count as the worst case over all logits of a batch. */
export const WORST_CASE_DEVIATIONS = 5

/** What a plan says of flooding. */
export const floodingOf = (plan: { readonly floodingBits: number; readonly maximumDecryptions: number }): Flooding => ({
  securityBits: plan.floodingBits,
  maximumDecryptions: plan.maximumDecryptions
})

/** Worst absolute error of a slot whose coefficients carry noise of log2 σ `noise`. */
export const worstSlotError = (N: number, noise: number, scale: number): number => WORST_CASE_DEVIATIONS * 2 ** slotNoise(N, noise, scale)

/** Whether flooded noise and message fit below Q_l/2. */
export const fitsFlooded = (logModulus: number, flooded: number, scale: number, magnitude: number): boolean =>
  floodedBits(flooded, Math.log2(scale) + Math.log2(magnitude)) < logModulus - 1

/** Standard deviation of the error of every logit that the querier reads: the noise of the evaluation that the plan tracks, and the flooding of all shares. */
export const logitDeviation = ({ precision }: { readonly precision: { readonly worstError: number } }): number =>
  precision.worstError / WORST_CASE_DEVIATIONS
