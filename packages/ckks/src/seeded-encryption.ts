/**
 * Encryption with the secret key, whose second component travels as the seed that it is expanded from: half the bytes, and fewer transforms.
 *
 *   (c0, seed)     c0 = -a·s + Δ·m + e     a = expand(seed), uniform in R_Ql; e Gaussian
 *
 * Message and error are added before the transform, so that there is one of each residue in all. The expansion is that of the reference polynomials (`ring.uniform`).
 *
 * Two ciphertexts with one seed give away the difference of their messages: the public seed is derived, one way, from a secret one that is drawn for each ciphertext.
 */
import { deriveSeed, type Polynomial, randomSeed } from '@slytherin/ring'
import { Ciphertext, type CiphertextState } from './ciphertext.js'
import type { Context } from './context.js'
import type { EncodeOptions, SlotValues } from './encoder.js'
import type { PublicKey, SecretKey } from './keys.js'
import { combineNoise } from './noise.js'
import { ENCRYPTION_ERROR_BOUND } from './provable-encryption.js'
import { ERROR_SIGMA } from './security.js'

/** Bytes of the seed that stands for a second component. */
export const CIPHERTEXT_SEED_BYTES = 32

/** A ciphertext of degree 1 before its second component is expanded. The caller disposes `first`. */
export interface SeededCiphertext extends CiphertextState {
  /** c0, ntt domain over q_0 … q_l. */
  readonly first: Polynomial
  /** 32 bytes from which a is expanded; public. */
  readonly seed: Uint8Array
}

/** Encrypts with a secret key. */
export class SecretKeyEncryptor {
  constructor(
    private readonly context: Context,
    private readonly secret: SecretKey
  ) {}

  /**
   * @param secretSeed 32 secret bytes, used for this ciphertext only; random by default
   * @throws as `Encoder.encode`
   */
  encrypt(values: SlotValues, options: EncodeOptions, secretSeed: Uint8Array = randomSeed()): SeededCiphertext {
    const { ring, noise, encoder } = this.context
    // One way: the error does not follow from the seed that travels.
    const seed = deriveSeed(secretSeed, 'reference')
    using message = encoder.encodeCoefficients(values, options)
    const { level, scale, magnitude, polynomial } = message
    const first = ring.allocateUninitialised(ring.basis(polynomial.indices), 'coefficient')
    try {
      const derived = deriveSeed(secretSeed, 'error')
      ring.gaussian(first, derived, ERROR_SIGMA)
      derived.fill(0)
      // The error is symmetric: -(a·s + e - Δ·m) is -a·s + Δ·m + e.
      ring.ntt(ring.subtract(first, first, polynomial))
      using a = expandSeed(this.context, seed, level)
      ring.multiplyAdd(first, a, this.secret.polynomial)
      ring.negate(first, first)
      return { first, seed, level, scale, magnitude, noise: combineNoise(noise.secretKeyError(), noise.encoding(scale, magnitude)) }
    } catch (error) {
      first.dispose()
      throw error
    } finally {
      polynomial.wipe()
    }
  }
}

/** The ciphertext, which owns the first component from now on. */
export function expandCiphertext(context: Context, seeded: SeededCiphertext): Ciphertext {
  return new Ciphertext([seeded.first, expandSeed(context, seeded.seed, seeded.level)], seeded)
}

/** Whether a public key is of this secret alone: b + a·s has the coefficients of one error, over every modulus. */
export function isKeyPair({ ring }: Context, secret: SecretKey, { a, b }: PublicKey): boolean {
  const phase = b.clone()
  try {
    ring.inverseNtt(ring.multiplyAdd(phase, a, secret.polynomial))
    return ring.toDoubles(phase).every(coefficient => Math.abs(coefficient) <= ENCRYPTION_ERROR_BOUND)
  } finally {
    phase.wipe()
    phase.dispose()
  }
}

/** a, ntt domain over q_0 … q_l; the caller disposes it. */
function expandSeed({ ring, parameters }: Context, seed: Uint8Array, level: number): Polynomial {
  return ring.uniform(ring.allocateUninitialised(ring.basis(parameters.ciphertextIndices(level)), 'ntt'), seed)
}
