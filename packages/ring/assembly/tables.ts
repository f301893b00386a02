// Root tables. `powers[i] = ψ^{bitreverse(i)}`, i < N, balanced, ψ a primitive 2N-th root of unity modulo q: the order in which the
// Cooley-Tukey transform with bit-reversed output, SEAL's, uses its roots.

import { multiply, reduce, storeTwiddle } from './arithmetic'
import { inverseOf, modulusOf, roundingOf, subtrahendOf } from './modulus'

@inline function product(a: v128, b: v128, block: usize): v128 {
  return reduce(multiply(a, b, subtrahendOf(block), inverseOf(block), roundingOf(block)), modulusOf(block), inverseOf(block), roundingOf(block))
}

/** a·b mod q of two balanced residues. */
export function multiplyModulo(a: f64, b: f64, block: usize): f64 {
  return f64x2.extract_lane(product(f64x2.splat(a), f64x2.splat(b), block), 0)
}

/** bitreverse(2^k + j) = bitreverse(2^k) + bitreverse(j) for j < 2^k: every level is the levels below times one root. */
export function buildPowers(powers: usize, logN: i32, root: f64, block: usize): void {
  store<f64>(powers, 1)
  let x = root
  for (let k = logN - 1; k >= 0; k--) {
    store<f64>(powers + (<usize>1 << (k + 3)), x)
    x = multiplyModulo(x, x, block)
  }
  for (let k = 1; k < logN; k++) {
    const half = <usize>1 << (k + 3), w = v128.load64_splat(powers + half)
    for (let i: usize = 0; i < half; i += 16) v128.store(powers + half + i, product(v128.load(powers + i), w, block))
  }
}

/**
 * The smallest primitive 2N-th root of unity, as SEAL chooses it. The odd powers of ψ are ±powers[i], i >= N/2; the smaller canonical
 * representative of ±r is |r|, r balanced.
 */
export function minimalRoot(powers: usize, logN: i32): f64 {
  let least = Infinity
  for (let p = powers + (<usize>4 << logN), end = powers + (<usize>8 << logN); p < end; p += 8) least = min(least, abs(load<f64>(p)))
  return least
}

@inline function storePair(address: usize, w: f64, q: f64): void {
  storeTwiddle(address, w)
  store<f64>(address, w / q, 8)
}

/**
 * Lays `powers` (of ψ, or of ψ^-1 for the inverse) out as the passes of transform.ts read them, m roots at level m:
 *   first   ψ1, ψ2, ψ3 (with ratios); for the inverse N^-1, N^-1·ψ1, ψ2, ψ3
 *   middle  at m >= 4: entry (m/4 + j)·4 + lane = powers[m + lane·m/4 + j], one vector of four lanes per butterfly block
 *   ratios  middle / q
 *   last    per group g of four positions, 24 doubles: powers[N/4 + lane·N/16 + g], then the two roots below it, then the three ratios
 */
export function buildTables(powers: usize, logN: i32, block: usize, inverse: bool): void {
  const q = load<f64>(block), N: usize = 1 << logN, slot: usize = block + (inverse ? 56 : 40)
  const first: usize = load<u32>(slot), middle: usize = load<u32>(slot, 4), ratios: usize = load<u32>(slot, 8), last: usize = load<u32>(slot, 12)
  if (inverse) {
    const scale = (1.0 - q) / <f64>N // N·(q-1)/N = -1 mod q
    storePair(first, scale, q)
    storePair(first + 16, multiplyModulo(scale, load<f64>(powers, 8), block), q)
    storePair(first + 32, load<f64>(powers, 16), q)
    storePair(first + 48, load<f64>(powers, 24), q)
  } else {
    for (let i: usize = 0; i < 3; i++) storePair(first + (i << 4), load<f64>(powers + 8 + (i << 3)), q)
  }
  for (let m: usize = 4; m <= N >> 3; m <<= 1) {
    for (let lane: usize = 0; lane < 4; lane++) {
      for (let j: usize = 0, quarter = m >> 2; j < quarter; j++) {
        const w = load<f64>(powers + ((m + lane * quarter + j) << 3)), at = (((quarter + j) << 2) + lane) << 3
        storeTwiddle(middle + at, w)
        store<f64>(ratios + at, w / q)
      }
    }
  }
  for (let lane: usize = 0; lane < 4; lane++) {
    for (let g: usize = 0, groups = N >> 4; g < groups; g++) {
      const entry = last + g * 192 + (lane << 3)
      const upper = load<f64>(powers + (((N >> 2) + lane * (N >> 4) + g) << 3)), lower = powers + (((N >> 1) + lane * (N >> 3) + 2 * g) << 3)
      storeTwiddle(entry, upper)
      storeTwiddle(entry + 32, load<f64>(lower))
      storeTwiddle(entry + 64, load<f64>(lower, 8))
      store<f64>(entry, upper / q, 96)
      store<f64>(entry, load<f64>(lower) / q, 128)
      store<f64>(entry, load<f64>(lower, 8) / q, 160)
    }
  }
}
