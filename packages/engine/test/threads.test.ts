import { describeOnThreads, endToEnd, KERNEL_COSTS, LAN, plan, speedupOf, withThreads } from '@slytherin/engine'
import { expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

const FREE = 1e15

test('cores divide an operation until they ask for all of the bandwidth', () => {
  // A megabyte a millisecond is a gigabyte a second of one core.
  expect(speedupOf(1e-3, 1e6, { threads: 4, bandwidth: 8e9 })).toBe(4)
  expect(speedupOf(1e-3, 1e6, { threads: 16, bandwidth: 8e9 })).toBe(8)
  expect(speedupOf(1e-3, 1e6, { threads: 16, bandwidth: 1e8 })).toBe(1)
})

test('costs with more threads: as many times less, but for what reads most', () => {
  const { transform, product, embedding } = KERNEL_COSTS
  const free = withThreads(KERNEL_COSTS, 1, { threads: 8, bandwidth: FREE })
  expect(free.transform).toBeCloseTo(transform / 8, 12)
  expect(free.embedding).toBe(embedding)
  const bound = withThreads(KERNEL_COSTS, 1, { threads: 8, bandwidth: 40e9 })
  expect(bound.transform).toBeCloseTo(transform / 8, 12)
  expect(bound.product).toBeGreaterThan(product / 8)
  expect(bound.product).toBeLessThan(product)
  // Measured with two: of two there is nothing to gain.
  expect(withThreads(KERNEL_COSTS, 2, { threads: 2, bandwidth: FREE }).transform).toBeCloseTo(transform, 12)
})

test('a plan is evaluated faster, and nothing else is', () => {
  const made = plan(architectureFor('breast-cancer-wdbc-mlp-square'), {
    batch: 64,
    data: 'encrypted',
    weights: 'encrypted',
    parties: 3,
    floodingBits: 30
  })
  const cores = { threads: 4, bandwidth: FREE }
  const [now, then] = [KERNEL_COSTS, withThreads(KERNEL_COSTS, 1, cores)].map(model => endToEnd(made, model, LAN))
  expect(then!.evaluation).toBeLessThan(now!.evaluation)
  expect(then!.evaluation).toBeGreaterThan(now!.evaluation / 4)
  expect(then!.upload).toBe(now!.upload)
  expect(then!.encryption).toBeCloseTo(now!.encryption, 12)
  expect(describeOnThreads(made, KERNEL_COSTS, 1, cores)).toHaveLength(2)
  expect(describeOnThreads(made, KERNEL_COSTS, 1, cores, LAN)[0]).toMatch(/^threads {4}4, .* times as fast as with 1$/)
})
