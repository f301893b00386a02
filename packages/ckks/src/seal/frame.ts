/**
 * SEAL 4.1's serialisation, uncompressed, little-endian. Nothing else is needed to hand keys and ciphertexts made here to any SEAL program.
 *
 *   header         magic u16 0xA15E · headerSize u8 0x10 · major u8 4 · minor u8 1 · compression u8 0 · reserved u16 0 · size u64 (header included)
 *   array          header · count u64 · count words of 64 bits
 *   ciphertext     header · parmsId 4×u64 · isNtt u8 · size u64 · N u64 · moduli u64 · scale f64 · correctionFactor u64 · array
 *   public key     a ciphertext of size 2 with the parmsId of the key level and scale 1
 *   plaintext      header · parmsId 4×u64 · coefficients u64 · scale f64 · array          (ntt form when parmsId is not zero)
 *   secret key     a plaintext with the parmsId of the key level and scale 1
 *   key switch     header · parmsId 4×u64 · keys u64 · per key: digits u64 · digits public keys
 *
 * A relinearisation object has its key at index 0, a Galois key for element g at index (g - 1)/2; the slots before it have 0 digits.
 */
import { MalformedSealObjectError } from '../errors.js'

/** Bytes before the contents of every serialised object. */
export const SEAL_HEADER_BYTES = 16
const MAGIC = 0xa15e
const VERSION_MAJOR = 4
const VERSION_MINOR = 1
const PARMS_ID_BYTES = 32
const CIPHERTEXT_FIELDS = PARMS_ID_BYTES + 1 + 8 * 5
const PLAINTEXT_FIELDS = PARMS_ID_BYTES + 8 * 2
const ARRAY_OVERHEAD = SEAL_HEADER_BYTES + 8

/** Hash that names a SEAL parameter set, one per level and one for keys. */
export type ParmsId = BigUint64Array

/** A ciphertext as SEAL writes it. */
export interface SealCiphertextFields {
  parmsId: ParmsId
  N: number
  /** Primes of the level. */
  moduli: number
  scale: number
  /** Per component moduli·N residues of 8 bytes, rows in prime order, ntt form in SEAL's (bit-reversed) order. */
  components: readonly Uint8Array[]
}

/** A plaintext as SEAL writes it. */
export interface SealPlaintextFields {
  parmsId: ParmsId
  scale: number
  /** moduli·N residues of 8 bytes. */
  words: Uint8Array
}

/** Sequential writer over a buffer of exactly the right size. */
class Writer {
  readonly bytes: Uint8Array
  private readonly view: DataView
  private offset = 0

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
  }

  header(size: number): this {
    this.view.setUint16(this.offset, MAGIC, true)
    this.bytes.set([SEAL_HEADER_BYTES, VERSION_MAJOR, VERSION_MINOR, 0, 0, 0], this.offset + 2)
    this.view.setBigUint64(this.offset + 8, BigInt(size), true)
    this.offset += SEAL_HEADER_BYTES
    return this
  }

  parmsId(id: ParmsId): this {
    for (const word of id) this.u64(word)
    return this
  }

  u8(value: number): this {
    this.bytes[this.offset++] = value
    return this
  }

  u64(value: number | bigint): this {
    this.view.setBigUint64(this.offset, BigInt(value), true)
    this.offset += 8
    return this
  }

  f64(value: number): this {
    this.view.setFloat64(this.offset, value, true)
    this.offset += 8
    return this
  }

  array(parts: readonly Uint8Array[]): this {
    const length = total(parts)
    this.header(ARRAY_OVERHEAD + length).u64(length / 8)
    for (const part of parts) {
      this.bytes.set(part, this.offset)
      this.offset += part.byteLength
    }
    return this
  }

  ciphertext(fields: SealCiphertextFields): this {
    return this.header(ciphertextBytes(fields))
      .parmsId(fields.parmsId)
      .u8(1)
      .u64(fields.components.length)
      .u64(fields.N)
      .u64(fields.moduli)
      .f64(fields.scale)
      .u64(1)
      .array(fields.components)
  }
}

/** Sequential reader that never reads past its end. */
class Reader {
  private readonly view: DataView
  private offset = 0

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  private take(count: number, field: string): number {
    const at = this.offset
    if (at + count > this.bytes.byteLength) {
      throw new MalformedSealObjectError(field, `${count} bytes`, `${this.bytes.byteLength - at} left`)
    }
    this.offset += count
    return at
  }

  /** @returns what checks, once the object has been read, that it has the size that its header says */
  header(field: string): () => void {
    const at = this.take(SEAL_HEADER_BYTES, field)
    const demand = (name: string, expected: number, actual: number) => {
      if (expected !== actual) throw new MalformedSealObjectError(`${field}.${name}`, String(expected), String(actual))
    }
    demand('magic', MAGIC, this.view.getUint16(at, true))
    demand('headerSize', SEAL_HEADER_BYTES, this.view.getUint8(at + 2))
    demand('versionMajor', VERSION_MAJOR, this.view.getUint8(at + 3))
    demand('versionMinor', VERSION_MINOR, this.view.getUint8(at + 4))
    demand('compressionMode', 0, this.view.getUint8(at + 5))
    demand('reserved', 0, this.view.getUint16(at + 6, true))
    const size = this.view.getBigUint64(at + 8, true)
    const available = BigInt(this.bytes.byteLength - at)
    if (size > available) throw new MalformedSealObjectError(`${field}.size`, `at most ${available}`, String(size))
    return () => {
      const read = BigInt(this.offset - at)
      if (size !== read) throw new MalformedSealObjectError(`${field}.size`, String(read), String(size))
    }
  }

  parmsId(): ParmsId {
    return BigUint64Array.from({ length: 4 }, () => this.bigU64('parmsId'))
  }

  u8(field: string): number {
    return this.view.getUint8(this.take(1, field))
  }

  bigU64(field: string): bigint {
    return this.view.getBigUint64(this.take(8, field), true)
  }

  u64(field: string, maximum: number): number {
    const value = this.bigU64(field)
    if (value > BigInt(maximum)) throw new MalformedSealObjectError(field, `at most ${maximum}`, String(value))
    return Number(value)
  }

  f64(field: string): number {
    return this.view.getFloat64(this.take(8, field), true)
  }

  /** @returns a view of the words */
  array(field: string, words: number): Uint8Array {
    const checkSize = this.header(field)
    const count = this.bigU64(`${field}.count`)
    if (count !== BigInt(words)) throw new MalformedSealObjectError(`${field}.count`, String(words), String(count))
    const at = this.take(8 * words, field)
    checkSize()
    return this.bytes.subarray(at, at + 8 * words)
  }

  /** @throws MalformedSealObjectError unless everything has been read */
  end(): void {
    if (this.offset !== this.bytes.byteLength) {
      throw new MalformedSealObjectError('length', String(this.offset), String(this.bytes.byteLength))
    }
  }

  ciphertext(): SealCiphertextFields {
    const checkSize = this.header('ciphertext')
    const parmsId = this.parmsId()
    const isNtt = this.u8('isNtt')
    if (isNtt !== 1) throw new MalformedSealObjectError('isNtt', '1', String(isNtt))
    const size = this.u64('size', MAXIMUM_SIZE)
    const N = this.u64('N', MAXIMUM_N)
    const moduli = this.u64('moduli', MAXIMUM_MODULI)
    const scale = this.f64('scale')
    if (!Number.isFinite(scale) || scale <= 0) throw new MalformedSealObjectError('scale', 'positive and finite', String(scale))
    const correctionFactor = this.bigU64('correctionFactor')
    if (correctionFactor !== 1n) throw new MalformedSealObjectError('correctionFactor', '1', String(correctionFactor))
    const words = this.array('data', size * N * moduli)
    checkSize()
    const each = 8 * N * moduli
    return { parmsId, N, moduli, scale, components: Array.from({ length: size }, (_, k) => words.subarray(k * each, (k + 1) * each)) }
  }
}

const MAXIMUM_SIZE = 3
const MAXIMUM_N = 2 ** 17
const MAXIMUM_MODULI = 64

/** SEAL 4.1's uncompressed serialisation of a ciphertext. */
export function writeCiphertext(fields: SealCiphertextFields): Uint8Array {
  return new Writer(ciphertextBytes(fields)).ciphertext(fields).bytes
}

/** The components are views into `bytes`. Residues are not looked at. @throws MalformedSealObjectError */
export function readCiphertext(bytes: Uint8Array): SealCiphertextFields {
  const reader = new Reader(bytes)
  const fields = reader.ciphertext()
  reader.end()
  return fields
}

/** SEAL 4.1's uncompressed serialisation of a plaintext. */
export function writePlaintext(fields: SealPlaintextFields): Uint8Array {
  const size = SEAL_HEADER_BYTES + PLAINTEXT_FIELDS + ARRAY_OVERHEAD + fields.words.byteLength
  return new Writer(size)
    .header(size)
    .parmsId(fields.parmsId)
    .u64(fields.words.byteLength / 8)
    .f64(fields.scale)
    .array([fields.words]).bytes
}

/** `words` is a view into `bytes`. @throws MalformedSealObjectError */
export function readPlaintext(bytes: Uint8Array): SealPlaintextFields {
  const reader = new Reader(bytes)
  const checkSize = reader.header('plaintext')
  const parmsId = reader.parmsId()
  const count = reader.u64('coefficients', MAXIMUM_N * MAXIMUM_MODULI)
  const scale = reader.f64('scale')
  if (!Number.isFinite(scale) || scale <= 0) throw new MalformedSealObjectError('scale', 'positive and finite', String(scale))
  const words = reader.array('data', count)
  checkSize()
  reader.end()
  return { parmsId, scale, words }
}

/** One key at `index` of a KSwitchKeys object; every digit is a public key. */
export function writeKeySwitchKeys(parmsId: ParmsId, index: number, digits: readonly SealCiphertextFields[]): Uint8Array {
  const size = SEAL_HEADER_BYTES + PARMS_ID_BYTES + 8 + 8 * (index + 1) + digits.reduce((sum, digit) => sum + ciphertextBytes(digit), 0)
  const writer = new Writer(size)
    .header(size)
    .parmsId(parmsId)
    .u64(index + 1)
  for (let k = 0; k < index; k++) writer.u64(0)
  writer.u64(digits.length)
  for (const digit of digits) writer.ciphertext(digit)
  return writer.bytes
}

/** Every key of a KSwitchKeys object by index. @throws MalformedSealObjectError */
export function readKeySwitchKeys(bytes: Uint8Array): { parmsId: ParmsId; keys: Map<number, SealCiphertextFields[]> } {
  const reader = new Reader(bytes)
  const checkSize = reader.header('keys')
  const parmsId = reader.parmsId()
  const count = reader.u64('keys', MAXIMUM_N)
  const keys = new Map<number, SealCiphertextFields[]>()
  for (let index = 0; index < count; index++) {
    const digits = reader.u64('digits', MAXIMUM_MODULI)
    if (digits > 0)
      keys.set(
        index,
        Array.from({ length: digits }, () => reader.ciphertext())
      )
  }
  checkSize()
  reader.end()
  return { parmsId, keys }
}

function ciphertextBytes(fields: SealCiphertextFields): number {
  return SEAL_HEADER_BYTES + CIPHERTEXT_FIELDS + ARRAY_OVERHEAD + total(fields.components)
}

function total(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0)
}
