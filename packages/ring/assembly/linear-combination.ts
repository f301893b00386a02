// Many linear combinations of the same rows with integer coefficients: out_o = constant_o + Σ_k w_ok·x_k mod q.
//
// Inputs and coefficients are split at 2^24, x = xh·2^24 + xl and w = wh·2^24 + wl, and three sums are kept (Karatsuba):
//
//   high = Σ xh·wh      low = Σ xl·wl      all = Σ (xh + xl)·(wh + wl)
//   out  = high·2^48 + (all - high - low)·2^24 + low + constant
//
// Balanced residues of q < 2^49 are at most 2^48: |xh|, |wh| <= 2^24, |xl|, |wl| <= 2^23, so a term of `all` is at most 2.25·2^48, one of `high` 2^48, one of
// `low` 2^46. Sums below 2^53 are exact, in every build and in any order. Sums that might get larger are reduced modulo q first: after that they are at most
// 2^48, and eight more terms are at most 18·2^48, together 19·2^48 < 2^53 - 2^49. Where to reduce, the caller has worked out from the coefficients.
//
// Sums are larger than what `reduce` balances exactly: its quotient may be one off next to a half, so that |result| exceeds q/2 by a little. It is congruent all the same,
// for the multiple of q that is subtracted is at most |a| + 2^49 <= 2^53.
//
// Columns are worked on in blocks whose inputs stay in the cache while all outputs are computed from them.

import { constantForm, multiplyConstant, reduce } from './arithmetic'
import { burst } from './burst'
import { inverseOf, modulusOf, roundingOf, subtrahendOf } from './modulus'

/** Splits the columns of one row: per group of four xh, xl and xh + xl. */
function split(to: usize, from: usize, columns: i32, R: v128): void {
  const down = f64x2.splat(1.0 / 16777216.0), up = f64x2.splat(16777216.0)
  for (const end = from + (<usize>columns << 3); from < end; from += 32, to += 96) {
    const x = v128.load(from), y = v128.load(from, 16)
    const xh = f64x2.sub(f64x2.add(f64x2.mul(x, down), R), R), yh = f64x2.sub(f64x2.add(f64x2.mul(y, down), R), R)
    const xl = f64x2.sub(x, f64x2.mul(xh, up)), yl = f64x2.sub(y, f64x2.mul(yh, up))
    v128.store(to, xh)
    v128.store(to, yh, 16)
    v128.store(to, xl, 32)
    v128.store(to, yl, 48)
    v128.store(to, f64x2.add(xh, xl), 64)
    v128.store(to, f64x2.add(yh, yl), 80)
  }
}

/** Reduces the sums at `sums`. */
function reduceSums(sums: usize, bytes: usize, q: v128, inverse: v128, R: v128): void {
  for (const end = sums + bytes; sums < end; sums += 32) {
    const x = reduce(v128.load(sums), q, inverse, R), y = reduce(v128.load(sums, 16), q, inverse, R)
    v128.store(sums, x)
    v128.store(sums, y, 16)
  }
}

/** high·2^48 + (all - high - low)·2^24 + low + c from sums of one output, all three at most 2^53 - 2^49; the middle is at most 1.5·q and a little. */
function finish(out: usize, sums: usize, stride: usize, columns: i32, c: f64, constants: usize, block: usize): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block), constant = f64x2.splat(c)
  const W1 = constantForm(load<f64>(constants)), P1 = v128.load64_splat(constants, 8)
  const W2 = constantForm(load<f64>(constants, 16)), P2 = v128.load64_splat(constants, 24)
  for (const end = out + (<usize>columns << 3); out < end; out += 32, sums += stride) {
    for (let h: usize = 0; h < 32; h += 16) {
      const high = reduce(v128.load(sums + h), q, inverse, R), low = reduce(v128.load(sums + h, 32), q, inverse, R)
      const all = reduce(v128.load(sums + h, 64), q, inverse, R), middle = f64x2.sub(f64x2.sub(all, high), low)
      const upper = f64x2.add(multiplyConstant(middle, W1, P1, s, R), multiplyConstant(high, W2, P2, s, R))
      v128.store(out + h, reduce(f64x2.add(upper, f64x2.add(low, constant)), q, inverse, R))
    }
  }
}

/**
 * `n` columns of one row of every output, from the byte `offset` of the rows on.
 *
 * inputs, outputs: addresses of rows (u32). constants: (2^24 mod q, its quotient by q), the same of 2^48, then the balanced constant of every output (f64).
 * code (u32): number of inputs, columns of a block, number of groups; per group the number of outputs (1 to 3), which ones, the number of bursts; per burst
 * the number of terms, whether to reduce the sums before, the byte offsets of its rows from the block's split inputs.
 * weights (f64): per group and burst, per term and output (wh, wl, wh + wl), each twice.
 * scratch: 64 bytes, 24 per input and column of a block, and 72 per column.
 */
export function linearCombinations(inputs: usize, outputs: usize, offset: usize, n: i32, code: usize, weights: usize, constants: usize, scratch: usize, block: usize): void {
  const q = modulusOf(block), inverse = inverseOf(block), R = roundingOf(block)
  const count: i32 = load<u32>(code), columns: i32 = load<u32>(code, 4), groups: i32 = load<u32>(code, 8)
  const rowBytes = <usize>columns * 24, barrier = scratch, tile = scratch + 64, sums = tile + <usize>count * rowBytes
  for (const end = offset + (<usize>n << 3); offset < end; offset += <usize>columns << 3) {
    for (let k: i32 = 0; k < count; k++) split(tile + <usize>k * rowBytes, <usize>load<u32>(inputs + (<usize>k << 2)) + offset, columns, R)
    let c = code + 12, w = weights
    for (let g: i32 = 0; g < groups; g++) {
      const size: i32 = load<u32>(c), first = c + 4
      c = first + (<usize>size << 2)
      const bursts: i32 = load<u32>(c), bytes = <usize>size * rowBytes
      c += 4
      memory.fill(sums, 0, bytes)
      for (let b: i32 = 0; b < bursts; b++) {
        const terms: i32 = load<u32>(c)
        if (load<u32>(c, 4)) reduceSums(sums, bytes, q, inverse, R)
        burst(size, terms, sums, c + 8, w, tile, columns, barrier)
        c += 8 + (<usize>terms << 2)
        w += <usize>(terms * size * 48)
      }
      for (let o: i32 = 0; o < size; o++) {
        const output: usize = load<u32>(first + (<usize>o << 2))
        const constant = load<f64>(constants + 32 + (output << 3))
        finish(<usize>load<u32>(outputs + (output << 2)) + offset, sums + <usize>(96 * o), <usize>(96 * size), columns, constant, constants, block)
      }
    }
  }
}
