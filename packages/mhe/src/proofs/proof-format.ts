/**
 * A proof as bytes, little-endian; every proof has one form only.
 *
 *   0  magic u32 'SLYP'     4  version u16      6  logN u8       7  reserved u8 (zero)
 *   8  level u16           10  rows u16        12  count u32    16  challenge, 32 bytes
 *  48  responses for u, row after row, then those for e1: value + 2^(m-1) in m bits, lowest first
 */
import type { Ring } from '@slytherin/ring'
import { MalformedProofError } from './errors.js'
import { PROOF_HEADER_BYTES, type ProofSize, type ResponseSize } from './proof-size.js'

const MAGIC = 0x50594c53
const VERSION = 1
const CHALLENGE_OFFSET = 16

export const CHALLENGE_BYTES = 32

export interface ProofShape {
  readonly logN: number
  readonly level: number
  readonly count: number
  readonly size: ProofSize
}

export interface ProofContent {
  readonly challenge: Uint8Array
  /** Per row N integers. */
  readonly ephemeral: readonly Float64Array[]
  readonly error: readonly Float64Array[]
}

/** Whether every response lies where it is uniform whatever the witness. Looks at all of them. */
export function isAcceptable(responses: readonly Float64Array[], { bits, shift }: ResponseSize): boolean {
  const lowest = -(2 ** (bits - 1)) + shift
  const highest = 2 ** (bits - 1) - 1 - shift
  let least = lowest
  let greatest = highest
  for (const row of responses) {
    for (let i = 0; i < row.length; i++) {
      const value = row[i]!
      least = value < least ? value : least
      greatest = value > greatest ? value : greatest
    }
  }
  return least === lowest && greatest === highest
}

export function writeProof(ring: Ring, shape: ProofShape, content: ProofContent): Uint8Array {
  const { size } = shape
  const bytes = new Uint8Array(size.bytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint16(4, VERSION, true)
  view.setUint8(6, shape.logN)
  view.setUint16(8, shape.level, true)
  view.setUint16(10, size.rows, true)
  view.setUint32(12, shape.count, true)
  bytes.set(content.challenge, CHALLENGE_OFFSET)
  let offset = PROOF_HEADER_BYTES
  for (const [rows, { bits }] of [
    [content.ephemeral, size.ephemeral],
    [content.error, size.error]
  ] as const) {
    for (const row of rows) {
      const packed = ring.encodeIntegers(row, bits)
      bytes.set(packed, offset)
      offset += packed.length
    }
  }
  return bytes
}

/** @throws MalformedProofError with the field at fault */
export function readProof(ring: Ring, bytes: Uint8Array, shape: ProofShape): ProofContent {
  const { size, logN } = shape
  if (!(bytes instanceof Uint8Array)) throw new MalformedProofError('proof', 'a Uint8Array', typeof bytes)
  if (bytes.length !== size.bytes) throw new MalformedProofError('length', size.bytes, bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields = [
    ['magic', MAGIC, view.getUint32(0, true)],
    ['version', VERSION, view.getUint16(4, true)],
    ['logN', logN, view.getUint8(6)],
    ['reserved', 0, view.getUint8(7)],
    ['level', shape.level, view.getUint16(8, true)],
    ['rows', size.rows, view.getUint16(10, true)],
    ['count', shape.count, view.getUint32(12, true)]
  ] as const
  for (const [field, expected, actual] of fields) if (actual !== expected) throw new MalformedProofError(field, expected, actual)
  const N = 2 ** logN
  let offset = PROOF_HEADER_BYTES
  const read = (field: string, response: ResponseSize): Float64Array[] => {
    const length = (N * response.bits) / 8
    const rows = Array.from({ length: size.rows }, () => {
      offset += length
      return ring.decodeIntegers(bytes.subarray(offset - length, offset), N, response.bits)
    })
    if (!isAcceptable(rows, response)) {
      throw new MalformedProofError(field, `at least -${response.bound} and below ${response.bound}`, 'outside')
    }
    return rows
  }
  const ephemeral = read('responses for u', size.ephemeral)
  const error = read('responses for e1', size.error)
  return { challenge: bytes.slice(CHALLENGE_OFFSET, CHALLENGE_OFFSET + CHALLENGE_BYTES), ephemeral, error }
}
