// Canonical residues [0, q) as bytes. Rows are in the order they are given (the caller exchanges transform order first).

import { toInteger } from './arithmetic'
import { modulusOf, roundingOf } from './modulus'

/** Balanced doubles to canonical i64. */
@inline function canonical(r: v128, q: v128, R: v128): v128 {
  return toInteger(f64x2.add(r, v128.and(f64x2.lt(r, f64x2.splat(0)), q)), R)
}
/** Canonical i64, below 2^49, to balanced doubles. The bits of 2^52 + v have v in their low part. */
@inline function balanced(v: v128, q: v128, half: v128): v128 {
  const x = f64x2.sub(v128.or(v, i64x2.splat(0x4330000000000000)), f64x2.splat(4503599627370496.0))
  return f64x2.sub(x, v128.and(f64x2.gt(x, half), q))
}
@inline function halfOf(block: usize): v128 { return f64x2.splat(<f64><i64>(load<u64>(block, 24) >> 1)) }

/** 8 bytes little-endian per residue. */
export function encodeWords(to: usize, from: usize, n: i32, block: usize): void {
  const q = modulusOf(block), R = roundingOf(block)
  for (const end = from + (<usize>n << 3); from < end; from += 16, to += 16) v128.store(to, canonical(v128.load(from), q, R))
}

/** Writes (i32) at `fault` the first index whose residue is not below q, or n. May be in place. */
export function decodeWords(to: usize, from: usize, n: i32, fault: usize, block: usize): void {
  store<i32>(fault, decodeWordsUntilFault(to, from, n, block))
}
function decodeWordsUntilFault(to: usize, from: usize, n: i32, block: usize): i32 {
  const q = modulusOf(block), half = halfOf(block), limit = load<i64>(block, 24), L = i64x2.splat(limit), zero = i64x2.splat(0)
  for (let i: i32 = 0; i < n; i += 2, from += 16, to += 16) {
    const v = v128.load(from)
    if (v128.any_true(v128.or(i64x2.ge_s(v, L), i64x2.lt_s(v, zero)))) return i + i32(load<u64>(from) < <u64>limit)
    v128.store(to, balanced(v, q, half))
  }
  return n
}

/**
 * `bits` <= 49 bits per residue, lowest first. n is a multiple of 8, so the row ends with a byte. Writes up to 8 bytes past the end.
 * Bits carried over a byte boundary: at most 7, so a residue and the carry fit 56 bits of one word.
 */
export function encodePacked(to: usize, from: usize, n: i32, bits: i32, block: usize): void {
  const q = modulusOf(block), R = roundingOf(block)
  let carry: u64 = 0, used: i32 = 0
  for (const end = from + (<usize>n << 3); from < end; from += 16) {
    const pair = canonical(v128.load(from), q, R)
    const first = <u64>i64x2.extract_lane(pair, 0) << used | carry
    store<u64>(to, first)
    used += bits
    carry = first >> (used & ~7)
    to += <usize>(used >> 3)
    used &= 7
    const second = <u64>i64x2.extract_lane(pair, 1) << used | carry
    store<u64>(to, second)
    used += bits
    carry = second >> (used & ~7)
    to += <usize>(used >> 3)
    used &= 7
  }
}

/** Reads up to 8 bytes past the end. Writes (i32) at `fault` the first index whose residue is not below q, or n. */
export function decodePacked(to: usize, from: usize, n: i32, bits: i32, fault: usize, block: usize): void {
  store<i32>(fault, decodePackedUntilFault(to, from, n, bits, block))
}
function decodePackedUntilFault(to: usize, from: usize, n: i32, bits: i32, block: usize): i32 {
  const q = modulusOf(block), half = halfOf(block), limit = load<i64>(block, 24), L = i64x2.splat(limit), mask: u64 = (<u64>1 << bits) - 1
  let used: i32 = 0
  for (let i: i32 = 0; i < n; i += 2, to += 16) {
    const first = load<u64>(from) >> used & mask
    used += bits
    from += <usize>(used >> 3)
    used &= 7
    const second = load<u64>(from) >> used & mask
    used += bits
    from += <usize>(used >> 3)
    used &= 7
    const v = i64x2.replace_lane(i64x2.splat(first), 1, second)
    if (v128.any_true(i64x2.ge_s(v, L))) return i + i32(first < <u64>limit)
    v128.store(to, balanced(v, q, half))
  }
  return n
}

/**
 * Integers from -offset to 2^bits - 1 - offset, `bits` <= 48 each, lowest first, as value + offset. n is a multiple of 8. Writes up to 8 bytes past the end.
 */
export function encodeIntegers(to: usize, from: usize, n: i32, bits: i32, offset: f64): void {
  const R = f64x2.splat(6755399441055744.0), shift = f64x2.splat(offset)
  let carry: u64 = 0, used: i32 = 0
  for (const end = from + (<usize>n << 3); from < end; from += 16) {
    const pair = toInteger(f64x2.add(v128.load(from), shift), R)
    const first = <u64>i64x2.extract_lane(pair, 0) << used | carry
    store<u64>(to, first)
    used += bits
    carry = first >> (used & ~7)
    to += <usize>(used >> 3)
    used &= 7
    const second = <u64>i64x2.extract_lane(pair, 1) << used | carry
    store<u64>(to, second)
    used += bits
    carry = second >> (used & ~7)
    to += <usize>(used >> 3)
    used &= 7
  }
}

/** What `encodeIntegers` wrote. Every pattern of bits is an integer. Reads up to 8 bytes past the end. */
export function decodeIntegers(to: usize, from: usize, n: i32, bits: i32, offset: f64): void {
  const mask: u64 = (<u64>1 << bits) - 1, unit = i64x2.splat(0x4330000000000000), shift = f64x2.splat(4503599627370496.0 + offset)
  let used: i32 = 0
  for (const end = to + (<usize>n << 3); to < end; to += 16) {
    const first = load<u64>(from) >> used & mask
    used += bits
    from += <usize>(used >> 3)
    used &= 7
    const second = load<u64>(from) >> used & mask
    used += bits
    from += <usize>(used >> 3)
    used &= 7
    v128.store(to, f64x2.sub(v128.or(i64x2.replace_lane(i64x2.splat(first), 1, second), unit), shift))
  }
}
