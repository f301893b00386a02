// Sums of rows times monomials modulo X^N + 1, coefficient domain: multiplying by X^e moves coefficients by e and changes the sign of those that pass the end.
//
// Columns of the output are worked on in blocks that stay in the first-level cache; every input adds at most two runs of consecutive coefficients to a block.

import { reduce } from './arithmetic'
import { inverseOf, modulusOf, roundingOf } from './modulus'

const BLOCK_COLUMNS: i32 = 1024

/** out += from for n doubles. */
@inline function addRun(out: usize, from: usize, n: i32): void {
  const end = out + (<usize>n << 3)
  for (const wide = out + (<usize>(n & ~7) << 3); out < wide; out += 64, from += 64) {
    const x0 = f64x2.add(v128.load(out), v128.load(from)), x1 = f64x2.add(v128.load(out, 16), v128.load(from, 16))
    const x2 = f64x2.add(v128.load(out, 32), v128.load(from, 32)), x3 = f64x2.add(v128.load(out, 48), v128.load(from, 48))
    v128.store(out, x0)
    v128.store(out, x1, 16)
    v128.store(out, x2, 32)
    v128.store(out, x3, 48)
  }
  for (; out < end; out += 8, from += 8) store<f64>(out, load<f64>(out) + load<f64>(from))
}

/** out -= from for n doubles. */
@inline function subtractRun(out: usize, from: usize, n: i32): void {
  const end = out + (<usize>n << 3)
  for (const wide = out + (<usize>(n & ~7) << 3); out < wide; out += 64, from += 64) {
    const x0 = f64x2.sub(v128.load(out), v128.load(from)), x1 = f64x2.sub(v128.load(out, 16), v128.load(from, 16))
    const x2 = f64x2.sub(v128.load(out, 32), v128.load(from, 32)), x3 = f64x2.sub(v128.load(out, 48), v128.load(from, 48))
    v128.store(out, x0)
    v128.store(out, x1, 16)
    v128.store(out, x2, 32)
    v128.store(out, x3, 48)
  }
  for (; out < end; out += 8, from += 8) store<f64>(out, load<f64>(out) - load<f64>(from))
}

/**
 * out += Σ_t X^(e_t)·x_t, balanced. `terms`: per term the address of x_t and e_t, 0 <= e_t < 2N (u32 each).
 *
 * Balanced residues of q < 2^49 are below 2^48: the sum of out and at most 7 terms is below 2^51, exact, and what `reduce` takes.
 */
export function addMonomialProducts(out: usize, terms: usize, count: i32, N: i32, block: usize): void {
  const q = modulusOf(block), inverse = inverseOf(block), R = roundingOf(block)
  const columns = min(N, BLOCK_COLUMNS)
  for (let first: i32 = 0; first < N; first += columns, out += <usize>columns << 3) {
    for (let t: i32 = 0; t < count; t++) {
      const row: usize = load<u32>(terms + (<usize>t << 3)), e: i32 = load<u32>(terms + (<usize>t << 3), 4)
      // Coefficients before the turn come from the row's end and have passed it once more than those after.
      const turn = e & (N - 1), negative = e >= N
      const before = max(0, min(columns, turn - first))
      if (before > 0) {
        const from = row + (<usize>(first + N - turn) << 3)
        if (negative) addRun(out, from, before)
        else subtractRun(out, from, before)
      }
      if (before < columns) {
        const from = row + (<usize>(first + before - turn) << 3), to = out + (<usize>before << 3)
        if (negative) subtractRun(to, from, columns - before)
        else addRun(to, from, columns - before)
      }
    }
    for (let p = out, end = out + (<usize>columns << 3); p < end; p += 32) {
      const x = reduce(v128.load(p), q, inverse, R), y = reduce(v128.load(p, 16), q, inverse, R)
      v128.store(p, x)
      v128.store(p, y, 16)
    }
  }
}
