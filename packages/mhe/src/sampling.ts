/**
 * Secret small polynomials that protocols add to their shares, from seeds.
 */
import { ERROR_SIGMA } from '@slytherin/ckks'
import type { Polynomial, Ring } from '@slytherin/ring'
import { overwritable } from './scratch.js'

/** A fresh error of standard deviation 3.2, NTT form. The caller disposes it. */
export function sampleError(ring: Ring, indices: readonly number[], seed: Uint8Array, sigma: number = ERROR_SIGMA): Polynomial {
  return ring.ntt(ring.gaussian(overwritable(ring, indices, 'coefficient'), seed, sigma))
}

/** A ternary secret, NTT form. The caller wipes and disposes it. */
export function sampleTernary(ring: Ring, indices: readonly number[], seed: Uint8Array): Polynomial {
  return ring.ntt(ring.ternary(overwritable(ring, indices, 'coefficient'), seed))
}
