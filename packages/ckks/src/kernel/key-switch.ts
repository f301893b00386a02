/**
 * Hybrid key switching (eprint 2019/688, 2020/1203): from c·s' to (b, a) with b + a·s ≈ c·s'.
 *
 *   decompose        D_j = [c]_{digit j}, centred, extended to Q_l·P                          d digits of α primes each
 *   inner product    (B, A) = Σ_j D_j · (b_j, a_j)                                            over Q_l·P
 *   divide by P      (b, a) = round((B, A) / P)                                               over Q_l
 *
 * The digits depend on c alone, so one decomposition serves any number of keys (hoisting). α = 1 is SEAL's gadget. The automorphism of a rotation commutes
 * with everything above: digits are centred, so σ(D_j(c)) = D_j(σ(c)). Galois keys are therefore kept under σ^-1 (`evaluation-keys.ts`) and
 *
 *   Σ_j D_j(σ(c))·key_j = σ( Σ_j D_j(c)·σ^-1(key_j) ) ,
 *
 * one permutation of two polynomials instead of one of d.
 */
import type { Polynomial } from '@slytherin/ring'
import type { Context } from '../context.js'
import type { KeySwitchKey } from '../keys.js'

/** The digits of one polynomial, ntt domain over Q_l·P. */
export class Decomposition implements Disposable {
  constructor(
    readonly digits: readonly Polynomial[],
    readonly level: number
  ) {}

  dispose(): void {
    for (const digit of this.digits) digit.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** A pair of polynomials. */
export interface Pair {
  readonly b: Polynomial
  readonly a: Polynomial
}

export class KeySwitch {
  private readonly specialIndices: readonly number[]

  constructor(private readonly context: Context) {
    this.specialIndices = context.parameters.specialIndices()
  }

  /** @param c ntt domain over q_0 … q_level */
  decompose(c: Polynomial, level: number): Decomposition {
    const { ring, parameters } = this.context
    const extended = parameters.keyIndices(level)
    const digits: Polynomial[] = []
    const coefficients = c.clone()
    try {
      ring.inverseNtt(coefficients)
      for (let digit = 0; digit < parameters.digits(level); digit++) {
        const source = ring.allocate(parameters.digitIndices(digit, level), 'coefficient')
        const target = ring.allocate(extended, 'coefficient')
        digits.push(target)
        try {
          ring.copy(source, coefficients)
          ring.extendBasis(target, source)
        } finally {
          source.dispose()
        }
        ring.ntt(target)
      }
    } catch (error) {
      for (const digit of digits) digit.dispose()
      throw error
    } finally {
      coefficients.dispose()
    }
    return new Decomposition(digits, level)
  }

  /** Over Q_l·P. The key's level is at least the decomposition's. */
  innerProduct(decomposition: Decomposition, key: KeySwitchKey): Pair {
    const { ring, parameters } = this.context
    const extended = parameters.keyIndices(decomposition.level)
    const b = ring.allocate(extended, 'ntt')
    const a = ring.allocate(extended, 'ntt')
    decomposition.digits.forEach((digit, j) => {
      ring.multiplyAdd(b, digit, key.digits[j]!.b)
      ring.multiplyAdd(a, digit, key.digits[j]!.a)
    })
    return { b, a }
  }

  /** round(x / P) over Q_level. `x` is used up. */
  divideByP(x: Polynomial, level: number): Polynomial {
    const { ring, parameters } = this.context
    const out = ring.allocate(parameters.ciphertextIndices(level), 'ntt')
    try {
      return ring.divideAndRound(out, x, this.specialIndices)
    } catch (error) {
      out.dispose()
      throw error
    }
  }

  /** The whole key switch. @param c ntt domain over q_0 … q_level */
  apply(c: Polynomial, level: number, key: KeySwitchKey): Pair {
    const decomposition = this.decompose(c, level)
    try {
      return this.applyDecomposed(decomposition, key)
    } finally {
      decomposition.dispose()
    }
  }

  applyDecomposed(decomposition: Decomposition, key: KeySwitchKey): Pair {
    const { b, a } = this.innerProduct(decomposition, key)
    try {
      return { b: this.divideByP(b, decomposition.level), a: this.divideByP(a, decomposition.level) }
    } finally {
      b.dispose()
      a.dispose()
    }
  }
}
