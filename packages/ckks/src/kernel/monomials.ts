/** Monomials X^k in the ntt domain over all ciphertext primes, made when first used and kept. */
import type { Polynomial } from '@slytherin/ring'
import type { Context } from '../context.js'
import { into } from './memory.js'

export class Monomials implements Disposable {
  private readonly made = new Map<number, Polynomial>()

  constructor(private readonly context: Context) {}

  /** Stays with this object. @throws RangeError unless 0 ≤ exponent < 2N */
  get(exponent: number): Polynomial {
    const known = this.made.get(exponent)
    if (known !== undefined) return known
    const { ring, parameters } = this.context
    const coefficients = monomialCoefficients(exponent, parameters.N)
    const polynomial = into(ring.allocate(parameters.ciphertextIndices(parameters.maxLevel), 'coefficient'), out =>
      ring.ntt(ring.fromIntegers(out, coefficients))
    )
    this.made.set(exponent, polynomial)
    return polynomial
  }

  dispose(): void {
    for (const polynomial of this.made.values()) polynomial.dispose()
    this.made.clear()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** X^exponent modulo X^N + 1. @throws RangeError unless 0 ≤ exponent < 2N */
export function monomialCoefficients(exponent: number, N: number): Float64Array {
  if (!Number.isInteger(exponent) || exponent < 0 || exponent >= 2 * N) {
    throw new RangeError(`the exponent of a monomial is a whole number below 2N = ${2 * N}, got ${exponent}`)
  }
  const coefficients = new Float64Array(N)
  coefficients[exponent % N] = exponent < N ? 1 : -1
  return coefficients
}
