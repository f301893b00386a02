/** Polynomials whose coefficients differ from feature to feature, feature by feature. */
import { chebyshevToPower, type Interval, powerToChebyshev } from '../numeric/chebyshev.js'
import { at, type Coefficient, type Polynomial } from '../numeric/elementwise-polynomial.js'

/** Powers of x of a series on an interval, for each feature its own when the coefficients differ. */
export const powersOf = (series: readonly Coefficient[], interval: Interval): Polynomial =>
  featurewise(series, coefficients => chebyshevToPower(coefficients, interval))

/** Chebyshev coefficients on an interval, for each feature its own when the powers differ. */
export const seriesOf = (polynomial: Polynomial, interval: Interval): readonly Coefficient[] =>
  featurewise(polynomial, powers => powerToChebyshev(powers, interval))

/** A map of coefficients, done for every feature where they differ. */
function featurewise(coefficients: readonly Coefficient[], map: (coefficients: number[]) => ArrayLike<number>): Coefficient[] {
  const vector = coefficients.find(coefficient => typeof coefficient !== 'number')
  if (vector === undefined) return Array.from(map(coefficients as number[]))
  const features = (vector as Float64Array).length
  const out = coefficients.map(() => new Float64Array(features))
  for (let feature = 0; feature < features; feature++) {
    const mapped = map(coefficients.map(coefficient => at(coefficient, feature)))
    out.forEach((values, k) => {
      values[feature] = mapped[k] ?? 0
    })
  }
  return out
}

/** c₂u² + c₁u + c₀ = sign·(scale·(u + shift))² + constant, with offset = scale·shift. */
export function completeSquare(polynomial: Polynomial, features: number) {
  const map = (formula: (c0: number, c1: number, c2: number) => number): Coefficient => {
    const uniform = polynomial.every(coefficient => typeof coefficient === 'number')
    const value = (index: number) => formula(at(polynomial[0]!, index), at(polynomial[1]!, index), at(polynomial[2]!, index))
    return uniform ? value(0) : Float64Array.from({ length: features }, (_, index) => value(index))
  }
  return {
    scale: map((_, __, c2) => Math.sqrt(Math.abs(c2))),
    shift: map((_, c1, c2) => c1 / (2 * c2)),
    offset: map((_, c1, c2) => (Math.sqrt(Math.abs(c2)) * c1) / (2 * c2)),
    sign: map((_, __, c2) => Math.sign(c2)),
    constant: map((c0, c1, c2) => c0 - (c1 * c1) / (4 * c2))
  }
}
