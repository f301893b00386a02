/** t of n: what a plan counts by the number of secrets in the key, and what by the number of shares in a refresh or switch. */
import { minimumRefreshLevel, Parameters } from '@slytherin/ckks'
import { InvalidInputError, InvalidPlanError, type Plan, type PlanOptions, parsePlan, plan } from '@slytherin/engine'
import { coreOf, derivePlan } from '@slytherin/engine/testing'
import { describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

const architecture = architectureFor('breast-cancer-wdbc-mlp-square')
const made = (options: Pick<PlanOptions, 'parties' | 'threshold'> & Partial<PlanOptions>): Plan =>
  plan(architecture, { data: 'encrypted', weights: 'encrypted', batch: 4, floodingBits: 30, logN: 14, minimumRefreshes: 1, ...options })
const all = made({ parties: 5 })
const derived = (threshold: number): Plan => derivePlan({ ...coreOf(all), threshold })

describe('t of n key holders', () => {
  test('all of them are the threshold where none is given', () => {
    expect(all.threshold).toBe(5)
    expect(made({ parties: 5, threshold: 5 })).toEqual(all)
  })

  test('fewer shares leave less noise, by the root of their number', () => {
    const few = derived(2)
    expect(few.output.level).toBe(all.output.level)
    // flooding is by far the most of it
    expect(Math.log2(all.precision.worstError / few.precision.worstError)).toBeCloseTo(0.5 * Math.log2(5 / 2), 2)
    expect(few.output.noise).toBeLessThanOrEqual(all.output.noise)
  })

  test('the variance of the secret is that of n, whatever the threshold', () => {
    const three = made({ parties: 3, threshold: 2 })
    const ten = derivePlan({ ...coreOf(three), parties: 10 })
    expect(ten.output.noise).toBeGreaterThan(three.output.noise)
    expect(ten.output.floodedNoise).toBeGreaterThan(three.output.floodedNoise)
  })

  test('refreshes, switches and keys cost what t holders send and add', () => {
    const few = derived(2).costs
    const { seconds, bytes } = all.costs
    expect(few.seconds.refresh).toBeLessThan(seconds.refresh)
    expect(few.seconds.result).toBeLessThan(seconds.result)
    expect(few.seconds.keys).toBeCloseTo((2 / 5) * seconds.keys, 12)
    // of each one of them
    expect(few.bytes).toEqual(bytes)
  })

  test('refreshes are planned where t masks have room', () => {
    // so many that their number takes bits
    const [few, many] = [made({ parties: 256, threshold: 2 }), made({ parties: 256 })]
    for (const { parameters: json, threshold, refreshes } of [few, many]) {
      const parameters = Parameters.fromJSON(json)
      expect(refreshes.length).toBeGreaterThan(0)
      for (const { level, scale, magnitude } of refreshes) {
        expect(level).toBeGreaterThanOrEqual(minimumRefreshLevel(parameters, threshold, scale, magnitude)!)
      }
    }
  })

  test('more than all of them are refused, in options and in plans', () => {
    expect(() => made({ parties: 3, threshold: 4 })).toThrow(InvalidInputError)
    expect(() => made({ parties: 3, threshold: 0 })).toThrow(/plan option threshold/)
    expect(() => parsePlan({ ...all, threshold: 6 })).toThrow(InvalidPlanError)
    expect(() => parsePlan({ ...all, threshold: 4 })).toThrow(InvalidPlanError)
  })

  test('a plan of the version before it had one is refused with what to do', () => {
    const { threshold: _, ...old } = all
    expect(() => parsePlan({ ...old, version: 3 })).toThrow(/version: 3, where 5 is read here: plan anew/)
  })

  test('one that suffices holds the whole key: it is flooded for as several are, unless the key is the owner’s of the model', () => {
    const other = made({ parties: 3, threshold: 1 })
    expect(other.floodingBounds).toBe('magnitudes')
    expect(other.output.floodedNoise).toBeGreaterThan(other.output.noise)
    const owner = made({ parties: 1, threshold: 1, data: 'clear' })
    expect(owner.floodingBounds).toBe('norms')
    expect(owner.output.floodedNoise).toBe(owner.output.noise)
  })
})
