/**
 * The lazy reductions, followed through every pass. Bounds are in units of q, for the worst modulus q = 2^49 (arithmetic.ts):
 *
 *   product with a constant   in A  →  out 1/2 + A/32 (fused), 1/2 + A/16 (integer)     requires A < 8 (fused: |a| < 2^52), A < 4 (integer: 2^51)
 *   reduction                 in A  →  out 1/2                                            requires A < 8 (fused), A < 4 (integer)
 */
const arithmetic = fused => {
  const limit = fused ? 8 : 4
  const check = a => {
    if (a >= limit) throw new Error(`a value of ${a}·q would reach a product or reduction that holds only below ${limit}·q`)
    return a
  }
  return { product: a => 0.5 + check(a) / (fused ? 32 : 16), reduce: a => (check(a) < limit ? 0.5 : Number.NaN) }
}

/** Largest |input|/q the forward transform takes: base extensions hand it unreduced values. */
export const FORWARD_INPUT_BOUND = 2

/**
 * Fused builds: the passes (by m, the number of roots known before them) that reduce the butterfly's first input, as an AssemblyScript condition.
 * Radix 4: m = 64 or 128, then 2^14 (of sizes 2^16 and up). Radix 2: m = 64, 2^11, 2^16. The fallback reduces in every pass.
 */
export const REDUCING_PASSES = { 4: [6, 7, 14, 15], 2: [6, 11, 16] }
export function forwardReductionAt({ radix }) {
  const mask = REDUCING_PASSES[radix].reduce((sum, log) => sum + 2 ** log, 0)
  return `m & 0x${mask.toString(16)}`
}

/** @returns the largest bound of the last pass's outputs before their final reduction */
export function checkForward({ fused, radix, logN }) {
  const { product, reduce } = arithmetic(fused)
  const reducing = m => !fused || REDUCING_PASSES[radix].includes(Math.log2(m))
  const butterfly = (b, reduced) => {
    const x3 = product(b)
    return (reduced ? reduce(b) : b) + x3 + product(b + x3)
  }
  const N = 2 ** logN
  let b = butterfly(FORWARD_INPUT_BOUND, !fused)
  let m = 4
  if (radix === 4) {
    if (logN & 1) {
      b = (fused ? b : reduce(b)) + product(b)
      m = 8
    }
    for (; m <= N / 16; m *= 4) b = butterfly(b, reducing(m))
  } else {
    for (; m <= N / 8; m *= 2) b = (reducing(m) ? reduce(b) : b) + product(b)
  }
  b = butterfly(b, !fused)
  reduce(b)
  return b
}

export function checkInverse({ fused, radix, logN }) {
  const { product, reduce } = arithmetic(fused)
  const butterfly = b => {
    const difference = product(2 * b)
    const second = fused ? 2 * difference : reduce(2 * difference)
    return Math.max(reduce(4 * b), second, product(4 * b), product(2 * difference))
  }
  const N = 2 ** logN
  let b = butterfly(0.5)
  if (radix === 4) {
    for (let m = N / 16; m >= 4; m /= 4) b = butterfly(b)
    if (logN & 1) b = Math.max(reduce(2 * b), product(2 * b))
  } else {
    for (let m = N / 8; m >= 4; m /= 2) b = Math.max(reduce(2 * b), product(2 * b))
  }
  product(4 * b)
  reduce(product(4 * b))
  return b
}

/** @throws Error when some size between 2^4 and 2^17 could overflow */
export function checkBounds({ fused, radix }) {
  for (let logN = 4; logN <= 17; logN++) {
    checkForward({ fused, radix, logN })
    checkInverse({ fused, radix, logN })
  }
}
