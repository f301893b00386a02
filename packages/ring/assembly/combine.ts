// Changes of basis: linear combinations of rows, the rounded quotient of a centred base extension, mixed-radix values as doubles.

import { loadConstantForm, multiplyConstant, reduce, round } from './arithmetic'
import { inverseOf, modulusOf, roundingOf, subtrahendOf } from './modulus'
import { FUSED } from './variant'

/** After this many terms of combineRows and extendRows the sums are reduced. */
const BURST: i32 = FUSED ? 8 : 3

/**
 * out = Σ_k rows[k]·w_k mod q, |rows| < 2^51 (not reduced modulo q), balanced. `rows`: count u32 addresses; `weights`: (w, w/q) as f64 pairs.
 *
 * A term is at most q·(1/2 + 1/8) fused, q·(1/2 + 1/4) otherwise (arithmetic.ts, |a| < 2^51). A sum starts at 1/2 and is reduced after BURST terms:
 * 1/2 + 8·0.625 = 5.5 < 8 fused, 1/2 + 3·0.75 = 2.75 < 4 otherwise.
 */
export function combineRows(out: usize, rows: usize, count: i32, weights: usize, n: i32, block: usize): void {
  sumRows(out, rows, count, weights, 0, n, block, true)
}

/**
 * The base extension of src/base-extension.ts: out = Σ_k y_k·w_k + v·w_count mod q, v being rows[count], |y_k| <= q_k·(1/2 + 1/32) or so. With `balance`
 * the output is balanced; without, and with two terms, it is below 2q, which `forward` takes: 2·(1/2 + 1/16) + |v|/2, |v| <= 1.
 *
 * Up to three terms v·w is added as it is: |v| <= 2 and |w| < q/2, exact, 3·0.75 + 1 = 3.25 < 4. Beyond, it is one more term of the sum.
 */
export function extendRows(out: usize, rows: usize, count: i32, weights: usize, n: i32, block: usize, balance: bool): void {
  if (count > 3) sumRows(out, rows, count + 1, weights, 0, n, block, true)
  else sumRows(out, rows, count, weights, load<u32>(rows + (<usize>count << 2)), n, block, balance)
}

@inline function addMultiple(v: usize, w: v128, x: v128): v128 {
  return FUSED ? f64x2.relaxed_madd(v128.load(v), w, x) : f64x2.add(x, f64x2.mul(v128.load(v), w))
}

@inline function sumRows(out: usize, rows: usize, count: i32, weights: usize, quotient: usize, n: i32, block: usize, balance: bool): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)
  const product = v128.load64_splat(weights + (<usize>count << 4))
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 64) {
    let x0 = f64x2.splat(0), x1 = f64x2.splat(0), x2 = f64x2.splat(0), x3 = f64x2.splat(0)
    for (let k: i32 = 0, pending: i32 = 0; k < count; k++, pending++) {
      if (pending == BURST) {
        x0 = reduce(x0, q, inverse, R)
        x1 = reduce(x1, q, inverse, R)
        x2 = reduce(x2, q, inverse, R)
        x3 = reduce(x3, q, inverse, R)
        pending = 0
      }
      const row: usize = <usize>load<u32>(rows + (<usize>k << 2)) + i
      const w = loadConstantForm(weights + (<usize>k << 4), R), r = v128.load64_splat(weights + (<usize>k << 4), 8)
      x0 = f64x2.add(x0, multiplyConstant(v128.load(row), w, r, s, R))
      x1 = f64x2.add(x1, multiplyConstant(v128.load(row, 16), w, r, s, R))
      x2 = f64x2.add(x2, multiplyConstant(v128.load(row, 32), w, r, s, R))
      x3 = f64x2.add(x3, multiplyConstant(v128.load(row, 48), w, r, s, R))
    }
    if (quotient) {
      x0 = addMultiple(quotient + i, product, x0)
      x1 = addMultiple(quotient + i + 16, product, x1)
      x2 = addMultiple(quotient + i + 32, product, x2)
      x3 = addMultiple(quotient + i + 48, product, x3)
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

/**
 * out = round(Σ_k rows[k]·reciprocals[k]): the multiple of Q in Σ y_k·(Q/q_k), y_k balanced. Not fused in any build, so that all builds agree
 * even where the sum is next to a half-integer.
 */
export function quotientRow(out: usize, rows: usize, count: i32, reciprocals: usize, n: i32, block: usize): void {
  const R = roundingOf(block)
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 32) {
    let x = f64x2.splat(0), y = f64x2.splat(0)
    for (let k: i32 = 0; k < count; k++) {
      const row: usize = <usize>load<u32>(rows + (<usize>k << 2)) + i, r = v128.load64_splat(reciprocals + (<usize>k << 3))
      x = f64x2.add(x, f64x2.mul(v128.load(row), r))
      y = f64x2.add(y, f64x2.mul(v128.load(row, 16), r))
    }
    v128.store(out + i, round(x, R))
    v128.store(out + i, round(y, R), 16)
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

