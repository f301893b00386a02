import { architectureOf, calibrate, fuse, plan } from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { largestDifference, networkOf, testSamples } from './data.ts'
import { runEncrypted } from './encrypted.ts'
import { architectureFor } from './simulate.ts'
import { tinyGraph } from './tiny.ts'

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
      floodingBits: 30,
      floodingBounds: 'norms',
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
    const made = plan(architectureFor(name), {
      batch: 115,
      data: 'encrypted',
      weights: 'encrypted',
      parties: 3,
      floodingBits: 30,
      floodingBounds: 'norms'
    })
    const { logits, context } = await runEncrypted(made, networkOf(name), samples, kernel, 'kernel')
    expect(context.parameters.securityBits).toBe(128)
    const network = networkOf(name)
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, network.forward(sample))).toBeLessThan(1e-6)
    })
  })
})
