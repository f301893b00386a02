/**
 * Encoded vectors that wait outside the kernel's memory, which has no more than 4 GiB: their rows as they are, copied out and in.
 *
 * Slots that repeat with a period of N/2^(k+1) are a polynomial in X^(2^k), whose transform has the same value at ζ and at ζ·ω for every 2^k-th root of unity ω. In the
 * order of the kernel's rows those stand a power of two apart: position j and j ⊕ m have the same residue, for k such m. They are held once.
 */
import type { Context } from '../context.js'
import { EncodingError } from '../errors.js'
import type { StoredPlaintext } from '../evaluator.js'
import { type HandleCount, KernelPlaintext } from './kernel-ciphertext.js'
import { blank, into } from './memory.js'

/** Closer repetitions are not looked for: runs between them are copied one by one. */
const LEAST_DISTANCE = 256

/** @throws RangeError where there is no memory for the copy */
export function copiedOut({ ring, parameters }: Context, { polynomial, level, scale, magnitude }: KernelPlaintext): StoredPlaintext {
  const rows = parameters.ciphertextIndices(level).map((_, k) => polynomial.row(k))
  const distances: number[] = []
  for (let distance = ring.N / 2; distance >= LEAST_DISTANCE; distance /= 2)
    if (rows.every(row => repeats(row, distance))) distances.push(distance)
  const held = ring.N / 2 ** distances.length
  const run = distances.at(-1) ?? ring.N
  const residues = new Float64Array(rows.length * held)
  for (const [k, row] of rows.entries()) {
    // runs that are the same are written to the same place
    for (let from = 0; from < ring.N; from += run) residues.set(row.subarray(from, from + run), k * held + placeOf(from, distances))
  }
  return { level, scale, magnitude, distances, residues }
}

/** @throws InvalidLevelError, EncodingError */
export function copiedIn({ ring, parameters }: Context, owner: HandleCount, stored: StoredPlaintext): KernelPlaintext {
  const { level, scale, magnitude, distances, residues } = stored
  parameters.checkLevel('loadPlaintext', level)
  const indices = parameters.ciphertextIndices(level)
  const held = ring.N / 2 ** distances.length
  const run = distances.at(-1) ?? ring.N
  const length = indices.length * held
  if (residues.length !== length) throw new EncodingError('length', `${length} residues`, String(residues.length))
  const polynomial = into(blank(ring, indices), out => {
    for (const k of indices.keys()) {
      const row = out.row(k)
      for (let from = 0; from < ring.N; from += run) {
        const place = k * held + placeOf(from, distances)
        row.set(residues.subarray(place, place + run), from)
      }
    }
  })
  return new KernelPlaintext(owner, polynomial, level, scale, magnitude)
}

/** Whether positions j and j ⊕ distance of a row have the same residue. */
function repeats(row: Float64Array, distance: number): boolean {
  for (let first = 0; first < row.length; first += 2 * distance)
    for (let j = first; j < first + distance; j++) if (row[j] !== row[j + distance]) return false
  return true
}

/** Where position `from` of a row is held: without the bits of the distances, descending. */
const placeOf = (from: number, distances: readonly number[]): number =>
  distances.reduce((place, distance) => Math.floor(place / (2 * distance)) * distance + (place % distance), from)
