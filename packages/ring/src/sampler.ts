/**
 * Seeded sampling. Every sampler reads ChaCha20 (RFC 8439) key streams under the 32-byte seed, block counter from 0, with the nonce
 *
 *   four ASCII letters naming the sampler ‖ index, 4 bytes little-endian ‖ four zero bytes
 *
 * so the same seed gives the same polynomial on every kernel variant and platform. A seed must not be used for two purposes with the same
 * sampler: derive seeds (seed.ts). Temporary memory is wiped.
 */

import { writeConstants } from './base-extension.js'
import { InvalidArgumentError } from './errors.js'
import { gaussianThresholds } from './gaussian-table.js'
import type { Polynomial } from './polynomial.js'
import type { Ring } from './ring.js'
import { checkSeed } from './seed.js'

/** The error distribution of the scheme. */
export const DEFAULT_SIGMA = 3.2
const LARGEST_TABULATED_SIGMA = 32
const LARGEST_SIGMA = 2 ** 200
const LARGEST_BITS = 512
/** Bits per word taken for wide integers: leaves room for exact sums. */
const LIMB_BITS = 48
/** The continuous Gaussian is rounded where its standard deviation is at most 2^40: far below a double's precision. */
const HIGH_PART_BITS = 40

const STATE_BYTES = 64
/** BUFFER_BYTES of assembly/sampler.ts. */
const BUFFER_BYTES = 8192
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]

type Label = 'unif' | 'tern' | 'gaus' | 'bits' | 'norm' | 'nlow'

/** Writes the initial ChaCha20 state of (seed, label, index). */
function writeState(ring: Ring, address: number, seed: Uint8Array, label: Label, index: number): void {
  const view = new DataView(ring.kernel.memory.buffer, address, STATE_BYTES)
  CONSTANTS.forEach((word, i) => {
    view.setUint32(4 * i, word, true)
  })
  seed.forEach((byte, i) => {
    view.setUint8(16 + i, byte)
  })
  view.setUint32(48, 0, true)
  for (let i = 0; i < 4; i++) view.setUint8(52 + i, label.charCodeAt(i))
  view.setUint32(56, index, true)
  view.setUint32(60, 0, true)
}

/** Temporary, wiped memory: a stream of each (label, index) asked for, and `rows` rows. */
function withStreams(
  ring: Ring,
  seed: Uint8Array,
  rows: number,
  body: (open: (label: Label, index: number) => number, buffer: number, row: (k: number) => number, spare: number) => void,
  spareBytes = 0
): void {
  checkSeed(seed)
  const spareSize = Math.ceil(spareBytes / 64) * 64
  ring.kernel.withScratch(
    STATE_BYTES + BUFFER_BYTES + spareSize + rows * ring.rowBytes,
    state => {
      const buffer = state + STATE_BYTES
      const spare = buffer + BUFFER_BYTES
      const open = (label: Label, index: number): number => {
        writeState(ring, state, seed, label, index)
        return state
      }
      body(open, buffer, k => spare + spareSize + k * ring.rowBytes, spare)
    },
    true
  )
}

/** Reduces one vector of integers below 2^51 into every row of `out`. */
function spread(ring: Ring, out: Polynomial, vector: number): void {
  out.domain = 'coefficient'
  out.indices.forEach((index, k) => {
    ring.kernel.exports.reduceRow(out.rowAddress(k), vector, ring.N, ring.block(index))
  })
}

/**
 * Uniform residues: words masked to ⌈log2 q⌉ bits, those not below q skipped. Stream index = modulus index. The row is filled in standard
 * order, so in the ntt domain the bytes of `encodeWords` are the stream's.
 */
export function uniform(ring: Ring, out: Polynomial, seed: Uint8Array): Polynomial {
  ring.checkOperand('uniform', out, out)
  const { exports } = ring.kernel
  withStreams(ring, seed, 1, (open, buffer, row) => {
    out.indices.forEach((index, k) => {
      const to = out.rowAddress(k)
      const filled = out.domain === 'ntt' ? row(0) : to
      const mask = (1n << BigInt(ring.moduli[index]!.bits)) - 1n
      exports.sampleUniform(filled, ring.N, open('unif', index), buffer, mask, ring.block(index))
      if (out.domain === 'ntt') exports.exchangeOrder(to, filled, ring.N)
    })
  })
  return out
}

/** Uniform {-1, 0, 1}: two bits at a time, the value 3 skipped. */
export function ternary(ring: Ring, out: Polynomial, seed: Uint8Array): Polynomial {
  ring.checkOperand('ternary', out, out)
  withStreams(ring, seed, 1, (open, buffer, row) => {
    ring.kernel.exports.sampleTernary(row(0), ring.N, open('tern', 0), buffer)
    spread(ring, out, row(0))
  })
  return out
}

/**
 * Discrete Gaussian by inversion of a 63-bit table in constant time, bounded by 6 sigma.
 *
 * @param sigma standard deviation, 0.5 to 32
 */
export function gaussian(ring: Ring, out: Polynomial, seed: Uint8Array, sigma: number): Polynomial {
  ring.checkOperand('gaussian', out, out)
  if (!(sigma >= 0.5 && sigma <= LARGEST_TABULATED_SIGMA)) {
    throw new InvalidArgumentError('sigma', `from 0.5 to ${LARGEST_TABULATED_SIGMA} (wideGaussian takes larger ones)`, sigma)
  }
  const thresholds = gaussianThresholds(sigma)
  withStreams(
    ring,
    seed,
    1,
    (open, buffer, row, table) => {
      new BigInt64Array(ring.kernel.memory.buffer, table, thresholds.length).set(thresholds)
      ring.kernel.exports.sampleGaussian(row(0), ring.N, open('gaus', 0), buffer, table, thresholds.length)
      spread(ring, out, row(0))
    },
    thresholds.byteLength
  )
  return out
}

/** Bits of each limb of a `bits`-bit integer, lowest first. */
function limbsOf(bits: number): number[] {
  const limbs: number[] = []
  for (let left = bits; left > 0; left -= LIMB_BITS) limbs.push(Math.min(LIMB_BITS, left))
  return limbs
}

/**
 * Fills rows with the limbs of uniform integers in [-2^(bits-1), 2^(bits-1)): unsigned limbs, the top one centred. Stream index = limb.
 * @returns the value of a unit of each limb
 */
function sampleLimbs(
  ring: Ring,
  bits: number,
  label: Label,
  open: (label: Label, index: number) => number,
  buffer: number,
  row: (k: number) => number
): bigint[] {
  const limbs = limbsOf(bits)
  return limbs.map((width, k) => {
    const offset = k === limbs.length - 1 ? 2 ** (width - 1) : 0
    ring.kernel.exports.sampleBits(row(k), ring.N, open(label, k), buffer, (1n << BigInt(width)) - 1n, offset)
    return 1n << BigInt(LIMB_BITS * k)
  })
}

/** Bytes of the tables `combine` needs for `count` rows. */
const combineBytes = (count: number): number => 16 * count + 4 * count

/** out = Σ units[k]·row(k) in every row; units[0] = 1, row values up to 2^48. */
function combine(ring: Ring, out: Polynomial, units: readonly bigint[], row: (k: number) => number, tables: number): void {
  const { kernel, N } = ring
  const count = units.length
  const rows = tables + 16 * count
  new Uint32Array(kernel.memory.buffer, rows, count).set(units.map((_, k) => row(k)))
  out.domain = 'coefficient'
  out.indices.forEach((index, k) => {
    writeConstants(ring, tables, units.slice(1), index)
    kernel.exports.combineRows(out.rowAddress(k), rows, count, tables, N, ring.block(index), 1)
  })
}

/**
 * Uniform integers in [-2^(bits-1), 2^(bits-1)), one vector reduced into every row.
 *
 * @param bits 1 to 512
 */
export function uniformBits(ring: Ring, out: Polynomial, seed: Uint8Array, bits: number): Polynomial {
  ring.checkOperand('uniformBits', out, out)
  if (!Number.isInteger(bits) || bits < 1 || bits > LARGEST_BITS)
    throw new InvalidArgumentError('bits', `an integer from 1 to ${LARGEST_BITS}`, bits)
  const count = limbsOf(bits).length
  withStreams(
    ring,
    seed,
    count,
    (open, buffer, row, tables) => {
      const units = sampleLimbs(ring, bits, 'bits', open, buffer, row)
      combine(ring, out, units, row, tables)
    },
    combineBytes(count)
  )
  return out
}

/**
 * Wide Gaussian x = 2^s·g + u: g a continuous Gaussian of standard deviation sigma/2^s <= 2^40 rounded to an integer, u uniform of s bits, centred.
 * s = 0 for sigma <= 2^40. It is meant for flooding, where the standard deviation and the smoothness at the scale of what is hidden matter: g is
 * a double-precision Box-Muller sample, bounded by 8.6 sigma, and the density is constant over cells of sigma/2^39. Not constant time.
 *
 * @param sigma standard deviation, 0.5 to 2^200
 */
export function wideGaussian(ring: Ring, out: Polynomial, seed: Uint8Array, sigma: number): Polynomial {
  ring.checkOperand('wideGaussian', out, out)
  if (!(sigma >= 0.5 && sigma <= LARGEST_SIGMA)) throw new InvalidArgumentError('sigma', 'from 0.5 to 2^200', sigma)
  // The exponent without Math.log2, whose last place differs between engines.
  let shift = 0
  while (sigma / 2 ** shift > 2 ** HIGH_PART_BITS) shift++
  const count = limbsOf(shift).length
  withStreams(
    ring,
    seed,
    count + 1,
    (open, buffer, row, tables) => {
      const units = sampleLimbs(ring, shift, 'nlow', open, buffer, row)
      ring.kernel.exports.sampleNormal(row(count), ring.N, open('norm', 0), buffer, sigma / 2 ** shift)
      combine(ring, out, [...units, 1n << BigInt(shift)], row, tables)
    },
    combineBytes(count + 1)
  )
  return out
}
