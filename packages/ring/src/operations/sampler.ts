/**
 * Seeded sampling. Every sampler reads ChaCha20 (RFC 8439) key streams under the 32-byte seed, block counter from 0, with the nonce
 *
 *   four ASCII letters naming the sampler ‖ index, 4 bytes little-endian ‖ four zero bytes
 *
 * so the same seed gives the same polynomial on every kernel variant and platform. A seed must not be used for two purposes with the same
 * sampler: derive seeds (seed.ts). Temporary memory is wiped.
 */

import { InvalidArgumentError } from '../errors.js'
import type { KernelCalls } from '../kernel/exports.js'
import type { Scratch } from '../kernel/kernel.js'
import { checkSeed } from '../numbers/seed.js'
import { writeConstants } from '../structure/base-extension.js'
import { checkOperand } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'

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
/** BUFFER_BYTES of assembly/sampler.ts, and what `keyStream` may use beyond. */
const BUFFER_BYTES = 8192 + 576
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]

type Label = 'unif' | 'tern' | 'gaus' | 'bits' | 'norm' | 'nlow'

/** Temporary memory for a sampler, wiped afterwards: room for the states of its streams, for `tableBytes` bytes, and for `rows` rows. */
class Workspace {
  constructor(
    private readonly ring: RingStructure,
    private readonly seed: Uint8Array,
    private readonly states: number,
    readonly tables: number,
    private readonly firstRow: number
  ) {}

  row(k: number): number {
    return this.firstRow + k * this.ring.rowBytes
  }

  /** Address of the ChaCha20 state of stream (label, index), `bytes` (a multiple of 64) into the stream, at position `slot` of the room. */
  open(slot: number, label: Label, index: number, bytes = 0): number {
    const address = this.states + slot * STATE_BYTES
    const view = new DataView(this.ring.kernel.memory.buffer, address, STATE_BYTES)
    CONSTANTS.forEach((word, i) => {
      view.setUint32(4 * i, word, true)
    })
    this.seed.forEach((byte, i) => {
      view.setUint8(16 + i, byte)
    })
    view.setUint32(48, bytes / STATE_BYTES, true)
    for (let i = 0; i < 4; i++) view.setUint8(52 + i, label.charCodeAt(i))
    view.setUint32(56, index, true)
    view.setUint32(60, 0, true)
    return address
  }
}

function withWorkspace(
  ring: RingStructure,
  seed: Uint8Array,
  size: { states: number; tableBytes?: number; rows: number },
  body: (space: Workspace) => void
): void {
  checkSeed(seed)
  const statesBytes = size.states * STATE_BYTES
  const tableBytes = Math.ceil((size.tableBytes ?? 0) / 64) * 64
  ring.kernel.withScratch(
    statesBytes + tableBytes + size.rows * ring.rowBytes,
    states => body(new Workspace(ring, seed, states, states + statesBytes, states + statesBytes + tableBytes)),
    true
  )
}

/** Where a thread puts the key stream. */
const STREAM_BUFFER: Scratch = { bytes: BUFFER_BYTES, secret: true }

/** Samplers that take one word of the stream per residue can begin anywhere in it: so many states are needed for `rows` rows. */
const wordStates = (ring: RingStructure, rows: number): number => rows * ring.blocksPerRow(rows, COST.sample)

/** Fills `rows` rows, each from a stream of its own, one word per residue. */
function sampleWords(
  ring: RingStructure,
  space: Workspace,
  rows: number,
  stream: (k: number) => readonly [Label, number],
  sample: (calls: KernelCalls, k: number, to: number, n: number, state: number, buffer: number) => void
): void {
  ring.forEachBlock(
    rows,
    COST.sample,
    (calls, k, offset, n, item, buffer) => {
      const [label, index] = stream(k)
      sample(calls, k, space.row(k) + offset, n, space.open(item, label, index, offset), buffer)
    },
    STREAM_BUFFER
  )
}

/** Reduces one vector of integers below 2^51 into every row of `out`. */
function spread(ring: RingStructure, out: Polynomial, vector: number): void {
  out.domain = 'coefficient'
  const { indices } = out
  ring.forEachBlock(indices.length, COST.sum, (calls, k, offset, n) => {
    calls.reduceRow(out.rowAddress(k) + offset, vector + offset, n, ring.block(indices[k]!))
  })
}

/**
 * Uniform residues by rejection of candidates of ⌈log2 q⌉ bits, ten per 64 bytes of key stream (assembly/sampler.ts). Stream index = modulus index. A row is
 * filled in the order in which it is in memory: of coefficients, or the kernel's transform order.
 */
export function uniform(ring: RingStructure, out: Polynomial, seed: Uint8Array): Polynomial {
  checkOperand(ring, 'uniform', out, out)
  withWorkspace(ring, seed, { states: out.indices.length, rows: 0 }, space => {
    ring.forEachRow(
      out.indices,
      COST.sample,
      (calls, index, k, buffer) => {
        const state = space.open(k, 'unif', index)
        calls.sampleUniform(out.rowAddress(k), ring.N, state, buffer, ring.moduli[index]!.bits, ring.block(index))
      },
      STREAM_BUFFER
    )
  })
  return out
}

/** Uniform {-1, 0, 1}: two bits at a time, the value 3 skipped. */
export function ternary(ring: RingStructure, out: Polynomial, seed: Uint8Array): Polynomial {
  checkOperand(ring, 'ternary', out, out)
  withWorkspace(ring, seed, { states: 1, tableBytes: BUFFER_BYTES, rows: 1 }, space => {
    ring.kernel.exports.sampleTernary(space.row(0), ring.N, space.open(0, 'tern', 0), space.tables)
    spread(ring, out, space.row(0))
  })
  return out
}

/**
 * Discrete Gaussian by inversion of a 63-bit table in constant time, bounded by 6 sigma.
 *
 * @param sigma standard deviation, 0.5 to 32
 */
export function gaussian(ring: RingStructure, out: Polynomial, seed: Uint8Array, sigma: number): Polynomial {
  checkOperand(ring, 'gaussian', out, out)
  if (!(sigma >= 0.5 && sigma <= LARGEST_TABULATED_SIGMA)) {
    throw new InvalidArgumentError('sigma', `from 0.5 to ${LARGEST_TABULATED_SIGMA} (wideGaussian takes larger ones)`, sigma)
  }
  const thresholds = ring.gaussianThresholds(sigma)
  const { length } = thresholds
  withWorkspace(ring, seed, { states: wordStates(ring, 1), tableBytes: thresholds.byteLength, rows: 1 }, space => {
    new BigInt64Array(ring.kernel.memory.buffer, space.tables, length).set(thresholds)
    sampleWords(
      ring,
      space,
      1,
      () => ['gaus', 0],
      (calls, _, to, n, state, buffer) => calls.sampleGaussian(to, n, state, buffer, space.tables, length)
    )
    spread(ring, out, space.row(0))
  })
  return out
}

/** Bits of each limb of a `bits`-bit integer, lowest first. */
function limbsOf(bits: number): number[] {
  const limbs: number[] = []
  for (let left = bits; left > 0; left -= LIMB_BITS) limbs.push(Math.min(LIMB_BITS, left))
  return limbs
}

/** Adds to the calls: the k-th limb of uniform integers in [-2^(bits-1), 2^(bits-1)), unsigned, the top one centred. */
function sampleLimb(calls: KernelCalls, limbs: readonly number[], k: number, to: number, n: number, state: number, buffer: number): void {
  const width = limbs[k]!
  calls.sampleBits(to, n, state, buffer, width, k === limbs.length - 1 ? 2 ** (width - 1) : 0)
}

/** What a unit of each limb is worth. */
const unitsOf = (limbs: readonly number[]): bigint[] => limbs.map((_, k) => 1n << BigInt(LIMB_BITS * k))

/** Bytes of the tables `combine` needs: addresses, and weights per row of `out`. */
const combineBytes = (out: Polynomial, count: number): number => 8 * Math.ceil(count / 2) + 16 * (count - 1) * out.indices.length

/** out = Σ units[k]·row(k) in every row; units[0] = 1, row values up to 2^48. */
function combine(ring: RingStructure, out: Polynomial, units: readonly bigint[], space: Workspace): void {
  const { N } = ring
  const count = units.length
  const weights = space.tables + 8 * Math.ceil(count / 2)
  new Uint32Array(ring.kernel.memory.buffer, space.tables, count).set(units.map((_, k) => space.row(k)))
  out.domain = 'coefficient'
  ring.forEachRow(out.indices, COST.term * count, (calls, index, k) => {
    const own = weights + 16 * (count - 1) * k
    writeConstants(ring, own, units.slice(1), index)
    calls.combineRows(out.rowAddress(k), space.tables, count, own, N, ring.block(index), 1)
  })
}

/**
 * Uniform integers in [-2^(bits-1), 2^(bits-1)), one vector reduced into every row. Stream index = limb of 48 bits, lowest first.
 *
 * @param bits 1 to 512
 */
export function uniformBits(ring: RingStructure, out: Polynomial, seed: Uint8Array, bits: number): Polynomial {
  checkOperand(ring, 'uniformBits', out, out)
  if (!Number.isInteger(bits) || bits < 1 || bits > LARGEST_BITS)
    throw new InvalidArgumentError('bits', `an integer from 1 to ${LARGEST_BITS}`, bits)
  const limbs = limbsOf(bits)
  const count = limbs.length
  withWorkspace(ring, seed, { states: wordStates(ring, count), tableBytes: combineBytes(out, count), rows: count }, space => {
    sampleWords(
      ring,
      space,
      count,
      k => ['bits', k],
      (calls, k, to, n, state, buffer) => sampleLimb(calls, limbs, k, to, n, state, buffer)
    )
    combine(ring, out, unitsOf(limbs), space)
  })
  return out
}

/**
 * Wide Gaussian x = 2^s·g + u: g a continuous Gaussian of standard deviation sigma/2^s <= 2^40 rounded to an integer, u uniform of s bits, centred.
 * s = 0 for sigma <= 2^40. It is meant for flooding, where the standard deviation and the smoothness at the scale of what is hidden matter: g is
 * a double-precision Box-Muller sample, bounded by 8.6 sigma, and the density is constant over cells of sigma/2^39. Not constant time.
 *
 * @param sigma standard deviation, 0.5 to 2^200
 */
export function wideGaussian(ring: RingStructure, out: Polynomial, seed: Uint8Array, sigma: number): Polynomial {
  checkOperand(ring, 'wideGaussian', out, out)
  if (!(sigma >= 0.5 && sigma <= LARGEST_SIGMA)) throw new InvalidArgumentError('sigma', 'from 0.5 to 2^200', sigma)
  // The exponent without Math.log2, whose last place differs between engines.
  let shift = 0
  while (sigma / 2 ** shift > 2 ** HIGH_PART_BITS) shift++
  const limbs = limbsOf(shift)
  const high = limbs.length
  const count = high + 1
  withWorkspace(ring, seed, { states: wordStates(ring, count), tableBytes: combineBytes(out, count), rows: count }, space => {
    sampleWords(
      ring,
      space,
      count,
      k => (k === high ? ['norm', 0] : ['nlow', k]),
      (calls, k, to, n, state, buffer) => {
        if (k === high) calls.sampleNormal(to, n, state, buffer, sigma / 2 ** shift)
        else sampleLimb(calls, limbs, k, to, n, state, buffer)
      }
    )
    combine(ring, out, [...unitsOf(limbs), 1n << BigInt(shift)], space)
  })
  return out
}
