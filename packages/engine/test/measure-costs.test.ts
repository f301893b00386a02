import { KernelEvaluator } from '@slytherin/ckks'
import { costModelSchema, KERNEL_COSTS, measureCosts, type PlanOptions, plan } from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

let kernel: Kernel

beforeAll(async () => {
  kernel = await loadKernel()
})

describe('measured costs', () => {
  const options = () => ({
    name: 'here',
    kernel,
    hoisting: true,
    retaining: true,
    evaluator: (context: ConstructorParameters<typeof KernelEvaluator>[0]) => new KernelEvaluator(context)
  })

  test('are a cost model of this machine, in steps of five per cent', async () => {
    const costs = await measureCosts(options())
    expect(costModelSchema.parse(JSON.parse(JSON.stringify(costs)))).toEqual(costs)
    expect(costs.name).toBe('here')
    for (const field of ['transform', 'product', 'keyProduct', 'rescaling', 'embedding', 'load', 'ringTransform'] as const) {
      const steps = Math.log(costs[field]) / Math.log(1.05)
      expect(Math.abs(steps - Math.round(steps))).toBeLessThan(0.02)
      // between a much faster and a much slower, busier machine
      expect(costs[field] / KERNEL_COSTS[field]).toBeGreaterThan(0.02)
      expect(costs[field] / KERNEL_COSTS[field]).toBeLessThan(200)
    }
    expect(costs.ciphertextProduct! / KERNEL_COSTS.ciphertextProduct!).toBeGreaterThan(0.02)
    expect(kernel.bytesInUse).toBe(0)
  })

  test('make plans that name them', () => {
    const request: PlanOptions = {
      batch: 4,
      data: 'encrypted',
      weights: 'clear',
      parties: 1,
      floodingBits: 30,
      floodingBounds: 'norms',
      costModel: { ...KERNEL_COSTS, name: 'mine' }
    }
    const made = plan(architectureFor('cryptonet-square'), request)
    expect(made.costs.model).toBe('mine')
    const slower = { ...request.costModel!, transform: 1, product: 1, keyProduct: 1, rescaling: 1, load: 1, ringTransform: 1 }
    expect(plan(architectureFor('cryptonet-square'), { ...request, costModel: slower }).costs.seconds.evaluation).toBeGreaterThan(
      made.costs.seconds.evaluation
    )
  })

  test('count what dividing a key switch takes, in every one of them', () => {
    const request: PlanOptions = { batch: 4, data: 'encrypted', weights: 'clear', parties: 1, floodingBits: 30, floodingBounds: 'norms' }
    const seconds = (division: number): number =>
      plan(architectureFor('cryptonet-square'), { ...request, costModel: { ...KERNEL_COSTS, division } }).costs.seconds.evaluation
    // so little of it that the plan stays the same, with dozens of key switches
    const added = (seconds(1e-6) - seconds(0)) / 1e-6
    expect(added).toBeGreaterThan(10)
    expect(added).toBeLessThan(1000)
    expect(Math.abs(added - Math.round(added))).toBeLessThan(1e-6)
  })

  test('stop when asked to, and leave nothing behind', async () => {
    const abort = new AbortController()
    const measuring = measureCosts({ ...options(), signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(measuring).rejects.toThrow('enough')
    expect(kernel.bytesInUse).toBe(0)
  })
})
