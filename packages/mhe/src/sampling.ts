/**
 * Secret small polynomials that protocols add to their shares. Each is drawn from a seed derived from the share's seed for this one purpose
 * and wiped after.
 */
import { ERROR_SIGMA } from '@slytherin/ckks'
import { deriveSeed, type Polynomial, type Ring } from '@slytherin/ring'
import { overwritable } from './scratch.js'

/** What a random polynomial is for, within its share. */
export type Purpose = readonly [name: string, digit?: number]

/** Runs `body` with the seed of one purpose, wiped afterwards. */
export function withDerivedSeed<T>(seed: Uint8Array, purpose: Purpose, body: (derived: Uint8Array) => T): T {
  const [name, digit = 0] = purpose
  const derived = deriveSeed(seed, name, digit)
  try {
    return body(derived)
  } finally {
    derived.fill(0)
  }
}

/** A fresh error of standard deviation 3.2, NTT form. The caller disposes it. */
export function sampleError(
  ring: Ring,
  indices: readonly number[],
  seed: Uint8Array,
  purpose: Purpose,
  sigma: number = ERROR_SIGMA
): Polynomial {
  return withDerivedSeed(seed, purpose, derived => ring.ntt(ring.gaussian(overwritable(ring, indices, 'coefficient'), derived, sigma)))
}

/** A ternary secret, NTT form. The caller wipes and disposes it. */
export function sampleTernary(ring: Ring, indices: readonly number[], seed: Uint8Array, purpose: Purpose): Polynomial {
  return withDerivedSeed(seed, purpose, derived => ring.ntt(ring.ternary(overwritable(ring, indices, 'coefficient'), derived)))
}
