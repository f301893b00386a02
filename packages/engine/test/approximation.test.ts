import {
  type ActivationFunction,
  applyActivation,
  approximateFunction,
  depthOf,
  type Interval,
  InvalidInputError,
  type PolynomialApproximation,
  type RealFunction,
  realFunction,
  UnreachableAccuracyError
} from '@slytherin/engine'
import { chebyshevToPower, clenshaw, powerToChebyshev } from '@slytherin/engine/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { largestDifference } from './data.ts'

const functions: readonly ActivationFunction[] = [
  { name: 'relu' },
  { name: 'leakyRelu', slope: 0.1 },
  { name: 'elu', alpha: 1 },
  { name: 'elu', alpha: 0.3 },
  { name: 'sigmoid' },
  { name: 'tanh' },
  { name: 'softplus' },
  { name: 'silu', beta: 1 },
  { name: 'silu', beta: 1.702 },
  { name: 'gelu' },
  { name: 'geluTanh' },
  { name: 'erf' }
]
const intervals: readonly Interval[] = [
  [-6, 6],
  [-5, 7],
  [-1, 1],
  [1, 3]
]

const horner = (powers: ArrayLike<number>, x: number): number => Array.from(powers).reduceRight((sum, c) => sum * x + c, 0)
const valueAt = ({ chebyshev, interval: [a, b] }: PolynomialApproximation, x: number): number =>
  clenshaw(chebyshev, (2 * x - a - b) / (b - a))
const between = ([a, b]: Interval, count: number): number[] => Array.from({ length: count }, (_, k) => a + ((b - a) * k) / (count - 1))

describe('activation functions', () => {
  test('values at points that are known', () => {
    // erf from its Taylor series, the others from their definitions at 1
    const erf = (x: number) => {
      let [sum, term] = [0, x]
      for (let n = 0; n < 200; n++) {
        sum += term / (2 * n + 1)
        term *= (-x * x) / (n + 1)
      }
      return (2 / Math.sqrt(Math.PI)) * sum
    }
    for (const x of [-2.4, -1.3, -0.9, -0.1, 0, 0.3, 0.84, 1.1, 1.24, 1.26, 2.2]) {
      expect(applyActivation({ name: 'erf' }, x)).toBeCloseTo(erf(x), 13)
      expect(applyActivation({ name: 'gelu' }, x)).toBeCloseTo((x / 2) * (1 + erf(x / Math.SQRT2)), 13)
    }
    expect(applyActivation({ name: 'erf' }, 3)).toBeCloseTo(0.9999779095030014, 15)
    expect(applyActivation({ name: 'erf' }, -7)).toBe(-1)
    expect(applyActivation({ name: 'silu', beta: 1 }, 1)).toBeCloseTo(1 / (1 + Math.exp(-1)), 15)
    expect(applyActivation({ name: 'softplus' }, 800)).toBe(800)
    expect(applyActivation({ name: 'softplus' }, -800)).toBe(0)
    expect(applyActivation({ name: 'sigmoid' }, -800)).toBe(0)
    expect(applyActivation({ name: 'elu', alpha: 2 }, -1)).toBeCloseTo(2 * (Math.exp(-1) - 1), 15)
    expect(applyActivation({ name: 'leakyRelu', slope: 0.25 }, -4)).toBe(-1)
  })

  test.each(functions)('$name: the stated bounds hold for its derivatives', activation => {
    const { evaluate, slope, curvature, breakpoints } = realFunction(activation)
    const h = 1e-4
    for (const x of between([-8, 8], 4001)) {
      if (breakpoints.some(point => Math.abs(point - x) < 2 * h)) continue
      expect(Math.abs(evaluate(x + h) - evaluate(x - h)) / (2 * h)).toBeLessThanOrEqual(slope! + 1e-7)
      expect(Math.abs(evaluate(x + h) - 2 * evaluate(x) + evaluate(x - h)) / (h * h)).toBeLessThanOrEqual(curvature! + 1e-6)
    }
  })
})

/**
 * What rounding may do on the way: on an interval far from zero powers of x cancel. All intermediate terms of T_k(t), t = (2x - a - b)/(b - a), are at most
 * (r + √(1 + r²))^k with r = |2x| + |a + b| over b - a, at most 1 + 2|a + b|/(b - a); each is off by some units in the last place.
 */
function roundingOf(coefficients: readonly number[], [a, b]: Interval): number {
  const r = 1 + (2 * Math.abs(a + b)) / (b - a)
  const growth = r + Math.sqrt(1 + r * r)
  const terms = coefficients.reduce((sum, coefficient, k) => sum + Math.abs(coefficient) * growth ** k, 0)
  // The smallest numbers have no units in the last place left to lose.
  return 16 * coefficients.length * Number.EPSILON * terms + 2 ** -1000
}

describe('bases', () => {
  test('powers and Chebyshev series are the same polynomial, both ways', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 1, maxLength: 9 }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: 0.5, max: 4, noNaN: true }),
        (coefficients, a, width) => {
          const interval: Interval = [a, a + width]
          const powers = chebyshevToPower(coefficients, interval)
          const tolerance = roundingOf(coefficients, interval)
          for (const x of between(interval, 7)) {
            const expected = clenshaw(coefficients, (2 * x - interval[0] - interval[1]) / width)
            expect(Math.abs(horner(powers, x) - expected)).toBeLessThanOrEqual(tolerance)
          }
          expect(largestDifference(powerToChebyshev(powers, interval), coefficients)).toBeLessThanOrEqual(tolerance)
        }
      ),
      { numRuns: runs(200) }
    )
  })

  test('T₃ on [-1, 1] is 4t³ - 3t', () => {
    expect(largestDifference(chebyshevToPower([0, 0, 0, 1], [-1, 1]), [0, -3, 0, 4])).toBe(0)
    expect([...powerToChebyshev([0, 0, 0, 1], [-1, 1])]).toEqual([0, 0.75, 0, 0.25])
  })

  test('depth is ⌈log2(degree + 1)⌉', () => {
    expect([0, 1, 2, 3, 4, 7, 8, 15, 16, 31].map(depthOf)).toEqual([0, 1, 2, 2, 3, 3, 4, 4, 5, 5])
  })
})

describe('minimax', () => {
  const cases = functions.flatMap(activation =>
    intervals.map(interval => ({ activation, interval, title: `${JSON.stringify(activation)} on ${interval}` }))
  )

  test.each(cases)('$title: no polynomial does better, by the lower bound of de la Vallée Poussin', ({ activation, interval }) => {
    const f = realFunction(activation)
    for (const degree of [1, 2, 3, 5, 7, 12]) {
      const best = approximateFunction(f, interval, { degree })
      const { maximumError, lowerBound, errorBound } = best
      if (maximumError > 1e-9) expect(maximumError).toBeLessThanOrEqual(lowerBound! * (1 + 1e-5))
      expect(maximumError).toBeLessThanOrEqual(
        approximateFunction(f, interval, { degree, method: 'chebyshev' }).maximumError * (1 + 1e-9) + 1e-15
      )
      // points that the sampling did not see
      for (const x of between(interval, 2003)) expect(Math.abs(f.evaluate(x) - valueAt(best, x))).toBeLessThanOrEqual(errorBound! + 1e-15)
      expect(errorBound! - maximumError).toBeLessThan(2e-6)
    }
  })

  test('known best approximations', () => {
    // |x| = 2·relu(x) - x on [-1, 1]: x² + 1/8 with error 1/8 (degree 2 and 3)
    const relu = approximateFunction(realFunction({ name: 'relu' }), [-1, 1], { degree: 3 })
    expect(relu.degree).toBe(2)
    expect(largestDifference(relu.power, [1 / 16, 0.5, 0.5])).toBeLessThan(1e-9)
    expect(relu.maximumError).toBeCloseTo(1 / 16, 9)
    // eˣ on [-1, 1], degree 1: slope sinh 1, error (e - sinh(1)·(1 + …)): Powell, exercise
    const exponential: RealFunction = { evaluate: Math.exp, breakpoints: [] }
    const line = approximateFunction(exponential, [-1, 1], { degree: 1 })
    const slope = Math.sinh(1)
    expect(line.power[1]).toBeCloseTo(slope, 8)
    const touch = Math.log(slope)
    expect(line.maximumError).toBeCloseTo((Math.E - slope - (slope - slope * touch)) / 2, 8)
    expect(line.errorBound).toBeUndefined()
  })

  test('polynomials are found exactly, and superfluous degrees dropped', () => {
    const cube: RealFunction = { evaluate: x => 2 - x + 0.5 * x ** 3, breakpoints: [] }
    for (const method of ['minimax', 'chebyshev', 'projection'] as const) {
      const result = approximateFunction(cube, [-2, 5], { degree: 9, method })
      expect(result).toMatchObject({ degree: 3, depth: 2 })
      expect(largestDifference(result.power, [2, -1, 0, 0.5])).toBeLessThan(1e-11)
    }
    const linear = approximateFunction(realFunction({ name: 'relu' }), [1, 4], { degree: 5 })
    expect(linear).toMatchObject({ degree: 1, depth: 1 })
    // an odd function around zero has no even part
    expect(approximateFunction(realFunction({ name: 'tanh' }), [-3, 3], { degree: 6 }).degree).toBe(5)
  })

  test('high degrees stay accurate', () => {
    const result = approximateFunction(realFunction({ name: 'silu', beta: 1 }), [-8, 8], { degree: 40 })
    expect(result.maximumError).toBeLessThan(2.5e-7)
    const steep = approximateFunction(realFunction({ name: 'sigmoid' }), [-40, 40], { degree: 63 })
    expect(steep.maximumError).toBeLessThanOrEqual(steep.lowerBound! * (1 + 1e-6))
  })
})

describe('other methods', () => {
  test('interpolation goes through the Chebyshev points', () => {
    const f = realFunction({ name: 'softplus' })
    const result = approximateFunction(f, [-3, 5], { degree: 4, method: 'chebyshev' })
    for (let j = 0; j < 5; j++) {
      const x = 1 + 4 * Math.cos((Math.PI * (j + 0.5)) / 5)
      expect(valueAt(result, x)).toBeCloseTo(f.evaluate(x), 12)
    }
  })

  test('the projection of |x| has the coefficients of its Chebyshev series', () => {
    const result = approximateFunction({ evaluate: Math.abs, breakpoints: [0] }, [-1, 1], { degree: 4, method: 'projection' })
    expect(largestDifference(result.chebyshev, [2 / Math.PI, 0, 4 / (3 * Math.PI), 0, -4 / (15 * Math.PI)])).toBeLessThan(1e-5)
  })
})

describe('degree from accuracy', () => {
  test.each(['minimax', 'chebyshev', 'projection'] as const)('%s: the degree reaches the accuracy, one less does not', method => {
    for (const activation of functions) {
      const f = realFunction(activation)
      const result = approximateFunction(f, [-4, 5], { maximumError: 0.03, method })
      expect(result.maximumError).toBeLessThanOrEqual(0.03)
      if (method === 'minimax') expect(approximateFunction(f, [-4, 5], { degree: result.degree - 1 }).maximumError).toBeGreaterThan(0.03)
    }
  })

  test('the default is a share of the interval', () => {
    const f = realFunction({ name: 'silu', beta: 1 })
    expect(approximateFunction(f, [-6, 6]).maximumError).toBeLessThanOrEqual(0.03)
    expect(approximateFunction(f, [-6, 6], { relativeError: 0.05 }).degree).toBe(4)
  })

  test('what cannot be reached is said, with what can', () => {
    const f = realFunction({ name: 'relu' })
    const attempt = () => approximateFunction(f, [-10, 10], { maximumError: 1e-3, maximumDegree: 15 }, "activation 'act1' (relu)")
    expect(attempt).toThrowError(UnreachableAccuracyError)
    expect(attempt).toThrowError(
      /activation 'act1' \(relu\) on \[-10\.00, 10\.00\]: degree 15 reaches an error of 0\.0\d+, not 0\.00100; ask for less/
    )
  })

  test.each([
    [[1, 1] as Interval, {}],
    [[2, -2] as Interval, {}],
    [[0, Number.POSITIVE_INFINITY] as Interval, {}],
    [[0, 1] as Interval, { degree: 0 }],
    [[0, 1] as Interval, { degree: 2.5 }],
    [[0, 1] as Interval, { degree: 1000 }],
    [[0, 1] as Interval, { maximumError: 0 }],
    [[0, 1] as Interval, { relativeError: Number.NaN }],
    [[0, 1] as Interval, { maximumDegree: 0 }]
  ])('wishes that make no sense: %j %j', (interval, request) => {
    expect(() => approximateFunction(realFunction({ name: 'tanh' }), interval, request)).toThrowError(InvalidInputError)
  })
})
