/**
 * Public-key encryption with low noise, as SEAL does it: zero is encrypted modulo Q_l·p, p the first special prime, and divided by p; only then the message is
 * added. What remains of the encryption noise is the rounding of that division.
 *
 *   (c0, c1) = ⌊(b·u + e0, a·u + e1) / p⌉ + (Δ·m, 0)     u ternary, e0, e1 Gaussian
 *
 * Provably, twice the undivided encryption of zero is divided (provable-encryption.ts says why):
 *
 *   (c0, c1) = ⌊2·(b·u + e0, a·u + e1) / p⌉ + (Δ·m, 0)
 */
import { type Polynomial, randomSeed } from '@slytherin/ring'
import { Ciphertext } from './ciphertext.js'
import type { Context } from './context.js'
import { InvalidScaleError } from './errors.js'
import type { PublicKey } from './keys.js'
import { combineNoise } from './noise.js'
import type { Plaintext } from './plaintext.js'
import { encryptionIndices, PROVABLE_FACTOR, sampleEncryptionError, sampleEphemeral, secondComponent } from './provable-encryption.js'

/** A ciphertext with what a proof that it is one is about. */
export interface ProvableEncryption {
  readonly ciphertext: Ciphertext
  /** C1 = a·u + e1 modulo Q_l·p, coefficient domain; not secret. The ciphertext's second component is `secondComponent` of it. The caller disposes it. */
  readonly undivided: Polynomial
}

/** Encrypts under a public key. */
export class Encryptor {
  constructor(
    private readonly context: Context,
    private readonly publicKey: PublicKey
  ) {}

  /**
   * @param seed 32 secret bytes, used for this ciphertext only; random by default
   * @returns a ciphertext at the plaintext's level and scale
   */
  encrypt(plaintext: Plaintext, seed: Uint8Array = randomSeed()): Ciphertext {
    this.checkScale('encrypt', plaintext)
    return this.withMessage(this.zero(plaintext.level, seed, 1), plaintext, 1)
  }

  /**
   * An encryption of which can be proved that it is one. What the proof needs to know, u and e1, derives from the seed: keep it until the proof is made, and no longer.
   *
   * @param seed        32 secret bytes, used for this ciphertext only
   * @param provenLevel of C1: the ciphertext's by default; a higher one lets it be proved together with others of that level, and changes no bit of the ciphertext
   * @throws InvalidLevelError, InvalidScaleError
   */
  encryptProvably(plaintext: Plaintext, seed: Uint8Array, provenLevel: number = plaintext.level): ProvableEncryption {
    this.checkScale('encryptProvably', plaintext)
    const { ring, parameters } = this.context
    const level = Math.max(plaintext.level, provenLevel)
    const undivided = ring.allocateUninitialised(ring.basis(encryptionIndices(parameters, level)), 'coefficient')
    try {
      return {
        ciphertext: this.withMessage(this.zero(plaintext.level, seed, PROVABLE_FACTOR, undivided), plaintext, PROVABLE_FACTOR),
        undivided
      }
    } catch (error) {
      undivided.dispose()
      throw error
    }
  }

  private checkScale(operation: string, { scale }: Plaintext): void {
    if (!Number.isFinite(scale) || scale <= 0) throw new InvalidScaleError(operation, scale)
  }

  private withMessage(zero: [Polynomial, Polynomial], plaintext: Plaintext, factor: number): Ciphertext {
    const { ring, noise } = this.context
    const { level, scale, magnitude } = plaintext
    ring.add(zero[0], zero[0], plaintext.polynomial)
    return new Ciphertext(zero, { level, scale, noise: combineNoise(noise.fresh(factor), noise.encoding(scale, magnitude)), magnitude })
  }

  /**
   * A fresh encryption of zero at this level, ntt domain: c0 + c1·s is small.
   *
   * @param factor by which it is multiplied before the division, 1 or 2
   * @param undivided takes a·u + e1, over these moduli and perhaps more
   */
  private zero(level: number, seed: Uint8Array, factor: number, undivided?: Polynomial): [Polynomial, Polynomial] {
    const { ring, parameters } = this.context
    const indices = encryptionIndices(parameters, level)
    const basis = ring.basis(indices)
    const wide = undivided === undefined ? basis : ring.basis(undivided.indices)
    const ephemeral = ring.allocateUninitialised(wide, 'coefficient')
    const sum = ring.allocateUninitialised(basis, 'coefficient')
    const product =
      undivided === undefined || undivided.indices.length === indices.length ? sum : ring.allocateUninitialised(wide, 'coefficient')
    const made: Polynomial[] = []
    try {
      ring.ntt(sampleEphemeral(ring, ephemeral, seed))
      const half = (key: Polynomial, component: 0 | 1): Polynomial => {
        sampleEncryptionError(ring, sum, seed, component)
        ring.multiplyAdd(ring.ntt(sum), ephemeral, key)
        if (factor === PROVABLE_FACTOR) ring.add(sum, sum, sum)
        const out = ring.allocateUninitialised(ring.basis(parameters.ciphertextIndices(level)), 'ntt')
        made.push(out)
        return ring.divideAndRound(out, sum, [parameters.maxLevel + 1])
      }
      const first = half(this.publicKey.b, 0)
      if (undivided === undefined) return [first, half(this.publicKey.a, 1)]
      sampleEncryptionError(ring, undivided, seed, 1)
      ring.inverseNtt(ring.multiply(product, ephemeral, this.publicKey.a))
      ring.add(undivided, undivided, product)
      const second = secondComponent(this.context, undivided, level)
      made.push(second)
      return [first, second]
    } catch (failure) {
      for (const polynomial of made) polynomial.dispose()
      throw failure
    } finally {
      for (const polynomial of new Set([ephemeral, sum, product])) {
        polynomial.wipe()
        polynomial.dispose()
      }
    }
  }
}
