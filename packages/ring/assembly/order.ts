// Orders: the kernel's transform order, and automorphisms X → X^g in both domains.

import { reduce } from './arithmetic'
import { inverseOf, modulusOf, roundingOf } from './modulus'

/**
 * Kernel order ↔ bit-reversed order: element 4g + k of quarter `lane` ↔ element 4g + lane of quarter k. An involution, out of place.
 */
export function exchangeOrder(to: usize, from: usize, n: i32): void {
  const quarter: usize = <usize>n << 1
  for (let p = from, end = from + quarter, t = to; p < end; p += 32, t += 32) {
    const p1 = p + quarter, p2 = p1 + quarter, p3 = p2 + quarter, t1 = t + quarter, t2 = t1 + quarter, t3 = t2 + quarter
    for (let h: usize = 0; h < 32; h += 16) {
      const a0 = v128.load(p + h), a1 = v128.load(p1 + h), a2 = v128.load(p2 + h), a3 = v128.load(p3 + h)
      const lower = h ? t2 : t, upper = h ? t3 : t1
      v128.store(lower, i64x2.shuffle(a0, a1, 0, 2))
      v128.store(lower, i64x2.shuffle(a2, a3, 0, 2), 16)
      v128.store(upper, i64x2.shuffle(a0, a1, 1, 3))
      v128.store(upper, i64x2.shuffle(a2, a3, 1, 3), 16)
    }
  }
}

/** out[i] = a[offsets[i]], offsets in bytes. Out of place. */
export function gather(out: usize, a: usize, offsets: usize, n: i32): void {
  for (const end = out + (<usize>n << 3); out < end; out += 32, offsets += 16) {
    const x0 = load<f64>(a + load<u32>(offsets)), x1 = load<f64>(a + load<u32>(offsets, 4))
    const x2 = load<f64>(a + load<u32>(offsets, 8)), x3 = load<f64>(a + load<u32>(offsets, 12))
    store<f64>(out, x0)
    store<f64>(out, x1, 8)
    store<f64>(out, x2, 16)
    store<f64>(out, x3, 24)
  }
}

/** out[i] = a[offsets[i]] + b[offsets[i]], balanced. Out of place. */
export function gatherSum(out: usize, a: usize, b: usize, offsets: usize, n: i32, block: usize): void {
  const q = modulusOf(block), inverse = inverseOf(block), R = roundingOf(block)
  for (const end = out + (<usize>n << 3); out < end; out += 32, offsets += 16) {
    const o0: usize = load<u32>(offsets), o1: usize = load<u32>(offsets, 4), o2: usize = load<u32>(offsets, 8), o3: usize = load<u32>(offsets, 12)
    const x = f64x2.add(v128.load64_lane(a + o1, v128.load64_zero(a + o0), 1), v128.load64_lane(b + o1, v128.load64_zero(b + o0), 1))
    const y = f64x2.add(v128.load64_lane(a + o3, v128.load64_zero(a + o2), 1), v128.load64_lane(b + o3, v128.load64_zero(b + o2), 1))
    v128.store(out, reduce(x, q, inverse, R))
    v128.store(out, reduce(y, q, inverse, R), 16)
  }
}

/** out[i] += a[offsets[i]], balanced. Out of place. */
export function gatherAdd(out: usize, a: usize, offsets: usize, n: i32, block: usize): void {
  const q = modulusOf(block), inverse = inverseOf(block), R = roundingOf(block)
  for (const end = out + (<usize>n << 3); out < end; out += 32, offsets += 16) {
    const x = v128.load64_lane(a + load<u32>(offsets, 4), v128.load64_zero(a + load<u32>(offsets)), 1)
    const y = v128.load64_lane(a + load<u32>(offsets, 12), v128.load64_zero(a + load<u32>(offsets, 8)), 1)
    v128.store(out, reduce(f64x2.add(v128.load(out), x), q, inverse, R))
    v128.store(out, reduce(f64x2.add(v128.load(out, 16), y), q, inverse, R), 16)
  }
}

/** Coefficient domain: a_i X^i → a_i X^(g·i mod 2N), X^N = -1. Out of place. */
export function automorphismCoefficients(out: usize, a: usize, n: i32, g: u32): void {
  const mask: u32 = <u32>n - 1, sign: u32 = <u32>n
  for (let i: u32 = 0, j: u32 = 0; i < <u32>n; i++, j += g) {
    const x = load<f64>(a + (<usize>i << 3))
    store<f64>(out + (<usize>(j & mask) << 3), j & sign ? 0.0 - x : x)
  }
}

@inline function reverseBits(x: u32, bits: i32): u32 {
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1)
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2)
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4)
  x = bswap<u32>(x)
  return x >>> (32 - bits)
}
/** Kernel index ↔ index in bit-reversed order (the involution of `exchangeOrder`). */
@inline function exchangeIndex(i: u32, n: u32): u32 {
  const quarter = n >> 2, k = i / quarter, r = i & (quarter - 1)
  return (r & 3) * quarter + (r & ~3) + k
}

/**
 * Byte offsets for `gather`: entry i of the transform is the value at ψ^(2·bitreverse(i)+1), and σ_g(a)(ζ) = a(ζ^g),
 * so output i takes the input at exponent (2·bitreverse(i)+1)·g mod 2N.
 */
export function automorphismOffsets(offsets: usize, logN: i32, g: u32): void {
  const n: u32 = 1 << logN
  for (let i: u32 = 0; i < n; i++) {
    const exponent = (2 * reverseBits(exchangeIndex(i, n), logN) + 1) * g & (2 * n - 1)
    store<u32>(offsets + (<usize>i << 2), exchangeIndex(reverseBits(exponent >> 1, logN), n) << 3)
  }
}
