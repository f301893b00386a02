import { Context, KernelEvaluator, Parameters } from '@slytherin/ckks'
import { architectureOf, ClearWeights, calibrate, fuse, type PlanOptions, plan } from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { blocksPerPass } from '../src/search/reading.ts'
import { runEncrypted } from './encrypted.ts'
import { tinyGraph } from './tiny.ts'

const GIB = 2 ** 30

describe("the kernel's memory", () => {
  const network = fuse(tinyGraph())
  const sample = (row: number): Float64Array => Float64Array.from({ length: 25 }, (_, index) => Math.cos(row * 3 + index))
  const samples = Array.from({ length: 2500 }, (_, row) => sample(row))
  const architecture = architectureOf(network, calibrate(network, samples.slice(0, 50)))
  const options = { data: 'encrypted', weights: 'clear', parties: 1, floodingBits: 30, logN: 11, insecure: true } as const
  const planned = (more: Pick<PlanOptions, 'batch' | 'evaluatorMemory' | 'packing'>) => plan(architecture, { ...options, ...more })
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await loadKernel()
  })

  test('after a pass holds what it held before it, and the results', async () => {
    const one = planned({ batch: samples.length })
    const made = planned({ batch: samples.length, evaluatorMemory: Math.ceil(one.costs.bytes.evaluatorMemory / one.batchBlocksPerPass) })
    const passes = Math.ceil(made.batchBlocks / made.batchBlocksPerPass)
    expect(passes).toBeGreaterThanOrEqual(4)
    const inUse: number[] = []
    await runEncrypted(made, network, samples, kernel, 'kernel', {
      onStep: ({ step, blocks: [from, to] }) => {
        if (step === made.steps.length - 1 && to - from === made.batchBlocksPerPass) inUse.push(kernel.bytesInUse)
      }
    })
    const { ciphertextsPerBlock, level } = made.output
    const results = made.batchBlocksPerPass * ciphertextsPerBlock * 2 * (level + 1) * 2 ** 11 * 8
    const growth = inUse.slice(1).map((bytes, pass) => bytes - inUse[pass]!)
    expect(growth).toEqual(growth.map(() => growth[0]))
    expect(growth[0]).toBeGreaterThanOrEqual(results)
    // and where their rows are
    expect(growth[0]).toBeLessThan(1.05 * results)
  })

  test('keeps clear weights for as long as it has room for an evaluation beside them', async () => {
    const made = planned({ batch: 1, packing: 'real' })
    const context = Context.create(Parameters.fromJSON(made.parameters, { allowInsecure: true }), kernel, { parties: 1 })
    const encoded = async (bytesFree: number): Promise<number> => {
      using evaluator = new KernelEvaluator(context)
      Object.defineProperty(evaluator, 'bytesFree', { value: bytesFree })
      using weights = new ClearWeights(made, network, evaluator)
      const before = kernel.bytesInUse
      await weights.prepare()
      return kernel.bytesInUse - before
    }
    const all = await encoded(3 * GIB)
    const few = await encoded(GIB / 4)
    expect(all).toBeGreaterThan(0)
    // what is left are those that a runner may still hold
    expect(few).toBeLessThan(all)
  })

  test('has room for the keys beside a pass of many blocks', () => {
    expect(blocksPerPass(63, 0.15 * GIB, 20 * GIB, 3 * GIB) * 0.15 * GIB + 1.5 * GIB).toBeLessThan(4 * GIB)
    expect(blocksPerPass(63, 0.15 * GIB, 20 * GIB, GIB)).toBe(6)
    // one block takes what it takes
    expect(blocksPerPass(63, 2.9 * GIB, 20 * GIB, 3 * GIB)).toBe(1)
  })
})
