import { architectureOf, calibrate, fuse, type NetworkGraph, plan } from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { largestDifference, networkOf, testSamples } from './data.ts'
import { runEncrypted } from './encrypted.ts'
import { architectureFor } from './simulate.ts'

/** Convolution 2×2 on 5×5 with padding, square, dense to 6, quadratic activation, dense to 3. */
function tinyGraph(): NetworkGraph {
  const value = (seed: number, index: number) => Math.sin(seed + index * 1.7)
  const geometry = {
    channels: 1,
    height: 5,
    width: 5,
    kernel: [2, 2],
    strides: [1, 1],
    pads: [0, 0, 1, 0],
    dilations: [1, 1],
    outputChannels: 2,
    groups: 1
  } as const
  const vector = (length: number, seed: number, factor: number) => Float64Array.from({ length }, (_, index) => factor * value(seed, index))
  return {
    name: 'tiny',
    inputName: 'x',
    outputName: 'y',
    final: 'none',
    output: 7,
    nodes: [
      { name: 'x', operator: { kind: 'input' }, inputs: [], shape: [1, 5, 5] },
      {
        name: 'conv',
        operator: { kind: 'convolution', geometry, kernel: vector(8, 1, 0.7), bias: vector(2, 2, 0.3) },
        inputs: [0],
        shape: [2, 5, 4]
      },
      { name: 'square', operator: { kind: 'multiply' }, inputs: [1, 1], shape: [2, 5, 4] },
      { name: 'flatten', operator: { kind: 'reshape' }, inputs: [2], shape: [40] },
      {
        name: 'fc1',
        operator: { kind: 'dense', inputs: 40, outputs: 6, weight: vector(240, 3, 0.2), bias: vector(6, 4, 0.5) },
        inputs: [3],
        shape: [6]
      },
      { name: 'act/pow', operator: { kind: 'power', exponent: 2 }, inputs: [4], shape: [6] },
      { name: 'act/add', operator: { kind: 'add' }, inputs: [5, 4], shape: [6] },
      {
        name: 'fc2',
        operator: { kind: 'dense', inputs: 6, outputs: 3, weight: vector(18, 5, 0.5), bias: vector(3, 6, 0.5) },
        inputs: [6],
        shape: [3]
      }
    ]
  }
}

describe('encrypted runs', () => {
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await loadKernel()
  })

  test.each([
    ['seal', 3],
    ['kernel', 3],
    ['kernel', 1],
    ['kernel', 20]
  ] as const)('a tiny network on %s, batch %i, small insecure ring', async (kind, batch) => {
    const network = fuse(tinyGraph())
    const samples = Array.from({ length: batch }, (_, row) => Float64Array.from({ length: 25 }, (_, index) => Math.cos(row * 3 + index)))
    const architecture = architectureOf(network, calibrate(network, samples))
    const made = plan(architecture, {
      batch,
      data: 'encrypted',
      weights: 'encrypted',
      parties: 2,
      minimumRefreshes: 1,
      logN: 11,
      insecure: true
    })
    expect(made.refreshes.length).toBeGreaterThanOrEqual(1)
    const { logits, slots, trackedNoise, context } = await runEncrypted(made, network, samples, kernel, kind)
    const worst = Math.max(...samples.map((sample, row) => largestDifference(logits[row]!, network.forward(sample))))
    expect(worst).toBeLessThan(1e-6)
    // tracked noise bounds what is measured over all slots that hold a logit
    const tracked = 2 ** (trackedNoise + 0.5 * (made.parameters.logN - 1)) / made.output.scale
    expect(worst).toBeLessThan(6 * tracked)
    expect(trackedNoise).toBeLessThanOrEqual(made.output.noise + 1e-6)
    expect(slots.length).toBe(made.batchBlocks * made.output.ciphertextsPerBlock)
    expect(context.parameters.insecure).toBe(true)
  })

  test('a secure ring: a trained network classifies encrypted patients', async () => {
    const name = 'breast-cancer-wdbc-mlp-square'
    const samples = testSamples(name, 115)
    const made = plan(architectureFor(name), { batch: 115, data: 'encrypted', weights: 'encrypted', parties: 3 })
    const { logits, context } = await runEncrypted(made, networkOf(name), samples, kernel, 'kernel')
    expect(context.parameters.securityBits).toBe(128)
    const network = networkOf(name)
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, network.forward(sample))).toBeLessThan(1e-6)
    })
  })
})
