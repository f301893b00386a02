import { Context, KernelEvaluator, Parameters, type Plaintext } from '@slytherin/ckks'
import {
  architectureOf,
  ClearWeights,
  calibrate,
  fuse,
  KERNEL_COSTS,
  type Plan,
  packScalar,
  plan,
  publicCoins,
  refreshShares,
  weightDescriptor
} from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { largestDifference, networkOf, testSamples } from './data.ts'
import { runEncrypted } from './encrypted.ts'
import { architectureFor, simulate, simulatorFor } from './simulate.ts'
import { tinyGraph } from './tiny.ts'

const kinds = [
  { data: 'encrypted', weights: 'clear' },
  { data: 'clear', weights: 'encrypted' }
] as const

const names = ['cryptonet-square', 'cryptonet-slytherin', 'breast-cancer-wdbc-mlp-square', 'breast-cancer-wdbc-logreg']

describe.each(kinds)('$data data, $weights weights', operands => {
  test.each(names.flatMap(name => [1, 20].map(batch => [name, batch] as const)))('%s, batch %i, simulated', async (name, batch) => {
    const made = plan(architectureFor(name), { ...operands, batch, parties: 1, floodingBits: 30, floodingBounds: 'norms' })
    const samples = testSamples(name, batch)
    const network = networkOf(name)
    const { logits, outputs, evaluator } = await simulate(made, network, samples)
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, network.forward(sample))).toBeLessThan(1e-6)
    })
    expect(evaluator.live).toBe(0)
    expect(Math.max(...outputs.map(output => output.noise))).toBeLessThanOrEqual(made.output.noise + 1e-6)
    expect(made.weights.count).toBe(operands.weights === 'clear' ? 0 : made.weights.items.length)
    expect(made.costs.bytes.input > 0).toBe(operands.data === 'encrypted')
    expect(made.costs.bytes.model > 0).toBe(operands.weights === 'encrypted')
  })

  test('products of clear and encrypted operands need no relinearisation', async () => {
    const name = 'breast-cancer-wdbc-logreg'
    const made = plan(architectureFor(name), { ...operands, batch: 4, parties: 1, floodingBits: 30, floodingBounds: 'norms' })
    const { evaluator } = await simulate(made, networkOf(name), testSamples(name, 4))
    expect(evaluator.counts.get('relinearize') ?? 0).toBe(0)
    expect(evaluator.counts.get('multiply') ?? 0).toBe(0)
    expect(evaluator.counts.get('multiplyPlain')).toBeGreaterThan(0)
  })
})

describe('encrypted', () => {
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await loadKernel()
  })

  test.each(kinds)('a trained network, $data data, $weights weights', async operands => {
    const name = 'breast-cancer-wdbc-mlp-square'
    const made = plan(architectureFor(name), {
      ...operands,
      batch: 16,
      parties: 1,
      floodingBits: 30,
      floodingBounds: 'norms',
      minimumRefreshes: 1
    })
    const samples = testSamples(name, 16)
    const { logits, trackedNoise } = await runEncrypted(made, networkOf(name), samples, kernel, 'kernel')
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, networkOf(name).forward(sample))).toBeLessThan(1e-5)
    })
    expect(trackedNoise).toBeLessThanOrEqual(made.output.noise + 1e-6)
  })
})

describe('batch in slots', () => {
  const network = fuse(tinyGraph())
  const samples = Array.from({ length: 40 }, (_, row) => Float64Array.from({ length: 25 }, (_, index) => Math.cos(row * 3 + index)))
  const costModel = { ...KERNEL_COSTS, combining: true }
  const options = {
    data: 'encrypted',
    weights: 'clear',
    parties: 1,
    floodingBits: 30,
    floodingBounds: 'norms',
    batch: 256,
    costModel,
    logN: 9,
    packing: 'real',
    insecure: true
  } as const
  const made = plan(architectureOf(network, calibrate(network, samples)), options)

  test('a batch as large as the ring: one feature to a ciphertext, no rotations, layers as linear combinations', async () => {
    expect(made.batchBlock).toBe(256)
    expect(made.galoisKeys).toEqual([])
    expect(made.inputs.count).toBe(25)
    using clear = new ClearWeights(made, network, simulatorFor(made))
    const { logits, outputs, evaluator } = await simulate(made, network, samples, { scalars: clear.scalar })
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, network.forward(sample))).toBeLessThan(1e-9)
    })
    expect(evaluator.live).toBe(0)
    expect(evaluator.counts.get('multiplyPlain') ?? 0).toBe(0)
    expect(evaluator.counts.get('multiplyScalar')).toBeGreaterThan(0)
    expect(Math.max(...outputs.map(output => output.noise))).toBeLessThanOrEqual(made.output.noise + 1e-6)
  })

  test('under encryption', async () => {
    await using kernel = await loadKernel({ threads: 2, parallelThreshold: 0 })
    const scalars = (index: number) => packScalar(made, network, index)
    const weights = () => Promise.reject(new Error('numbers need not be encoded'))
    const { logits, trackedNoise } = await runEncrypted(made, network, samples, kernel, 'kernel', { scalars, weights })
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, network.forward(sample))).toBeLessThan(1e-5)
    })
    expect(trackedNoise).toBeLessThanOrEqual(made.output.noise + 1e-6)
  })

  test('an evaluator that cannot combine multiplies by encoded weights', async () => {
    const { logits, evaluator } = await simulate(made, network, samples)
    expect(evaluator.counts.get('multiplyScalar') ?? 0).toBe(0)
    expect(largestDifference(logits[39]!, network.forward(samples[39]!))).toBeLessThan(1e-9)
  })
})

describe('rules', () => {
  test('nothing encrypted is refused', () => {
    expect(() => plan(architectureFor('breast-cancer-wdbc-logreg'), { data: 'clear', weights: 'clear', batch: 1, parties: 1 })).toThrow(
      /encrypted/
    )
  })

  test('a clear model adds a mask of the evaluator’s own to every refresh', () => {
    expect(refreshShares(1, { data: 'encrypted', weights: 'clear' })).toBe(2)
    expect(refreshShares(3, { data: 'encrypted', weights: 'encrypted' })).toBe(3)
  })

  test('operands of the wrong kind are refused by name', async () => {
    const name = 'breast-cancer-wdbc-logreg'
    const made = plan(architectureFor(name), {
      data: 'encrypted',
      weights: 'clear',
      batch: 1,
      parties: 1,
      floodingBits: 30,
      floodingBounds: 'norms'
    })
    const evaluator = simulatorFor(made)
    const weights = async () => evaluator.encrypt(new Float64Array(4), made.inputs)
    await expect(simulate(made, networkOf(name), testSamples(name, 1), { weights })).rejects.toThrow(
      /weight 0: the plan expects clear, got encrypted/
    )
  })

  test('clear weights are encoded once, within their allowance', async () => {
    const name = 'breast-cancer-wdbc-mlp-square'
    const made = plan(architectureFor(name), {
      data: 'encrypted',
      weights: 'clear',
      batch: 2,
      parties: 1,
      floodingBits: 30,
      floodingBounds: 'norms'
    })
    const samples = testSamples(name, 2)
    for (const allowance of [2 ** 30, 0]) {
      const evaluator = simulatorFor(made)
      using weights = new ClearWeights(made, networkOf(name), evaluator, allowance)
      const asked: unknown[] = []
      const source = async (index: number) => {
        const weight = await weights.source(index)
        asked.push(weight)
        return weight
      }
      for (let query = 0; query < 2; query++) {
        const { logits } = await simulate(made, networkOf(name), samples, { weights: source, retainWeights: true })
        expect(largestDifference(logits[1]!, networkOf(name).forward(samples[1]!))).toBeLessThan(1e-6)
      }
      expect(new Set(asked).size).toBe(allowance > 0 ? asked.length / 2 : asked.length)
    }
  })
})

/** Weights of a plan, which are not listed where they are clear. */
function weightCountOf(made: Plan): number {
  for (let index = 0; ; index++) {
    try {
      weightDescriptor(made, index)
    } catch {
      return index
    }
  }
}

test('clear weights beyond the kernel’s memory are encoded once, too, as long as they may wait outside', async () => {
  const name = 'breast-cancer-wdbc-mlp-square'
  const made = plan(architectureFor(name), {
    data: 'encrypted',
    weights: 'clear',
    batch: 2,
    parties: 1,
    floodingBits: 30,
    floodingBounds: 'norms'
  })
  const context = Context.create(Parameters.fromJSON(made.parameters), await loadKernel())
  const count = weightCountOf(made)
  for (const storedBytes of [2 ** 30, 0]) {
    using evaluator = new KernelEvaluator(context)
    const encoded = [vi.spyOn(evaluator, 'plaintext'), vi.spyOn(evaluator, 'encodeOutside')]
    const times = () => encoded.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
    using weights = new ClearWeights(made, networkOf(name), evaluator, 0, storedBytes)
    await weights.prepare()
    expect(times()).toBe(storedBytes > 0 ? count : 1)
    for (const spy of encoded) spy.mockClear()
    const residues = async () => {
      const { polynomial } = (await weights.source(count - 1)) as unknown as Plaintext
      return polynomial.indices.map((_, k) => polynomial.row(k).slice())
    }
    const first = await residues()
    for (let index = 0; index < count; index++) await weights.source(index)
    expect(await residues()).toEqual(first)
    expect(times()).toBe(storedBytes > 0 ? 0 : count + 2)
    // what a runner holds at a time: eight products to be summed, and the next one
    expect(evaluator.live.plaintexts).toBeLessThanOrEqual(9)
  }
  context.dispose()
})

test('public coins are for two encrypted operands and two key holders or more', () => {
  const both = { data: 'encrypted', weights: 'encrypted' } as const
  expect([1, 2, 3].map(threshold => publicCoins(threshold, both))).toEqual([false, true, true])
  for (const operands of kinds) expect([1, 2, 3].some(threshold => publicCoins(threshold, operands))).toBe(false)
})
