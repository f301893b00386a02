// Samplers. Each consumes the key stream of one (key, nonce) in whole 64-bit words from the start, through `buffer` (BUFFER_BYTES, refilled as needed).

import { keyStream } from './chacha'

export const BUFFER_BYTES: usize = 8192

@inline function refill(buffer: usize, state: usize): void { keyStream(buffer, <i32>(BUFFER_BYTES >> 8), state) }

/**
 * n residues uniform modulo q by rejection: word & mask, kept when below q, in order; balanced. Writes up to 24 bytes past the row.
 * The four-word fast path gives what the word-by-word path gives.
 */
export function sampleUniform(out: usize, n: i32, state: usize, buffer: usize, mask: u64, block: usize): void {
  const limit = load<u64>(block, 24), half = limit >> 1, qf = load<f64>(block)
  const M = i64x2.splat(<i64>mask), E = i64x2.splat(0x4330000000000000), C = f64x2.splat(4503599627370496.0)
  const q = f64x2.splat(qf), h = f64x2.splat(<f64><i64>half)
  const end = out + (<usize>n << 3)
  while (out < end) {
    refill(buffer, state)
    for (let p = buffer, stop = buffer + BUFFER_BYTES; p < stop && out < end; p += 32) {
      // 2^52 + v has v in its low bits, v < 2^52
      const a = f64x2.sub(v128.or(v128.and(v128.load(p), M), E), C), b = f64x2.sub(v128.or(v128.and(v128.load(p, 16), M), E), C)
      if (v128.any_true(v128.or(f64x2.ge(a, q), f64x2.ge(b, q)))) {
        for (let j: usize = 0; j < 32 && out < end; j += 8) {
          const v = load<u64>(p + j) & mask
          store<f64>(out, <f64><i64>v - (v > half ? qf : 0.0))
          out += v < limit ? 8 : 0
        }
      } else {
        v128.store(out, f64x2.sub(a, v128.and(f64x2.gt(a, h), q)))
        v128.store(out, f64x2.sub(b, v128.and(f64x2.gt(b, h), q)), 16)
        out += 32
      }
    }
  }
}

/** n values uniform in {-1, 0, 1}: two bits at a time, lowest first, the value 3 rejected. Writes up to 8 bytes past the row. */
export function sampleTernary(out: usize, n: i32, state: usize, buffer: usize): void {
  const end = out + (<usize>n << 3)
  while (out < end) {
    refill(buffer, state)
    for (let p = buffer, stop = buffer + BUFFER_BYTES; p < stop && out < end; p += 8) {
      let word = load<u64>(p)
      for (let j = 0; j < 32 && out < end; j++, word >>= 2) {
        const c = <i32>(word & 3)
        store<f64>(out, <f64>(c - 1))
        out += c < 3 ? 8 : 0
      }
    }
  }
}

/**
 * Discrete Gaussian by inversion: |x| is the number of thresholds (63-bit cumulative probabilities of the half distribution) not above the upper 63
 * bits of a word, the sign its lowest bit. Every sample compares with every threshold: constant time.
 */
export function sampleGaussian(out: usize, n: i32, state: usize, buffer: usize, thresholds: usize, count: i32): void {
  const end = out + (<usize>n << 3), last = thresholds + (<usize>count << 3)
  while (out < end) {
    refill(buffer, state)
    for (let p = buffer, stop = buffer + BUFFER_BYTES; p < stop && out < end; p += 16, out += 16) {
      const words = v128.load(p), u = i64x2.shr_u(words, 1)
      let x = i64x2.splat(0)
      for (let t = thresholds; t < last; t += 8) x = i64x2.sub(x, i64x2.ge_s(u, v128.load64_splat(t)))
      const sign = i64x2.sub(i64x2.splat(0), v128.and(words, i64x2.splat(1)))
      const signed = i64x2.sub(v128.xor(x, sign), sign)
      v128.store(out, f64x2(<f64><i32>i64x2.extract_lane(signed, 0), <f64><i32>i64x2.extract_lane(signed, 1)))
    }
  }
}

/**
 * round(sigma·z), z normal by Box-Muller from two words, 53 bits each. Logarithm and sine are this module's own code, so every platform agrees.
 * Values stay below 8.6·sigma.
 */
export function sampleNormal(out: usize, n: i32, state: usize, buffer: usize, sigma: f64): void {
  const end = out + (<usize>n << 3), UNIT: f64 = 1.0 / 9007199254740992.0
  while (out < end) {
    refill(buffer, state)
    for (let p = buffer, stop = buffer + BUFFER_BYTES; p < stop && out < end; p += 16, out += 16) {
      const u = (<f64><i64>(load<u64>(p) >> 11) + 1.0) * UNIT, angle = <f64><i64>(load<u64>(p, 8) >> 11) * UNIT * 6.283185307179586
      const radius = sigma * Math.sqrt(-2.0 * NativeMath.log(u))
      store<f64>(out, nearest(radius * NativeMath.cos(angle)))
      store<f64>(out, nearest(radius * NativeMath.sin(angle)), 8)
    }
  }
}

/** (word & mask) - offset, mask below 2^52. */
export function sampleBits(out: usize, n: i32, state: usize, buffer: usize, mask: u64, offset: f64): void {
  const end = out + (<usize>n << 3)
  while (out < end) {
    refill(buffer, state)
    for (let p = buffer, stop = buffer + BUFFER_BYTES; p < stop && out < end; p += 8, out += 8) store<f64>(out, <f64><i64>(load<u64>(p) & mask) - offset)
  }
}
