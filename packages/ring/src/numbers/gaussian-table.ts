/**
 * Thresholds of the discrete Gaussian, D(k) ∝ exp(-k²/(2σ²)), |k| <= 6σ, for sampling by inversion: 63-bit cumulative probabilities of |k|.
 *
 * Computed in 200-bit fixed point from the exact value of the double σ, so that every platform has the same table; the error of each
 * threshold is the rounding to 2^-63.
 */

const FRACTION_BITS = 200n
const ONE = 1n << FRACTION_BITS
/** σ·2^60 is an integer for every double σ >= 2^-8. */
const SIGMA_BITS = 60n

const times = (a: bigint, b: bigint): bigint => (a * b) >> FRACTION_BITS

/** exp(-x), x in fixed point, by its series. */
function exponentialOfMinus(x: bigint): bigint {
  let sum = 0n
  let term = ONE
  for (let n = 1n; term !== 0n; n++) {
    sum += n & 1n ? term : -term
    term = times(term, x) / n
  }
  return sum
}

/** t_0 … t_{m-1}, m = ⌊6σ⌋: |k| is the number of thresholds not above a uniform 63-bit integer. */
export function gaussianThresholds(sigma: number): BigInt64Array {
  const scaled = BigInt(sigma * 2 ** Number(SIGMA_BITS))
  const exponent = (ONE << (2n * SIGMA_BITS)) / (2n * scaled * scaled)
  const base = exponentialOfMinus(exponent)
  const bound = Math.floor(6 * sigma)
  // weights[k] = base^(k²), by base^((k+1)²) = base^(k²)·base^(2k+1)
  const weights = [ONE]
  const square = times(base, base)
  let step = base
  for (let k = 0; k < bound; k++) {
    weights.push(times(weights[k]!, step))
    step = times(step, square)
  }
  const total = weights.reduce((sum, weight) => sum + 2n * weight, -ONE)
  let cumulative = -ONE
  return BigInt64Array.from(weights.slice(0, bound), weight => {
    cumulative += 2n * weight
    return (cumulative << 63n) / total
  })
}
