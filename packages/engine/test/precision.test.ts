/** How exact logits are asked to be: planned for, met, or refused with what is missing. */
import {
  architectureOf,
  describePlan,
  InfeasiblePlanError,
  InvalidInputError,
  logitDeviation,
  type PlanOptions,
  plan
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { networkOf } from './data.js'

const architecture = architectureOf(networkOf('breast-cancer-wdbc-mlp-square'))
const options: PlanOptions = { batch: 16, data: 'encrypted', weights: 'encrypted', parties: 2, floodingBits: 30, floodingBounds: 'norms' }
const usual = plan(architecture, options)
const { largest } = architecture.output
/** The error of a plan is reckoned by search and by derivation, which round differently. */
const TOLERANCE = 1.01

describe('precision', () => {
  test.each([10, 14, 20])('of %i bits is planned for', bits => {
    const { precision } = plan(architecture, { ...options, precision: { bits } })
    expect(precision.relativeError).toBeLessThanOrEqual(TOLERANCE * 2 ** -bits)
    expect(precision.worstError).toBeCloseTo(precision.relativeError * largest, 12)
  })

  test('that is not asked for is half a percent of the largest logit: more is not had by chance', () => {
    const { precision } = usual
    expect(precision.relativeError).toBeLessThanOrEqual(TOLERANCE * 0.005)
    expect(precision.relativeError).toBeGreaterThan(2 ** -14)
  })

  test('as an absolute error is planned for, and the error bar of an answer with it', () => {
    const wanted = largest / 4000
    const made = plan(architecture, { ...options, precision: { logitError: wanted } })
    expect(made.precision.worstError).toBeLessThanOrEqual(TOLERANCE * wanted)
    expect(logitDeviation(made)).toBe(made.precision.worstError / 5)
    expect(logitDeviation(usual)).toBeGreaterThan(2 * logitDeviation(made))
  })

  test('that cannot be had is refused, naming the layer, what it lacks and what would help', () => {
    const message = expect.stringMatching(/the result (must have|misses).*would help: .*less precision/s)
    const refusal = expect.objectContaining({ name: InfeasiblePlanError.name, message })
    expect(() => plan(architecture, { ...options, precision: { bits: 58 } })).toThrow(refusal)
  })

  test.each<[string, NonNullable<PlanOptions['precision']>]>([
    ['negative bits', { bits: -1 }],
    ['no number of bits', { bits: Number.NaN }],
    ['an error of nothing', { logitError: 0 }],
    ['an endless error', { logitError: Number.POSITIVE_INFINITY }],
    ['a share above one', 1.5]
  ])('%s is no precision', (_, precision) => {
    expect(() => plan(architecture, { ...options, precision })).toThrow(InvalidInputError)
  })
})

describe('a plan in words', () => {
  const small = (error: number): string => describePlan({ ...usual, precision: { worstError: error * largest, relativeError: error } })

  test('tells small errors, too', () => {
    expect(small(0.0023)).toContain('(0.23 % of the largest logit)')
    expect(small(0.0000211)).toContain('(0.0021 % of the largest logit)')
  })
})
