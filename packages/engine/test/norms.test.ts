import { architectureOf, calibrate, KERNEL_COSTS, plan } from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { largestDifference, networkOf, testSamples } from './data.ts'
import { runEncrypted } from './encrypted.ts'
import { architectureFor, simulate } from './simulate.ts'

/** Calibrated on images that no test evaluates. */
function calibrated(name: string, count = 64) {
  const network = networkOf(name)
  return architectureOf(network, calibrate(network, testSamples(name, count, 5000)))
}

const common = { data: 'encrypted', weights: 'encrypted', parties: 3, floodingBits: 30, floodingBounds: 'norms' } as const

describe('norms from calibration', () => {
  test('hold for other images', () => {
    const name = 'cryptonet-square'
    const stated = calibrate(networkOf(name), testSamples(name, 64, 5000)).norms!
    const seen = calibrate(networkOf(name), testSamples(name, 64), { margin: 1 }).norms!
    stated.forEach((norms, index) => {
      expect(norms === null).toBe(networkOf(name).layers[index]!.kind !== 'affine')
      if (!norms) return
      const [own, other] = [norms[0]!, seen[index]![0]!]
      expect(other.input).toBeLessThan(own.input)
      if (own.gain !== undefined) expect(other.gain!).toBeLessThan(own.gain)
      if (own.window !== undefined) expect(own.window).toBeLessThan(own.input)
    })
  })

  test('make plans cheaper than maxima do', () => {
    const options = {
      ...common,
      batch: 16,
      minimumRefreshes: 0,
      costModel: { ...KERNEL_COSTS, roundTrip: 10 },
      link: { bandwidth: 1e8, roundTrip: 10 }
    }
    const [byNorms, byMaxima] = [plan(calibrated('cryptonet-square'), options), plan(architectureFor('cryptonet-square'), options)]
    expect(byNorms.costs.seconds.evaluation).toBeLessThan(byMaxima.costs.seconds.evaluation)
    expect(byNorms.precision.relativeError).toBeLessThanOrEqual(0.005)
    expect(byNorms.refreshes.length).toBe(0)
  })

  test('make networks of twenty layers cheaper than maxima do', async () => {
    const name = 'nn20-square'
    const made = plan(calibrated(name), { ...common, batch: 1, logN: 14 })
    expect(made.precision.relativeError).toBeLessThanOrEqual(0.005)
    const samples = testSamples(name, 1)
    const { logits, outputs, evaluator } = await simulate(made, networkOf(name), samples)
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, networkOf(name).forward(sample))).toBeLessThan(1e-6)
    })
    expect(evaluator.live).toBe(0)
    expect(Math.max(...outputs.map(output => output.noise))).toBeLessThanOrEqual(made.output.noise + 1e-6)
    const byMaxima = plan(architectureFor(name), { ...common, batch: 1, logN: 14 })
    expect(byMaxima.costs.seconds.evaluation).toBeGreaterThan(1.2 * made.costs.seconds.evaluation)
  })
})

describe('sensitivities', () => {
  test('are the derivatives of the logits: a small error anywhere moves them by no more', () => {
    const name = 'cryptonet-slytherin-square'
    const network = networkOf(name)
    const sample = testSamples(name, 1)[0]!
    const { sensitivities } = calibrate(network, [sample], { margin: 1 })
    const step = 1e-6
    // error along each of a few features of the input, and along all of them at once
    const logits = network.forward(sample)
    for (const feature of [100, 300, 407, 500]) {
      const moved = sample.slice()
      moved[feature]! += step
      const change = network.forward(moved).map((value, k) => Math.abs(value - logits[k]!) / step)
      expect(Math.max(...change)).toBeLessThanOrEqual(sensitivities![0]! * (1 + 1e-3))
    }
    const squares = new Float64Array(logits.length)
    for (let feature = 0; feature < sample.length; feature++) {
      const moved = sample.slice()
      moved[feature]! += step
      network.forward(moved).forEach((value, k) => {
        squares[k]! += ((value - logits[k]!) / step) ** 2
      })
    }
    // the padding of the last batch block (a zero sample) counts too, so the measured norm may be larger
    expect(Math.sqrt(Math.max(...squares))).toBeLessThanOrEqual(sensitivities![0]! * (1 + 1e-3))
    expect(Math.sqrt(Math.max(...squares))).toBeGreaterThan(sensitivities![0]! / 8)
    expect(sensitivities!.at(-1)).toBe(1)
  })

  test('make a plan for fifty layers', () => {
    const made = plan(calibrated('nn50-square', 16), { ...common, batch: 8, logN: 14 })
    expect(made.precision.relativeError).toBeLessThanOrEqual(0.005)
    expect(made.refreshes.length).toBeGreaterThan(30)
  })
})

describe('claims against measured noise', () => {
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await loadKernel()
  })

  test.each([
    ['cryptonet-square', { data: 'encrypted', weights: 'encrypted' }],
    ['cryptonet-slytherin', { data: 'encrypted', weights: 'clear' }],
    ['cryptonet-square', { data: 'clear', weights: 'encrypted' }]
  ] as const)('%s, %o: what is claimed is more than what is measured, and not much more', async (name, operands) => {
    const batch = 1
    const made = plan(calibrated(name), { ...operands, batch, parties: 1, floodingBits: 30, floodingBounds: 'norms', logN: 14 })
    const samples = testSamples(name, batch)
    const { logits, trackedNoise } = await runEncrypted(made, networkOf(name), samples, kernel, 'kernel')
    let sum = 0
    samples.forEach((sample, row) => {
      networkOf(name)
        .forward(sample)
        .forEach((value, k) => {
          sum += (value - logits[row]![k]!) ** 2
        })
    })
    const measured = Math.sqrt(sum / (batch * made.output.features))
    const claimed = 2 ** (trackedNoise + 0.5 * (made.parameters.logN - 1)) / made.output.scale
    expect(measured).toBeLessThan(claimed)
    expect(measured).toBeGreaterThan(claimed / 64)
    expect(trackedNoise).toBeLessThanOrEqual(made.output.noise + 1e-6)
  })
})
