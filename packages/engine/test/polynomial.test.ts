import { Parameters } from '@slytherin/ckks'
import {
  approximate,
  approximateActivations,
  architectureOf,
  calibrate,
  describePlan,
  evaluate,
  fuse,
  InvalidArchitectureError,
  InvalidPlanError,
  measureActivations,
  type Network,
  network,
  type OperandKind,
  parseArchitecture,
  parsePlan,
  plan,
  UnsupportedLayerError
} from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { runEncrypted } from './encrypted.ts'
import { simulate } from './simulate.ts'

const wave = (length: number, seed: number, factor: number) => Float64Array.from({ length }, (_, k) => factor * Math.sin(seed + 1.7 * k))
const samples = Array.from({ length: 12 }, (_, row) => wave(25, row, 1))

/** Convolution, an activation approximated to some degree, dense, another one, dense. */
function smooth(degrees: readonly [number, number], activation: 'silu' | 'tanh' = 'silu'): Network {
  const graph = network({ input: [1, 5, 5], name: 'smooth' })
    .conv({ outputChannels: 2, kernel: 2, weights: wave(8, 1, 0.7), bias: wave(2, 2, 0.3) })
    .activation(activation, { name: 'first' })
    .dense({ outputs: 6, weights: wave(192, 3, 0.3), bias: wave(6, 4, 0.5) })
    .activation(activation, { name: 'second' })
    .dense({ outputs: 3, weights: wave(18, 5, 0.5), bias: wave(3, 6, 0.5) })
    .build()
  const layers = { first: { degree: degrees[0] }, second: { degree: degrees[1] } }
  return approximateActivations(graph, measureActivations(graph, samples), { layers }).network
}

const options = {
  batch: 4,
  data: 'encrypted',
  weights: 'encrypted',
  parties: 2,
  floodingBits: 30,
  floodingBounds: 'norms',
  logN: 11,
  insecure: true
} as const

describe('polynomial activations', () => {
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await loadKernel()
  })

  test('are public in the architecture, which says what they are', () => {
    const approximated = smooth([7, 4])
    const architecture = architectureOf(approximated, calibrate(approximated, samples))
    expect(architecture.layers.map(layer => layer.kind)).toEqual(['affine', 'polynomial', 'affine', 'polynomial', 'affine'])
    const [, first] = architecture.layers
    if (first?.kind !== 'polynomial') throw new Error('unreachable')
    expect(first.basis).toBe('chebyshev')
    expect(first.coefficients).toHaveLength(8)
    expect(parseArchitecture(JSON.parse(JSON.stringify(architecture)))).toEqual(architecture)
    const broken = {
      ...architecture,
      layers: architecture.layers.map(layer => (layer === first ? { ...first, coefficients: [1, 2, 3, 0] } : layer))
    }
    expect(() => parseArchitecture(broken)).toThrow(InvalidArchitectureError)
  })

  test('of degree two become squares', () => {
    expect(smooth([2, 2]).layers.map(layer => layer.kind)).toEqual(['affine', 'square', 'affine', 'square', 'affine'])
  })

  test('measure gains and sensitivities by their derivatives', () => {
    const approximated = smooth([7, 4])
    const { sensitivities, norms } = calibrate(approximated, samples, { margin: 1 })
    const sample = samples[3]!
    const logits = approximated.forward(sample)
    let square = 0
    for (let feature = 0; feature < 25; feature++) {
      const moved = sample.slice()
      moved[feature]! += 1e-6
      square += ((approximated.forward(moved)[0]! - logits[0]!) / 1e-6) ** 2
    }
    expect(Math.sqrt(square)).toBeLessThanOrEqual(sensitivities![0]! * (1 + 1e-4))
    expect(sensitivities![0]!).toBeLessThan(100 * Math.sqrt(square))
    expect(norms![2]![0]!.gain).toBeGreaterThan(0)
  })

  test.each([
    ['kernel', [3, 4], 0],
    ['kernel', [7, 3], 1],
    ['kernel', [6, 15], 2],
    ['seal', [4, 3], 1]
  ] as const)('run on %s, degrees %o, at least %i refreshes', async (kind, degrees, minimumRefreshes) => {
    const approximated = smooth(degrees)
    const architecture = architectureOf(approximated, calibrate(approximated, samples))
    const made = plan(architecture, { ...options, minimumRefreshes })
    const polynomials = made.steps.filter(step => step.kind === 'polynomial')
    expect(polynomials.map(step => step.rescalings)).toEqual(degrees.map(degree => Math.ceil(Math.log2(degree + 1))))
    expect(made.refreshes.length).toBeGreaterThanOrEqual(minimumRefreshes)
    const { logits, trackedNoise, slots } = await runEncrypted(made, approximated, samples.slice(0, 4), kernel, kind)
    const worst = Math.max(...logits.map((row, k) => largestDifference(row, approximated.forward(samples[k]!))))
    expect(worst).toBeLessThan(1e-4)
    expect(worst).toBeLessThan((6 * 2 ** (trackedNoise + 0.5 * (made.parameters.logN - 1))) / made.output.scale)
    expect(trackedNoise).toBeLessThanOrEqual(made.output.noise + 1e-6)
    expect(slots.length).toBe(made.output.ciphertextsPerBlock)
  })

  test.each([
    ['kernel', [3, 4], 0],
    ['kernel', [7, 15], 2],
    ['seal', [6, 3], 1]
  ] as const)('run on %s, degrees %o, two samples to a slot, at least %i refreshes', async (kind, degrees, minimumRefreshes) => {
    const approximated = smooth(degrees)
    const architecture = architectureOf(approximated, calibrate(approximated, samples))
    const made = plan(architecture, { ...options, batch: 12, minimumRefreshes, packing: 'complex' })
    expect([made.packing, made.steps.filter(step => step.kind === 'polynomial').length]).toEqual(['complex', 2])
    const { logits, trackedNoise } = await runEncrypted(made, approximated, samples, kernel, kind)
    const worst = Math.max(...logits.map((row, k) => largestDifference(row, approximated.forward(samples[k]!))))
    expect(worst).toBeLessThan(1e-4)
    expect(worst).toBeLessThan((6 * 2 ** (trackedNoise + 0.5 * (made.parameters.logN - 1))) / made.output.scale)
    expect(trackedNoise).toBeLessThanOrEqual(made.output.noise + 1e-6)
  })

  test('with two samples to a slot on the simulator: scales, noise and keys as planned', async () => {
    const approximated = smooth([7, 4])
    const made = plan(architectureOf(approximated, calibrate(approximated, samples)), { ...options, batch: 12, packing: 'complex' })
    const { logits, outputs, evaluator } = await simulate(made, approximated, samples)
    logits.forEach((row, k) => {
      expect(largestDifference(row, approximated.forward(samples[k]!))).toBeLessThan(1e-9)
    })
    expect(evaluator.live).toBe(0)
    for (const output of outputs) {
      expect(output.scale).toBe(made.output.scale)
      expect(output.noise).toBeLessThanOrEqual(made.output.noise + 1e-6)
    }
  })

  test.each([
    ['encrypted', 'clear'],
    ['clear', 'encrypted']
  ] as const)('run with %s data and %s weights', async (data: OperandKind, weights: OperandKind) => {
    const approximated = smooth([5, 3], 'tanh')
    const architecture = architectureOf(approximated, calibrate(approximated, samples))
    const made = plan(architecture, { ...options, data, weights, parties: 1, floodingBits: 30, floodingBounds: 'norms' })
    const { logits } = await runEncrypted(made, approximated, samples.slice(0, 4), kernel, 'kernel')
    logits.forEach((row, k) => {
      expect(largestDifference(row, approximated.forward(samples[k]!))).toBeLessThan(1e-4)
    })
  })

  test('on the simulator: scales and noise as planned, nothing left behind, relinearisations as priced', async () => {
    const approximated = smooth([7, 4])
    const made = plan(architectureOf(approximated, calibrate(approximated, samples)), options)
    const { logits, outputs, evaluator } = await simulate(made, approximated, samples.slice(0, 4))
    logits.forEach((row, k) => {
      expect(largestDifference(row, approximated.forward(samples[k]!))).toBeLessThan(1e-9)
    })
    expect(evaluator.live).toBe(0)
    for (const output of outputs) {
      expect(output.scale).toBe(made.output.scale)
      expect(output.noise).toBeLessThanOrEqual(made.output.noise + 1e-6)
    }
    expect(describePlan(made)).toContain("polynomial 'first' of degree 7 in 3 levels")
  })

  test('a plan from another party is checked against the evaluation of the scheme', () => {
    const approximated = smooth([7, 4])
    const made = plan(architectureOf(approximated, calibrate(approximated, samples)), options)
    const copy = () => JSON.parse(JSON.stringify(made)) as typeof made
    expect(parsePlan(copy(), { allowInsecure: true })).toEqual(made)
    const index = made.steps.findIndex(step => step.kind === 'polynomial')
    for (const change of [{ rescalings: 2 }, { scale: 2 ** 20 }, { target: 2 ** 20 }, { level: 1 }, { magnitude: 9 }]) {
      const wrong = copy()
      Object.assign(wrong.steps[index]!, change)
      expect(() => parsePlan(wrong, { allowInsecure: true })).toThrow(InvalidPlanError)
    }
    expect(Parameters.fromJSON(made.parameters, { allowInsecure: true }).insecure).toBe(true)
  })

  test('of normalised values, normalised again, are one polynomial for all features', async () => {
    const statistics = (seed: number) => ({
      gamma: wave(6, seed, 0.4).map(value => 0.8 + value),
      beta: wave(6, seed + 1, 0.5),
      mean: wave(6, seed + 2, 0.3),
      variance: wave(6, seed + 3, 0.5).map(value => 1 + value)
    })
    const build = (powers: number[]) =>
      network({ input: [25], name: 'normalised' })
        .dense({ outputs: 6, weights: wave(150, 1, 0.3) })
        .batchNormalization(statistics(1))
        .activation({ polynomial: powers }, { name: 'act' })
        .batchNormalization(statistics(5))
        .dense({ outputs: 3, weights: wave(18, 5, 0.5) })
        .build()
    for (const powers of [
      [0.5, 0.2, 0.1, -0.1],
      [0, 0, 0, 0.3],
      [0.1, -0.3, 0.2, 0.05, 0.02],
      [0, 1, 0, -0.2, 0, 0.02]
    ]) {
      const graph = build(powers)
      for (const made of [fuse(graph), approximate(graph, { samples }).network]) {
        expect(made.layers.map(layer => layer.kind)).toEqual(['affine', 'polynomial', 'affine'])
        for (const sample of samples) expect(largestDifference(made.forward(sample), evaluate(graph, sample))).toBeLessThan(1e-9)
        const architecture = architectureOf(made, calibrate(made, samples))
        expect(architecture.layers[1]!.kind).toBe('polynomial')
      }
    }
    const { network: made } = approximate(build([0.5, 0.2, 0.1, -0.1]), { samples })
    const planned = plan(architectureOf(made, calibrate(made, samples)), options)
    const { logits } = await simulate(planned, made, samples.slice(0, 4))
    logits.forEach((row, k) => {
      expect(largestDifference(row, made.forward(samples[k]!))).toBeLessThan(1e-9)
    })
  })

  test('that differ from feature to feature in more than scales and shifts are refused', () => {
    const graph = network({ input: [3], name: 'several' })
      .dense({ outputs: 3, weights: wave(9, 1, 0.5) })
      .activation({ polynomial: [0, 1, 0, 1] }, { name: 'act' })
      .dense({ outputs: 2, weights: wave(6, 2, 0.5) })
      .build()
    const own = graph.nodes.map(node =>
      node.name === 'act'
        ? {
            ...node,
            operator: {
              kind: 'polynomial' as const,
              basis: 'chebyshev' as const,
              interval: [-2, 2] as const,
              coefficients: [0, 1, 0, Float64Array.of(1, -1, 2)]
            }
          }
        : node
    )
    const several = fuse({ ...graph, nodes: own })
    expect(() => architectureOf(several)).toThrow(UnsupportedLayerError)
  })

  test('as a file writes them, in powers, are evaluated in powers', async () => {
    const graph = network({ input: [4], name: 'cubic' })
      .dense({ outputs: 4, weights: wave(16, 1, 0.5) })
      .activation({ polynomial: [0.5, 0.2, 0, -0.1] }, { name: 'cubic' })
      .dense({ outputs: 2, weights: wave(8, 2, 0.5) })
      .build()
    const cubic = fuse(graph)
    const own = Array.from({ length: 4 }, (_, row) => wave(4, row, 1))
    const made = plan(architectureOf(cubic, calibrate(cubic, own)), { ...options, minimumRefreshes: 1 })
    expect(made.steps.some(step => step.kind === 'polynomial')).toBe(true)
    const { logits } = await runEncrypted(made, cubic, own, kernel, 'kernel')
    logits.forEach((row, k) => {
      expect(largestDifference(row, cubic.forward(own[k]!))).toBeLessThan(1e-4)
    })
  })
})
