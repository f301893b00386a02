/**
 * Residues as bytes: canonical [0, q), standard order (coefficients, or the bit-reversed transform order of SEAL). Decoding is strict: every residue
 * below its modulus, the length exact. N is a multiple of 8, so packed rows end with a byte and nothing is padded.
 */

import type { Domain } from '../domain.js'
import { InvalidArgumentError, LengthMismatchError, ResidueRangeError } from '../errors.js'
import type { KernelCalls } from '../kernel/exports.js'
import { checkOperand } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'

const WORD = 8
/** The kernel's bit packing reads and writes whole words. */
const OVERRUN = 16

const packedRowLength = (ring: RingStructure, index: number): number => (ring.N * ring.moduli[index]!.bits) / 8

/** See Ring.packedLength. */
export function packedLength(ring: RingStructure, indices: readonly number[]): number {
  return ring.basis(indices).indices.reduce((sum, index) => sum + packedRowLength(ring, index), 0)
}

/** Distance of the bytes of two rows in kernel memory. */
const slotLength = (ring: RingStructure): number => Math.ceil((ring.N * WORD + OVERRUN) / 64) * 64

/** How many rows are on their way through kernel memory at the same time: all of them when threads share the work. */
const rowsAtOnce = (ring: RingStructure, rows: number): number => (ring.kernel.isParallel(rows * ring.N * COST.code) ? rows : 1)

/** Has `encode(to, from, index)` called for every row in standard order, `to` having room for `rowLength(index)` bytes, and hands on views of the bytes, which end with the call. */
function visitRows(
  ring: RingStructure,
  a: Polynomial,
  rowLength: (index: number) => number,
  encode: (calls: KernelCalls, to: number, from: number, index: number) => void,
  visit: (row: Uint8Array<ArrayBufferLike>) => void
): void {
  checkOperand(ring, 'encode', a, a)
  const { kernel, N } = ring
  const { indices } = a
  const slot = slotLength(ring)
  const group = rowsAtOnce(ring, indices.length)
  kernel.withScratch(group * slot, slots => {
    const encodeRow = (calls: KernelCalls, k: number, to: number, ordered: number): void => {
      const from = a.rowAddress(k)
      if (a.domain === 'ntt') calls.exchangeOrder(ordered, from, N)
      encode(calls, to, a.domain === 'ntt' ? ordered : from, indices[k]!)
    }
    for (let start = 0; start < indices.length; start += group) {
      const work = (calls: KernelCalls, i: number, ordered: number): void => encodeRow(calls, start + i, slots + i * slot, ordered)
      kernel.forEach(group, group * N * COST.code, work, { bytes: ring.rowBytes })
      for (let i = 0; i < group; i++) {
        visit(kernel.bytes.subarray(slots + i * slot, slots + i * slot + rowLength(indices[start + i]!)))
      }
    }
  })
}

/** The bytes of all rows, one after the other. */
function encodeRows(
  ring: RingStructure,
  a: Polynomial,
  rowLength: (index: number) => number,
  encode: (calls: KernelCalls, to: number, from: number, index: number) => void
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.indices.reduce((sum, index) => sum + rowLength(index), 0))
  let at = 0
  visitRows(ring, a, rowLength, encode, row => {
    bytes.set(row, at)
    at += row.length
  })
  return bytes
}

/** Has `decode(to, from, fault, index)` called for every row; it writes at `fault` the position of the first residue out of range, or N. */
function decodeRows(
  ring: RingStructure,
  bytes: Uint8Array,
  indices: readonly number[],
  domain: Domain,
  rowLength: (index: number) => number,
  decode: (calls: KernelCalls, to: number, from: number, fault: number, index: number) => void
): Polynomial {
  const basis = ring.basis(indices)
  const rows = basis.indices.length
  const expected = basis.indices.reduce((sum, index) => sum + rowLength(index), 0)
  if (bytes.length !== expected) throw new LengthMismatchError('encoded polynomial', expected, bytes.length)
  const { kernel, N } = ring
  const polynomial = Polynomial.uninitialised(ring, basis, domain)
  const slot = slotLength(ring)
  const group = rowsAtOnce(ring, rows)
  const decodeRow = (calls: KernelCalls, k: number, from: number, fault: number, ordered: number): void => {
    const row = polynomial.rowAddress(k)
    decode(calls, domain === 'ntt' ? ordered : row, from, fault, basis.indices[k]!)
    if (domain === 'ntt') calls.exchangeOrder(row, ordered, N)
  }
  try {
    kernel.withScratch(group * slot + 4 * rows, slots => {
      const faults = slots + group * slot
      let at = 0
      for (let start = 0; start < rows; start += group) {
        for (let i = 0; i < group; i++) {
          const length = rowLength(basis.indices[start + i]!)
          kernel.bytes.set(bytes.subarray(at, at + length), slots + i * slot)
          at += length
        }
        const work = (calls: KernelCalls, i: number, ordered: number): void =>
          decodeRow(calls, start + i, slots + i * slot, faults + 4 * (start + i), ordered)
        kernel.forEach(group, group * N * COST.code, work, { bytes: ring.rowBytes })
      }
      new Int32Array(kernel.memory.buffer, faults, rows).forEach((fault, k) => {
        if (fault < N) throw new ResidueRangeError(k, fault)
      })
    })
    return polynomial
  } catch (error) {
    polynomial.dispose()
    throw error
  }
}

/** See Ring.encodeWords. */
export function encodeWords(ring: RingStructure, a: Polynomial): Uint8Array<ArrayBuffer> {
  return encodeRows(
    ring,
    a,
    () => ring.N * WORD,
    (calls, to, from, index) => calls.encodeWords(to, from, ring.N, ring.block(index))
  )
}

/** See Ring.decodeWords. */
export function decodeWords(ring: RingStructure, bytes: Uint8Array, indices: readonly number[], domain: Domain): Polynomial {
  return decodeRows(
    ring,
    bytes,
    indices,
    domain,
    () => ring.N * WORD,
    (calls, to, from, fault, index) => calls.decodeWords(to, from, ring.N, fault, ring.block(index))
  )
}

const packer =
  (ring: RingStructure) =>
  (calls: KernelCalls, to: number, from: number, index: number): void =>
    calls.encodePacked(to, from, ring.N, ring.moduli[index]!.bits, ring.block(index))

/** See Ring.encodePacked. */
export function encodePacked(ring: RingStructure, a: Polynomial): Uint8Array<ArrayBuffer> {
  return encodeRows(ring, a, index => packedRowLength(ring, index), packer(ring))
}

/**
 * The bytes of `encodePacked`, a row at a time while they are in the cache: for who hashes and does not keep them.
 *
 * @param visit is given views of the kernel's memory, which may be shared with other threads and is used otherwise afterwards
 */
export function visitPacked(ring: RingStructure, a: Polynomial, visit: (row: Uint8Array) => void): void {
  visitRows(ring, a, index => packedRowLength(ring, index), packer(ring), visit)
}

/** See Ring.decodePacked. */
export function decodePacked(ring: RingStructure, bytes: Uint8Array, indices: readonly number[], domain: Domain): Polynomial {
  return decodeRows(
    ring,
    bytes,
    indices,
    domain,
    index => packedRowLength(ring, index),
    (calls, to, from, fault, index) => calls.decodePacked(to, from, ring.N, ring.moduli[index]!.bits, fault, ring.block(index))
  )
}

/** Bits of an integer of `encodeIntegers`, at most. */
const LARGEST_INTEGER_BITS = 48

function checkIntegers(count: number, bits: number): void {
  if (!Number.isInteger(bits) || bits < 1 || bits > LARGEST_INTEGER_BITS) {
    throw new InvalidArgumentError('bits', `an integer from 1 to ${LARGEST_INTEGER_BITS}`, bits)
  }
  if (!Number.isInteger(count) || count < 0 || count % 8 !== 0) throw new InvalidArgumentError('integers', 'a multiple of 8 of them', count)
}

/** See Ring.encodeIntegers. */
export function encodeIntegers(ring: RingStructure, values: Float64Array, bits: number): Uint8Array<ArrayBuffer> {
  checkIntegers(values.length, bits)
  const { kernel } = ring
  const { length } = values
  const half = 2 ** (bits - 1)
  for (let i = 0; i < length; i++) {
    const value = values[i]!
    if (!(Math.trunc(value) === value && value >= -half && value < half)) {
      // Not the value, which may be secret.
      throw new InvalidArgumentError(`integers[${i}]`, `an integer from -2^${bits - 1} to 2^${bits - 1} - 1`, 'another')
    }
  }
  const slot = WORD * length + OVERRUN
  return kernel.withScratch(
    2 * slot,
    memory => {
      kernel.doubles(memory, length).set(values)
      kernel.exports.encodeIntegers(memory + slot, memory, length, bits, half)
      return Uint8Array.from(kernel.bytes.subarray(memory + slot, memory + slot + (length * bits) / 8))
    },
    true
  )
}

/** See Ring.decodeIntegers. @throws LengthMismatchError */
export function decodeIntegers(ring: RingStructure, bytes: Uint8Array, count: number, bits: number): Float64Array<ArrayBuffer> {
  checkIntegers(count, bits)
  if (bytes.length !== (count * bits) / 8) throw new LengthMismatchError('encoded integers', (count * bits) / 8, bytes.length)
  const { kernel } = ring
  const slot = WORD * count + OVERRUN
  return kernel.withScratch(2 * slot, memory => {
    kernel.bytes.set(bytes, memory + slot)
    kernel.exports.decodeIntegers(memory, memory + slot, count, bits, 2 ** (bits - 1))
    return Float64Array.from(kernel.doubles(memory, count))
  })
}
