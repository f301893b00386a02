/** Convolutions whose maps shrink from stage to stage, in several blocks of slots. */
import { architectureOf, calibrate, evaluate, fuse, itemValues, itemWidths, KERNEL_COSTS, plan, weightDescriptor } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { noiseImages, residualNetwork } from './residual-networks.ts'
import { simulate } from './simulate.ts'

describe('a residual network of three stages', () => {
  const shape = { side: 16, channels: [4, 8, 16], blocks: 1, classes: 4 }
  const graph = residualNetwork(shape)
  const network = fuse(graph)
  const samples = noiseImages(shape, 3)
  const architecture = architectureOf(network, calibrate(network, samples))
  // keys cost nothing, so that giant steps are leapt over
  const costModel = { ...KERNEL_COSTS, preparation: 0 }
  const options = {
    costModel,
    batch: 1,
    data: 'encrypted',
    weights: 'clear',
    insecure: true,
    logN: 10,
    maximumDecryptions: 64,
    floodingBits: 20
  } as const

  test.each([1, 3])('gives what its graph says, with maps that fill their blocks, for %i key holders', async parties => {
    const made = plan(architecture, { ...options, parties })
    const [sample] = samples as [Float64Array]
    const { logits } = await simulate(made, network, [sample])
    expect(largestDifference(logits[0]!, evaluate(graph, sample))).toBeLessThan(made.precision.worstError)
    // 1024, 512 and 256 values on 512 slots
    const blocks = made.steps.flatMap(step =>
      'order' in step && step.order ? [step.order.plane * Math.ceil(step.order.channels / step.order.gap ** 2)] : []
    )
    expect(new Set(blocks)).toEqual(new Set([1024, 512, 256]))
    expect(made.steps.some(step => 'leaps' in step && step.leaps)).toBe(true)
  })

  test('has as many values in each weight as its plan says, whoever has the plan alone', () => {
    const made = plan(architecture, { ...options, parties: 1 })
    const widths = itemWidths(made)
    expect(widths.map((_, index) => itemValues(made, network, index).length)).toEqual(widths)
    expect(() => weightDescriptor(made, widths.length)).toThrow(/weight index/)
  })
})
