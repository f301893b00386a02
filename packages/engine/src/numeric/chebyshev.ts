/**
 * Polynomials in the Chebyshev basis on an interval [a, b]:  p(x) = Σ c_k·T_k(t),  t = (2x - a - b)/(b - a).
 *
 * Interpolation at the n+1 Chebyshev points t_j = cos(π(j + ½)/(n + 1)):  c_k = (2 - [k = 0])/(n + 1)·Σ_j f(t_j)·cos(πk(j + ½)/(n + 1)).
 * Projection is the truncated Chebyshev series, the same sum over many more points. Evaluation is Clenshaw's recurrence.
 * (Trefethen, Approximation Theory and Approximation Practice, chapters 3, 4 and 18.)
 */
import { InvalidInputError } from '../errors.js'

/** From the first number to the second. */
export type Interval = readonly [number, number]

/** @throws InvalidInputError unless a < b, both finite */
export function checkInterval(interval: Interval, what: string): Interval {
  const [a, b] = interval
  if (!Number.isFinite(a) || !Number.isFinite(b) || !(a < b)) {
    throw new InvalidInputError(`interval of ${what}`, 'two finite numbers in ascending order', `${a} and ${b}`)
  }
  return interval
}

/** The point of [a, b] at t in [-1, 1]. */
export const fromUnit = ([a, b]: Interval, t: number): number => (a + b) / 2 + ((b - a) / 2) * t
/** The point of [-1, 1] at x in [a, b]. */
export const toUnit = ([a, b]: Interval, x: number): number => (2 * x - a - b) / (b - a)

/** Σ c_k·T_k(t) */
export function clenshaw(coefficients: ArrayLike<number>, t: number): number {
  let [b1, b2] = [0, 0]
  for (let k = coefficients.length - 1; k > 0; k--) [b1, b2] = [2 * t * b1 - b2 + coefficients[k]!, b1]
  return t * b1 - b2 + (coefficients[0] ?? 0)
}

/** Coefficients of the polynomial of this degree through f at the Chebyshev points. */
export const interpolate = (f: (x: number) => number, interval: Interval, degree: number): Float64Array =>
  discreteSeries(f, interval, degree, degree + 1)

/** Points per coefficient of a projection, and at least: kinks need many. */
const PROJECTION_POINTS = 32
const MINIMUM_PROJECTION_POINTS = 2048

/** Coefficients of the Chebyshev series of f, cut after this degree. */
export const project = (f: (x: number) => number, interval: Interval, degree: number): Float64Array =>
  discreteSeries(f, interval, degree, Math.max(MINIMUM_PROJECTION_POINTS, PROJECTION_POINTS * (degree + 1)))

function discreteSeries(f: (x: number) => number, interval: Interval, degree: number, points: number): Float64Array {
  const values = Float64Array.from({ length: points }, (_, j) => f(fromUnit(interval, Math.cos((Math.PI * (j + 0.5)) / points))))
  return Float64Array.from({ length: degree + 1 }, (_, k) => {
    const sum = values.reduce((total, value, j) => total + value * Math.cos((Math.PI * k * (j + 0.5)) / points), 0)
    return ((k === 0 ? 1 : 2) * sum) / points
  })
}

/** Coefficients of the same polynomial in powers of t: T_{k+1} = 2t·T_k - T_{k-1}, T_{-1} = t. */
function unitPowers(coefficients: ArrayLike<number>): Float64Array {
  const size = coefficients.length
  const powers = new Float64Array(size)
  let [previous, current] = [new Float64Array(size + 1), new Float64Array(size + 1)]
  previous[1] = 1
  current[0] = 1
  for (let k = 0; k < size; k++) {
    for (let i = 0; i <= k; i++) powers[i]! += coefficients[k]! * current[i]!
    const next = previous.map((value, i) => (i === 0 ? 0 : 2 * current[i - 1]!) - value)
    ;[previous, current] = [current, next]
  }
  return powers
}

/** p(scale·x + shift) in powers of x, by Horner's scheme on polynomials. */
function compose(powers: ArrayLike<number>, scale: number, shift: number): Float64Array {
  const out = new Float64Array(powers.length)
  for (let k = powers.length - 1; k >= 0; k--) {
    for (let i = out.length - 1; i > 0; i--) out[i] = out[i]! * shift + out[i - 1]! * scale
    out[0] = out[0]! * shift + powers[k]!
  }
  return out
}

/** Coefficients in powers of x. Exact up to rounding, which high degrees amplify: above about 20 keep the Chebyshev form. */
export function chebyshevToPower(coefficients: ArrayLike<number>, [a, b]: Interval): Float64Array {
  return compose(unitPowers(coefficients), 2 / (b - a), -(a + b) / (b - a))
}

/** Chebyshev coefficients on an interval, from coefficients in powers of x. */
export function powerToChebyshev(powers: ArrayLike<number>, [a, b]: Interval): Float64Array {
  const unit = compose(powers, (b - a) / 2, (a + b) / 2)
  // t·T_k = (T_{k+1} + T_{k-1})/2, Horner's scheme on Chebyshev series
  const out = new Float64Array(unit.length)
  for (let k = unit.length - 1; k >= 0; k--) {
    const times = new Float64Array(unit.length)
    for (let i = 0; i + 1 < unit.length; i++) {
      if (i === 0) times[1]! += out[0]!
      else {
        times[i + 1]! += out[i]! / 2
        times[i - 1]! += out[i]! / 2
      }
    }
    out.set(times)
    out[0]! += unit[k]!
  }
  return out
}

/** Chebyshev coefficients of the derivative on [-1, 1]:  d_{k-1} = d_{k+1} + 2k·c_k, d_0 halved. */
export function differentiate(coefficients: ArrayLike<number>): number[] {
  const out = new Array<number>(Math.max(1, coefficients.length - 1)).fill(0)
  for (let k = coefficients.length - 1; k >= 1; k--) out[k - 1] = (out[k + 1] ?? 0) + 2 * k * coefficients[k]!
  out[0]! /= 2
  return out
}

/** Coefficients below this share of the largest are rounding. */
const NEGLIGIBLE = 1e-14

/** Sets negligible coefficients to zero and cuts them from the end, so that the degree says what must be evaluated. */
export function trimSeries(coefficients: Float64Array, scale = 0): Float64Array {
  const largest = coefficients.reduce((bound, value) => Math.max(bound, Math.abs(value)), scale)
  const clean = coefficients.map(value => (Math.abs(value) <= NEGLIGIBLE * largest ? 0 : value))
  let length = clean.length
  while (length > 1 && clean[length - 1] === 0) length--
  return clean.slice(0, length)
}
