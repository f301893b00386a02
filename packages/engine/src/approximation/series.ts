/** A polynomial of one activation, fitted on an interval: its values, and how far they are from what they should be. */
import { clenshaw, type Interval, toUnit } from '../numeric/chebyshev.js'
import { at, type Coefficient } from '../numeric/elementwise-polynomial.js'

/** A polynomial in place of an activation. */
export interface Series {
  readonly interval: Interval
  /** a number for all features, or one for each */
  readonly coefficients: readonly Coefficient[]
  readonly common: Float64Array
  readonly range: { readonly min: number; readonly max: number }
  /** root of the mean square of the error over the samples */
  readonly rms: number
}

export function evaluateSeries({ interval, coefficients }: Pick<Series, 'interval' | 'coefficients'>, values: Float64Array): Float64Array {
  const own = new Float64Array(coefficients.length)
  return values.map((value, feature) => {
    for (let k = 0; k < own.length; k++) own[k] = at(coefficients[k]!, feature)
    return clenshaw(own, toUnit(interval, value))
  })
}

export function rmsOf(
  series: Pick<Series, 'interval' | 'coefficients'>,
  targets: readonly Float64Array[],
  polynomial: readonly Float64Array[]
): number {
  let [sum, count] = [0, 0]
  polynomial.forEach((inputs, sample) => {
    evaluateSeries(series, inputs).forEach((value, feature) => {
      sum += (value - targets[sample]![feature]!) ** 2
      count++
    })
  })
  return Math.sqrt(sum / count)
}

export function rangeOf(rows: readonly Float64Array[]): { min: number; max: number } {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const row of rows) {
    for (const value of row) {
      if (value < min) min = value
      if (value > max) max = value
    }
  }
  return { min, max }
}
