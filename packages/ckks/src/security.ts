/**
 * Security table: the largest log2(Q·P) with 128 bits of classical security, ternary secret, error σ = 3.2.
 *
 * Source: eprint 2024/463, "Security Guidelines for Implementing Homomorphic Encryption", table for uniform ternary secrets. The limits are hard:
 * nothing above them is accepted, except by an explicit flag that exists for unit tests.
 */

/** logN → largest log2(Q·P). */
export const SECURITY_TABLE: ReadonlyMap<number, number> = new Map([
  [12, 106],
  [13, 214],
  [14, 430],
  [15, 868],
  [16, 1747]
])

/** Standard deviation of every RLWE error, bounded at six of them. */
export const ERROR_SIGMA = 3.2

/** Variance of a coefficient of a uniform ternary secret. */
export const TERNARY_VARIANCE = 2 / 3

/** The largest log2(Q·P) with 128-bit security at this degree, 0 when the degree is not in the table. */
export function maximumLogQP(logN: number): number {
  return SECURITY_TABLE.get(logN) ?? 0
}
