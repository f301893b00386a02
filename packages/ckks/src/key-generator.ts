/** Keys of a single party, for tests and cohorts that need no protocol. The formulas are in `keys.ts`. */
import { deriveSeed, type Polynomial, randomSeed } from '@slytherin/ring'
import type { Context } from './context.js'
import { checkGaloisElement } from './galois.js'
import { type KeySwitchDigit, KeySwitchKey, PublicKey, type SecretKey } from './keys.js'
import { ERROR_SIGMA } from './security.js'

/** For which levels a key is made, and from what. */
export interface KeySwitchOptions {
  /** Highest level the key serves, the top one by default. */
  level?: number
  /** 32 bytes for a reproducible key; random otherwise. */
  seed?: Uint8Array
}

/** Makes the keys of one secret. */
export class KeyGenerator {
  constructor(private readonly context: Context) {}

  /** A public key (-a·s + e, a) over QP. @param seed 32 secret bytes, random by default */
  publicKey(secret: SecretKey, seed: Uint8Array = randomSeed()): PublicKey {
    const { parameters } = this.context
    const { b, a } = this.encryptionOfZero(secret, parameters.keyIndices(), deriveSeed(seed, 'public key'))
    return new PublicKey(b, a)
  }

  /** A key that switches s² to s, for ciphertexts up to the level of the options. */
  relinearizationKey(secret: SecretKey, options: KeySwitchOptions = {}): KeySwitchKey {
    const { ring, parameters } = this.context
    const square = ring.allocate(parameters.keyIndices(), 'ntt')
    try {
      ring.multiply(square, secret.polynomial, secret.polynomial)
      return this.keySwitchKey(secret, square, 'relinearization key', options)
    } finally {
      square.wipe()
      square.dispose()
    }
  }

  /** @throws InvalidGaloisElementError */
  galoisKey(secret: SecretKey, galoisElement: number, options: KeySwitchOptions = {}): KeySwitchKey {
    const { ring, parameters } = this.context
    checkGaloisElement(galoisElement, parameters.N)
    const image = ring.allocate(parameters.keyIndices(), 'ntt')
    try {
      ring.automorphism(image, secret.polynomial, galoisElement)
      return this.keySwitchKey(secret, image, `galois key ${galoisElement}`, options)
    } finally {
      image.wipe()
      image.dispose()
    }
  }

  /** Key that switches from `source` (ntt over every modulus) to `secret`. */
  private keySwitchKey(secret: SecretKey, source: Polynomial, label: string, options: KeySwitchOptions): KeySwitchKey {
    const { ring, parameters } = this.context
    const { level = parameters.maxLevel, seed = randomSeed() } = options
    const indices = parameters.keyIndices(level)
    const moduli = parameters.moduli()
    const P = parameters.specialPrimes.reduce((product, prime) => product * prime.value, 1n)
    const gadgetTerm = ring.allocate(indices, 'ntt')
    const digits: KeySwitchDigit[] = []
    try {
      for (let digit = 0; digit < parameters.digits(level); digit++) {
        const pair = this.encryptionOfZero(secret, indices, deriveSeed(seed, label, digit))
        digits.push(pair)
        const members = new Set(parameters.digitIndices(digit, level))
        ring.multiplyScalar(
          gadgetTerm,
          source,
          indices.map(index => (members.has(index) ? P % moduli[index]!.value : 0n))
        )
        ring.add(pair.b, pair.b, gadgetTerm)
      }
    } catch (error) {
      for (const { b, a } of digits) {
        b.dispose()
        a.dispose()
      }
      throw error
    } finally {
      gadgetTerm.wipe()
      gadgetTerm.dispose()
    }
    return new KeySwitchKey(digits, level, Math.log2(ERROR_SIGMA))
  }

  /** (-a·s + e, a) over `indices`. */
  private encryptionOfZero(secret: SecretKey, indices: readonly number[], seed: Uint8Array): KeySwitchDigit {
    const { ring } = this.context
    const a = ring.allocate(indices, 'ntt')
    const b = ring.allocate(indices, 'coefficient')
    ring.uniform(a, deriveSeed(seed, 'uniform'))
    ring.gaussian(b, deriveSeed(seed, 'error'), ERROR_SIGMA)
    ring.ntt(b)
    // the error is symmetric: -(a·s + e) is as good as -a·s + e
    ring.multiplyAdd(b, a, secret.polynomial)
    ring.negate(b, b)
    return { b, a }
  }
}
