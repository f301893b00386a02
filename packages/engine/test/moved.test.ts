/** What is left of a plan's precision when its weights are switched to another key. */
import { movedPrecision, plan } from '@slytherin/engine'
import { expect, test } from 'vitest'
import { architectureFor } from './simulate.js'

const made = plan(architectureFor('breast-cancer-wdbc-mlp-square'), {
  data: 'encrypted',
  weights: 'encrypted',
  parties: 3,
  threshold: 2,
  batch: 8,
  maximumDecryptions: 1_000_000
})

test('a few switches cost little, for scales have room for the flooding of results; errors grow with their square root, until they are refused', () => {
  const once = movedPrecision(made, 1)
  expect(once.tight).toBeNull()
  expect(once.relativeError).toBeGreaterThan(made.precision.relativeError)
  expect(once.relativeError).toBeLessThan(1.25 * made.precision.relativeError)
  expect(once.allowed).toBeGreaterThanOrEqual(2 * made.precision.relativeError)
  const often = movedPrecision(made, 2 ** 12)
  expect(often.relativeError).toBeGreaterThan(often.allowed)
  // Far more than the error of anything else: what is left is the flooding of the switches.
  expect(movedPrecision(made, 2 ** 22).relativeError / movedPrecision(made, 2 ** 20).relativeError).toBeCloseTo(2, 2)
  expect(movedPrecision(made, 2 ** 60).relativeError).toBe(Number.POSITIVE_INFINITY)
  expect(movedPrecision(made, 2 ** 700).tight).toBe(0)
})
