import { endToEnd, KERNEL_COSTS, LAN, type Plan, type PlanOptions, plan, WAN, witnessedSeconds } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

const architecture = architectureFor('cryptonet-square')
const planned = (options: Partial<PlanOptions>): Plan =>
  plan(architecture, { batch: 83, data: 'encrypted', weights: 'encrypted', parties: 3, floodingBits: 60, ...options })
/** Seconds of a plan priced with another model. */
const priced = (made: Plan, model: Partial<typeof KERNEL_COSTS>) =>
  endToEnd(made, { ...KERNEL_COSTS, ...model }, { ...KERNEL_COSTS, ...model })

const both = planned({})
const whole = planned({ weights: 'clear', parties: 1, floodingBits: 30, seededInputs: true })

describe('the switch of a result', () => {
  test('sends c1 to every key holder and takes both components of its share back', () => {
    const [slow, slower] = [1e6, 0.5e6].map(bandwidth => priced(both, { bandwidth }))
    const results = both.output.ciphertextsPerBlock * both.batchBlocks
    // what a result is sent as has two components of that level
    const { down } = slow!.bytes
    expect(slower!.switching - slow!.switching).toBeCloseTo((3 * 1.5 * down) / 1e6, 6)
    expect(down).toBeGreaterThan(results * 2 * (both.output.level + 1) * 2 ** both.parameters.logN * 4)
  })

  test('is a step of each that makes a share, in a round', () => {
    const { switching } = priced(both, {})
    expect(switching - priced(both, { step: 0 }).switching).toBeCloseTo(both.threshold * KERNEL_COSTS.step, 9)
    expect(switching - priced(both, { roundTrip: 0 }).switching).toBeCloseTo(KERNEL_COSTS.roundTrip, 9)
  })

  test('asks nobody where whoever encrypts holds the whole key', () => {
    const { switching } = priced(whole, {})
    expect(switching).toBeGreaterThan(0)
    expect(switching).toBe(priced(whole, { step: 0, roundTrip: 0, bandwidth: 1 }).switching)
    const another = planned({ weights: 'clear', parties: 1, floodingBits: 30, seededInputs: false })
    expect(priced(another, {}).switching).toBeGreaterThan(KERNEL_COSTS.roundTrip)
  })
})

test('a step whose kind has run before takes half of what the first one does beside its operations', () => {
  const kinds = ['diagonals', 'square', 'diagonals', 'square', 'diagonals']
  const first = kinds.filter((kind, index) => kinds.indexOf(kind) === index).length
  expect(whole.architecture.layers).toHaveLength(kinds.length)
  const { step } = KERNEL_COSTS
  expect(priced(whole, {}).evaluation - priced(whole, { step: 0 }).evaluation).toBeCloseTo((first + (kinds.length - first) / 2) * step, 9)
})

test('proofs of inputs are sent, too, and made and checked by code that runs for the first time', () => {
  expect(priced(both, {}).proofs - priced(both, { step: 0 }).proofs).toBeCloseTo(2 * KERNEL_COSTS.step, 9)
  expect(priced(whole, {}).proofs).toBe(0)
  const [near, far] = [LAN, WAN].map(link => endToEnd(both, KERNEL_COSTS, link).proofs)
  const bytes = ((far! - near!) * LAN.bandwidth * WAN.bandwidth) / (LAN.bandwidth - WAN.bandwidth)
  // as reports have it: a megabyte for at most 64 inputs at N = 2^14
  const proofs = Math.ceil((both.inputs.count * both.batchBlocks) / 64)
  expect(bytes / proofs / 2 ** both.parameters.logN).toBeGreaterThan(55)
  expect(bytes / proofs / 2 ** both.parameters.logN).toBeLessThan(70)
})

test('inputs that are computed with under public coins take an encryption of zero and the hash of their bytes', () => {
  const { ringTransform } = KERNEL_COSTS
  const transforms = (made: Plan): number => {
    const none = priced(made, { ringTransform: 1e-12 }).evaluation
    const { logN } = made.parameters
    return (priced(made, {}).evaluation - none) / ringTransform / ((2 ** (logN - 14) * logN) / 14)
  }
  const inputs = both.inputs.count * both.batchBlocks
  expect(transforms(both)).toBeCloseTo(12 * (both.inputs.level + 2) * inputs, 3)
  // with one holder of the whole key nothing that comes in is
  expect(transforms(whole)).toBeCloseTo(0, 3)
})

describe('witnesses on the same processors', () => {
  const refreshed = planned({ minimumRefreshes: 2 })

  test('take nothing where there are none', () => {
    const { steps, ...others } = witnessedSeconds(refreshed, KERNEL_COSTS, 0)
    expect(Object.values(others)).toEqual([0, 0, 0, 0])
    expect(steps.every(seconds => seconds === 0)).toBe(true)
  })

  test('hold the evaluator up only where there are more threads than processors', () => {
    const rounds = { ...KERNEL_COSTS, step: 0 }
    const ofMap = refreshed.steps.findIndex(({ kind }) => kind !== 'refresh')
    const held = (witnesses: number, threadsPerProcessor?: number): number =>
      witnessedSeconds(refreshed, rounds, witnesses, threadsPerProcessor).steps[ofMap]!
    expect(held(1)).toBeGreaterThan(0)
    expect(held(1, 0.5)).toBe(0)
    expect(held(2, 0.5)).toBeCloseTo(0.5 * held(1), 9)
    expect(held(3, 0.5)).toBeCloseTo(held(1), 9)
  })

  test('compute every step again but for what one thread does, are sent every share, and endorse every refresh and the switch in a round', () => {
    const one = witnessedSeconds(refreshed, KERNEL_COSTS, 1)
    const two = witnessedSeconds(refreshed, KERNEL_COSTS, 2)
    const at = (step: number): number => refreshed.costs.seconds.steps[step]!
    const begun = new Set<string>()
    const refreshes = new Set(refreshed.refreshes.map(({ step }) => step))
    expect(refreshes.size).toBeGreaterThanOrEqual(2)
    for (const [step, seconds] of one.steps.entries()) {
      if (refreshes.has(step)) expect(seconds).toBeLessThan(at(step) + KERNEL_COSTS.roundTrip)
      else {
        const { kind } = refreshed.steps[step]!
        expect(seconds).toBeCloseTo(at(step) - KERNEL_COSTS.step * (begun.has(kind) ? 0.5 : 1), 9)
        begun.add(kind)
      }
    }
    const free = { ...KERNEL_COSTS, roundTrip: 0 }
    const passes = Math.ceil(refreshed.batchBlocks / refreshed.batchBlocksPerPass)
    const rounds = passes * refreshes.size + 1
    expect(one.evaluation - witnessedSeconds(refreshed, free, 1).evaluation).toBeCloseTo(rounds * KERNEL_COSTS.roundTrip, 9)
    // endorsements come side by side
    expect(two.evaluation - one.evaluation).toBeCloseTo(one.evaluation - rounds * KERNEL_COSTS.roundTrip, 9)
    expect(one.evaluation).toBeCloseTo(
      one.steps.reduce((sum, seconds) => sum + seconds, one.result),
      9
    )
    expect(two.inputs).toBeCloseTo(2 * one.inputs, 9)
  })
})
