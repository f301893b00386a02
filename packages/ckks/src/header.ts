/**
 * The header every serialised object starts with; little-endian, 48 bytes.
 *
 *   0  magic u32 'SLYC'     4  version u16      6  kind u8        7  logN u8
 *   8  level u16           10  count u16       12  reserved u32 (zero)
 *  16  ring digest, 8 bytes
 *  24  scale f64           32  noise f64       40  magnitude f64
 *
 * `count` is the number of polynomials behind the header; they follow as packed residues (⌈log2 q⌉ bits each; N ≥ 16 makes rows whole bytes), nothing else. Before the one
 * of a seeded ciphertext stand the 32 bytes of its seed.
 */
import { deriveSeed, type RingStructure } from '@slytherin/ring'
import type { MalformedBytesError } from './errors.js'

export const HEADER_BYTES = 48

const MAGIC = 0x43594c53
const VERSION = 1

export type ObjectKind = 'ciphertext' | 'public key' | 'key-switching key' | 'seeded ciphertext'

const KINDS: Record<ObjectKind, number> = { ciphertext: 1, 'public key': 2, 'key-switching key': 3, 'seeded ciphertext': 4 }

export interface Header {
  kind: ObjectKind
  level: number
  count: number
  scale: number
  noise: number
  magnitude: number
}

/** How a reader reports a field at fault. */
export type Refusal = (field: string, expected: string, actual: string) => MalformedBytesError

/** 8 bytes that differ between rings: the start of SHA-256 over the ring degree and the moduli in order. */
export function ringDigest(ring: RingStructure): Uint8Array {
  const moduli = ring.moduli.map(modulus => modulus.value.toString())
  return deriveSeed(new Uint8Array(32), 'slytherin ring', ring.logN, ...moduli).subarray(0, 8)
}

export function writeHeader(ring: RingStructure, header: Header, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint32(0, MAGIC, true)
  view.setUint16(4, VERSION, true)
  view.setUint8(6, KINDS[header.kind])
  view.setUint8(7, ring.logN)
  view.setUint16(8, header.level, true)
  view.setUint16(10, header.count, true)
  view.setUint32(12, 0, true)
  bytes.set(ringDigest(ring), 16)
  view.setFloat64(24, header.scale, true)
  view.setFloat64(32, header.noise, true)
  view.setFloat64(40, header.magnitude, true)
}

/** Checks every fixed field; what depends on the kind is the caller's. @throws what `refuse` makes */
export function readHeader(ring: RingStructure, kind: ObjectKind, bytes: Uint8Array, refuse: Refusal): Header {
  if (!(bytes instanceof Uint8Array)) throw refuse('bytes', 'a Uint8Array', typeof bytes)
  if (bytes.byteLength < HEADER_BYTES) throw refuse('length', `at least ${HEADER_BYTES}`, String(bytes.byteLength))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const demand = (field: string, expected: number, actual: number) => {
    if (expected !== actual) throw refuse(field, String(expected), String(actual))
  }
  demand('magic', MAGIC, view.getUint32(0, true))
  demand('version', VERSION, view.getUint16(4, true))
  demand('kind', KINDS[kind], view.getUint8(6))
  demand('logN', ring.logN, view.getUint8(7))
  demand('reserved', 0, view.getUint32(12, true))
  const digest = ringDigest(ring)
  if (!digest.every((byte, k) => bytes[16 + k] === byte)) throw refuse('ring', hex(digest), hex(bytes.subarray(16, 24)))
  return {
    kind,
    level: view.getUint16(8, true),
    count: view.getUint16(10, true),
    scale: view.getFloat64(24, true),
    noise: view.getFloat64(32, true),
    magnitude: view.getFloat64(40, true)
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
