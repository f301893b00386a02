/** Plans into a key epoch: its ring, chain and flooding, the keys that it has, those that it lacks, and what is said where it does not do. */
import {
  type EpochKeys,
  EpochPlanError,
  type EvaluationKeyNames,
  InvalidInputError,
  joinKeys,
  missingKeys,
  type Plan,
  type PlanOptions,
  parseEpochKeys,
  parsePlan,
  plan,
  planEpoch
} from '@slytherin/engine'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { networkOf, testSamples } from './data.ts'
import { architectureFor, simulate } from './simulate.ts'

const SQUARE = 'breast-cancer-wdbc-mlp-square'
const LOGISTIC = 'breast-cancer-wdbc-logreg'
const COMMON = { data: 'encrypted', weights: 'encrypted', parties: 3, threshold: 2 } as const
const square = architectureFor(SQUARE)
const logistic = architectureFor(LOGISTIC)

const epochOf = (made: Plan, keys: Partial<EpochKeys> = {}): EpochKeys => ({
  parameters: made.parameters,
  floodingBits: made.floodingBits,
  maximumDecryptions: made.maximumDecryptions,
  relinearizationLevel: made.relinearizationLevel,
  galois: made.galoisKeys,
  ...keys
})
const NONE = { relinearizationLevel: null, galois: [] } as const

const alone = plan(square, { ...COMMON, batch: 16 })
const inEpoch = (epoch: EpochKeys, options: Partial<PlanOptions> = {}, architecture = square): Plan =>
  plan(architecture, { ...COMMON, batch: 16, ...options, epoch })
const refusal = (make: () => unknown): EpochPlanError => {
  try {
    make()
  } catch (error) {
    if (error instanceof EpochPlanError) return error
    throw error
  }
  throw new Error('planned after all')
}

describe('a plan into an epoch', () => {
  test('that was made for it is the plan that it has alone, and costs no keys', () => {
    const made = inEpoch(epochOf(alone))
    expect(made.steps).toEqual(alone.steps)
    expect(made.parameters).toEqual(alone.parameters)
    expect(missingKeys(made, epochOf(alone))).toEqual(NONE)
    expect(made.costs.seconds.keys).toBe(0)
    expect(made.costs.bytes.keysPerParty).toBe(0)
    expect(alone.costs.seconds.keys).toBeGreaterThan(0)
  })

  test('without keys costs those that it lacks, which are all of its own', () => {
    const made = inEpoch(epochOf(alone, NONE))
    const { relinearizationLevel, galoisKeys: galois } = made
    expect(missingKeys(made, NONE)).toEqual({ relinearizationLevel, galois })
    expect(made.costs.seconds.keys).toBeGreaterThan(0)
  })

  test('takes its flooding, and is a plan like any other', () => {
    const made = inEpoch(epochOf(alone, { floodingBits: 40, maximumDecryptions: 1000 }))
    expect(made).toMatchObject({ floodingBits: 40, maximumDecryptions: 1000, parties: 3, threshold: 2 })
    expect(parsePlan(JSON.parse(JSON.stringify(made)))).toEqual(made)
  })

  test('prefers the keys that there are', () => {
    const architecture = architectureFor('cryptonet-square')
    const options = { ...COMMON, batch: 16, floodingBounds: 'norms' } as const
    const free = plan(architecture, options)
    // what the same model takes where a key is sent in no time
    const other = plan(architecture, { ...options, link: { bandwidth: 1e12, roundTrip: 0 }, epoch: epochOf(free, NONE) })
    expect(other.galoisKeys.length).toBeGreaterThan(free.galoisKeys.length)
    const epoch = epochOf(other)
    const made = plan(architecture, { ...options, epoch })
    expect(made.galoisKeys.length).toBeGreaterThan(free.galoisKeys.length)
    expect(missingKeys(made, epoch).galois.length).toBeLessThanOrEqual(missingKeys(free, epoch).galois.length)
    expect(made.costs.seconds.evaluation).toBeLessThan(free.costs.seconds.evaluation)
    expect(made.costs.seconds.keys).toBeLessThan(free.costs.seconds.keys)
  })

  test('a key of a higher level serves; one of a lower level is made anew', () => {
    const top = alone.parameters.primes.length - 1
    const raised = alone.galoisKeys.map(({ element }) => ({ element, level: top }))
    expect(missingKeys(alone, { relinearizationLevel: top, galois: raised })).toEqual(NONE)
    const lowered = alone.galoisKeys.map(({ element, level }) => ({ element, level: level - 1 }))
    expect(missingKeys(alone, { relinearizationLevel: alone.relinearizationLevel! - 1, galois: lowered })).toEqual({
      relinearizationLevel: alone.relinearizationLevel,
      galois: alone.galoisKeys
    })
  })

  test('runs with the keys of the epoch and those that it is said to lack, whatever there are', async () => {
    const samples = testSamples(SQUARE, 4)
    const network = networkOf(SQUARE)
    const all = inEpoch(epochOf(alone, NONE))
    const keys = all.galoisKeys.map(({ element }) => element)
    const held = fc.record({
      relinearizationLevel: fc.option(fc.integer({ min: 0, max: alone.parameters.primes.length - 1 })),
      galois: fc
        .array(fc.record({ element: fc.constantFrom(...keys), level: fc.integer({ min: 0, max: alone.parameters.primes.length - 1 }) }))
        .map(list => [...new Map(list.map(key => [key.element, key])).values()].sort((a, b) => a.element - b.element)),
      batch: fc.constantFrom(4, 16, 100)
    })
    await fc.assert(
      fc.asyncProperty(held, async ({ batch, ...names }) => {
        const epoch = epochOf(alone, names)
        const made = inEpoch(epoch, { batch })
        expect(made.parameters).toEqual(epoch.parameters)
        const missing = missingKeys(made, epoch)
        const { relinearizationLevel, galois } = joinKeys(epoch, missing)
        // nothing is asked for that is there
        for (const { element, level } of missing.galois)
          expect(epoch.galois.find(key => key.element === element)?.level ?? -1).toBeLessThan(level)
        // the simulator refuses what it has no key for
        const { logits } = await simulate({ ...made, galoisKeys: [...galois], relinearizationLevel }, network, samples)
        for (const [row, sample] of samples.entries()) {
          for (const [k, value] of network.forward(sample).entries())
            expect(Math.abs(logits[row]![k]! - value)).toBeLessThanOrEqual(made.precision.worstError)
        }
      }),
      { numRuns: runs(12) }
    )
  }, 60_000)
})

describe('an epoch that does not do', () => {
  test('too few levels: what blocks, and what a plan of its own takes', () => {
    const small = epochOf(plan(logistic, { ...COMMON, batch: 16 }))
    const error = refusal(() => inEpoch(small))
    expect(['levels', 'scale']).toContain(error.shortage)
    expect(error.fresh!.primes).toBeGreaterThan(small.parameters.primes.length)
    expect(error.message).toMatch(
      /no plan for .* in this key epoch: .*; plan it into an epoch of 2\^1\d coefficients, \d+ primes of \d+ bits/
    )
    expect(error.message).toContain(`${small.parameters.primes.length} primes`)
  })

  test('too much flooding, or more precision than it leaves', () => {
    const loose = plan(square, { ...COMMON, batch: 16, floodingBits: 30 })
    expect(refusal(() => inEpoch(epochOf(loose, { floodingBits: 150 }))).fresh).toBeDefined()
    expect(refusal(() => inEpoch(epochOf(loose), { precision: { bits: 20 } })).shortage).toMatch(/scale|flooding|precision/)
  })

  test('that no epoch would do is said, too', () => {
    const error = refusal(() => inEpoch(epochOf(alone), { precision: { bits: 200 } }))
    expect(error.fresh).toBeUndefined()
    expect(error.message).toContain('no plan of its own either')
  })

  test('options that contradict the epoch, and epochs that contradict themselves, are refused by name', () => {
    const epoch = epochOf(alone)
    expect(() => inEpoch(epoch, { floodingBits: 30 })).toThrow(/plan option floodingBits: expected the epoch's/)
    expect(() => inEpoch(epoch, { logN: 13 })).toThrow(/plan option logN/)
    expect(() => inEpoch({ ...epoch, relinearizationLevel: 40 })).toThrow(/keys up to level/)
    expect(() => inEpoch({ ...epoch, floodingBits: 0 })).toThrow(/epoch keys: floodingBits/)
    expect(() => parseEpochKeys({ ...epoch, extra: 1 })).toThrow(InvalidInputError)
  })
})

describe('an epoch for several models', () => {
  const models = [
    { architecture: logistic, data: 'encrypted', weights: 'encrypted', batch: 100 },
    { architecture: square, data: 'encrypted', weights: 'encrypted', batch: 16 }
  ] as const
  const { epoch, plans } = planEpoch(models, { parties: 3, threshold: 2 })

  test('has every key of their plans, which are precise and on its chain', () => {
    expect(plans.map(made => made.model)).toEqual([logistic.name, square.name])
    for (const made of plans) {
      expect(missingKeys(made, epoch)).toEqual(NONE)
      expect(made.parameters).toEqual(epoch.parameters)
      expect(made.floodingBits).toBe(epoch.floodingBits)
      expect(made.precision.relativeError).toBeLessThanOrEqual(0.005)
      expect(made.costs.seconds.keys).toBe(0)
      expect(parsePlan(JSON.parse(JSON.stringify(made)))).toEqual(made)
    }
  })

  test('has no key that none of them uses', () => {
    const used = plans
      .map(made => ({ relinearizationLevel: made.relinearizationLevel, galois: made.galoisKeys }))
      .reduce<EvaluationKeyNames>(joinKeys, NONE)
    const { relinearizationLevel, galois } = epoch
    expect({ relinearizationLevel, galois }).toEqual(used)
  })

  test('takes each of them later, without another key', () => {
    for (const { architecture, ...own } of models) {
      expect(missingKeys(plan(architecture, { ...own, parties: 3, threshold: 2, epoch }), epoch)).toEqual(NONE)
    }
  })

  test('of one model is that of its plan', () => {
    const single = planEpoch([models[1]], { parties: 3, threshold: 2 })
    expect(single.epoch).toEqual(epochOf(alone))
    expect(() => planEpoch([], { parties: 3 })).toThrow(InvalidInputError)
  })
})
