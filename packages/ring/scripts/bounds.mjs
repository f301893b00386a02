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

/**
 * Largest |input|/2^49 the forward transform takes: base extensions hand it unreduced values. The limits above are absolute, and what a product or
 * reduction leaves is in proportion to its modulus, so in units of 2^49 all of this holds for smaller moduli too.
 */
export const FORWARD_INPUT_BOUND = 2

/** Fused builds: the middle passes (log2 of m, the roots known before them) that reduce their butterflies' first input. The fallback reduces in all. */
const REDUCING_PASSES = [5, 6, 13, 14]
/** The same as an AssemblyScript condition. */
export const REDUCING_CONDITION = `m & 0x${REDUCING_PASSES.reduce((mask, log) => mask + 2 ** log, 0).toString(16)}`

function checkForward(fused, logN) {
  const { product, reduce } = arithmetic(fused)
  const butterfly = (b, reduced) => {
    const x3 = product(b)
    return (reduced ? reduce(b) : b) + x3 + product(b + x3)
  }
  const N = 2 ** logN
  let b = butterfly(FORWARD_INPUT_BOUND, !fused)
  let m = 4
  if (logN & 1) {
    b = (fused ? b : reduce(b)) + product(b)
    m = 8
  }
  for (; m <= N / 16; m *= 4) b = butterfly(b, !fused || REDUCING_PASSES.includes(Math.log2(m)))
  b = butterfly(b, !fused)
  reduce(b)
  // forwardSubtractMultiply and …Add: a product of a balanced residue minus this, plus a balanced residue
  reduce(product(b + 0.5) + 0.5)
}

function checkInverse(fused, logN) {
  const { product, reduce } = arithmetic(fused)
  const butterfly = b => {
    const difference = product(2 * b)
    const second = fused ? 2 * difference : reduce(2 * difference)
    return Math.max(reduce(4 * b), second, product(4 * b), product(2 * difference))
  }
  const N = 2 ** logN
  let b = butterfly(0.5)
  for (let m = N / 16; m >= 4; m /= 4) b = butterfly(b)
  if (logN & 1) b = Math.max(reduce(2 * b), product(2 * b))
  reduce(product(4 * b))
}

/** @throws Error when some size between 2^4 and 2^17 could overflow */
export function checkBounds({ fused }) {
  for (let logN = 4; logN <= 17; logN++) {
    checkForward(fused, logN)
    checkInverse(fused, logN)
  }
}
