import { type Plan, plan } from '@slytherin/engine'
import { beforeAll, describe, expect, test } from 'vitest'
import { largestDifference, networkOf, testSamples } from './data.ts'
import { architectureFor, simulate } from './simulate.ts'

const common = { data: 'encrypted', weights: 'encrypted', parties: 3, floodingBits: 30, floodingBounds: 'norms' } as const

function agrees(name: string, logits: readonly Float64Array[], samples: readonly Float64Array[], tolerance = 1e-6): void {
  const network = networkOf(name)
  expect(logits.length).toBe(samples.length)
  samples.forEach((sample, row) => {
    expect(largestDifference(logits[row]!, network.forward(sample))).toBeLessThan(tolerance)
  })
}

describe('simulated runs', () => {
  test.each([
    ['cryptonet-square', 64],
    ['cryptonet-square', 1],
    ['cryptonet-square', 5],
    ['cryptonet-square', 83],
    ['cryptonet-slytherin', 16],
    ['cryptonet-slytherin-square', 3],
    ['breast-cancer-wdbc-mlp-square', 115],
    ['breast-cancer-wdbc-logreg', 30]
  ])('%s on %i samples gives the clear logits, disposes everything and needs no other key', async (name, batch) => {
    const made = plan(architectureFor(name), { ...common, batch, minimumRefreshes: name.startsWith('cryptonet') ? 1 : 0 })
    const samples = testSamples(name, batch)
    const { logits, outputs, evaluator } = await simulate(made, networkOf(name), samples)
    agrees(name, logits, samples)
    expect(evaluator.live).toBe(0)
    for (const output of outputs) {
      expect(output.level).toBe(made.output.level)
      expect(output.scale).toBe(made.output.scale)
      expect(output.noise).toBeLessThanOrEqual(made.output.noise + 1e-6)
      expect(output.noise).toBeGreaterThan(made.output.noise - 1)
    }
    expect(made.precision.relativeError).toBeLessThanOrEqual(0.005)
  })
})

describe('passes', () => {
  test('a small evaluator goes through the batch in several passes, with the same result', async () => {
    const name = 'breast-cancer-wdbc-mlp-square'
    const architecture = architectureFor(name)
    const made = plan(architecture, { ...common, batch: 6000, evaluatorMemory: 2 ** 24 })
    expect(made.batchBlocks).toBeGreaterThan(1)
    expect(made.batchBlocksPerPass).toBeLessThan(made.batchBlocks)
    expect(made.costs.bytes.evaluatorMemory).toBeLessThanOrEqual(2 ** 24)
    const samples = testSamples(name, 115)
    const { logits, evaluator } = await simulate(made, networkOf(name), samples)
    agrees(name, logits.slice(0, 115), samples)
    expect(evaluator.live).toBe(0)
  })
})

describe('control', () => {
  const name = 'cryptonet-square'
  let made: Plan
  beforeAll(() => {
    made = plan(architectureFor(name), { ...common, batch: 2, minimumRefreshes: 1 })
  })

  test('progress ends at its total and steps are reported with levels and noise', async () => {
    const progress: { layer: string; done: number; total: number }[] = []
    const steps: { kind: string; seconds: number; level: number }[] = []
    await simulate(made, networkOf(name), testSamples(name, 2), { onProgress: p => progress.push(p), onStep: s => steps.push(s) })
    expect(progress.at(-1)!.done).toBe(progress.at(-1)!.total)
    expect(progress.map(p => p.done)).toEqual(progress.map((_, index) => index + 1))
    expect(steps.map(step => step.kind)).toEqual(made.steps.map(step => step.kind))
    expect(steps.at(-1)!.level).toBe(made.output.level)
  })

  test('aborting rejects with the reason and leaves no ciphertext behind', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const started = simulate(made, networkOf(name), testSamples(name, 2), {
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === 20) controller.abort(reason)
      }
    })
    await expect(started).rejects.toBe(reason)
  })
})
