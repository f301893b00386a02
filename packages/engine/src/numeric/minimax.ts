/**
 * Best uniform approximation by a polynomial: Remez exchange in double precision.
 *
 * A reference of n+2 points is levelled, p(t_i) + (-1)^i·E = f(t_i), then moved to the extrema of the error, one in every run of equal sign, the largest among
 * them, until the extrema are level too. The old reference is among the points that are searched, so that n+2 runs always exist, and |E|, a lower bound of what any
 * polynomial of this degree can reach (de la Vallée Poussin), never falls. (Powell, Approximation Theory and Methods, chapters 8 and 9; several points at once.)
 *
 * An even or odd part in f can make the levelled error of a symmetric reference zero: of three references to start from, the one with the largest |E| is taken.
 */

import type { RealFunction } from './activation-functions.js'
import { clenshaw, fromUnit, type Interval, interpolate, toUnit } from './chebyshev.js'

export interface MinimaxPolynomial {
  readonly coefficients: Float64Array
  /** largest error found */
  readonly maximumError: number
  /** no polynomial of this degree does better */
  readonly lowerBound: number
  readonly iterations: number
}

const MAXIMUM_ITERATIONS = 60
/** Extrema are level when they differ by less than this share. */
const LEVEL_TOLERANCE = 1e-8
/** Errors below this share of the function's size are rounding. */
const ROUNDING = 1e-14
const SEARCH_POINTS_PER_EXTREMUM = 24
const GOLDEN = (3 - Math.sqrt(5)) / 2
const GOLDEN_STEPS = 36

interface Extremum {
  readonly t: number
  readonly error: number
}

export function minimax(f: RealFunction, interval: Interval, degree: number): MinimaxPolynomial {
  const value = (t: number): number => f.evaluate(fromUnit(interval, t))
  const grid = searchGrid(f, interval, degree)
  const size = grid.reduce((bound, t) => Math.max(bound, Math.abs(value(t))), 0)
  const start = interpolate(f.evaluate, interval, degree)
  let best: MinimaxPolynomial = { coefficients: start, maximumError: largestError(value, start, grid), lowerBound: 0, iterations: 0 }
  if (best.maximumError <= ROUNDING * size) return best

  let reference = startingReference(value, degree)
  let lowerBound = 0
  for (let iteration = 1; iteration <= MAXIMUM_ITERATIONS; iteration++) {
    const levelled = level(value, reference, degree)
    lowerBound = Math.max(lowerBound, Math.abs(levelled.error))
    const error = (t: number): number => value(t) - clenshaw(levelled.coefficients, t)
    const extrema = errorExtrema(error, grid, reference)
    const maximumError = extrema.reduce((bound, extremum) => Math.max(bound, Math.abs(extremum.error)), 0)
    if (maximumError < best.maximumError) best = { coefficients: levelled.coefficients, maximumError, lowerBound, iterations: iteration }
    if (maximumError - Math.abs(levelled.error) <= Math.max(LEVEL_TOLERANCE * maximumError, ROUNDING * size)) break
    if (extrema.length < reference.length) break
    reference = strongest(extrema, reference.length)
  }
  return { ...best, lowerBound: Math.min(lowerBound, best.maximumError) }
}

/** Points of [-1, 1], ascending, dense towards the ends, kinks of the function among them. */
function searchGrid(f: RealFunction, interval: Interval, degree: number): number[] {
  const count = Math.max(1024, SEARCH_POINTS_PER_EXTREMUM * (degree + 2))
  const grid = Array.from({ length: count + 1 }, (_, i) => -Math.cos((Math.PI * i) / count))
  for (const point of f.breakpoints) if (point > interval[0] && point < interval[1]) grid.push(toUnit(interval, point))
  return grid.sort((a, b) => a - b)
}

const largestError = (value: (t: number) => number, coefficients: Float64Array, grid: readonly number[]): number =>
  grid.reduce((bound, t) => Math.max(bound, Math.abs(value(t) - clenshaw(coefficients, t))), 0)

function startingReference(value: (t: number) => number, degree: number): number[] {
  const extrema = (count: number): number[] => Array.from({ length: count }, (_, i) => -Math.cos((Math.PI * i) / (count - 1)))
  const candidates = [extrema(degree + 2), extrema(degree + 3).slice(1), extrema(degree + 3).slice(0, -1)]
  const errors = candidates.map(reference => Math.abs(level(value, reference, degree).error))
  return candidates[errors.indexOf(Math.max(...errors))]!
}

/** The polynomial whose error alternates between E and -E on the reference. */
function level(value: (t: number) => number, reference: readonly number[], degree: number): { coefficients: Float64Array; error: number } {
  const rows = reference.map((t, i) => {
    const row = new Float64Array(degree + 3)
    for (let k = 0; k <= degree; k++) row[k] = k === 0 ? 1 : k === 1 ? t : 2 * t * row[k - 1]! - row[k - 2]!
    row[degree + 1] = i % 2 === 0 ? 1 : -1
    row[degree + 2] = value(t)
    return row
  })
  const solution = solve(rows)
  return { coefficients: solution.slice(0, degree + 1), error: solution[degree + 1]! }
}

/** Gaussian elimination with partial pivoting; the last column is the right-hand side. Destroys its argument. */
function solve(rows: Float64Array[]): Float64Array {
  const size = rows.length
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++) if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    const top = rows[column]!
    for (let row = column + 1; row < size; row++) {
      const current = rows[row]!
      const factor = current[column]! / top[column]!
      if (factor !== 0) for (let k = column; k <= size; k++) current[k]! -= factor * top[k]!
    }
  }
  const solution = new Float64Array(size)
  for (let row = size - 1; row >= 0; row--) {
    let sum = rows[row]![size]!
    for (let k = row + 1; k < size; k++) sum -= rows[row]![k]! * solution[k]!
    solution[row] = sum / rows[row]![row]!
  }
  return solution
}

/** The largest error of every run of equal sign, refined between the neighbouring points. */
function errorExtrema(error: (t: number) => number, grid: readonly number[], reference: readonly number[]): Extremum[] {
  const points = [...grid, ...reference].sort((a, b) => a - b).filter((t, i, all) => i === 0 || t > all[i - 1]!)
  const errors = points.map(error)
  const extrema: Extremum[] = []
  let peak = -1
  const close = (): void => {
    if (peak >= 0) extrema.push(refine(error, points[peak - 1] ?? -1, points[peak]!, points[peak + 1] ?? 1, errors[peak]!))
  }
  errors.forEach((value, i) => {
    if (value === 0) return
    if (peak < 0 || Math.sign(value) !== Math.sign(errors[peak]!)) {
      close()
      peak = i
    } else if (Math.abs(value) > Math.abs(errors[peak]!)) peak = i
  })
  close()
  return extrema
}

/** Golden section on [left, right] around a point that is larger than its neighbours. */
function refine(error: (t: number) => number, left: number, middle: number, right: number, value: number): Extremum {
  const sign = Math.sign(value)
  let [low, high] = [left, right]
  let best: Extremum = { t: middle, error: value }
  let inner = low + GOLDEN * (high - low)
  let outer = high - GOLDEN * (high - low)
  let [atInner, atOuter] = [sign * error(inner), sign * error(outer)]
  for (let k = 0; k < GOLDEN_STEPS; k++) {
    if (atInner > atOuter) {
      ;[high, outer, atOuter] = [outer, inner, atInner]
      inner = low + GOLDEN * (high - low)
      atInner = sign * error(inner)
    } else {
      ;[low, inner, atInner] = [inner, outer, atOuter]
      outer = high - GOLDEN * (high - low)
      atOuter = sign * error(outer)
    }
  }
  for (const [t, signed] of [
    [inner, atInner],
    [outer, atOuter]
  ] as const) {
    if (signed > Math.abs(best.error)) best = { t, error: sign * signed }
  }
  return best
}

/** `count` consecutive alternating extrema, the largest kept: drops the weaker end, or the weakest pair of neighbours. */
function strongest(extrema: readonly Extremum[], count: number): number[] {
  const kept = [...extrema]
  const size = (index: number): number => Math.abs(kept[index]!.error)
  while (kept.length > count) {
    if (kept.length === count + 1) {
      if (size(0) < size(kept.length - 1)) kept.shift()
      else kept.pop()
      continue
    }
    let [weakest, strength] = [0, Number.POSITIVE_INFINITY]
    for (let i = 0; i + 1 < kept.length; i++) {
      const pair = Math.max(size(i), size(i + 1))
      if (pair < strength) [weakest, strength] = [i, pair]
    }
    kept.splice(weakest, 2)
  }
  return kept.map(extremum => extremum.t)
}
