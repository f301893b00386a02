// The block of constants that stands for one modulus q in memory. Every exported function that works modulo q takes its address.
//
//   0  f64  q
//   8  f64  1/q, correctly rounded
//  16  f64  1.5·2^52, the rounding constant. It is read from memory on purpose: V8 rematerialises a v128 constant inside every loop
//           iteration, but keeps a loaded value in a register.
//  24  i64  q
//  32  u32  log2 N
//  36  u32  (unused)
//  40  u32  forward first-pass twiddles     44 u32 forward middle twiddles    48 u32 their ratios    52 u32 forward last-pass twiddles
//  56  u32  inverse first-pass … 68: the same four for the inverse transform
//
// Twiddle tables hold, for each root w (balanced, |w| < q/2): w as f64 (fused builds) or i64 (fallback), and its ratio w/q as f64.

import { FUSED } from './variant'

export const BLOCK_BYTES: i32 = 128
export const ROUNDING: f64 = 6755399441055744.0

@inline export function modulusOf(block: usize): v128 { return v128.load64_splat(block) }
@inline export function inverseOf(block: usize): v128 { return v128.load64_splat(block, 8) }
@inline export function roundingOf(block: usize): v128 { return v128.load64_splat(block, 16) }
/** q in the form `multiplyConstant` subtracts multiples of: f64 lanes when fused, i64 lanes otherwise. */
@inline export function subtrahendOf(block: usize): v128 { return FUSED ? v128.load64_splat(block) : v128.load64_splat(block, 24) }

/** Writes q, 1/q, the rounding constant, q as integer and log2 N. The table addresses are written by `buildTables`. */
export function initialiseModulus(block: usize, q: f64, logN: i32): void {
  store<f64>(block, q)
  store<f64>(block, 1.0 / q, 8)
  store<f64>(block, ROUNDING, 16)
  store<i64>(block, <i64>q, 24)
  store<u32>(block, logN, 32)
}
