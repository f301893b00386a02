/**
 * The lowest level at which a ciphertext can be refreshed collectively. Masks are uniform of λ + ⌈log2(scale·magnitude)⌉ bits with λ = 128, and
 *
 *   Q_l ≥ 4·(parties·2^(maskBits - 1) + 2·scale·magnitude)
 *
 * so that the sum of all masks and the message stay below Q_l/4. The multiparty package refuses shares below this level; the planner must agree with it.
 */
import type { Parameters } from '@slytherin/ckks'

/** λ: bits by which a mask exceeds the message. */
export const MASK_STATISTICAL_BITS = 128
const MODULUS_MARGIN = 4n
const MESSAGE_MARGIN = 2n

/**
 * @param parties number of shares that are added, mask-only shares included
 * @returns the level, or undefined when no level of the parameters is high enough
 */
export function minimumRefreshLevel(parameters: Parameters, parties: number, scale: number, magnitude: number): number | undefined {
  const bits = MASK_STATISTICAL_BITS + Math.max(0, Math.ceil(Math.log2(scale) + Math.log2(magnitude)))
  const needed = MODULUS_MARGIN * (BigInt(parties) * (1n << BigInt(bits - 1)) + MESSAGE_MARGIN * BigInt(Math.ceil(scale * magnitude)))
  let modulus = 1n
  for (let level = 0; level <= parameters.maxLevel; level++) {
    modulus *= parameters.primes[level]!.value
    if (modulus >= needed) return level
  }
  return undefined
}
