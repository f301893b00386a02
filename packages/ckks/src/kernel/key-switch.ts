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
import { blank, blankLike, disposeAll, into, mapAll } from './memory.js'

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
    const coefficients = c.clone()
    try {
      ring.inverseNtt(coefficients)
      const indices = Array.from({ length: parameters.digits(level) }, (_, digit) => parameters.digitIndices(digit, level))
      const digits = mapAll(indices, own => into(blank(ring, extended), out => ring.decompose(out, coefficients, c, own)))
      return new Decomposition(digits, level)
    } finally {
      coefficients.dispose()
    }
  }

  /** Σ_j D_j·(b_j, a_j) over Q_l·P. The key's level is at least the decomposition's. */
  innerProduct({ digits, level }: Decomposition, key: KeySwitchKey): Pair {
    const { ring, parameters } = this.context
    const [b, a] = this.pair(parameters.keyIndices(level))
    ring.innerProduct(b, a, digits, key.digits.slice(0, digits.length))
    return { b, a }
  }

  /** round(x / P) [+ addend] over Q_level. */
  divideByP(x: Polynomial, level: number, addend?: Polynomial): Polynomial {
    const { ring, parameters } = this.context
    return into(blank(ring, parameters.ciphertextIndices(level)), out => ring.divideAndRound(out, x, this.specialIndices, addend))
  }

  /**
   * (addendB + b, addendA + a), a pair that stands for c·s' plus the addends.
   *
   * @param c ntt domain over q_0 … q_level
   */
  apply(c: Polynomial, level: number, key: KeySwitchKey, addendB?: Polynomial, addendA?: Polynomial): Pair {
    return this.divide(this.decomposeInnerProduct(c, level, key), level, addendB, addendA)
  }

  /** Σ_j D_j(c)·(b_j, a_j) over Q_l·P, for a polynomial that meets this key only: the digits never leave the cache. */
  decomposeInnerProduct(c: Polynomial, level: number, key: KeySwitchKey): Pair {
    const { ring, parameters } = this.context
    const digits = Array.from({ length: parameters.digits(level) }, (_, digit) => parameters.digitIndices(digit, level))
    const coefficients = c.clone()
    try {
      ring.inverseNtt(coefficients)
      const [b, a] = this.pair(parameters.keyIndices(level))
      ring.decomposeInnerProduct(b, a, coefficients, c, digits, key.digits.slice(0, digits.length))
      return { b, a }
    } finally {
      coefficients.dispose()
    }
  }

  /** As `apply`, for a polynomial already decomposed. */
  applyDecomposed(decomposition: Decomposition, key: KeySwitchKey, addendB?: Polynomial, addendA?: Polynomial): Pair {
    return this.divide(this.innerProduct(decomposition, key), decomposition.level, addendB, addendA)
  }

  /** The pair itself is released. */
  private divide(pair: Pair, level: number, addendB?: Polynomial, addendA?: Polynomial): Pair {
    try {
      const [b, a] = mapAll([pair.b, pair.a], (x, k) => this.divideByP(x, level, k === 0 ? addendB : addendA))
      return { b: b!, a: a! }
    } finally {
      disposeAll([pair.b, pair.a])
    }
  }

  /** (b, a) under an automorphism; the pair itself is released. */
  automorphism({ b, a }: Pair, galoisElement: number): Polynomial[] {
    try {
      return mapAll([b, a], x => into(blankLike(x), out => this.context.ring.automorphism(out, x, galoisElement)))
    } finally {
      disposeAll([b, a])
    }
  }

  private pair(indices: readonly number[]): [Polynomial, Polynomial] {
    return mapAll([0, 1], () => blank(this.context.ring, indices)) as [Polynomial, Polynomial]
  }
}
