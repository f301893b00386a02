/**
 * One polynomial for all features. Where normalisations stand before and after an activation, every feature has a polynomial of its own, but all of them are one polynomial
 * between affine maps, which belong into the layers around it:
 *
 *   p_i(u) = a_i·P(s_i·(u + h_i)) + k_i
 *
 * With h_i the second coefficient vanishes, with a_i the leading one is the first feature's, with s_i the next that does not vanish; what is left must agree.
 */
import type { Interval } from './chebyshev.js'
import { at, type Coefficient, degree, type Polynomial } from './elementwise-polynomial.js'

export interface CommonPolynomial {
  /** ascending powers, the same for all features */
  readonly powers: readonly number[]
  /** argument of P: scale·(u + shift) */
  readonly scale: Coefficient
  readonly shift: Coefficient
  /** p = factor·P + constant */
  readonly factor: Coefficient
  readonly constant: Coefficient
}

/** Coefficients that agree within this count as equal. */
const TOLERANCE = 1e-9

/** @returns undefined when the features' polynomials are not one */
export function commonPolynomial(polynomial: Polynomial, features: number): CommonPolynomial | undefined {
  if (polynomial.every(coefficient => typeof coefficient === 'number'))
    return { powers: polynomial as readonly number[], scale: 1, shift: 0, factor: 1, constant: 0 }
  const n = degree(polynomial)
  const own = Array.from({ length: features }, (_, feature) => depressed(polynomial.map(coefficient => at(coefficient, feature))))
  if (!own.every(({ lead }) => lead !== 0)) return undefined
  const [first] = own as [Depressed]
  let pivot = n - 2
  while (pivot > 0 && !own.some(({ rest }) => rest[pivot] !== 0)) pivot--
  const vector = (): Float64Array => new Float64Array(features)
  const [scale, shift, factor, constant] = [vector(), vector(), vector(), vector()]
  for (let feature = 0; feature < features; feature++) {
    const { lead, rest, moved, value } = own[feature]!
    const s = pivot > 0 ? root(first.rest[pivot]! / rest[pivot]!, n - pivot) : 1
    if (s === undefined) return undefined
    for (let k = 1; k < n - 1; k++) {
      const [expected, found] = [first.rest[k]!, rest[k]! * s ** (n - k)]
      if (Math.abs(found - expected) > TOLERANCE * Math.max(Math.abs(found), Math.abs(expected))) return undefined
    }
    scale[feature] = s
    shift[feature] = moved
    factor[feature] = lead / s ** n
    constant[feature] = value
  }
  const powers = [0, ...first.rest.slice(1), 0, 1]
  return { powers, scale, shift, factor, constant }
}

/** Where scale·(u + shift) lies for u in the interval, over all features. */
export function argumentInterval({ scale, shift }: CommonPolynomial, features: number, [from, to]: Interval): Interval {
  const ends = Array.from({ length: features }, (_, feature) =>
    [from, to].map(end => at(scale, feature) * (end + at(shift, feature)))
  ).flat()
  return [Math.min(...ends), Math.max(...ends)]
}

/** p(u) = lead·(v^n + Σ_{k=1}^{n-2} rest[k]·v^k) + value, v = u + moved */
interface Depressed {
  readonly lead: number
  readonly rest: readonly number[]
  readonly moved: number
  readonly value: number
}

function depressed(powers: readonly number[]): Depressed {
  const n = powers.length - 1
  const lead = powers[n]!
  const moved = powers[n - 1]! / (n * lead)
  // p(v - moved), by repeated division
  const shifted = [...powers]
  // the same of absolute values: what rounding is to be held against
  const sizes = powers.map(Math.abs)
  for (let i = 0; i < n; i++) {
    for (let k = n - 1; k >= i; k--) {
      shifted[k]! -= moved * shifted[k + 1]!
      sizes[k]! += Math.abs(moved) * sizes[k + 1]!
    }
  }
  const rest = shifted.slice(0, n - 1).map((value, k) => (Math.abs(value) > TOLERANCE * sizes[k]! ? value / lead : 0))
  return { lead, rest, moved, value: shifted[0]! }
}

/** The real root of this order, undefined where there is none. */
function root(value: number, order: number): number | undefined {
  if (!Number.isFinite(value) || value === 0 || (value < 0 && order % 2 === 0)) return undefined
  return Math.sign(value) * Math.abs(value) ** (1 / order)
}
