// Arithmetic modulo q < 2^49 on pairs of balanced doubles (integers held exactly in f64).
//
// Throughout, R = 1.5·2^52: for |x| <= 2^51, (x + R) - R is x rounded to the nearest integer, because doubles between 2^52 and 2^53 are
// exactly the integers; and the bits of (x + R) minus the bits of R are that integer as an i64.
//
// Fused form (relaxed_madd known to round once), a·w mod q with r = w/q stored:
//
//   h = RN(a·w)            t = RN-to-integer(a·r)            result = (h - t·q) - (h - a·w)
//
//   * h - a·w is the rounding error of one product: representable, so the fused subtraction gives it exactly.
//   * h - t·q is an integer below 2^53 (it is result + rounding error), so the fused subtraction gives it exactly as well.
//   * a·r differs from a·w/q by at most |a|/2 · 2^-53 (r has relative error 2^-53, |w/q| <= 1/2) and the addition of R rounds once more, to an
//     integer. Hence |result| <= q·(1/2 + |a|·2^-54): for |a| < A·q and q < 2^49 at most q·(1/2 + A/32).
//   * required: |a·r| <= 2^51, that is |a| < 2^52.
//
// Integer form (fallback): a and w as i64, a·w - t·q is computed modulo 2^64 and is small, so it is exact.
//   * a·r is rounded twice: |result| <= q·(1/2 + |a|·2^-53), at most q·(1/2 + A/16).
//   * required: |a| < 2^51 for the conversion to i64.

import { FUSED } from './variant'

/** The i64 equal to the integer-valued double a, |a| <= 2^51. */
@inline export function toInteger(a: v128, R: v128): v128 { return i64x2.sub(f64x2.add(a, R), R) }
/** The double equal to the i64 a, |a| <= 2^51. */
@inline export function toDouble(a: v128, R: v128): v128 { return f64x2.sub(i64x2.add(a, R), R) }
/** Nearest integer, |a| <= 2^51. */
@inline export function round(a: v128, R: v128): v128 { return f64x2.sub(f64x2.add(a, R), R) }

/** a·w mod q. `w` and `s` are in twiddle form (f64 when fused, else i64), `ratio` = w/q. */
@inline export function multiplyConstant(a: v128, w: v128, ratio: v128, s: v128, R: v128): v128 {
  if (FUSED) {
    const h = f64x2.mul(a, w)
    const t = f64x2.sub(f64x2.relaxed_madd(a, ratio, R), R)
    return f64x2.sub(f64x2.relaxed_nmadd(t, s, h), f64x2.relaxed_nmadd(a, w, h))
  } else {
    const t = i64x2.sub(f64x2.add(f64x2.mul(a, ratio), R), R)
    return toDouble(i64x2.sub(i64x2.mul(toInteger(a, R), w), i64x2.mul(t, s)), R)
  }
}

/**
 * a·b mod q for two variables, t = RN(RN(a·b)·(1/q)).
 * Three relative errors of 2^-53 on |a·b/q| <= A·B·q: |result| <= q·(1/2 + 3·A·B·q·2^-53), at most q·(1/2 + 3·A·B/16).
 * Required: A·B·q <= 2^51, A·B <= 4; in the fallback also |a|, |b| < 2^51.
 */
@inline export function multiply(a: v128, b: v128, s: v128, inverse: v128, R: v128): v128 {
  const h = f64x2.mul(a, b)
  if (FUSED) {
    const t = f64x2.sub(f64x2.relaxed_madd(h, inverse, R), R)
    return f64x2.sub(f64x2.relaxed_nmadd(t, s, h), f64x2.relaxed_nmadd(a, b, h))
  } else {
    const t = i64x2.sub(f64x2.add(f64x2.mul(h, inverse), R), R)
    return toDouble(i64x2.sub(i64x2.mul(toInteger(a, R), toInteger(b, R)), i64x2.mul(t, s)), R)
  }
}

/**
 * The balanced representative of a, exactly |result| <= (q-1)/2, for |a| < 2^51 (fused: 2^52).
 * t = RN(a/q) is right: the error of a·(1/q) is below |a|/q·2^-52 < 1/(2q), and a/q, q odd, is at least 1/(2q) away from a half-integer.
 * t·q is an integer below 2^53, so the unfused form is exact as well.
 */
@inline export function reduce(a: v128, q: v128, inverse: v128, R: v128): v128 {
  if (FUSED) return f64x2.relaxed_nmadd(f64x2.sub(f64x2.relaxed_madd(a, inverse, R), R), q, a)
  return f64x2.sub(a, f64x2.mul(f64x2.sub(f64x2.add(f64x2.mul(a, inverse), R), R), q))
}

/** a·b + c for integers, all of them and their product below 2^53: exact however it is rounded. */
@inline export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return FUSED ? f64x2.relaxed_madd(a, b, c) : f64x2.add(f64x2.mul(a, b), c)
}

/** A constant given as f64 in the form `multiplyConstant` wants. */
@inline export function constantForm(w: f64): v128 { return FUSED ? f64x2.splat(w) : i64x2.splat(<i64>w) }
/** The same for a constant in memory. */
@inline export function loadConstantForm(address: usize, R: v128): v128 {
  const w = v128.load64_splat(address)
  return FUSED ? w : toInteger(w, R)
}
/** Writes a twiddle factor in the form `multiplyConstant` wants. */
@inline export function storeTwiddle(address: usize, w: f64): void {
  if (FUSED) store<f64>(address, w)
  else store<i64>(address, <i64>w)
}

/** Returns fma(a, b, c) as this machine's relaxed_madd computes it. fma(1+2^-30, 1+2^-30, -1-2^-29) is 2^-60 if and only if it is fused. */
export function probeFusedMultiplyAdd(a: f64, b: f64, c: f64): f64 {
  if (FUSED) return f64x2.extract_lane(f64x2.relaxed_madd(f64x2.splat(a), f64x2.splat(b), f64x2.splat(c)), 0)
  return a * b + c
}
