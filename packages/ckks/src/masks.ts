/**
 * The masks of a collective refresh, and what they demand and cost. Said once, for those who mask and those who plan for it.
 *
 * A mask exceeds the message by at least λ = 128 bits, so that a message within its bound is statistically hidden. The lowest level of a refresh follows from that: with
 * b = λ + ⌈log2(scale·magnitude)⌉, the sum of all masks and the message must stay below Q_l / 4,
 *
 *   Q_l ≥ 4·(shares·2^(b - 1) + 2·scale·magnitude)
 *
 * Masks that are sampled fill what there is beyond: ⌊log2 Q_l⌋ - 2 - ⌈log2 shares⌉ bits. A value beyond its bound is then hidden, too, as long as it is short of the
 * modulus itself: under a mask of b bits it would be an outlier that shows its high bits.
 *
 * Where one party holds the whole key there is a single mask M, and the party gets m + M modulo Q_l. So M may be uniform modulo Q_l: what the party gets is uniform, too, whatever
 * m is, and nothing is left to chance but correctness. Coefficient j wraps around with probability |m_j| / Q_l, and then the result is wrong. With Σ_j |m_j| ≤ √N·‖m‖₂ and
 * ‖m‖₂ ≤ scale·magnitude (Parseval) that happens to a ciphertext with probability below 2^-40 where
 *
 *   Q_l ≥ 2^40·√N·2·scale·magnitude
 */
import { SOURCE_MARGIN_BITS } from './noise.js'
import type { Parameters } from './parameters.js'
import { ERROR_SIGMA } from './security.js'

/** λ: bits by which a mask exceeds the message. */
export const MASK_STATISTICAL_BITS = 128

/** The message and its noise together stay below this multiple of scale·magnitude. */
const MESSAGE_MARGIN = 2n

/** Q_l exceeds the sum of masks and message (in absolute value) by at least this factor: 2 for the sign, 2 for safety. */
const MODULUS_MARGIN = 4n

/** Bits between the modulus and the sum of all masks: one for the sign, one for the message and for safety. */
const SPARE_BITS = 2

/** The widest that the sampler makes. No plan comes near it: refreshes are planned for the lowest level that holds b. */
const WIDEST_MASK_BITS = 512

/**
 * b: the fewest bits of a mask; m bits are uniform in [-2^(m-1), 2^(m-1)).
 * @param messageBits log2 of scale times the bound on |slot|
 */
export const leastMaskBits = (messageBits: number): number => MASK_STATISTICAL_BITS + Math.max(0, Math.ceil(messageBits))

/** log2 of the least Q_l, to within 2^-120. @param shares that are added, mask-only shares included */
export const maskedModulusBits = (messageBits: number, shares: number): number => leastMaskBits(messageBits) + 1 + Math.log2(shares)

/**
 * Bits of a mask as it is sampled: the modulus filled, and never fewer than b, which the level must have room for.
 * @param shares that are added, mask-only shares included
 */
export function maskBits(parameters: Parameters, level: number, shares: number, messageBits: number): number {
  const filled = Math.floor(parameters.logModulus(level)) - SPARE_BITS - Math.ceil(Math.log2(shares))
  return Math.max(Math.min(filled, WIDEST_MASK_BITS), leastMaskBits(messageBits))
}

/**
 * @param shares that are added, mask-only shares included
 * @returns the lowest level at which a ciphertext can be refreshed, or undefined when no level of the parameters is high enough
 */
export function minimumRefreshLevel(parameters: Parameters, shares: number, scale: number, magnitude: number): number | undefined {
  const bits = leastMaskBits(Math.log2(scale) + Math.log2(magnitude))
  const needed = MODULUS_MARGIN * (BigInt(shares) * (1n << BigInt(bits - 1)) + MESSAGE_MARGIN * BigInt(Math.ceil(scale * magnitude)))
  let modulus = 1n
  for (let level = 0; level <= parameters.maxLevel; level++) {
    modulus *= parameters.primes[level]!.value
    if (modulus >= needed) return level
  }
  return undefined
}

/** minus log2 of the probability that a ciphertext's refresh by who holds the whole key goes wrong. */
const WRAPPING_BITS = 40

/** log2 of the least Q_l for a refresh by who holds the whole key. @param messageBits log2 of scale times the bound on |slot| */
export const wholeKeyModulusBits = (messageBits: number, logN: number): number => WRAPPING_BITS + logN / 2 + 1 + Math.max(0, messageBits)

/** The lowest level at which who holds the whole key can refresh a ciphertext, or undefined when no level of the parameters is high enough. */
export function minimumWholeKeyRefreshLevel(parameters: Parameters, scale: number, magnitude: number): number | undefined {
  const needed = wholeKeyModulusBits(Math.log2(scale) + Math.log2(magnitude), parameters.logN)
  for (let level = 0; level <= parameters.maxLevel; level++) if (parameters.logModulus(level) >= needed) return level
  return undefined
}

/** log2 σ per coefficient of the errors that `shares` shares add before a refresh's map, and once more to each of its outputs. */
export const refreshErrorNoise = (shares: number): number => Math.log2(ERROR_SIGMA) + 0.5 * Math.log2(shares) + SOURCE_MARGIN_BITS

/** log2 σ per coefficient of what a plain refresh adds. */
export const refreshNoise = (shares: number): number => refreshErrorNoise(shares) + 0.5
