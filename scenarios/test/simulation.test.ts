/** The simulated run: errors where cryptography puts them, never above what the evaluator tracks. */
import { simulate } from '@slytherin/scenarios'
import { describe, expect, it } from 'vitest'
import { Gaussian } from '../src/gaussian.js'
import { cryptonet, planFor, recorded } from './observation.js'
import { smallScenario } from './support.js'

const worst = (a: readonly Float64Array[], b: readonly Float64Array[]): number =>
  Math.max(...a.flatMap((row, k) => Array.from(row, (value, i) => Math.abs(value - b[k]![i]!))))

/** How far the root mean square of some hundred values may lie above a standard deviation that is exactly theirs. */
const SAMPLING = 0.1

describe.each([
  ['a network of dense layers', {}],
  ['a convolution by taps', { ...cryptonet, images: 12 }],
  ['a cubic activation', { model: smallScenario().model.replace('mlp-square', 'mlp-poly3') }]
])('%s, simulated', (_, changes) => {
  it('errs in every layer, by no more than is tracked, and ends within the planned error', async () => {
    const scenario = smallScenario(changes)
    const { plan, clear } = await planFor(scenario)
    const { logits, steps } = await simulate(plan, clear.network, clear.samples)
    expect(steps.map(({ kind }) => kind)).toEqual(plan.steps.map(({ kind }) => kind))
    for (const { name, kind, tracked, error } of steps) {
      expect(error.rms, `${kind} of ${name}`).toBeGreaterThan(0)
      expect(error.rms, `${kind} of ${name}`).toBeLessThan((1 + SAMPLING) * tracked)
      expect(error.worst, `${kind} of ${name}`).toBeGreaterThan(error.rms)
    }
    expect(logits).toHaveLength(scenario.images)
    const error = worst(logits, clear.polynomial)
    expect(error).toBeLessThan(1.3 * plan.precision.worstError)
    expect(error).toBeGreaterThan(0.01 * plan.precision.worstError)
  })
})

describe('a simulation', () => {
  it('repeats itself for the same seed only', async () => {
    const { plan, clear } = await recorded({ images: 4 })
    const run = async (seed: number) => (await simulate(plan, clear.network, clear.samples, { seed })).logits
    expect(await run(1)).toEqual(await run(1))
    expect(worst(await run(1), await run(2))).toBeGreaterThan(0)
  })

  it('answers more samples than a batch, query by query', async () => {
    const { plan } = await planFor(smallScenario({ images: 3 }))
    const { clear } = await planFor(smallScenario({ images: 7 }))
    const progress: number[] = []
    const { logits } = await simulate(plan, clear.network, clear.samples, { onProgress: done => progress.push(done) })
    expect(progress).toEqual([3, 6, 7])
    expect(worst(logits, clear.polynomial)).toBeLessThan(2 * plan.precision.worstError)
  })
})

describe('normal deviates', () => {
  it('have the moments of a normal distribution', () => {
    const gaussian = new Gaussian(7)
    const count = 200_000
    const moments = [0, 0, 0, 0]
    for (let k = 0; k < count; k++) {
      const value = gaussian.next()
      for (let power = 0; power < 4; power++) moments[power]! += value ** (power + 1) / count
    }
    expect(moments[0]).toBeCloseTo(0, 1.5)
    expect(moments[1]).toBeCloseTo(1, 1.5)
    expect(moments[2]).toBeCloseTo(0, 1)
    expect(moments[3]).toBeCloseTo(3, 0.8)
  })
})
