/**
 * Ciphertexts and keys as bytes: header (see `header.ts`), then packed residues. Readers take nothing on trust: every field is compared with what the caller
 * expects before anything is allocated, and residues are below their primes before any arithmetic sees them.
 */
import { LengthMismatchError, type Polynomial, packedLength, ResidueRangeError, visitPacked } from '@slytherin/ring'
import { Ciphertext } from './ciphertext.js'
import type { Context } from './context.js'
import { MalformedCiphertextError, MalformedKeySwitchKeyError, MalformedPublicKeyError } from './errors.js'
import { HEADER_BYTES, type Header, type Refusal, readHeader, writeHeader } from './header.js'
import { KeySwitchKey, PublicKey } from './keys.js'
import type { Parameters } from './parameters.js'
import { CIPHERTEXT_SEED_BYTES, expandCiphertext, type SeededCiphertext } from './seeded-encryption.js'

/** What a ciphertext that arrives must be. */
export interface ExpectedCiphertext {
  level: number
  /** 1 by default. */
  degree?: number
  /** The exact scale; any positive one that fits the level when absent. */
  scale?: number
}

/** No error polynomial of this scheme is smaller, not even a bare rounding's. */
const MINIMUM_NOISE = -16

/** Exact number of bytes. */
export const serializedCiphertextLength = (parameters: Parameters, level: number, degree = 1): number =>
  HEADER_BYTES + (degree + 1) * packedBytes(parameters, parameters.ciphertextIndices(level))

/** Exact number of bytes. */
export const serializedSeededLength = (parameters: Parameters, level: number): number =>
  HEADER_BYTES + CIPHERTEXT_SEED_BYTES + packedBytes(parameters, parameters.ciphertextIndices(level))

/** Exact number of bytes. */
export const serializedPublicKeyLength = (parameters: Parameters): number =>
  HEADER_BYTES + 2 * packedBytes(parameters, parameters.keyIndices())

/** Exact number of bytes. */
export const serializedKeySwitchKeyLength = (parameters: Parameters, level: number = parameters.maxLevel): number =>
  HEADER_BYTES + 2 * parameters.digits(level) * packedBytes(parameters, parameters.keyIndices(level))

/** Header and packed residues: what `deserializeCiphertext` reads. */
export function serializeCiphertext(ciphertext: Ciphertext): Uint8Array {
  const { level, scale, noise, magnitude, components } = ciphertext
  return write({ kind: 'ciphertext', level, count: components.length, scale, noise, magnitude }, components)
}

/**
 * @param expected what the protocol says must come; anything else is refused
 * @throws MalformedCiphertextError with the field at fault
 */
export function deserializeCiphertext(context: Context, bytes: Uint8Array, expected: ExpectedCiphertext): Ciphertext {
  const { parameters } = context
  const refuse: Refusal = (field, wanted, actual) => new MalformedCiphertextError(field, wanted, actual)
  const { degree = 1 } = expected
  parameters.checkLevel('deserializeCiphertext', expected.level)
  const header = readHeader(context.ring, 'ciphertext', bytes, refuse)
  const { level, count, scale, noise, magnitude } = header
  checkState(parameters, header, expected, refuse)
  if (count !== degree + 1) throw refuse('degree', String(degree), String(count - 1))
  const components = readPolynomials(context, bytes, HEADER_BYTES, count, parameters.ciphertextIndices(level), refuse)
  return new Ciphertext(components, { level, scale, noise, magnitude })
}

/** Header, seed, and the first component as packed residues: what `deserializeSeeded` reads. */
export function serializeSeeded({ first, seed, level, scale, noise, magnitude }: SeededCiphertext): Uint8Array {
  return write({ kind: 'seeded ciphertext', level, count: 1, scale, noise, magnitude }, [first], seed)
}

/**
 * The ciphertext of degree 1 whose second component came as a seed, expanded.
 *
 * @throws MalformedCiphertextError with the field at fault
 */
export function deserializeSeeded(context: Context, bytes: Uint8Array, expected: Omit<ExpectedCiphertext, 'degree'>): Ciphertext {
  const { parameters } = context
  const refuse: Refusal = (field, wanted, actual) => new MalformedCiphertextError(field, wanted, actual)
  parameters.checkLevel('deserializeSeeded', expected.level)
  const header = readHeader(context.ring, 'seeded ciphertext', bytes, refuse)
  const { level, count, scale, noise, magnitude } = header
  checkState(parameters, header, expected, refuse)
  if (count !== 1) throw refuse('count', '1', String(count))
  const start = HEADER_BYTES + CIPHERTEXT_SEED_BYTES
  const [first] = readPolynomials(context, bytes, start, 1, parameters.ciphertextIndices(level), refuse)
  return expandCiphertext(context, { first: first!, seed: bytes.subarray(HEADER_BYTES, start), level, scale, noise, magnitude })
}

function checkState(
  parameters: Parameters,
  { level, scale, noise, magnitude }: Header,
  expected: Omit<ExpectedCiphertext, 'degree'>,
  refuse: Refusal
): void {
  if (level !== expected.level) throw refuse('level', String(expected.level), String(level))
  const logQ = parameters.logModulus(level)
  if (!Number.isFinite(scale) || scale <= 0 || Math.log2(scale) >= logQ)
    throw refuse('scale', `positive and below 2^${logQ.toFixed(2)}`, String(scale))
  if (expected.scale !== undefined && scale !== expected.scale) throw refuse('scale', String(expected.scale), String(scale))
  if (!Number.isFinite(noise) || noise < MINIMUM_NOISE || noise >= logQ) {
    throw refuse('noise', `from ${MINIMUM_NOISE} to ${logQ.toFixed(2)} bits`, String(noise))
  }
  if (!Number.isFinite(magnitude) || magnitude < 0 || Object.is(magnitude, -0) || Math.log2(scale) + Math.log2(magnitude) >= logQ - 1) {
    throw refuse('magnitude', `not negative, and scale·magnitude below 2^${(logQ - 1).toFixed(2)}`, String(magnitude))
  }
}

/** What `deserializePublicKey` reads. */
export function serializePublicKey(key: PublicKey): Uint8Array {
  const header: Header = { kind: 'public key', level: 0, count: 2, scale: 1, noise: 0, magnitude: 0 }
  return write(header, [key.b, key.a])
}

/** @throws MalformedPublicKeyError with the field at fault */
export function deserializePublicKey(context: Context, bytes: Uint8Array): PublicKey {
  const { parameters } = context
  const refuse: Refusal = (field, wanted, actual) => new MalformedPublicKeyError(field, wanted, actual)
  const header = readHeader(context.ring, 'public key', bytes, refuse)
  if (header.level !== 0) throw refuse('level', '0', String(header.level))
  if (header.count !== 2) throw refuse('count', '2', String(header.count))
  demandUnused(header, ['scale', 'noise', 'magnitude'], refuse)
  const [b, a] = readPolynomials(context, bytes, HEADER_BYTES, 2, parameters.keyIndices(), refuse)
  return new PublicKey(b!, a!)
}

/** What `deserializeKeySwitchKey` reads. */
export function serializeKeySwitchKey(key: KeySwitchKey): Uint8Array {
  const header: Header = {
    kind: 'key-switching key',
    level: key.level,
    count: 2 * key.digits.length,
    scale: 1,
    noise: key.noise ?? Number.POSITIVE_INFINITY,
    magnitude: 0
  }
  return write(
    header,
    key.digits.flatMap(({ b, a }) => [b, a])
  )
}

/**
 * @param expected.level the level the key must serve, the top one by default
 * @throws MalformedKeySwitchKeyError with the field at fault
 */
export function deserializeKeySwitchKey(context: Context, bytes: Uint8Array, expected: { level?: number } = {}): KeySwitchKey {
  const { parameters } = context
  const refuse: Refusal = (field, wanted, actual) => new MalformedKeySwitchKeyError(field, wanted, actual)
  const level = expected.level ?? parameters.maxLevel
  parameters.checkLevel('deserializeKeySwitchKey', level)
  const header = readHeader(context.ring, 'key-switching key', bytes, refuse)
  if (header.level !== level) throw refuse('level', String(level), String(header.level))
  const digits = parameters.digits(level)
  if (header.count !== 2 * digits) throw refuse('count', String(2 * digits), String(header.count))
  demandUnused(header, ['scale', 'magnitude'], refuse)
  const known = header.noise !== Number.POSITIVE_INFINITY
  if (known && !(header.noise >= MINIMUM_NOISE && header.noise < parameters.logModulus(level))) {
    throw refuse('noise', `at least ${MINIMUM_NOISE} bits, or infinite when unknown`, String(header.noise))
  }
  const polynomials = readPolynomials(context, bytes, HEADER_BYTES, header.count, parameters.keyIndices(level), refuse)
  const pairs = Array.from({ length: digits }, (_, digit) => ({ b: polynomials[2 * digit]!, a: polynomials[2 * digit + 1]! }))
  return known ? new KeySwitchKey(pairs, level, header.noise) : new KeySwitchKey(pairs, level)
}

function packedBytes(parameters: Parameters, indices: readonly number[]): number {
  const moduli = parameters.moduli()
  return indices.reduce((sum, index) => sum + (parameters.N * moduli[index]!.bits) / 8, 0)
}

/** @param seed what stands between header and polynomials */
function write(header: Header, polynomials: readonly Polynomial[], seed: Uint8Array = new Uint8Array()): Uint8Array {
  const { ring } = polynomials[0]!
  const length = polynomials.reduce((sum, polynomial) => sum + packedLength(ring, polynomial.indices), HEADER_BYTES + seed.length)
  const bytes = new Uint8Array(length)
  writeHeader(ring, header, bytes)
  bytes.set(seed, HEADER_BYTES)
  let offset = HEADER_BYTES + seed.length
  for (const polynomial of polynomials) {
    // row by row, with no copy of the whole
    visitPacked(polynomial.ring, polynomial, row => {
      bytes.set(row, offset)
      offset += row.byteLength
    })
  }
  return bytes
}

/** All from `from` on, `count` polynomials over `indices` in the ntt domain, and not a byte more. */
function readPolynomials(
  context: Context,
  bytes: Uint8Array,
  from: number,
  count: number,
  indices: readonly number[],
  refuse: Refusal
): Polynomial[] {
  const { ring, parameters } = context
  const each = packedBytes(parameters, indices)
  const length = from + count * each
  if (bytes.byteLength !== length) throw refuse('length', String(length), String(bytes.byteLength))
  const polynomials: Polynomial[] = []
  try {
    for (let k = 0; k < count; k++) {
      const start = from + k * each
      polynomials.push(ring.decodePacked(bytes.subarray(start, start + each), indices, 'ntt'))
    }
  } catch (error) {
    for (const polynomial of polynomials) polynomial.dispose()
    const index = polynomials.length
    if (error instanceof ResidueRangeError) {
      throw refuse(
        'payload',
        'residues below their primes',
        `residue ${error.index} of row ${error.row} of polynomial ${index} not below its prime`
      )
    }
    if (error instanceof LengthMismatchError) throw refuse('length', String(error.expected), String(error.actual))
    throw error
  }
  return polynomials
}

function demandUnused(header: Header, fields: readonly ('scale' | 'noise' | 'magnitude')[], refuse: Refusal): void {
  const unused = { scale: 1, noise: 0, magnitude: 0 }
  for (const field of fields) {
    if (!Object.is(header[field], unused[field])) throw refuse(field, String(unused[field]), String(header[field]))
  }
}
