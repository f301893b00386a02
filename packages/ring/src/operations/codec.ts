/**
 * Residues as bytes: canonical [0, q), standard order (coefficients, or the bit-reversed transform order of SEAL). Decoding is strict: every residue
 * below its modulus, the length exact. N is a multiple of 8, so packed rows end with a byte and nothing is padded.
 */

import type { Domain } from '../domain.js'
import { LengthMismatchError, ResidueRangeError } from '../errors.js'
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

/** Has `encode(to, from, index)` called for every row in standard order, `to` having room for `rowLength(index)` bytes, and collects the bytes. */
function encodeRows(
  ring: RingStructure,
  a: Polynomial,
  rowLength: (index: number) => number,
  encode: (calls: KernelCalls, to: number, from: number, index: number) => void
): Uint8Array<ArrayBuffer> {
  checkOperand(ring, 'encode', a, a)
  const { kernel, N } = ring
  const { indices } = a
  const bytes = new Uint8Array(indices.reduce((sum, index) => sum + rowLength(index), 0))
  const slot = slotLength(ring)
  const group = rowsAtOnce(ring, indices.length)
  let at = 0
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
        const length = rowLength(indices[start + i]!)
        bytes.set(kernel.bytes.subarray(slots + i * slot, slots + i * slot + length), at)
        at += length
      }
    }
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

/** See Ring.encodePacked. */
export function encodePacked(ring: RingStructure, a: Polynomial): Uint8Array<ArrayBuffer> {
  return encodeRows(
    ring,
    a,
    index => packedRowLength(ring, index),
    (calls, to, from, index) => calls.encodePacked(to, from, ring.N, ring.moduli[index]!.bits, ring.block(index))
  )
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
