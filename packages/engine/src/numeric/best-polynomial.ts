/**
 * One polynomial for one function on one interval: by method, of a given degree or of the smallest that reaches an accuracy, with its error.
 *
 * The error is sampled at m Chebyshev points θ_j = jπ/m and at the function's kinks; between samples e(cos θ) rises by at most h²/8·max|e''|, h = π/m, which makes the
 * sampled error a proven one: |p''| in θ is a trigonometric polynomial, at most its largest sample divided by cos(nπ/2m) (Ehlich and Zeller 1964), and
 * |f''| in θ is at most curvature·w² + slope·w, w half the interval's length.
 */
import { InvalidInputError, UnreachableAccuracyError } from '../errors.js'
import type { RealFunction } from './activation-functions.js'
import {
  chebyshevToPower,
  checkInterval,
  clenshaw,
  fromUnit,
  type Interval,
  interpolate,
  project,
  toUnit,
  trimSeries
} from './chebyshev.js'
import { minimax } from './minimax.js'

/** minimax: smallest largest error (Remez); chebyshev: through the Chebyshev points; projection: truncated Chebyshev series */
export type ApproximationMethod = 'minimax' | 'chebyshev' | 'projection'

/** Which polynomial is wanted for a function. */
export interface ApproximationRequest {
  /** default minimax */
  readonly method?: ApproximationMethod
  /** the degree; when left out, the smallest that reaches the accuracy asked for */
  readonly degree?: number
  /** accuracy: largest |f - p| on the interval */
  readonly maximumError?: number
  /** accuracy when `maximumError` is left out: the same as a share of half the interval's length; default 0.005 */
  readonly relativeError?: number
  /** where the search for a degree ends; default 63 */
  readonly maximumDegree?: number
}

/** A polynomial in place of a function, and how far it is off. */
export interface PolynomialApproximation {
  /** fit: least squares over samples (`fitActivations`) */
  readonly method: ApproximationMethod | 'fit'
  readonly interval: Interval
  readonly degree: number
  /** levels that evaluating it takes: ⌈log2(degree + 1)⌉ */
  readonly depth: number
  /** Σ chebyshev[k]·T_k(t), t = (2x - a - b)/(b - a) */
  readonly chebyshev: Float64Array
  /** the same in powers of x */
  readonly power: Float64Array
  /** largest sampled |f - p| on the interval */
  readonly maximumError: number
  /** proven bound on |f - p| up to rounding, when the function's derivatives are bounded */
  readonly errorBound?: number
  /** minimax only: no polynomial of this degree has a smaller largest error */
  readonly lowerBound?: number
  /** fit only: root of the mean square of the error over the samples */
  readonly rmsError?: number
}

/** Largest error of an approximation as a share of half the interval's length. */
export const DEFAULT_RELATIVE_ERROR = 0.005
/** Where the search for a degree ends. */
export const DEFAULT_MAXIMUM_DEGREE = 63
const LARGEST_DEGREE = 255
const SAMPLES = 2 ** 14
const SEARCH_SAMPLES = 2 ** 11

/** Multiplicative depth of a polynomial: ⌈log2(degree + 1)⌉. */
export const depthOf = (degree: number): number => Math.ceil(Math.log2(degree + 1))

/**
 * @param what name of the function, for errors
 * @throws InvalidInputError for a bad interval, degree or accuracy; UnreachableAccuracyError when no degree up to the maximum reaches the accuracy
 */
export function approximateFunction(
  f: RealFunction,
  interval: Interval,
  request: ApproximationRequest = {},
  what = 'the function'
): PolynomialApproximation {
  checkInterval(interval, what)
  const { method = 'minimax', relativeError = DEFAULT_RELATIVE_ERROR, maximumDegree = DEFAULT_MAXIMUM_DEGREE } = request
  const maximumError = request.maximumError ?? (relativeError * (interval[1] - interval[0])) / 2
  for (const [name, degree] of [
    ['degree', request.degree ?? 1],
    ['maximumDegree', maximumDegree]
  ] as const) {
    if (!Number.isInteger(degree) || degree < 1 || degree > LARGEST_DEGREE) {
      throw new InvalidInputError(`${name} of the approximation of ${what}`, `a whole number from 1 to ${LARGEST_DEGREE}`, String(degree))
    }
  }
  if (request.degree !== undefined) return measuredApproximation(f, interval, method, fit(f, interval, method, request.degree))
  if (!(maximumError > 0) || !Number.isFinite(maximumError)) {
    throw new InvalidInputError(`error of the approximation of ${what}`, 'a positive number', String(maximumError))
  }
  const reaches = (degree: number): boolean =>
    sampledError(f, interval, fit(f, interval, method, degree).coefficients, SEARCH_SAMPLES) <= maximumError
  let degree = smallestDegree(reaches, maximumDegree)
  let best = Number.POSITIVE_INFINITY
  for (; degree <= maximumDegree; degree++) {
    const result = measuredApproximation(f, interval, method, fit(f, interval, method, degree))
    if (result.maximumError <= maximumError) return result
    best = Math.min(best, result.maximumError)
  }
  if (best === Number.POSITIVE_INFINITY)
    best = measuredApproximation(f, interval, method, fit(f, interval, method, maximumDegree)).maximumError
  throw new UnreachableAccuracyError(what, interval, maximumError, best, maximumDegree)
}

/** Doubling, then bisection; one above the maximum when none reaches it. The error of best approximations never grows with the degree. */
function smallestDegree(reaches: (degree: number) => boolean, maximum: number): number {
  let [low, high] = [0, 1]
  while (!reaches(high)) {
    if (high === maximum) return maximum + 1
    ;[low, high] = [high, Math.min(2 * high, maximum)]
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (reaches(middle)) high = middle
    else low = middle
  }
  return high
}

interface Fit {
  readonly coefficients: Float64Array
  readonly lowerBound?: number
}

function fit(f: RealFunction, interval: Interval, method: ApproximationMethod, degree: number): Fit {
  switch (method) {
    case 'minimax':
      return minimax(f, interval, degree)
    case 'chebyshev':
      return { coefficients: interpolate(f.evaluate, interval, degree) }
    case 'projection':
      return { coefficients: project(f.evaluate, interval, degree) }
  }
}

/** A series with its error on the interval. */
export function measuredApproximation(
  f: RealFunction,
  interval: Interval,
  method: PolynomialApproximation['method'],
  { coefficients, lowerBound }: Fit
): PolynomialApproximation {
  const chebyshev = trimSeries(coefficients)
  const degree = chebyshev.length - 1
  const maximumError = sampledError(f, interval, chebyshev, SAMPLES)
  const result = {
    method,
    interval,
    degree,
    depth: depthOf(degree),
    chebyshev,
    power: chebyshevToPower(chebyshev, interval),
    maximumError
  }
  const rise = riseBetweenSamples(f, interval, chebyshev)
  return {
    ...result,
    ...(rise === undefined ? {} : { errorBound: maximumError + rise }),
    ...(lowerBound === undefined ? {} : { lowerBound })
  }
}

function sampledError(f: RealFunction, interval: Interval, coefficients: Float64Array, samples: number): number {
  let largest = 0
  const sample = (t: number): void => {
    largest = Math.max(largest, Math.abs(f.evaluate(fromUnit(interval, t)) - clenshaw(coefficients, t)))
  }
  for (let j = 0; j <= samples; j++) sample(Math.cos((Math.PI * j) / samples))
  for (const point of f.breakpoints) if (point > interval[0] && point < interval[1]) sample(toUnit(interval, point))
  return largest
}

function riseBetweenSamples(f: RealFunction, interval: Interval, coefficients: Float64Array): number | undefined {
  if (f.slope === undefined || f.curvature === undefined) return undefined
  const second = coefficients.map((value, k) => k * k * value)
  const samples = SEARCH_SAMPLES
  let largest = 0
  for (let j = 0; j <= samples; j++) largest = Math.max(largest, Math.abs(clenshaw(second, Math.cos((Math.PI * j) / samples))))
  const polynomial = largest / Math.cos((coefficients.length * Math.PI) / (2 * samples))
  const half = (interval[1] - interval[0]) / 2
  const step = Math.PI / SAMPLES
  return ((step * step) / 8) * (polynomial + f.curvature * half * half + f.slope * half)
}
