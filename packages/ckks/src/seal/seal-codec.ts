/**
 * Our objects as SEAL's bytes and SEAL's bytes as our objects (uncompressed, not seeded: what `saveToArray(ComprModeType.none)` gives). Reading checks parmsId, sizes,
 * scale and every residue, so the bytes may come from anywhere.
 */
import { LengthMismatchError, type Polynomial, ResidueRangeError } from '@slytherin/ring'
import { Ciphertext } from '../ciphertext.js'
import type { Context } from '../context.js'
import { ForeignOperandError, MalformedSealObjectError } from '../errors.js'
import { checkGaloisElement } from '../galois.js'
import { type KeySwitchDigit, KeySwitchKey, PublicKey, SecretKey } from '../keys.js'
import { Plaintext } from '../plaintext.js'
import {
  type ParmsId,
  readCiphertext,
  readKeySwitchKeys,
  readPlaintext,
  type SealCiphertextFields,
  writeCiphertext,
  writeKeySwitchKeys,
  writePlaintext
} from './frame.js'
import { type SealParameters, sameParmsId } from './seal-parameters.js'

/** What SEAL's bytes do not say. */
export interface UntrackedState {
  /** log2 σ of the error per coefficient. */
  noise: number
  /** Bound on |slot|. */
  magnitude: number
}

/** Keys, plaintexts and ciphertexts into SEAL 4.1's bytes and back. */
export class SealCodec {
  constructor(
    readonly context: Context,
    readonly seal: SealParameters
  ) {}

  /** Bytes that SEAL loads as a ciphertext of the same level, scale and components. @throws InvalidLevelError */
  ciphertextBytes(ciphertext: Ciphertext): Uint8Array {
    const { level, scale, components } = ciphertext
    this.context.parameters.checkLevel('ciphertextBytes', level)
    return writeCiphertext(this.ciphertextFields(this.seal.parmsIds[level]!, level + 1, scale, components))
  }

  /** @throws MalformedSealObjectError */
  readCiphertext(bytes: Uint8Array, state: UntrackedState): Ciphertext {
    const fields = readCiphertext(bytes)
    const level = this.levelOf(fields.parmsId)
    const logQ = this.context.parameters.logModulus(level)
    if (Math.log2(fields.scale) >= logQ) throw new MalformedSealObjectError('scale', `below 2^${logQ.toFixed(2)}`, String(fields.scale))
    if (fields.components.length < 2) throw new MalformedSealObjectError('size', '2 or 3', String(fields.components.length))
    return new Ciphertext(this.decodeComponents(fields, this.context.parameters.ciphertextIndices(level)), {
      level,
      scale: fields.scale,
      noise: state.noise,
      magnitude: state.magnitude
    })
  }

  /** Bytes that SEAL loads as a plaintext of the same level and scale. */
  plaintextBytes(plaintext: Plaintext): Uint8Array {
    const words = this.words(plaintext.polynomial, this.context.parameters.ciphertextIndices(plaintext.level).length)
    return writePlaintext({ parmsId: this.seal.parmsIds[plaintext.level]!, scale: plaintext.scale, words })
  }

  /** @throws MalformedSealObjectError */
  readPlaintext(bytes: Uint8Array, magnitude: number): Plaintext {
    const { parmsId, scale, words } = readPlaintext(bytes)
    const level = this.levelOf(parmsId)
    return new Plaintext(this.decode(words, this.context.parameters.ciphertextIndices(level)), level, scale, magnitude)
  }

  /** Bytes that SEAL loads as a public key. */
  publicKeyBytes(key: PublicKey): Uint8Array {
    return writeCiphertext(this.keyFields(key.b, key.a))
  }

  /** @throws MalformedSealObjectError */
  readPublicKey(bytes: Uint8Array): PublicKey {
    const { b, a } = this.readKeyPair(readCiphertext(bytes))
    return new PublicKey(b, a)
  }

  /** For tests and for a party that moves its own key to another SEAL program. The bytes are as secret as the key. */
  secretKeyBytes(key: SecretKey): Uint8Array {
    const words = this.words(key.polynomial, this.context.parameters.keyIndices().length)
    return writePlaintext({ parmsId: this.seal.keyParmsId, scale: 1, words })
  }

  /** @throws MalformedSealObjectError */
  readSecretKey(bytes: Uint8Array): SecretKey {
    const { parmsId, words } = readPlaintext(bytes)
    this.demandKeyParmsId(parmsId)
    return SecretKey.fromPolynomial(this.decode(words, this.context.parameters.keyIndices()))
  }

  /** A RelinKeys object. SEAL's keys have no level: what a key for a lower one lacks is zero, see `keyDigits`. @throws KeyMismatchError */
  relinearizationKeyBytes(key: KeySwitchKey): Uint8Array {
    return writeKeySwitchKeys(this.seal.keyParmsId, 0, this.keyDigits('relinearization key', key))
  }

  /** @param noise log2 σ of the key's error, the collective one's when absent @throws MalformedSealObjectError */
  readRelinearizationKey(bytes: Uint8Array, noise?: number): KeySwitchKey {
    const keys = this.readKeys(bytes, noise)
    const key = keys.get(0)
    if (key === undefined || keys.size !== 1) {
      for (const other of keys.values()) other.dispose()
      throw new MalformedSealObjectError('keys', 'exactly one, at index 0', `${keys.size}`)
    }
    return key
  }

  /** A GaloisKeys object with one key; one for a lower level as for `relinearizationKeyBytes`. @throws KeyMismatchError, InvalidGaloisElementError */
  galoisKeyBytes(key: KeySwitchKey, galoisElement: number): Uint8Array {
    checkGaloisElement(galoisElement, this.context.parameters.N)
    return writeKeySwitchKeys(this.seal.keyParmsId, (galoisElement - 1) / 2, this.keyDigits('galois key', key))
  }

  /** Every key of a GaloisKeys object by Galois element. @throws MalformedSealObjectError */
  readGaloisKeys(bytes: Uint8Array, noise?: number): Map<number, KeySwitchKey> {
    return new Map([...this.readKeys(bytes, noise)].map(([index, key]) => [2 * index + 1, key]))
  }

  private readKeys(bytes: Uint8Array, noise: number | undefined): Map<number, KeySwitchKey> {
    const { parameters } = this.context
    const { parmsId, keys } = readKeySwitchKeys(bytes)
    this.demandKeyParmsId(parmsId)
    const expected = parameters.digits(parameters.maxLevel)
    const result = new Map<number, KeySwitchKey>()
    const pairs: KeySwitchDigit[] = []
    try {
      for (const [index, digits] of keys) {
        if (digits.length !== expected) throw new MalformedSealObjectError('digits', String(expected), String(digits.length))
        pairs.length = 0
        for (const digit of digits) pairs.push(this.readKeyPair(digit))
        result.set(
          index,
          noise === undefined ? new KeySwitchKey([...pairs], parameters.maxLevel) : new KeySwitchKey([...pairs], parameters.maxLevel, noise)
        )
        pairs.length = 0
      }
    } catch (error) {
      for (const { b, a } of pairs) {
        b.dispose()
        a.dispose()
      }
      for (const key of result.values()) key.dispose()
      throw error
    }
    return result
  }

  /**
   * SEAL demands every digit over every modulus, but to switch a ciphertext of level l it reads digits 0..l and of those the rows of q_0..q_l and of the special prime:
   * just what a key for level l has. The rest is written as zeros. SEAL would not notice that it switches with zeros at a higher level (the result would be another
   * message), so whoever hands the bytes on has to keep to the key's level, as `SealEvaluator` does.
   */
  private keyDigits(what: string, key: KeySwitchKey): SealCiphertextFields[] {
    const { parameters } = this.context
    const { maxLevel, N } = parameters
    parameters.checkLevel(what, key.level)
    key.check(this.context, what, key.level)
    const moduli = parameters.keyIndices().length
    const fields = (components: readonly Uint8Array[]) => ({ parmsId: this.seal.keyParmsId, N, moduli, scale: 1, components })
    const digits = key.digits.map(({ b, a }) => fields([this.keyWords(b, key.level), this.keyWords(a, key.level)]))
    if (key.level === maxLevel) return digits
    const zeros = new Uint8Array(8 * N * moduli)
    while (digits.length < parameters.digits(maxLevel)) digits.push(fields([zeros, zeros]))
    return digits
  }

  /** Rows of every modulus, zero between the primes of the level and the special prime. */
  private keyWords(polynomial: Polynomial, level: number): Uint8Array {
    const { parameters } = this.context
    const words = this.words(polynomial, parameters.keyIndices(level).length)
    if (level === parameters.maxLevel) return words
    const row = 8 * parameters.N
    const padded = new Uint8Array(row * parameters.keyIndices().length)
    padded.set(words.subarray(0, row * (level + 1)))
    padded.set(words.subarray(row * (level + 1)), row * (parameters.maxLevel + 1))
    return padded
  }

  private keyFields(b: Polynomial, a: Polynomial): SealCiphertextFields {
    return this.ciphertextFields(this.seal.keyParmsId, this.context.parameters.keyIndices().length, 1, [b, a])
  }

  private ciphertextFields(parmsId: ParmsId, moduli: number, scale: number, components: readonly Polynomial[]): SealCiphertextFields {
    const words = components.map(component => this.words(component, moduli))
    return { parmsId, N: this.context.parameters.N, moduli, scale, components: words }
  }

  private words(polynomial: Polynomial, rows: number): Uint8Array {
    if (polynomial.ring !== this.context.ring) throw new ForeignOperandError('SEAL bytes', 'the object belongs to another context')
    if (polynomial.domain !== 'ntt' || polynomial.indices.length !== rows) {
      throw new ForeignOperandError(
        'SEAL bytes',
        `expected ${rows} rows in the ntt domain, got ${polynomial.indices.length} (${polynomial.domain})`
      )
    }
    return this.context.ring.encodeWords(polynomial)
  }

  private readKeyPair(fields: SealCiphertextFields): KeySwitchDigit {
    this.demandKeyParmsId(fields.parmsId)
    if (fields.components.length !== 2) throw new MalformedSealObjectError('size', '2', String(fields.components.length))
    const [b, a] = this.decodeComponents(fields, this.context.parameters.keyIndices())
    return { b: b!, a: a! }
  }

  private decodeComponents(fields: SealCiphertextFields, indices: readonly number[]): Polynomial[] {
    const { N } = this.context.parameters
    if (fields.N !== N) throw new MalformedSealObjectError('N', String(N), String(fields.N))
    if (fields.moduli !== indices.length) throw new MalformedSealObjectError('moduli', String(indices.length), String(fields.moduli))
    const polynomials: Polynomial[] = []
    try {
      for (const words of fields.components) polynomials.push(this.decode(words, indices))
    } catch (error) {
      for (const polynomial of polynomials) polynomial.dispose()
      throw error
    }
    return polynomials
  }

  private decode(words: Uint8Array, indices: readonly number[]): Polynomial {
    try {
      return this.context.ring.decodeWords(words, indices, 'ntt')
    } catch (error) {
      if (error instanceof ResidueRangeError) {
        throw new MalformedSealObjectError('data', 'residues below their primes', `residue ${error.index} of row ${error.row}`, {
          cause: error
        })
      }
      if (error instanceof LengthMismatchError)
        throw new MalformedSealObjectError('data', String(error.expected), String(error.actual), { cause: error })
      throw error
    }
  }

  private levelOf(parmsId: ParmsId): number {
    const level = this.seal.levelOf(parmsId)
    if (level === undefined) throw new MalformedSealObjectError('parmsId', 'that of a level of these parameters', formatParmsId(parmsId))
    return level
  }

  private demandKeyParmsId(parmsId: ParmsId): void {
    if (!sameParmsId(parmsId, this.seal.keyParmsId)) {
      throw new MalformedSealObjectError('parmsId', formatParmsId(this.seal.keyParmsId), formatParmsId(parmsId))
    }
  }
}

function formatParmsId(parmsId: ParmsId): string {
  return Array.from(parmsId, word => word.toString(16).padStart(16, '0')).join('-')
}
