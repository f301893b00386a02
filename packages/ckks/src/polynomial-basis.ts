/**
 * Polynomials in the power or the Chebyshev basis, in the clear: what the encrypted evaluation needs of them.
 *
 *   power       p = Σ c_i·x^i          x^n·x^j = x^{n+j}
 *   chebyshev   p = Σ c_i·T_i(x)       T_n·T_j = (T_{n+j} + T_{|n-j|}) / 2
 */
export type PolynomialBasis = 'power' | 'chebyshev'

/** Ascending coefficients in a basis. */
export interface BasisPolynomial {
  readonly basis: PolynomialBasis
  readonly coefficients: readonly number[]
}

/** Without leading zeros; the zero polynomial has one coefficient. */
export function trimmed({ basis, coefficients }: BasisPolynomial): BasisPolynomial {
  let length = coefficients.length
  while (length > 1 && coefficients[length - 1] === 0) length--
  return { basis, coefficients: length === 0 ? [0] : coefficients.slice(0, length) }
}

/** Degree without leading zeros; 0 of a constant, zero included. */
export function degreeOf(polynomial: BasisPolynomial): number {
  return trimmed(polynomial).coefficients.length - 1
}

/** p = q·B_n + r with deg r < n, B the basis. For Chebyshev, n ≤ deg p ≤ 2n. */
export function divide(polynomial: BasisPolynomial, n: number): { quotient: BasisPolynomial; remainder: BasisPolynomial } {
  const { basis, coefficients } = trimmed(polynomial)
  const quotient = coefficients.slice(n)
  const remainder = coefficients.slice(0, n)
  if (basis === 'chebyshev') {
    for (let j = 1; j < quotient.length; j++) {
      // c·T_{n+j} = 2c·T_n·T_j - c·T_{n-j}
      remainder[n - j] = (remainder[n - j] ?? 0) - quotient[j]!
      quotient[j]! *= 2
    }
  }
  return { quotient: trimmed({ basis, coefficients: quotient }), remainder: trimmed({ basis, coefficients: remainder }) }
}

/** p(x), by Horner's rule or Clenshaw's recurrence. */
export function evaluateClear({ basis, coefficients }: BasisPolynomial, x: number): number {
  if (basis === 'power') return coefficients.reduceRight((sum, c) => sum * x + c, 0)
  let [b1, b2] = [0, 0]
  for (let i = coefficients.length - 1; i >= 1; i--) [b1, b2] = [2 * x * b1 - b2 + coefficients[i]!, b1]
  return x * b1 - b2 + (coefficients[0] ?? 0)
}
