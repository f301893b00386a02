/**
 * What is left of the result after flooding. Every share of a switch adds noise of
 *
 *   σ_flood = sqrt(12·τ)·2^(s/2)·σ_ct      per coefficient (eprint 2022/816)
 *
 * s statistical bits, τ decryptions in the session, σ_ct the tracked noise. An error of σ per coefficient is σ·sqrt(N/2)/scale in the real part of a slot.
 * The same formulas as in the multiparty package, on the metadata alone.
 */
import { combineNoise, ERROR_SIGMA, type NoiseModel, TERNARY_VARIANCE } from '@slytherin/ckks'

export interface FloodingOptions {
  /** s */
  readonly floodingBits: number
  /** τ */
  readonly maximumDecryptions: number
  /** shares that are added, each with its own flooding */
  readonly shares: number
}

/** Standard deviations that count as the worst case over all logits of a batch. */
export const WORST_CASE_DEVIATIONS = 5

/** Standard deviations kept between the flooded noise and Q_l/2, as log2. */
const HEADROOM_TAIL_BITS = 3

/** log2 of σ_flood/σ_ct of one share. */
export const floodingFactor = (options: Omit<FloodingOptions, 'shares'>): number =>
  0.5 * Math.log2(12 * options.maximumDecryptions) + options.floodingBits / 2

/** log2 of the error per coefficient of the switched result. */
export function noiseAfterFlooding(model: NoiseModel, logN: number, noise: number, options: FloodingOptions): number {
  const tracked = Math.max(noise, model.rounding(1))
  const flood = tracked + floodingFactor(options) + 0.5 * Math.log2(options.shares)
  const zero = 0.5 * Math.log2(options.shares * 2 * 2 ** logN * TERNARY_VARIANCE * ERROR_SIGMA ** 2)
  return combineNoise(tracked, flood, zero)
}

/** Worst absolute error of a slot whose coefficients carry noise of log2 σ `noise`. */
export const worstSlotError = (logN: number, noise: number, scale: number): number =>
  WORST_CASE_DEVIATIONS * 2 ** (noise + 0.5 * (logN - 1) - Math.log2(scale))

/** Whether flooded noise and message fit below Q_l/2. */
export function fitsFlooded(logModulus: number, flooded: number, scale: number, magnitude: number): boolean {
  return combineSum(flooded + HEADROOM_TAIL_BITS, Math.log2(scale * magnitude)) < logModulus - 1
}

/** log2(2^a + 2^b) */
const combineSum = (a: number, b: number): number => Math.max(a, b) + Math.log2(1 + 2 ** -Math.abs(a - b))
