/** Derivatives of polynomials in either basis. */
import type { BasisPolynomial } from '@slytherin/ckks'
import { differentiate } from './chebyshev.js'

/** p' in the basis of p. */
export function derivativeOf({ basis, coefficients }: BasisPolynomial): BasisPolynomial {
  if (basis === 'chebyshev') return { basis, coefficients: differentiate(coefficients) }
  return { basis, coefficients: coefficients.slice(1).map((value, k) => (k + 1) * value) }
}
