/** Networks with approximated activations: accuracy on real images, intervals, inputs that leave them, layers that result. */
import {
  approximateActivations,
  argmax,
  countOutOfInterval,
  evaluate,
  fuse,
  InvalidInputError,
  importOnnx,
  type MeasuredActivation,
  measureActivations,
  network,
  type PolynomialLayer,
  widen
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { graphOf, labels, largestDifference, modelOf, networkOf, onnxBytes, testSamples } from './data.ts'
import { wave } from './onnx-model.ts'

const ranges = (name: string): MeasuredActivation[] => modelOf(name).activationRanges.train
const IMAGES = 300

describe('nn20-silu', () => {
  const name = 'nn20-silu'
  const samples = testSamples(name, IMAGES)
  const expected = labels(IMAGES)
  const correct = (forward: (sample: Float64Array) => Float64Array): number =>
    samples.filter((sample, index) => argmax(forward(sample)) === expected[index]).length

  // of 10,000 images: silu 9915, Chebyshev 7 → 9892, minimax 7 → 9906, Chebyshev 15 → 9914, Chebyshev 3 → 2171
  test.each([
    ['chebyshev', 7, 0.109, 0.98],
    ['minimax', 7, 0.0556, 0.98],
    ['chebyshev', 15, 0.00293, 0.985]
  ] as const)('%s of degree %i keeps the accuracy', (method, degree, worst, accuracy) => {
    const { network: polynomial, report } = approximateActivations(graphOf(name), ranges(name), { method, degree, margin: 0.1 })
    expect(report.activations).toHaveLength(19)
    expect(report.depth).toBe(19 * Math.log2(degree + 1))
    expect(Math.max(...report.activations.map(({ maximumError }) => maximumError))).toBeCloseTo(worst, 3)
    expect(correct(sample => polynomial.forward(sample))).toBeGreaterThanOrEqual(accuracy * IMAGES)
  })

  test('degree 3 does not, as the manifest says', () => {
    const { network: polynomial } = approximateActivations(graphOf(name), ranges(name), { method: 'chebyshev', degree: 3, margin: 0.1 })
    expect(correct(sample => polynomial.forward(sample))).toBeLessThan(0.5 * IMAGES)
  })

  test('layers: affine maps to [-1, 1] and Chebyshev series, the same function as the graph', () => {
    const { graph, network: polynomial, report } = approximateActivations(graphOf(name), ranges(name), { maximumError: 0.05 })
    expect(polynomial.layers).toHaveLength(39)
    polynomial.layers.forEach((layer, index) => {
      expect(layer.kind).toBe(index % 2 === 0 ? 'affine' : 'polynomial')
      if (layer.kind !== 'polynomial') return
      const { interval, chebyshev, layer: activation } = report.activations[(index - 1) / 2]!
      expect(layer).toMatchObject({ name: activation, basis: 'chebyshev', coefficients: [...chebyshev] })
      const { scale, shift } = layer.argument as { scale: number; shift: number }
      expect(interval.map(end => scale * (end + shift)).map(end => Math.round(end * 1e12) / 1e12)).toEqual([-1, 1])
    })
    expect(polynomial.layers[0]).toHaveProperty('convolution')
    for (const sample of samples.slice(0, 5)) {
      const seen: number[] = []
      const logits = polynomial.forward(sample, (index, values) => {
        if (index % 2 === 0 && index < 38) seen.push(...values.map(Math.abs))
      })
      expect(largestDifference(logits, evaluate(graph, sample))).toBeLessThan(1e-9)
      expect(Math.max(...seen)).toBeLessThanOrEqual(1)
    }
  })

  test('inputs outside the intervals are counted layer by layer', () => {
    const calibration = testSamples(name, 20)
    const measured = measureActivations(graphOf(name), calibration)
    expect(measured.map(({ layer }) => layer)).toEqual(ranges(name).map(({ layer }) => layer))
    measured.forEach(({ min, max }, index) => {
      expect(min).toBeGreaterThan(1.3 * ranges(name)[index]!.min)
      expect(max).toBeLessThan(1.3 * ranges(name)[index]!.max)
    })
    const { graph } = approximateActivations(graphOf(name), measured, { degree: 15, margin: 0 })
    const report = countOutOfInterval(graph, testSamples(name, 30, 200))
    expect(report.map(({ layer }) => layer)).toEqual(measured.map(({ layer }) => layer))
    const outside = report.filter(({ below, above }) => below + above > 0)
    expect(outside.length).toBeGreaterThan(0)
    for (const { interval, below, above, inputs, outside: share, samplesOutside, smallest, largest } of report) {
      expect(below > 0).toBe(smallest < interval[0])
      expect(above > 0).toBe(largest > interval[1])
      expect(share).toBe((below + above) / inputs)
      expect(samplesOutside).toBeLessThanOrEqual(Math.min(30, below + above))
    }
    expect(report[0]!.inputs).toBe(30 * 840)
  })
})

describe('approximated networks', () => {
  const chain = (activation: 'silu' | 'tanh' | 'relu') =>
    network({ input: [6] })
      .dense({ outputs: 5, weights: wave(30, 1), bias: wave(5, 2) })
      .activation(activation)
      .dense({ outputs: 5, weights: wave(25, 3) })
      .activation(activation, { name: 'second' })
      .dense({ outputs: 2, weights: wave(10, 4), bias: wave(2, 5) })
      .build()
  const samples = Array.from({ length: 20 }, (_, seed) => wave(6, seed))

  test('degree 2 becomes an exact square, degree 1 vanishes', () => {
    const graph = chain('silu')
    const measured = measureActivations(graph, samples)
    const quadratic = approximateActivations(graph, measured, { degree: 2 })
    expect(quadratic.network.layers.map(layer => layer.kind)).toEqual(['affine', 'square', 'affine', 'square', 'affine'])
    expect(quadratic.report.depth).toBe(4)
    const linear = approximateActivations(graph, measured, { degree: 1 })
    expect(linear.network.layers.map(layer => layer.kind)).toEqual(['affine'])
    for (const { network: fused, graph: polynomial } of [quadratic, linear]) {
      for (const sample of samples) expect(largestDifference(fused.forward(sample), evaluate(polynomial, sample))).toBeLessThan(1e-9)
    }
  })

  test('accuracy and degree layer by layer', () => {
    const graph = chain('relu')
    const { report } = approximateActivations(graph, measureActivations(graph, samples), {
      degree: 3,
      layers: { second: { maximumError: 0.05, method: 'chebyshev', margin: 0 } }
    })
    expect(report.activations[0]).toMatchObject({ layer: 'act1', method: 'minimax' })
    expect(report.activations[0]!.degree).toBeLessThanOrEqual(3)
    const second = report.activations[1]!
    expect(second).toMatchObject({ layer: 'second', method: 'chebyshev', interval: [second.range.min, second.range.max] })
    expect(second.maximumError).toBeLessThanOrEqual(0.05)
  })

  test('a finer approximation is closer to the network', () => {
    const graph = chain('tanh')
    const measured = measureActivations(graph, samples)
    const errors = [3, 7, 31].map(degree => {
      const { network: polynomial } = approximateActivations(graph, measured, { degree })
      return Math.max(...samples.map(sample => largestDifference(polynomial.forward(sample), evaluate(graph, sample))))
    })
    expect(errors[1]!).toBeLessThan(errors[0]!)
    expect(errors[2]!).toBeLessThan(5e-3)
  })

  test('missing ranges, unknown names, ranges that are none', () => {
    const graph = chain('silu')
    const measured = measureActivations(graph, samples)
    expect(() => approximateActivations(graph, measured.slice(1))).toThrowError(/range of activation 'act1'.*ranges of second/)
    expect(() => approximateActivations(graph, measured, { layers: { third: { degree: 3 } } })).toThrowError(
      /names of activations \(act1, second\), got third/
    )
    expect(() => approximateActivations(graph, [{ layer: 'act1', min: Number.NaN, max: 1 }])).toThrowError(InvalidInputError)
    expect(() => approximateActivations(graph, measured, { margin: -0.1 })).toThrowError(InvalidInputError)
    expect(() => measureActivations(graph, [])).toThrowError(InvalidInputError)
    expect(() => countOutOfInterval(graph, [])).toThrowError(InvalidInputError)
  })

  test('intervals are widened around their centre', () => {
    expect(widen({ layer: 'a', min: -1, max: 3 }, 0.5)).toEqual([-2, 4])
    const [low, high] = widen({ layer: 'a', min: 2, max: 2 })
    expect(low).toBeLessThan(2)
    expect(high).toBeGreaterThan(2)
  })
})

describe('polynomials that the file holds', () => {
  const name = 'breast-cancer-wdbc-mlp-poly3'

  test('a cubic keeps its powers without a range, and becomes a Chebyshev series with one', () => {
    const powers = networkOf(name).layers[1] as PolynomialLayer
    expect(powers).toMatchObject({ kind: 'polynomial', basis: 'power', coefficients: { length: 4 }, argument: { scale: 1, shift: 0 } })
    const { network: series, report } = approximateActivations(graphOf(name), ranges(name), { margin: 0.3 })
    expect(report).toEqual({ activations: [], depth: 0 })
    const [range] = ranges(name)
    const layer = series.layers[1] as PolynomialLayer
    expect(layer).toMatchObject({ kind: 'polynomial', basis: 'chebyshev', coefficients: { length: 4 } })
    const [low, high] = widen(range!, 0.3)
    expect(layer.argument).toEqual({ scale: 2 / (high - low), shift: -(low + high) / 2 })
    for (const sample of testSamples(name, 20)) {
      expect(largestDifference(series.forward(sample), networkOf(name).forward(sample))).toBeLessThan(1e-9)
    }
  })

  test('a network without functions is only fused', () => {
    const graph = importOnnx(onnxBytes('cryptonet-square'))
    const { network: same, graph: untouched } = approximateActivations(graph, [])
    expect(untouched.nodes).toEqual(graph.nodes)
    expect(same.layers.map(layer => layer.kind)).toEqual(fuse(graph).layers.map(layer => layer.kind))
  })
})
