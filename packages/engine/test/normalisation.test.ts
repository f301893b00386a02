/** Normalisations by the statistics of the sample itself: values against onnxruntime, and a network with one that is planned. */
import { architectureOf, Calibration, evaluate, importOnnx, plan } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { int64, type Model, type Node, node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)
const matrix = (name: string, shape: readonly number[], seed = 1) => tensor(name, shape, wave(size(shape), seed))

interface Case {
  readonly shape: readonly number[]
  readonly nodes: readonly Node[]
  readonly tensors?: Model['tensors']
  readonly opset?: number
}

const cases: Record<string, Case> = {
  LayerNormalization: {
    shape: [3, 5],
    nodes: [node('LayerNormalization', ['x', 'g', 'b'], 'y', { epsilon: 0.01 })],
    tensors: [matrix('g', [5]), matrix('b', [5], 2)]
  },
  'LayerNormalization over two axes': {
    shape: [2, 3, 4],
    nodes: [node('LayerNormalization', ['x', 'g'], 'y', { axis: 2 })],
    tensors: [matrix('g', [3, 4])]
  },
  'LayerNormalization in pieces': {
    shape: [6],
    nodes: [
      node('ReduceMean', ['x'], 'm', { axes: [-1] }),
      node('Sub', ['x', 'm'], 'd'),
      node('Pow', ['d', 'two'], 's'),
      node('ReduceMean', ['s'], 'v', { axes: [-1] }),
      node('Add', ['v', 'e'], 'w'),
      node('Sqrt', ['w'], 'r'),
      node('Div', ['d', 'r'], 'y')
    ],
    tensors: [tensor('two', [], [2]), tensor('e', [], [1e-3])]
  },
  InstanceNormalization: {
    shape: [2, 3, 4],
    nodes: [node('InstanceNormalization', ['x', 'g', 'b'], 'y')],
    tensors: [matrix('g', [2]), matrix('b', [2], 2)]
  },
  LpNormalization: { shape: [3, 4], nodes: [node('LpNormalization', ['x'], 'y', { axis: 1 })] },
  'a norm': { shape: [3, 4], nodes: [node('ReduceL2', ['x'], 'n', { axes: [2], keepdims: 0 }), node('Relu', ['n'], 'y')] },
  'a sum of squares': { shape: [3, 4], nodes: [node('ReduceSumSquare', ['x'], 'n', { axes: [1], keepdims: 0 }), node('Relu', ['n'], 'y')] },
  'a sum of magnitudes': { shape: [4], nodes: [node('ReduceL1', ['x'], 'n', { axes: [1] }), node('Relu', ['n'], 'y')] }
}

describe('normalisation', () => {
  test.each(Object.entries(cases))('%s', async (_title, { shape, nodes, tensors = [], opset = 17 }) => {
    const bytes = onnxModel({ nodes, tensors, input: ['N', ...shape], opset })
    const samples = [1, 2, 3].map(seed => wave(size(shape), 10 * seed))
    const expected = (await onnxruntime(bytes, samples, shape))['y']!
    const graph = importOnnx(bytes)
    samples.forEach((sample, row) => {
      expect(largestDifference(evaluate(graph, sample), expected[row]!)).toBeLessThan(2e-5)
    })
  })

  test('GroupNormalization is an instance normalisation of channels together', async () => {
    const tensors = [matrix('g', [4]), matrix('b', [4], 2)]
    const grouped = onnxModel({
      nodes: [node('GroupNormalization', ['x', 'g', 'b'], 'y', { num_groups: 2 })],
      tensors,
      input: ['N', 4, 2, 3],
      opset: 21
    })
    const apart = onnxModel({
      nodes: [
        node('Reshape', ['x', 's'], 'a'),
        node('InstanceNormalization', ['a', 'one', 'zero'], 'n'),
        node('Reshape', ['n', 't'], 'c'),
        node('Mul', ['c', 'gg'], 'd'),
        node('Add', ['d', 'bb'], 'y')
      ],
      tensors: [
        int64('s', [0, 2, -1]),
        int64('t', [0, 4, 2, 3]),
        tensor('one', [2], [1, 1]),
        tensor('zero', [2], [0, 0]),
        tensor('gg', [4, 1, 1], wave(4, 1)),
        tensor('bb', [4, 1, 1], wave(4, 2))
      ],
      input: ['N', 4, 2, 3]
    })
    const sample = wave(24, 7)
    const [expected] = (await onnxruntime(apart, [sample], [4, 2, 3]))['y']!
    expect(largestDifference(evaluate(importOnnx(grouped), sample), expected!)).toBeLessThan(2e-5)
  })

  test('a network with a layer normalisation keeps its answers and has a plan', () => {
    const bytes = onnxModel({
      nodes: [
        node('Gemm', ['x', 'w', 'b'], 'h', { transB: 1 }),
        node('LayerNormalization', ['h', 'g'], 'n'),
        node('Relu', ['n'], 'r'),
        node('Gemm', ['r', 'v'], 'y', { transB: 1 })
      ],
      tensors: [matrix('w', [8, 6]), matrix('b', [8], 4), matrix('g', [8], 9), matrix('v', [3, 8], 3)],
      input: ['N', 6],
      opset: 17
    })
    const graph = importOnnx(bytes)
    const samples = Array.from({ length: 200 }, (_, k) => Float64Array.from(wave(6, k)))
    const calibration = Calibration.fromSamples(samples)
    const { network, report } = calibration.approximate(graph)
    expect(report.activations.map(({ layer }) => layer)).toHaveLength(2)
    expect(report.agreement).toBeGreaterThanOrEqual(0.97)
    const { steps } = plan(architectureOf(network, calibration.ranges(network)), {
      data: 'encrypted',
      weights: 'clear',
      batch: 8,
      parties: 1
    })
    expect(steps.map(({ kind }) => kind)).toContain('product')
  })
})
