import {
  approximate,
  architectureOf,
  argmax,
  calibrate,
  countOutOfInterval,
  evaluate,
  fitActivations,
  InvalidInputError,
  type NetworkGraph,
  network,
  plan,
  UnreachableAgreementError
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { graphOf, largestDifference, modelOf, testSamples } from './data.ts'
import { simulate } from './simulate.ts'

const wave = (length: number, seed: number, factor: number) => Float64Array.from({ length }, (_, k) => factor * Math.sin(seed + 1.7 * k))
const samples = Array.from({ length: 80 }, (_, row) => wave(25, row, 1))

function graphWith(activation: 'silu' | 'tanh' | 'relu'): NetworkGraph {
  return network({ input: [1, 5, 5], name: activation })
    .conv({ outputChannels: 2, kernel: 2, weights: wave(8, 1, 0.7), bias: wave(2, 2, 0.3) })
    .activation(activation, { name: 'first' })
    .dense({ outputs: 6, weights: wave(192, 3, 0.3), bias: wave(6, 4, 0.5) })
    .activation(activation, { name: 'second' })
    .dense({ outputs: 3, weights: wave(18, 5, 0.5), bias: wave(3, 6, 0.1) })
    .build()
}

/** Root of the mean square of logit errors against the file's functions. */
function rms(graph: NetworkGraph, forward: (sample: Float64Array) => Float64Array, of: readonly Float64Array[] = samples): number {
  let [sum, count] = [0, 0]
  for (const sample of of) {
    const exact = evaluate(graph, sample)
    forward(sample).forEach((value, k) => {
      sum += (value - exact[k]!) ** 2
      count++
    })
  }
  return Math.sqrt(sum / count)
}

describe('uniform approximation', () => {
  test('is judged on intervals that other samples gave', () => {
    // the even samples are twenty times as large: the odd ones' intervals do not reach them
    const graph = graphWith('silu')
    const uneven = samples.map((sample, row) => sample.map(value => (row % 2 === 0 ? 20 : 1) * value))
    const { network: evaluated, report } = approximate(graph, { samples: uneven }, { method: 'minimax', degree: 7 })
    expect(report.samples).toBe(uneven.length)
    const flattering = uneven.filter(sample => argmax(evaluate(graph, sample)) === argmax(evaluated.forward(sample))).length / uneven.length
    expect(report.agreement).toBeLessThan(flattering)
    // one sample judges nothing
    const single = approximate(graph, { samples: samples.slice(0, 1) }, { method: 'minimax', degree: 7 })
    expect(single.report).not.toHaveProperty('agreement')
    expect(single.report.activations).toHaveLength(2)
  })
})

describe('activations fitted to samples', () => {
  test('get closer with the degree, and closer than uniform approximation of the same degree', () => {
    const graph = graphWith('silu')
    let before = Number.POSITIVE_INFINITY
    for (const degree of [2, 4, 6, 8]) {
      const fitted = fitActivations(graph, samples, { degree })
      const uniform = approximate(graph, { samples }, { method: 'minimax', degree })
      const error = rms(graph, sample => fitted.network.forward(sample))
      expect(error).toBeLessThan(before)
      expect(error).toBeLessThan(rms(graph, sample => uniform.network.forward(sample)))
      expect(fitted.report.activations.map(({ layer, method }) => [layer, method])).toEqual([
        ['first', 'fit'],
        ['second', 'fit']
      ])
      before = error
    }
    expect(before).toBeLessThan(2e-3)
  })

  test('of degree two are squares with the convolution kept, and the graph says the same as the network', async () => {
    const { network: fitted, graph } = fitActivations(graphWith('silu'), samples, { degree: 2 })
    expect(fitted.layers.map(layer => layer.kind)).toEqual(['affine', 'square', 'affine', 'square', 'affine'])
    const [first] = fitted.layers
    expect(first?.kind === 'affine' && first.convolution?.geometry.outputChannels).toBe(2)
    for (const sample of samples.slice(0, 5)) expect(largestDifference(fitted.forward(sample), evaluate(graph, sample))).toBeLessThan(1e-9)
    const architecture = architectureOf(fitted, calibrate(fitted, samples))
    const made = plan(architecture, {
      batch: 3,
      data: 'encrypted',
      weights: 'encrypted',
      parties: 2,
      floodingBits: 30,
      floodingBounds: 'norms',
      // input by taps costs nothing to send
      link: { bandwidth: 1e12, roundTrip: 0 },
      logN: 11,
      insecure: true
    })
    expect(made.steps[0]!.kind).toBe('taps')
    const { logits } = await simulate(made, fitted, samples.slice(0, 3))
    logits.forEach((row, k) => {
      expect(largestDifference(row, fitted.forward(samples[k]!))).toBeLessThan(1e-9)
    })
  })

  test('take the smallest degree that keeps the predictions of held-out samples', () => {
    const graph = graphWith('silu')
    const low = fitActivations(graph, samples, { agreement: 0.8 })
    const high = fitActivations(graph, samples, { agreement: 1 })
    expect(low.report.activations[0]!.degree).toBe(2)
    expect(low.report.agreement).toBeGreaterThanOrEqual(0.8)
    expect(high.report.activations[0]!.degree).toBeGreaterThan(2)
    const same = samples.filter(sample => argmax(high.network.forward(sample)) === argmax(evaluate(graph, sample))).length
    expect(same).toBeGreaterThanOrEqual(samples.length - 1)
    // the same inputs, the same network
    expect(fitActivations(graph, samples, { agreement: 1 }).network).toEqual(high.network)
  })

  test('are not squares where a square would be a line', () => {
    const odd = network({ input: [4], name: 'odd' })
      .dense({ outputs: 4, weights: wave(16, 1, 1) })
      .activation('tanh', { name: 'tanh' })
      .dense({ outputs: 3, weights: wave(12, 2, 1) })
      .build()
    // symmetric inputs
    const own = Array.from({ length: 40 }, (_, row) => wave(4, row, row % 2 === 0 ? 1 : -1)).flatMap(row => [row, row.map(value => -value)])
    const { report, network: fitted } = fitActivations(odd, own, { agreement: 0.5 })
    expect(report.activations[0]!.degree).toBeGreaterThan(2)
    expect(fitted.layers.some(layer => layer.kind === 'square')).toBe(false)
  })

  test('say what leaves their intervals', () => {
    const { graph } = fitActivations(graphWith('silu'), samples, { degree: 4, margin: 0.01 })
    for (const { outside } of countOutOfInterval(graph, samples)) expect(outside).toBe(0)
    const far = countOutOfInterval(
      graph,
      samples.map(sample => sample.map(value => 2 * value))
    )
    expect(far[0]!.outside).toBeGreaterThan(0)
  })

  test('refuse what cannot be done', () => {
    const graph = graphWith('relu')
    expect(() => fitActivations(graph, [])).toThrow(InvalidInputError)
    expect(() => fitActivations(graph, samples, { degree: 64 })).toThrow(InvalidInputError)
    expect(() => fitActivations(graph, samples, { agreement: 0 })).toThrow(InvalidInputError)
    expect(() => approximate(graph, { ranges: [] }, { method: 'fit' })).toThrow(InvalidInputError)
    // classes all equally likely at every sample but for a hair: nothing keeps them
    const hair = network({ input: [4], name: 'hair' })
      .dense({ outputs: 4, weights: wave(16, 1, 1) })
      .activation('relu', { name: 'relu' })
      .dense({ outputs: 2, weights: Float64Array.of(1, 1, 1, 1, 1, 1, 1, 1.0001) })
      .build()
    const own = Array.from({ length: 40 }, (_, row) => wave(4, row, 1))
    expect(() => fitActivations(hair, own, { agreement: 1, maximumDegree: 3 })).toThrow(UnreachableAgreementError)
  })

  test('nothing to do where a file has polynomials only, which get intervals when their degree is above two', () => {
    const square = approximate(graphOf('breast-cancer-wdbc-mlp-square'), { samples: testSamples('breast-cancer-wdbc-mlp-square', 20) })
    expect(square.report.activations).toEqual([])
    expect(square.network.layers.map(layer => layer.kind)).toEqual(['affine', 'square', 'affine'])
    const name = 'breast-cancer-wdbc-mlp-poly3'
    const rows = testSamples(name, 60)
    for (const source of [{ samples: rows }, { ranges: modelOf(name).activationRanges.train }]) {
      const cubic = approximate(graphOf(name), source)
      const [, layer] = cubic.network.layers
      if (layer?.kind !== 'polynomial') throw new Error('unreachable')
      expect([layer.basis, layer.coefficients.length]).toEqual(['chebyshev', 4])
      for (const row of rows.slice(0, 5))
        expect(largestDifference(cubic.network.forward(row), evaluate(graphOf(name), row))).toBeLessThan(1e-9)
    }
  })

  test('a network of twenty layers keeps nearly all predictions with squares', () => {
    const name = 'nn20-silu'
    const graph = graphOf(name)
    const { network: fitted } = approximate(graph, { samples: testSamples(name, 96, 9000) }, { degree: 2 })
    const others = testSamples(name, 60)
    const kept = others.filter(sample => argmax(fitted.forward(sample)) === argmax(evaluate(graph, sample))).length
    expect(kept).toBeGreaterThanOrEqual(57)
  })
})
