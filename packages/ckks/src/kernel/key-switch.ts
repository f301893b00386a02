/**
 * Hybrid key switching (eprint 2019/688, 2020/1203): from c·s' to (b, a) with b + a·s ≈ c·s'.
 *
 *   decompose        D_j = [c]_{digit j}, centred, extended to Q_l·P                          d digits of α primes each
 *   inner product    (B, A) = Σ_j D_j · (b_j, a_j)                                            over Q_l·P
 *   divide by P      (b, a) = round((B, A) / P)                                               over Q_l
 *
 * The digits depend on c alone, so one decomposition serves any number of keys (hoisting). The ring computes all three steps row by row, so that digits are never
 * stored. α = 1 is SEAL's gadget. The automorphism of a rotation commutes
 * with everything above: digits are centred, so σ(D_j(c)) = D_j(σ(c)). Galois keys are therefore kept under σ^-1 (`evaluation-keys.ts`) and
 *
 *   Σ_j D_j(σ(c))·key_j = σ( Σ_j D_j(c)·σ^-1(key_j) ) ,
 *
 * one permutation of two polynomials instead of one of d.
 */
import type { KeySwitchFinish, Polynomial, PolynomialPair } from '@slytherin/ring'
import type { Context } from '../context.js'
import type { KeySwitchKey } from '../keys.js'
import { blank, disposeAll, into, mapAll } from './memory.js'

export class KeySwitch {
  private readonly specialIndices: readonly number[]

  constructor(private readonly context: Context) {
    this.specialIndices = context.parameters.specialIndices()
  }

  /**
   * σ_r(b + addend, a + addend) per key.
   *
   * @param c ntt domain over q_0 … q_level
   * @param keys for this level or higher ones
   * @param finish addends over q_0 … q_level, automorphisms
   */
  apply(c: Polynomial, level: number, keys: readonly KeySwitchKey[], finish: KeySwitchFinish = {}): PolynomialPair[] {
    const { ring, parameters } = this.context
    const digits = this.digits(level)
    return this.pairs(keys.length, parameters.ciphertextIndices(level), out =>
      ring.switchKeys(out, c, digits, this.digitsOf(keys, digits.length), this.specialIndices, finish)
    )
  }

  /** σ_r(B + addend, A + addend) per key, over Q_l·P. */
  innerProducts(c: Polynomial, level: number, keys: readonly KeySwitchKey[], finish: KeySwitchFinish = {}): PolynomialPair[] {
    const { ring, parameters } = this.context
    const digits = this.digits(level)
    return this.pairs(keys.length, parameters.keyIndices(level), out =>
      ring.decomposeInnerProduct(out, c, digits, this.digitsOf(keys, digits.length), finish)
    )
  }

  /** round(x / P) over Q_level. */
  divideByP(x: Polynomial, level: number): Polynomial {
    const { ring, parameters } = this.context
    return into(blank(ring, parameters.ciphertextIndices(level)), out => ring.divideAndRound(out, x, this.specialIndices))
  }

  /** Pairs to be overwritten by `compute`, released when it throws. */
  private pairs(count: number, indices: readonly number[], compute: (out: PolynomialPair[]) => void): PolynomialPair[] {
    const polynomials = mapAll(Array.from({ length: 2 * count }), () => blank(this.context.ring, indices))
    try {
      const out = Array.from({ length: count }, (_, r) => [polynomials[2 * r]!, polynomials[2 * r + 1]!] as const)
      compute(out)
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

  /** Below its own level, a key's last digits have nothing to do. */
  private digitsOf(keys: readonly KeySwitchKey[], count: number): KeySwitchKey['digits'][] {
    return keys.map(key => key.digits.slice(0, count))
  }
}
