/**
 * The evaluator's own copies of its keys. Galois keys are kept under the inverse of their automorphism, which is what `KeySwitch` wants. They live in a vault: in the kernel's
 * memory while they fit into their share of it, the least recently used outside otherwise.
 */
import {
  DisposedError,
  type KeyDigit,
  type Polynomial,
  PolynomialVault,
  type SharedPolynomial,
  type VaultedPolynomial
} from '@slytherin/ring'
import type { Context } from '../context.js'
import { ForeignOperandError, KeyMismatchError } from '../errors.js'
import type { EvaluationKeys } from '../evaluator.js'
import { checkGaloisElement } from '../galois.js'
import { demandKey } from '../key-demand.js'
import type { KeySwitchKey } from '../keys.js'
import { blankLike, into } from './memory.js'

/** What of the kernel's 4 GiB keys take at most; the rest is for ciphertexts. */
export const DEFAULT_KEY_BYTES = 1.5 * 2 ** 30

/** A key whose polynomials are kept in some form. */
interface KeyOf<T> {
  readonly digits: readonly { readonly b: T; readonly a: T }[]
  /** The highest level at which the key works. */
  readonly level: number
  /** log2 σ of the key's error, when known. */
  readonly noise: number | undefined
}

/** A key in the vault. */
export type StoredKey = KeyOf<VaultedPolynomial>

/** Keys that evaluators in other workers of the process can use without a copy: they can be posted. */
export interface SharedEvaluationKeys {
  readonly relinearizationKey: KeyOf<SharedPolynomial> | undefined
  /** By Galois element. */
  readonly galoisKeys: ReadonlyMap<number, KeyOf<SharedPolynomial>>
}

export class StoredKeys implements Disposable {
  readonly #vault: PolynomialVault
  #relinearization: StoredKey | undefined
  readonly #galois = new Map<number, StoredKey>()
  #disposed = false

  /** @param keyBytes what keys may take of the kernel's memory */
  constructor(
    private readonly context: Context,
    private readonly keyBytes: number
  ) {
    this.#vault = new PolynomialVault(context.ring, { arenaBytes: keyBytes })
  }

  /** Replaces every key. When a key is refused, none is left. @throws KeyMismatchError, ForeignOperandError, InvalidGaloisElementError, OutOfMemoryError */
  set(keys: EvaluationKeys): void {
    this.clear()
    try {
      if (keys.relinearizationKey !== undefined) this.setRelinearization(keys.relinearizationKey)
      for (const [element, key] of keys.galoisKeys) this.setGalois(element, key)
    } catch (error) {
      this.clear()
      throw error
    }
  }

  setRelinearization(key: KeySwitchKey): void {
    this.check('relinearization key', key)
    const stored = this.keep(key, polynomial => polynomial.clone())
    this.remove(this.#relinearization)
    this.#relinearization = stored
  }

  setGalois(element: number, key: KeySwitchKey): void {
    const { ring, parameters } = this.context
    checkGaloisElement(element, parameters.N)
    this.check(`galois key ${element}`, key)
    const inverse = inverseGaloisElement(element, parameters.N)
    const stored = this.keep(key, polynomial => into(blankLike(polynomial), out => ring.automorphism(out, polynomial, inverse)))
    this.remove(this.#galois.get(element))
    this.#galois.set(element, stored)
  }

  share(): SharedEvaluationKeys {
    const share = (key: StoredKey) => convert(key, vaulted => this.#vault.share(vaulted))
    return {
      relinearizationKey: this.#relinearization && share(this.#relinearization),
      galoisKeys: new Map([...this.#galois].map(([element, key]) => [element, share(key)]))
    }
  }

  /** Replaces every key by what another evaluator of the same parameters shares. */
  adopt(keys: SharedEvaluationKeys): void {
    this.clear()
    if (this.#disposed) throw new DisposedError('evaluator')
    const adopt = (key: KeyOf<SharedPolynomial>) => convert(key, polynomial => this.#vault.adopt(polynomial))
    if (keys.relinearizationKey !== undefined) this.#relinearization = adopt(keys.relinearizationKey)
    for (const [element, key] of keys.galoisKeys) this.#galois.set(element, adopt(key))
  }

  /** @throws MissingKeyError, KeyMismatchError when the key is for lower levels only */
  relinearization(operation: string, level: number): StoredKey {
    return demandKey(operation, null, this.#relinearization, level)
  }

  /** The key under σ^-1. @throws MissingKeyError, KeyMismatchError when the key is for lower levels only */
  galois(operation: string, element: number, level: number): StoredKey {
    return demandKey(operation, element, this.#galois.get(element), level)
  }

  /** Runs `body` with the first `count` digits of these keys in the kernel's memory. @throws VaultFullError */
  use<T>(keys: readonly StoredKey[], count: number, body: (keys: readonly (readonly KeyDigit[])[]) => T): T {
    const all = keys.flatMap(({ digits }) => digits.slice(0, count).flatMap(({ b, a }) => [b, a]))
    return this.#vault.withAll(all, polynomials =>
      body(
        keys.map((_, r) =>
          Array.from({ length: count }, (_, j) => ({ b: polynomials[2 * (r * count + j)]!, a: polynomials[2 * (r * count + j) + 1]! }))
        )
      )
    )
  }

  /** How many keys of this kind can be in the kernel's memory at a time, at least one. */
  capacity(key: StoredKey): number {
    const bytes = key.digits.reduce((sum, { b, a }) => sum + b.bytes + a.bytes, 0)
    return Math.max(1, Math.floor(this.keyBytes / bytes))
  }

  clear(): void {
    for (const key of [this.#relinearization, ...this.#galois.values()]) this.remove(key)
    this.#relinearization = undefined
    this.#galois.clear()
  }

  dispose(): void {
    if (this.#disposed) return
    this.clear()
    this.#disposed = true
    this.#vault.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private remove(key: StoredKey | undefined): void {
    for (const { b, a } of key?.digits ?? []) {
      this.#vault.remove(b)
      this.#vault.remove(a)
    }
  }

  private check(operation: string, key: KeySwitchKey): void {
    if (this.#disposed) throw new DisposedError('evaluator')
    const { ring, parameters } = this.context
    parameters.checkLevel(operation, key.level)
    key.check(this.context, operation, key.level)
    const rows = parameters.keyIndices(key.level)
    for (const { b, a } of key.digits) {
      for (const polynomial of [b, a]) {
        if (polynomial.ring !== ring) throw new ForeignOperandError(operation, 'the key belongs to another context')
        if (polynomial.domain !== 'ntt') throw new ForeignOperandError(operation, 'a key is in the ntt domain')
        if (polynomial.indices.join() !== rows.join())
          throw new KeyMismatchError(operation, 'moduli', rows.length, polynomial.indices.length)
      }
    }
  }

  /** Puts a key into the vault, polynomial by polynomial as `make` copies it; all or nothing. */
  private keep(key: KeySwitchKey, make: (polynomial: Polynomial) => Polynomial): StoredKey {
    const put: VaultedPolynomial[] = []
    try {
      return convert(key, polynomial => {
        const vaulted = this.#vault.put(make(polynomial))
        put.push(vaulted)
        return vaulted
      })
    } catch (error) {
      for (const vaulted of put) this.#vault.remove(vaulted)
      throw error
    }
  }
}

function convert<From, To>(
  key: Pick<KeyOf<From>, 'digits' | 'level'> & { readonly noise?: number | undefined },
  of: (from: From) => To
): KeyOf<To> {
  return { digits: key.digits.map(({ b, a }) => ({ b: of(b), a: of(a) })), level: key.level, noise: key.noise }
}

/** g^-1 mod 2N. The group of odd residues modulo 2N has exponent N / 2. */
export function inverseGaloisElement(element: number, N: number): number {
  let inverse = 1
  let power = element
  for (let exponent = N / 2 - 1; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) inverse = (inverse * power) % (2 * N)
    power = (power * power) % (2 * N)
  }
  return inverse
}
