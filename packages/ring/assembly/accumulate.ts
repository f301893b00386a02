// Sums of products with one reduction at the end, component vectors multiplied as polynomials in the secret:
//
//   (1,1)  c0 = Σ a0·b0
//   (2,1)  c0 = Σ a0·b0, c1 = Σ a1·b0                             ciphertext × plaintext; digits × key
//   (2,2)  c0 = Σ a0·b0, c1 = Σ (a0·b1 + a1·b0), c2 = Σ a1·b1     ciphertext × ciphertext, by Karatsuba: c1 = Σ (a0+a1)·(b0+b1) - c0 - c2
//
// `table` holds, pair after pair, the u32 addresses of the rows in the order a0 [a1] b0 [b1]. With `add` the sums are added to what c holds.
//
// Bounds, units of q: a product of balanced residues is at most 1/2 + 3/64 (arithmetic.ts, A·B = 1/4), one of two sums of them at most
// 1/2 + 3/16 = 0.6875. A sum starts at 1/2 and is reduced after BURST products: 1/2 + 8·0.6875 = 6 < 8 fused, 1/2 + 4·0.6875 = 3.25 < 4 otherwise.

import { multiply, reduce } from './arithmetic'
import { inverseOf, modulusOf, roundingOf, subtrahendOf } from './modulus'
import { FUSED } from './variant'

const BURST: i32 = FUSED ? 8 : 4

export function multiplyAccumulate11(c0: usize, table: usize, count: i32, n: i32, block: usize, add: bool): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block), end = table + (<usize>count << 3)
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 32) {
    let x = add ? v128.load(c0 + i) : f64x2.splat(0), y = add ? v128.load(c0 + i, 16) : f64x2.splat(0)
    for (let t = table; t < end; ) {
      for (let stop = min(end, t + 8 * BURST); t < stop; t += 8) {
        const a: usize = <usize>load<u32>(t) + i, b: usize = <usize>load<u32>(t, 4) + i
        x = f64x2.add(x, multiply(v128.load(a), v128.load(b), s, inverse, R))
        y = f64x2.add(y, multiply(v128.load(a, 16), v128.load(b, 16), s, inverse, R))
      }
      x = reduce(x, q, inverse, R)
      y = reduce(y, q, inverse, R)
    }
    v128.store(c0 + i, x)
    v128.store(c0 + i, y, 16)
  }
}

export function multiplyAccumulate21(c0: usize, c1: usize, table: usize, count: i32, n: i32, block: usize, add: bool): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block), end = table + <usize>count * 12
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 32) {
    let x0 = add ? v128.load(c0 + i) : f64x2.splat(0), y0 = add ? v128.load(c0 + i, 16) : f64x2.splat(0)
    let x1 = add ? v128.load(c1 + i) : f64x2.splat(0), y1 = add ? v128.load(c1 + i, 16) : f64x2.splat(0)
    for (let t = table; t < end; ) {
      for (let stop = min(end, t + 12 * BURST); t < stop; t += 12) {
        const a0: usize = <usize>load<u32>(t) + i, a1: usize = <usize>load<u32>(t, 4) + i, b: usize = <usize>load<u32>(t, 8) + i
        const bx = v128.load(b), by = v128.load(b, 16)
        x0 = f64x2.add(x0, multiply(v128.load(a0), bx, s, inverse, R))
        y0 = f64x2.add(y0, multiply(v128.load(a0, 16), by, s, inverse, R))
        x1 = f64x2.add(x1, multiply(v128.load(a1), bx, s, inverse, R))
        y1 = f64x2.add(y1, multiply(v128.load(a1, 16), by, s, inverse, R))
      }
      x0 = reduce(x0, q, inverse, R)
      y0 = reduce(y0, q, inverse, R)
      x1 = reduce(x1, q, inverse, R)
      y1 = reduce(y1, q, inverse, R)
    }
    v128.store(c0 + i, x0)
    v128.store(c0 + i, y0, 16)
    v128.store(c1 + i, x1)
    v128.store(c1 + i, y1, 16)
  }
}

export function multiplyAccumulate22(c0: usize, c1: usize, c2: usize, table: usize, count: i32, n: i32, block: usize, add: bool): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block), end = table + (<usize>count << 4)
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 16) {
    let low = f64x2.splat(0), middle = f64x2.splat(0), high = f64x2.splat(0)
    for (let t = table; t < end; ) {
      for (let stop = min(end, t + 16 * BURST); t < stop; t += 16) {
        const a0 = v128.load(<usize>load<u32>(t) + i), a1 = v128.load(<usize>load<u32>(t, 4) + i)
        const b0 = v128.load(<usize>load<u32>(t, 8) + i), b1 = v128.load(<usize>load<u32>(t, 12) + i)
        low = f64x2.add(low, multiply(a0, b0, s, inverse, R))
        high = f64x2.add(high, multiply(a1, b1, s, inverse, R))
        middle = f64x2.add(middle, multiply(f64x2.add(a0, a1), f64x2.add(b0, b1), s, inverse, R))
      }
      low = reduce(low, q, inverse, R)
      middle = reduce(middle, q, inverse, R)
      high = reduce(high, q, inverse, R)
    }
    middle = f64x2.sub(middle, f64x2.add(low, high))
    if (add) {
      low = reduce(f64x2.add(low, v128.load(c0 + i)), q, inverse, R)
      middle = f64x2.add(middle, v128.load(c1 + i))
      high = reduce(f64x2.add(high, v128.load(c2 + i)), q, inverse, R)
    }
    v128.store(c0 + i, low)
    v128.store(c1 + i, reduce(middle, q, inverse, R))
    v128.store(c2 + i, high)
  }
}
