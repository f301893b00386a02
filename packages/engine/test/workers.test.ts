import { describeOnWorkers, endToEnd, KERNEL_COSTS, LAN, onWorkers, plan, WAN } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

const BOTH = { batch: 4000, data: 'encrypted', weights: 'encrypted', parties: 3, threshold: 2, floodingBits: 30 } as const

describe('a plan on workers', () => {
  const architecture = architectureFor('breast-cancer-wdbc-mlp-square')
  const large = plan(architecture, BOTH)
  const alone = endToEnd(large, KERNEL_COSTS, LAN)
  const parts = Math.ceil(large.batchBlocks / large.batchBlocksPerPass)

  test('takes on one worker what it takes at the evaluator', () => {
    const one = onWorkers(large, KERNEL_COSTS, LAN, 1)
    expect(one.parts).toBe(parts)
    expect(one.total).toBeCloseTo(alone.total, 10)
  })

  test('divides evaluation alone, into no more than its parts', () => {
    const two = onWorkers(large, KERNEL_COSTS, LAN, 2)
    expect(alone.total - two.total).toBeCloseTo(alone.evaluation * (1 - Math.ceil(parts / 2) / parts), 10)
    const enough = onWorkers(large, KERNEL_COSTS, LAN, parts)
    expect(enough.total).toBeCloseTo(alone.total - alone.evaluation * (1 - 1 / parts), 10)
    expect(onWorkers(large, KERNEL_COSTS, LAN, 10 * parts).total).toBe(enough.total)
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

  test('is told in a line for each link; one with clear weights is evaluated by the evaluator alone', () => {
    const lines = describeOnWorkers(large, KERNEL_COSTS, 8)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/^workers {4}8, LAN: samples to answers \d+\.\d\d s \(\d+ parts? side by side\)/)
    const clear = plan(architecture, { batch: 8, data: 'encrypted', weights: 'clear', parties: 1, floodingBits: 30 })
    expect(describeOnWorkers(clear, KERNEL_COSTS, 8)).toEqual([
      'workers    the weights are clear and stay at the evaluator, which evaluates alone'
    ])
  })
})
