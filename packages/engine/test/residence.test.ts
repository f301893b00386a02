import { hasRoom, KERNEL_COSTS, plan, RESIDENT_INPUT_BYTES, RESIDENT_WEIGHT_BYTES, SEAL_COSTS } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { OperationCosts } from '../src/costs/operation-costs.ts'
import { Residence } from '../src/costs/residence.ts'
import { DiagonalsPacking } from '../src/packing/diagonals.ts'
import { sequentialLayout } from '../src/packing/layout.ts'
import { ComparedWeights } from '../src/search/compared-weights.ts'
import { architectureFor } from './simulate.ts'

test('a product of ciphertexts costs what was measured of them, where it was', () => {
  const { ciphertextProduct, ...without } = KERNEL_COSTS
  expect(new OperationCosts(KERNEL_COSTS, 14).multiply(3)).toBeCloseTo(4 * 4 * ciphertextProduct!, 12)
  expect(new OperationCosts(without, 14).multiply(3)).toBeCloseTo(4 * 4 * KERNEL_COSTS.product, 12)
})

describe('what stays in the memory of an evaluator', () => {
  test('weights and inputs up to their shares, as far as there is room beside the evaluation', () => {
    const roomy = new Residence(0, 0)
    expect(roomy.outside('inputs', 2100, 2 ** 20)).toBe(2100 - RESIDENT_INPUT_BYTES / 2 ** 20)
    const weighty = new Residence(0, 0)
    expect(weighty.outside('encrypted weights', 2000, 2 ** 20)).toBe(2000 - RESIDENT_WEIGHT_BYTES / 2 ** 20)
    expect(weighty.outside('encrypted weights', 5, 2 ** 20)).toBe(5)
    const crowded = new Residence(2.5 * 2 ** 30, 2 ** 28)
    expect(crowded.outside('encrypted weights', 4, 2 ** 20)).toBe(4)
    expect(hasRoom(3.5 * 2 ** 30, 2 ** 20, 2.5 * 2 ** 30)).toBe(false)
    expect(hasRoom(3.5 * 2 ** 30, 2 ** 20, 2 ** 28)).toBe(true)
    expect(hasRoom(0, 2 ** 20, 2 ** 28)).toBe(false)
  })

  test('is not read while it evaluates, where the evaluator keeps it', () => {
    const options = {
      batch: 8,
      data: 'encrypted',
      weights: 'encrypted',
      parties: 3,
      floodingBits: 30,
      floodingBounds: 'norms',
      logN: 14
    } as const
    const made = plan(architectureFor('cryptonet-square'), { ...options, costModel: KERNEL_COSTS })
    // a model whose loading were ruinous has the same evaluation: nothing is loaded
    const slow = plan(architectureFor('cryptonet-square'), { ...options, costModel: { ...KERNEL_COSTS, load: 1 } })
    expect(slow.costs.seconds.evaluation).toBe(made.costs.seconds.evaluation)
    const seal = plan(architectureFor('cryptonet-square'), { ...options, costModel: SEAL_COSTS })
    const slowSeal = plan(architectureFor('cryptonet-square'), { ...options, costModel: { ...SEAL_COSTS, load: 1 } })
    expect(slowSeal.costs.seconds.evaluation).toBeGreaterThan(2 * seal.costs.seconds.evaluation)
  })

  test('is not encoded again when packings are compared, and what has no room is', () => {
    const costs = new OperationCosts({ ...KERNEL_COSTS, preparation: 0 }, 14)
    const width = 2 ** 13
    const shape = { outputs: width, input: sequentialLayout(width, width), diagonals: width, babySteps: 64, present: undefined }
    const factors = { input: 'encrypted', weights: 'clear' } as const
    // 4 GiB of vectors each, a gigabyte of coefficients: two and a half are kept in the kernel's memory, four beside it
    const packing = new DiagonalsPacking(shape)
    const weights = new ComparedWeights(costs)
    const layers = Array.from({ length: 6 }, () => weights.seconds(packing, factors))
    const [first, second, fifth, last] = [layers[0]!, layers[1]!, layers[4]!, layers[5]!]
    expect(first).toBeCloseTo((width + 1 - 2.5 * 2 ** 11) * costs.bringingIn(3), 3)
    expect(second).toBeCloseTo((width + 1) * costs.bringingIn(3), 3)
    expect(last).toBeCloseTo((width + 1) * costs.encoding(3), 3)
    expect(fifth).toBeGreaterThan(second)
    expect(fifth).toBeLessThan(last)
    const once = new ComparedWeights(new OperationCosts({ ...KERNEL_COSTS, preparation: 1 }, 14))
    expect(once.seconds(packing, factors) - first).toBeCloseTo((width + 1) * costs.encoding(3), 3)
    // what has no room is brought in for every pass
    expect(new ComparedWeights(costs, 3).seconds(packing, factors)).toBeCloseTo(3 * first, 6)
  })
})
