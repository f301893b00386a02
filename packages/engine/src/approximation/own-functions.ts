/**
 * Activations whose elements have functions of their own, as slopes per channel make them. A polynomial of degree above two must be the same for all elements, since its
 * coefficients are public multipliers; quadratics need not, since they fold into the layers around them. So these activations become quadratics.
 */
import { InvalidInputError } from '../errors.js'
import type { ActivationFunction } from '../numeric/activation-functions.js'
import { fromUnit, type Interval } from '../numeric/chebyshev.js'
import { constantsAt } from '../numeric/expression.js'
import type { RealFunction } from '../numeric/named-functions.js'

/** Degree of polynomials that differ from element to element. */
export const OWN_DEGREE = 2

/** A square whose second coefficient is smaller than this share of the first would be a line far away from its vertex, which costs precision. */
const LEAST_CURVATURE = 0.02
/** Curvature of what would be a constant, as a share of half the interval's length. */
const FLAT_CURVATURE = 1e-3

export const isCurved = ([, first = 0, second = 0]: ArrayLike<number> & Iterable<number>): boolean =>
  Math.abs(second) > LEAST_CURVATURE * Math.abs(first)

/** A quadratic series with as much curvature as a square needs: an element that is a line among others that are curved stays one activation with them. */
export function curved(series: ArrayLike<number>, [a, b]: Interval): Float64Array {
  const [constant = 0, first = 0, second = 0] = Array.from(series)
  const least = Math.max(LEAST_CURVATURE * Math.abs(first), (FLAT_CURVATURE * (b - a)) / 2)
  return Float64Array.of(constant, first, Math.abs(second) >= least ? second : second < 0 ? -least : least)
}

/** What tells the functions of two elements apart. */
export const elementKey = (activation: ActivationFunction, element: number): string =>
  activation.name === 'expression' ? constantsAt(activation.expression, element).join() : ''

/** Whether the elements of every group of consecutive ones have the same function. */
export function sharedWithin(activation: ActivationFunction, elements: number, group: number): boolean {
  for (let element = 0; element < elements; element++) {
    if (elementKey(activation, element) !== elementKey(activation, element - (element % group))) return false
  }
  return true
}

const PROBES = 64

/**
 * The function itself, after a look whether it has values on the interval.
 * @throws InvalidInputError where it has none, as a logarithm below zero
 */
export function definedOn(f: RealFunction, interval: Interval, what: string): RealFunction {
  for (let k = 0; k <= PROBES; k++) {
    const x = fromUnit(interval, (2 * k) / PROBES - 1)
    const value = f.evaluate(x)
    if (Number.isFinite(value)) continue
    throw new InvalidInputError(
      what,
      `a function that has values on the whole interval [${interval.map(end => end.toPrecision(4)).join(', ')}] of its inputs`,
      `${value} at ${x.toPrecision(4)}; a smaller margin narrows the interval`
    )
  }
  return f
}
