/**
 * Residues as bytes: canonical [0, q), standard order (coefficients, or the bit-reversed transform order of SEAL). Decoding is strict: every residue
 * below its modulus, the length exact. N is a multiple of 8, so packed rows end with a byte and nothing is padded.
 */

import { LengthMismatchError, ResidueRangeError } from './errors.js'
import type { Domain, Polynomial } from './polynomial.js'
import type { Ring } from './ring.js'

const WORD = 8
/** The kernel's bit packing reads and writes whole words. */
const OVERRUN = 16

const packedRowLength = (ring: Ring, index: number): number => (ring.N * ring.moduli[index]!.bits) / 8

/** See Ring.packedLength. */
export function packedLength(ring: Ring, indices: readonly number[]): number {
  return ring.basis(indices).indices.reduce((sum, index) => sum + packedRowLength(ring, index), 0)
}

/** Calls `encode(to, from, index)` for every row in standard order, `to` having room for `rowLength(index)` bytes, and collects the bytes. */
function encodeRows(
  ring: Ring,
  a: Polynomial,
  rowLength: (index: number) => number,
  encode: (to: number, from: number, index: number) => void
): Uint8Array<ArrayBuffer> {
  ring.checkOperand('encode', a, a)
  const { kernel } = ring
  const bytes = new Uint8Array(a.indices.reduce((sum, index) => sum + rowLength(index), 0))
  let at = 0
  kernel.withScratch(2 * ring.rowBytes + OVERRUN, to => {
    const ordered = to + ring.rowBytes + OVERRUN
    a.indices.forEach((index, k) => {
      let from = a.rowAddress(k)
      if (a.domain === 'ntt') {
        kernel.exports.exchangeOrder(ordered, from, ring.N)
        from = ordered
      }
      encode(to, from, index)
      const length = rowLength(index)
      bytes.set(kernel.bytes.subarray(to, to + length), at)
      at += length
    })
  })
  return bytes
}

/** Calls `decode(to, from, index)` for every row; it returns the position of the first residue out of range, or N. */
function decodeRows(
  ring: Ring,
  bytes: Uint8Array,
  indices: readonly number[],
  domain: Domain,
  rowLength: (index: number) => number,
  decode: (to: number, from: number, index: number) => number
): Polynomial {
  const basis = ring.basis(indices)
  const expected = basis.indices.reduce((sum, index) => sum + rowLength(index), 0)
  if (bytes.length !== expected) throw new LengthMismatchError('encoded polynomial', expected, bytes.length)
  const { kernel, N } = ring
  const polynomial = ring.allocateUninitialised(basis, domain)
  try {
    let at = 0
    kernel.withScratch(2 * ring.rowBytes + OVERRUN, from => {
      const ordered = from + ring.rowBytes + OVERRUN
      basis.indices.forEach((index, k) => {
        const length = rowLength(index)
        kernel.bytes.set(bytes.subarray(at, at + length), from)
        at += length
        const row = polynomial.rowAddress(k)
        const fault = decode(domain === 'ntt' ? ordered : row, from, index)
        if (fault < N) throw new ResidueRangeError(k, fault)
        if (domain === 'ntt') kernel.exports.exchangeOrder(row, ordered, N)
      })
    })
    return polynomial
  } catch (error) {
    polynomial.dispose()
    throw error
  }
}

/** See Ring.encodeWords. */
export function encodeWords(ring: Ring, a: Polynomial): Uint8Array<ArrayBuffer> {
  return encodeRows(
    ring,
    a,
    () => ring.N * WORD,
    (to, from, index) => ring.kernel.exports.encodeWords(to, from, ring.N, ring.block(index))
  )
}

/** See Ring.decodeWords. */
export function decodeWords(ring: Ring, bytes: Uint8Array, indices: readonly number[], domain: Domain): Polynomial {
  return decodeRows(
    ring,
    bytes,
    indices,
    domain,
    () => ring.N * WORD,
    (to, from, index) => ring.kernel.exports.decodeWords(to, from, ring.N, ring.block(index))
  )
}

/** See Ring.encodePacked. */
export function encodePacked(ring: Ring, a: Polynomial): Uint8Array<ArrayBuffer> {
  return encodeRows(
    ring,
    a,
    index => packedRowLength(ring, index),
    (to, from, index) => ring.kernel.exports.encodePacked(to, from, ring.N, ring.moduli[index]!.bits, ring.block(index))
  )
}

/** See Ring.decodePacked. */
export function decodePacked(ring: Ring, bytes: Uint8Array, indices: readonly number[], domain: Domain): Polynomial {
  return decodeRows(
    ring,
    bytes,
    indices,
    domain,
    index => packedRowLength(ring, index),
    (to, from, index) => ring.kernel.exports.decodePacked(to, from, ring.N, ring.moduli[index]!.bits, ring.block(index))
  )
}
