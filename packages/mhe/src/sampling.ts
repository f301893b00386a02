/**
 * Secret small polynomials that protocols add to their shares, from seeds.
 */
import type { Polynomial, Ring } from '@slytherin/ring'
import { overwritable } from './scratch.js'

/** Standard deviation of fresh errors (eprint 2024/463 and every public library). */
export const ERROR_SIGMA = 3.2

/** Bits added to the log2 σ of everything sampled, so that the standard deviation measured over a sample of N coefficients stays below. */
export const SAMPLE_MARGIN_BITS = 0.15

/** Variance of one ternary coefficient, uniform in {-1, 0, 1}. */
export const TERNARY_VARIANCE = 2 / 3

/** A fresh error of standard deviation 3.2, NTT form. The caller disposes it. */
export function sampleError(ring: Ring, indices: readonly number[], seed: Uint8Array, sigma: number = ERROR_SIGMA): Polynomial {
  return ring.ntt(ring.gaussian(overwritable(ring, indices, 'coefficient'), seed, sigma))
}

/** A ternary secret, NTT form. The caller wipes and disposes it. */
export function sampleTernary(ring: Ring, indices: readonly number[], seed: Uint8Array): Polynomial {
  return ring.ntt(ring.ternary(overwritable(ring, indices, 'coefficient'), seed))
}
