/** The evaluator's own copies of its keys. Galois keys are kept under the inverse of their automorphism, which is what `KeySwitch` wants. */
import { DisposedError, type Polynomial } from '@slytherin/ring'
import type { Context } from '../context.js'
import { ForeignOperandError, KeyMismatchError, MissingKeyError } from '../errors.js'
import type { EvaluationKeys } from '../evaluator.js'
import { checkGaloisElement } from '../galois.js'
import { type KeySwitchDigit, KeySwitchKey } from '../keys.js'

export class StoredKeys implements Disposable {
  #relinearization: KeySwitchKey | undefined
  readonly #galois = new Map<number, KeySwitchKey>()
  #disposed = false

  constructor(private readonly context: Context) {}

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
    const copy = this.copy(key, polynomial => polynomial.clone())
    this.#relinearization?.dispose()
    this.#relinearization = copy
  }

  setGalois(element: number, key: KeySwitchKey): void {
    const { ring, parameters } = this.context
    checkGaloisElement(element, parameters.N)
    this.check(`galois key ${element}`, key)
    const inverse = inverseGaloisElement(element, parameters.N)
    const copy = this.copy(key, polynomial => ring.automorphism(ring.allocate(polynomial.indices, 'ntt'), polynomial, inverse))
    this.#galois.get(element)?.dispose()
    this.#galois.set(element, copy)
  }

  /** @throws MissingKeyError, KeyMismatchError when the key is for lower levels only */
  relinearization(operation: string, level: number): KeySwitchKey {
    if (this.#relinearization === undefined) throw new MissingKeyError(operation, null)
    this.#relinearization.check(this.context, operation, level)
    return this.#relinearization
  }

  /** The key under σ^-1. @throws MissingKeyError, KeyMismatchError when the key is for lower levels only */
  galois(operation: string, element: number, level: number): KeySwitchKey {
    const key = this.#galois.get(element)
    if (key === undefined) throw new MissingKeyError(operation, element)
    key.check(this.context, operation, level)
    return key
  }

  clear(): void {
    this.#relinearization?.dispose()
    this.#relinearization = undefined
    for (const key of this.#galois.values()) key.dispose()
    this.#galois.clear()
  }

  dispose(): void {
    this.clear()
    this.#disposed = true
  }

  [Symbol.dispose](): void {
    this.dispose()
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

  private copy(key: KeySwitchKey, copy: (polynomial: Polynomial) => Polynomial): KeySwitchKey {
    const digits: KeySwitchDigit[] = []
    try {
      for (const { b, a } of key.digits) {
        const first = copy(b)
        try {
          digits.push({ b: first, a: copy(a) })
        } catch (error) {
          first.dispose()
          throw error
        }
      }
    } catch (error) {
      for (const { b, a } of digits) {
        b.dispose()
        a.dispose()
      }
      throw error
    }
    return new KeySwitchKey(digits, key.level, key.noise)
  }
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
