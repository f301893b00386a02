// Row by row arithmetic: n residues (a multiple of 4) at `out`, `a`, `b`; inputs balanced, outputs balanced exactly. `out` may be an input.

import { constantForm, multiply, multiplyConstant, reduce } from './arithmetic'
import { inverseOf, modulusOf, roundingOf, subtrahendOf } from './modulus'

export function add(out: usize, a: usize, b: usize, n: i32, block: usize): void {
  const q = modulusOf(block), inverse = inverseOf(block), R = roundingOf(block)
  for (const end = a + (<usize>n << 3); a < end; a += 32, b += 32, out += 32) {
    const x = f64x2.add(v128.load(a), v128.load(b)), y = f64x2.add(v128.load(a, 16), v128.load(b, 16))
    v128.store(out, reduce(x, q, inverse, R))
    v128.store(out, reduce(y, q, inverse, R), 16)
  }
}

export function subtract(out: usize, a: usize, b: usize, n: i32, block: usize): void {
  const q = modulusOf(block), inverse = inverseOf(block), R = roundingOf(block)
  for (const end = a + (<usize>n << 3); a < end; a += 32, b += 32, out += 32) {
    const x = f64x2.sub(v128.load(a), v128.load(b)), y = f64x2.sub(v128.load(a, 16), v128.load(b, 16))
    v128.store(out, reduce(x, q, inverse, R))
    v128.store(out, reduce(y, q, inverse, R), 16)
  }
}

export function negate(out: usize, a: usize, n: i32): void {
  for (const end = a + (<usize>n << 3); a < end; a += 32, out += 32) {
    // 0 - x, not neg(x): a zero stays +0
    const x = f64x2.sub(f64x2.splat(0), v128.load(a)), y = f64x2.sub(f64x2.splat(0), v128.load(a, 16))
    v128.store(out, x)
    v128.store(out, y, 16)
  }
}

export function multiplyRows(out: usize, a: usize, b: usize, n: i32, block: usize): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)
  for (const end = a + (<usize>n << 3); a < end; a += 32, b += 32, out += 32) {
    const x = multiply(v128.load(a), v128.load(b), s, inverse, R), y = multiply(v128.load(a, 16), v128.load(b, 16), s, inverse, R)
    v128.store(out, reduce(x, q, inverse, R))
    v128.store(out, reduce(y, q, inverse, R), 16)
  }
}

/** out += a·b. */
export function multiplyAddRows(out: usize, a: usize, b: usize, n: i32, block: usize): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)
  for (const end = a + (<usize>n << 3); a < end; a += 32, b += 32, out += 32) {
    const x = f64x2.add(v128.load(out), multiply(v128.load(a), v128.load(b), s, inverse, R))
    const y = f64x2.add(v128.load(out, 16), multiply(v128.load(a, 16), v128.load(b, 16), s, inverse, R))
    v128.store(out, reduce(x, q, inverse, R))
    v128.store(out, reduce(y, q, inverse, R), 16)
  }
}

/** out = a·w, w balanced, ratio = w/q. |a| < 2^51: a need not be reduced modulo this q. */
export function multiplyConstantRow(out: usize, a: usize, n: i32, w: f64, ratio: f64, block: usize): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)
  const W = constantForm(w), P = f64x2.splat(ratio)
  for (const end = a + (<usize>n << 3); a < end; a += 32, out += 32) {
    const x = multiplyConstant(v128.load(a), W, P, s, R), y = multiplyConstant(v128.load(a, 16), W, P, s, R)
    v128.store(out, reduce(x, q, inverse, R))
    v128.store(out, reduce(y, q, inverse, R), 16)
  }
}

/** out = (a - b)·w, |a - b| < 2^51. */
export function subtractMultiplyConstantRow(out: usize, a: usize, b: usize, n: i32, w: f64, ratio: f64, block: usize): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)
  const W = constantForm(w), P = f64x2.splat(ratio)
  for (const end = a + (<usize>n << 3); a < end; a += 32, b += 32, out += 32) {
    const x = multiplyConstant(f64x2.sub(v128.load(a), v128.load(b)), W, P, s, R)
    const y = multiplyConstant(f64x2.sub(v128.load(a, 16), v128.load(b, 16)), W, P, s, R)
    v128.store(out, reduce(x, q, inverse, R))
    v128.store(out, reduce(y, q, inverse, R), 16)
  }
}

/** out = a mod q, |a| < 2^51. */
export function reduceRow(out: usize, a: usize, n: i32, block: usize): void {
  const q = modulusOf(block), inverse = inverseOf(block), R = roundingOf(block)
  for (const end = a + (<usize>n << 3); a < end; a += 32, out += 32) {
    const x = reduce(v128.load(a), q, inverse, R), y = reduce(v128.load(a, 16), q, inverse, R)
    v128.store(out, x)
    v128.store(out, y, 16)
  }
}

/**
 * out = a mod q for integers |a| < 2^98. a = h·2^49 + l with h = RN(a·2^-49), |h| <= 2^49, |l| <= 2^48, both exact (a multiple of l's unit);
 * power = 2^49 mod q, ratio = power/q.
 */
export function reduceWideRow(out: usize, a: usize, n: i32, power: f64, ratio: f64, block: usize): void {
  const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)
  const W = constantForm(power), P = f64x2.splat(ratio)
  const down = f64x2.splat(1.0 / 562949953421312.0), up = f64x2.splat(562949953421312.0)
  for (const end = a + (<usize>n << 3); a < end; a += 16, out += 16) {
    const x = v128.load(a), scaled = f64x2.mul(x, down), h = f64x2.sub(f64x2.add(scaled, R), R)
    const l = reduce(f64x2.sub(x, f64x2.mul(h, up)), q, inverse, R)
    v128.store(out, reduce(f64x2.add(multiplyConstant(h, W, P, s, R), l), q, inverse, R))
  }
}

export function zero(out: usize, bytes: usize): void { memory.fill(out, 0, bytes) }
export function copyBytes(out: usize, from: usize, bytes: usize): void { memory.copy(out, from, bytes) }
/** Writes an entry of a table of rows. */
export function storeAddress(at: usize, address: usize): void { store<u32>(at, <u32>address) }
export function heapBase(): usize { return __heap_base }
