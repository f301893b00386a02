import { describeOnWorkers, endToEnd, KERNEL_COSTS, LAN, onWorkers, plan, WAN } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

const BOTH = { batch: 4000, data: 'encrypted', weights: 'encrypted', parties: 3, threshold: 2, floodingBits: 30 } as const
/** As between processes of one machine. */
const NEAR = { bandwidth: 90e6, roundTrip: 0.005 }

describe('a plan on workers', () => {
  const architecture = architectureFor('breast-cancer-wdbc-mlp-square')
  const large = plan(architecture, BOTH)
  const alone = endToEnd(large, KERNEL_COSTS, LAN)
  const passes = Math.ceil(large.batchBlocks / large.batchBlocksPerPass)

  test('takes on one worker what it takes at the evaluator', () => {
    const one = onWorkers(large, KERNEL_COSTS, LAN, 1)
    expect(one.parts).toBe(passes)
    expect(one.total).toBeCloseTo(alone.total, 10)
  })

  test('divides evaluation alone, into no more parts than it has blocks', () => {
    const { batchBlocks } = large
    expect(batchBlocks).toBeGreaterThan(passes)
    const two = onWorkers(large, KERNEL_COSTS, LAN, 2)
    expect(alone.total - two.total).toBeCloseTo(alone.evaluation * (1 - Math.ceil(batchBlocks / 2) / batchBlocks), 10)
    const enough = onWorkers(large, KERNEL_COSTS, LAN, batchBlocks)
    expect(enough.parts).toBe(batchBlocks)
    expect(enough.total).toBeCloseTo(alone.total - alone.evaluation * (1 - 1 / batchBlocks), 10)
    expect(onWorkers(large, KERNEL_COSTS, LAN, 10 * batchBlocks).total).toBe(enough.total)
  })

  test('that evaluate side by side take a plan whose blocks are divided among them, where they are sooner done with about the same work', () => {
    // so slow that what is computed counts most
    const slow = { ...KERNEL_COSTS, ciphertextProduct: 20 * KERNEL_COSTS.product }
    for (const unit of ['transform', 'product', 'scalarProduct', 'keyProduct', 'rescaling', 'embedding', 'load', 'copy'] as const)
      slow[unit] *= 20
    const query = {
      batch: 4000,
      data: 'encrypted',
      weights: 'encrypted',
      parties: 2,
      floodingBits: 30,
      refreshing: false,
      link: NEAR
    } as const
    const one = plan(architecture, { ...query, costModel: slow })
    const four = plan(architecture, { ...query, costModel: slow, workers: 4 })
    expect(four.batchBlocks).toBeGreaterThan(one.batchBlocks)
    const seconds = [one, four].map(each => onWorkers(each, slow, NEAR, 4).total)
    expect(seconds[1]).toBeLessThan(seconds[0]!)
    // alone, the evaluator is done sooner with the other
    expect(four.costs.seconds.evaluation).toBeGreaterThan(one.costs.seconds.evaluation)
    expect(four.costs.seconds.evaluation).toBeLessThan(1.5 * one.costs.seconds.evaluation)
    expect(plan(architecture, { ...BOTH, workers: 1 })).toEqual(large)
    expect(() => plan(architecture, { ...BOTH, workers: 0 })).toThrow(/workers/)
  })

  test('leave a block of numbers as it is, which divided would be many times the work', () => {
    const query = { batch: 8192, data: 'encrypted', weights: 'clear', parties: 2, floodingBits: 30, refreshing: false, link: NEAR } as const
    const one = plan(architectureFor('cryptonet-square'), query)
    expect(one.batchBlocks).toBe(1)
    expect(plan(architectureFor('cryptonet-square'), { ...query, workers: 2 })).toEqual(one)
  })

  test('have no part in clear data, for which plans are the same', () => {
    const query = { batch: 8, data: 'clear', weights: 'encrypted', parties: 1, floodingBits: 30 } as const
    expect(plan(architecture, { ...query, workers: 4 })).toEqual(plan(architecture, query))
    expect(describeOnWorkers(plan(architecture, query), KERNEL_COSTS, 4)).toEqual([
      'workers    the data are clear and stay at the evaluator, which evaluates alone'
    ])
  })

  test('answers more queries with more workers, until the link or the key holders are busy all the time', () => {
    const free = { bandwidth: 1e15, roundTrip: 0 }
    const [one, two] = [1, 2].map(workers => onWorkers(large, KERNEL_COSTS, free, workers))
    expect(one!.bound).toBe('workers')
    expect(two!.queries).toBeLessThanOrEqual(2 * one!.queries)
    expect(two!.queries).toBeGreaterThan(one!.queries)
    const many = onWorkers(large, KERNEL_COSTS, WAN, 1000)
    expect(many.bound).not.toBe('workers')
    expect(onWorkers(large, KERNEL_COSTS, WAN, 2000).queries).toBe(many.queries)
    const { upload, download, refreshes, switching } = endToEnd(large, KERNEL_COSTS, WAN)
    expect(1 / many.queries).toBeCloseTo(Math.max(upload, download, refreshes + switching), 10)
  })

  test("is told in a line for each link; clear weights are the evaluator's alone unless its operator says otherwise", () => {
    const lines = describeOnWorkers(large, KERNEL_COSTS, 8)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/^workers {4}8, LAN: samples to answers \d+\.\d\d s \(\d+ parts? side by side\)/)
    const clear = plan(architecture, { batch: 8, data: 'encrypted', weights: 'clear', parties: 1, floodingBits: 30 })
    const [first, ...others] = describeOnWorkers(clear, KERNEL_COSTS, 8)
    expect(first).toMatch(/^workers {4}the weights are clear: .* clearModels: true/)
    expect(others).toHaveLength(2)
  })
})
