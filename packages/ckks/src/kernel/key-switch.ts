/**
 * Hybrid key switching (eprint 2019/688, 2020/1203): from c·s' to (b, a) with b + a·s ≈ c·s'.
 *
 *   decompose        D_j = [c]_{digit j}, centred, extended to Q_l·P                          d digits of α primes each
 *   inner product    (B, A) = Σ_j D_j · (b_j, a_j)                                            over Q_l·P
 *   divide by P      (b, a) = round((B, A) / P)                                               over Q_l
 *
 * The digits depend on c alone, so one decomposition serves any number of keys (hoisting). The ring computes all three steps row by row, so that digits are never
 * stored. α = 1 is SEAL's gadget.
 *
 * The automorphism of a rotation commutes with everything above: digits are centred, so σ(D_j(c)) = D_j(σ(c)). Galois keys are therefore kept under σ^-1
 * (`evaluation-keys.ts`) and
 *
 *   Σ_j D_j(σ(c))·key_j = σ( Σ_j D_j(c)·σ^-1(key_j) ) ,
 *
 * one permutation of two polynomials instead of one of d.
 */
import type { KeyDigit, KeySwitchFinish, Polynomial, PolynomialPair } from '@slytherin/ring'
import type { Context } from '../context.js'
import type { StoredKey, StoredKeys } from './evaluation-keys.js'
import { blank, disposeAll, divided, mapAll } from './memory.js'

export class KeySwitch {
  private readonly specialIndices: readonly number[]

  constructor(
    private readonly context: Context,
    private readonly stored: StoredKeys
  ) {
    this.specialIndices = context.parameters.specialIndices()
  }

  /**
   * σ_r(b + addend, a + addend) per key.
   *
   * @param c ntt domain over q_0 … q_level
   * @param keys for this level or higher ones
   * @param finish addends over q_0 … q_level, automorphisms
   */
  apply(c: Polynomial, level: number, keys: readonly StoredKey[], finish: KeySwitchFinish = {}): PolynomialPair[] {
    const { ring, parameters } = this.context
    const digits = this.digits(level)
    return this.pairs(keys, digits.length, parameters.ciphertextIndices(level), finish, (out, part, partFinish) =>
      ring.switchKeys(out, c, digits, part, this.specialIndices, partFinish)
    )
  }

  /** σ_r(B + addend, A + addend) per key, over Q_l·P. */
  innerProducts(c: Polynomial, level: number, keys: readonly StoredKey[], finish: KeySwitchFinish = {}): PolynomialPair[] {
    const { ring, parameters } = this.context
    const digits = this.digits(level)
    return this.pairs(keys, digits.length, parameters.keyIndices(level), finish, (out, part, partFinish) =>
      ring.decomposeInnerProduct(out, c, digits, part, partFinish)
    )
  }

  /** round(x / P) over Q_level for every polynomial x. */
  divideByP(all: readonly Polynomial[], level: number): Polynomial[] {
    const { ring, parameters } = this.context
    return divided(ring, all, parameters.ciphertextIndices(level), this.specialIndices)
  }

  /** A pair per key, made by `compute` for as many keys at a time as fit into their memory; all are released when it throws. */
  private pairs(
    keys: readonly StoredKey[],
    digits: number,
    indices: readonly number[],
    finish: KeySwitchFinish,
    compute: (out: readonly PolynomialPair[], keys: readonly (readonly KeyDigit[])[], finish: KeySwitchFinish) => void
  ): PolynomialPair[] {
    if (keys.length === 0) return []
    const polynomials = mapAll(Array.from({ length: 2 * keys.length }), () => blank(this.context.ring, indices))
    const out = keys.map((_, r) => [polynomials[2 * r]!, polynomials[2 * r + 1]!] as const)
    const step = Math.min(...keys.map(key => this.stored.capacity(key)))
    try {
      for (let first = 0; first < keys.length; first += step) {
        const end = first + step
        const galoisElements = finish.galoisElements?.slice(first, end)
        this.stored.use(keys.slice(first, end), digits, part =>
          compute(out.slice(first, end), part, { ...finish, ...(galoisElements === undefined ? {} : { galoisElements }) })
        )
      }
      return out
    } catch (error) {
      disposeAll(polynomials)
      throw error
    }
  }

  private digits(level: number): number[][] {
    const { parameters } = this.context
    return Array.from({ length: parameters.digits(level) }, (_, digit) => parameters.digitIndices(digit, level))
  }
}
