/**
 * Keys. All polynomials are in the ntt domain.
 *
 *   secret        s ternary, over every modulus
 *   public        (b, a) with b = -a·s + e over Q·P
 *   key switch    per digit j: (b_j, a_j), b_j = -a_j·s + P·g_j·s' + e over Q_l·P; g_j is 1 modulo the primes of digit j and 0 modulo the others
 *
 * With α = 1 the last is SEAL's key-switching key residue for residue (eprint 2020/304 writes the same gadget for any α).
 */
import { deriveSeed, type Polynomial, randomSeed } from '@slytherin/ring'
import type { Context } from './context.js'
import { KeyMismatchError } from './errors.js'

/** A ternary secret, or a sum of such. Wiped on dispose; neither JSON nor inspection shows it. */
export class SecretKey implements Disposable {
  readonly #polynomial: Polynomial

  private constructor(polynomial: Polynomial) {
    this.#polynomial = polynomial
  }

  /** The secret expanded from a 32-byte seed. */
  static fromSeed(context: Context, seed: Uint8Array): SecretKey {
    const { ring, parameters } = context
    const polynomial = ring.allocate(parameters.keyIndices(), 'coefficient')
    const derived = deriveSeed(seed, 'secret key')
    try {
      ring.ternary(polynomial, derived)
      ring.ntt(polynomial)
    } catch (error) {
      polynomial.dispose()
      throw error
    } finally {
      derived.fill(0)
    }
    return new SecretKey(polynomial)
  }

  /** A fresh ternary secret from the platform's random generator. */
  static generate(context: Context): SecretKey {
    const seed = randomSeed()
    try {
      return SecretKey.fromSeed(context, seed)
    } finally {
      seed.fill(0)
    }
  }

  /** The sum of secrets: what the parties hold together and nobody ever computes. For tests against the ideal secret. */
  static sum(context: Context, secrets: readonly SecretKey[]): SecretKey {
    const { ring, parameters } = context
    const polynomial = ring.allocate(parameters.keyIndices(), 'ntt')
    for (const secret of secrets) ring.add(polynomial, polynomial, secret.polynomial)
    return new SecretKey(polynomial)
  }

  /** A secret brought from elsewhere. @param polynomial ntt domain over every modulus; moves into the key */
  static fromPolynomial(polynomial: Polynomial): SecretKey {
    return new SecretKey(polynomial)
  }

  /** What `console.log` and `util.inspect` print, getters included. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return 'SecretKey {}'
  }

  /** s in the ntt domain over every modulus. */
  get polynomial(): Polynomial {
    return this.#polynomial
  }

  /** Zeroes the secret and lets go of its memory. */
  dispose(): void {
    this.#polynomial.wipe()
    this.#polynomial.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** (b, a) = (-a·s + e, a) modulo QP. */
export class PublicKey implements Disposable {
  constructor(
    readonly b: Polynomial,
    readonly a: Polynomial
  ) {}

  /** Lets go of both polynomials. */
  dispose(): void {
    this.b.dispose()
    this.a.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** One digit of a key: an encryption (b, a) of a part of the other secret. */
export interface KeySwitchDigit {
  readonly b: Polynomial
  readonly a: Polynomial
}

/** A relinearisation key (s' = s²) or a Galois key (s' = σ_g(s)). */
export class KeySwitchKey implements Disposable {
  constructor(
    readonly digits: readonly KeySwitchDigit[],
    /** The highest level at which the key works. */
    readonly level: number,
    /** log2 σ of the key's error; when absent, the noise model's figure for a key made by all parties. */
    readonly noise?: number
  ) {}

  /** @throws KeyMismatchError when the key cannot serve ciphertexts of this level */
  check(context: Context, operation: string, level: number): void {
    if (level > this.level) throw new KeyMismatchError(operation, 'level', level, this.level)
    const digits = context.parameters.digits(this.level)
    if (this.digits.length !== digits) throw new KeyMismatchError(operation, 'digits', digits, this.digits.length)
  }

  /** Lets go of every digit's polynomials. */
  dispose(): void {
    for (const { b, a } of this.digits) {
      b.dispose()
      a.dispose()
    }
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
