// Samplers. Each consumes the key stream of one (key, nonce) in whole 64-bit words from the start, through `buffer` (BUFFER_BYTES, refilled as needed).

import { keyStream } from './chacha'

export const BUFFER_BYTES: usize = 8192

@inline function refill(buffer: usize, state: usize): void { keyStream(buffer, <i32>(BUFFER_BYTES >> 8), state) }

/** Bits 49 to 63 of a word are in no candidate of its own. */
const SPARE_SHIFT: i32 = 49

/**
 * n residues uniform modulo q < 2^49 by rejection: of every 64 bytes of key stream, words w0 … w7, ten candidates of `bits` bits in this order,
 *
 *   w0 … w7 mod 2^bits,   (s0 + s2·2^15 + s4·2^30 + s6·2^45) mod 2^bits,   (s1 + s3·2^15 + s5·2^30 + s7·2^45) mod 2^bits,   s = ⌊w / 2^49⌋,
 *
 * of which those below q are kept; balanced. Writes up to 72 bytes past the row. The ten at a time path gives what the one by one path gives.
 */
export function sampleUniform(out: usize, n: i32, state: usize, buffer: usize, bits: i32, block: usize): void {
  const mask: u64 = (<u64>1 << bits) - 1, limit = load<u64>(block, 24), half = limit >> 1, qf = load<f64>(block)
  const M = i64x2.splat(<i64>mask), E = i64x2.splat(0x4330000000000000), C = f64x2.splat(4503599627370496.0)
  const q = f64x2.splat(qf), h = f64x2.splat(<f64><i64>half)
  const end = out + (<usize>n << 3)
  while (out < end) {
    refill(buffer, state)
    for (let p = buffer, stop = buffer + BUFFER_BYTES; p < stop && out < end; p += 64) {
      const w0 = v128.load(p), w1 = v128.load(p, 16), w2 = v128.load(p, 32), w3 = v128.load(p, 48)
      const s = v128.or(
        v128.or(i64x2.shr_u(w0, SPARE_SHIFT), i64x2.shl(i64x2.shr_u(w1, SPARE_SHIFT), 15)),
        v128.or(i64x2.shl(i64x2.shr_u(w2, SPARE_SHIFT), 30), i64x2.shl(i64x2.shr_u(w3, SPARE_SHIFT), 45))
      )
      // 2^52 + v has v in its low bits, v < 2^52
      const a = f64x2.sub(v128.or(v128.and(w0, M), E), C), b = f64x2.sub(v128.or(v128.and(w1, M), E), C)
      const c = f64x2.sub(v128.or(v128.and(w2, M), E), C), d = f64x2.sub(v128.or(v128.and(w3, M), E), C)
      const e = f64x2.sub(v128.or(v128.and(s, M), E), C)
      if (v128.any_true(v128.or(v128.or(v128.or(f64x2.ge(a, q), f64x2.ge(b, q)), v128.or(f64x2.ge(c, q), f64x2.ge(d, q))), f64x2.ge(e, q)))) {
        // The two of the spare bits overwrite the first words of the stream, which have been read.
        for (let j: usize = 0; j < 80 && out < end; j += 8) {
          if (j == 64) v128.store(p, s)
          const v = load<u64>(p + (j & 63)) & mask
          store<f64>(out, <f64><i64>v - (v > half ? qf : 0.0))
          out += v < limit ? 8 : 0
        }
      } else {
        v128.store(out, f64x2.sub(a, v128.and(f64x2.gt(a, h), q)))
        v128.store(out, f64x2.sub(b, v128.and(f64x2.gt(b, h), q)), 16)
        v128.store(out, f64x2.sub(c, v128.and(f64x2.gt(c, h), q)), 32)
        v128.store(out, f64x2.sub(d, v128.and(f64x2.gt(d, h), q)), 48)
        v128.store(out, f64x2.sub(e, v128.and(f64x2.gt(e, h), q)), 64)
        out += 80
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

/** (lowest `bits` <= 52 bits of a word) - offset. */
export function sampleBits(out: usize, n: i32, state: usize, buffer: usize, bits: i32, offset: f64): void {
  const end = out + (<usize>n << 3), mask: u64 = (<u64>1 << bits) - 1
  while (out < end) {
    refill(buffer, state)
    for (let p = buffer, stop = buffer + BUFFER_BYTES; p < stop && out < end; p += 8, out += 8) store<f64>(out, <f64><i64>(load<u64>(p) & mask) - offset)
  }
}
