// Changes of basis: mixed-radix digits, their value modulo another prime, their value as doubles.

import { loadConstantForm, multiplyConstant, reduce } from './arithmetic'
import { inverseOf, modulusOf, roundingOf, subtrahendOf } from './modulus'
import { FUSED } from './variant'

/** After this many terms of `combineRows` the sum is reduced. */
const BURST: i32 = FUSED ? 8 : 3

/**
 * Garner's step: out = (…((a - v_0)·c_0 - v_1)·c_1 … - v_{count-1})·c_{count-1} mod q, balanced.
 *
 * `rows`: addresses (u32) of the digits v_k, |v_k| < 2^48; `constants`: (c_k, c_k/q) as f64 pairs. Every difference is below
 * q·(1/2 + 1/16) + 2^48 < 2^51, every product below q·(1/2 + 1/16).
 */
export function mixedRadixDigit(out: usize, a: usize, rows: usize, count: i32, constants: usize, n: i32, block: usize): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 64) {
    let x0 = v128.load(a + i), x1 = v128.load(a + i, 16), x2 = v128.load(a + i, 32), x3 = v128.load(a + i, 48)
    for (let k: i32 = 0; k < count; k++) {
      const row: usize = <usize>load<u32>(rows + (<usize>k << 2)) + i
      const c = loadConstantForm(constants + (<usize>k << 4), R), r = v128.load64_splat(constants + (<usize>k << 4), 8)
      x0 = multiplyConstant(f64x2.sub(x0, v128.load(row)), c, r, s, R)
      x1 = multiplyConstant(f64x2.sub(x1, v128.load(row, 16)), c, r, s, R)
      x2 = multiplyConstant(f64x2.sub(x2, v128.load(row, 32)), c, r, s, R)
      x3 = multiplyConstant(f64x2.sub(x3, v128.load(row, 48)), c, r, s, R)
    }
    v128.store(out + i, reduce(x0, q, inverse, R))
    v128.store(out + i, reduce(x1, q, inverse, R), 16)
    v128.store(out + i, reduce(x2, q, inverse, R), 32)
    v128.store(out + i, reduce(x3, q, inverse, R), 48)
  }
}

/**
 * out = v_0 + Σ_{k>=1} v_k·w_k mod q. `rows`: count addresses (u32); `weights`: (w_k, w_k/q) as f64 pairs from k = 1 on; integers |v_k| <= 2^48, not
 * reduced modulo q.
 *
 * A term is at most q·(1/2 + 1/64) fused, q·(1/2 + 1/32) otherwise (arithmetic.ts). A sum starts at q/2 (or with v_0) and is reduced
 * after BURST terms: at most 2^48 + 2^49·(1/2 + 8·0.52) < 2^52 fused, 2^48 + 2^49·(1/2 + 3·0.54) < 2^51 otherwise. `balance` reduces the result; without it the
 * result is at most |v_0| + (count - 1)·0.54·q.
 */
export function combineRows(out: usize, rows: usize, count: i32, weights: usize, n: i32, block: usize, balance: bool): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block), first: usize = load<u32>(rows)
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 64) {
    let x0 = v128.load(first + i), x1 = v128.load(first + i, 16), x2 = v128.load(first + i, 32), x3 = v128.load(first + i, 48)
    for (let k: i32 = 1, pending: i32 = 0, w = weights; k < count; k++, pending++, w += 16) {
      if (pending == BURST) {
        x0 = reduce(x0, q, inverse, R)
        x1 = reduce(x1, q, inverse, R)
        x2 = reduce(x2, q, inverse, R)
        x3 = reduce(x3, q, inverse, R)
        pending = 0
      }
      const row: usize = <usize>load<u32>(rows + (<usize>k << 2)) + i, c = loadConstantForm(w, R), r = v128.load64_splat(w, 8)
      x0 = f64x2.add(x0, multiplyConstant(v128.load(row), c, r, s, R))
      x1 = f64x2.add(x1, multiplyConstant(v128.load(row, 16), c, r, s, R))
      x2 = f64x2.add(x2, multiplyConstant(v128.load(row, 32), c, r, s, R))
      x3 = f64x2.add(x3, multiplyConstant(v128.load(row, 48), c, r, s, R))
    }
    if (balance) {
      x0 = reduce(x0, q, inverse, R)
      x1 = reduce(x1, q, inverse, R)
      x2 = reduce(x2, q, inverse, R)
      x3 = reduce(x3, q, inverse, R)
    }
    v128.store(out + i, x0)
    v128.store(out + i, x1, 16)
    v128.store(out + i, x2, 32)
    v128.store(out + i, x3, 48)
  }
}

/** Error-free product by Veltkamp's splitting (IEEE operations only, so every build gives the same bits). |a|, |b| < 2^995. */
@inline function productError(a: f64, b: f64, p: f64): f64 {
  const SPLITTER: f64 = 134217729.0 // 2^27 + 1
  const ca = SPLITTER * a, ah = ca - (ca - a), al = a - ah
  const cb = SPLITTER * b, bh = cb - (cb - b), bl = b - bh
  return al * bl - (((p - ah * bh) - al * bh) - ah * bl)
}

/**
 * out = Σ_k v_k·q_0…q_{k-1}, the value of mixed-radix digits v (rows), by Horner in double-double arithmetic. `moduli`: f64 each.
 */
export function mixedRadixValue(out: usize, rows: usize, count: i32, moduli: usize, n: i32): void {
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 8) {
    let high: f64 = 0, low: f64 = 0
    for (let k: i32 = count - 1; k >= 0; k--) {
      const v = load<f64>(<usize>load<u32>(rows + (<usize>k << 2)) + i)
      if (high == 0 && low == 0) {
        high = v
        continue
      }
      const q = load<f64>(moduli + (<usize>k << 3))
      const p = high * q, e = productError(high, q, p) + low * q
      // p + v exactly as s + t (two-sum), then the error terms
      const s = p + v, z = s - p, t = (p - (s - z)) + (v - z) + e
      high = s + t
      low = t - (high - s)
    }
    store<f64>(out + i, high)
  }
}
