/** Expressions of one value are activations, whatever operators a file writes them with: against onnxruntime, and as one layer of the fitted network. */
import { evaluate, fitActivations, fuse, importOnnx } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { type Model, node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'
import { random } from './random.ts'

const scalars = Object.entries({ zero: 0, one: 1, three: 3, six: 6, twenty: 20, tenth: 0.1, half: 0.5, two: 2 }).map(([name, value]) =>
  tensor(name, [], [value])
)
const perFeature = (name: string, seed: number) => tensor(name, [4], wave(4, seed))

interface Case {
  readonly nodes: readonly ReturnType<typeof node>[]
  /** name of the function that is recognised; default an expression */
  readonly name?: string
  readonly opset?: number
  readonly tensors?: Model['tensors']
}

/** From h, four features of a dense layer, to a. */
const cases: Record<string, Case> = {
  'x·tanh(softplus(x))': {
    nodes: [node('Softplus', ['h'], 's'), node('Tanh', ['s'], 't'), node('Mul', ['h', 't'], 'a')],
    name: 'mish'
  },
  'h·sigmoid(h) + 0.1h': {
    nodes: [node('Sigmoid', ['h'], 's'), node('Mul', ['h', 's'], 'm'), node('Mul', ['h', 'tenth'], 'l'), node('Add', ['m', 'l'], 'a')]
  },
  'x·clip(x + 3)/6': {
    nodes: [
      node('Add', ['h', 'three'], 'u'),
      node('Clip', ['u', 'zero', 'six'], 'c'),
      node('Mul', ['h', 'c'], 'm'),
      node('Div', ['m', 'six'], 'a')
    ],
    name: 'hardSwish'
  },
  'relu(x)²': { nodes: [node('Relu', ['h'], 'r'), node('Pow', ['r', 'two'], 'a')] },
  'softplus with a threshold': {
    nodes: [
      node('Greater', ['h', 'twenty'], 'g'),
      node('Exp', ['h'], 'e'),
      node('Add', ['e', 'one'], 'f'),
      node('Log', ['f'], 'l'),
      node('Where', ['g', 'h', 'l'], 'a')
    ],
    name: 'softplus'
  },
  'clip before opset 11': { nodes: [node('Clip', ['h'], 'a', { min: { float: 0 }, max: { float: 6 } })], name: 'clip', opset: 9 },
  'clip from below is relu': { nodes: [node('Clip', ['h', 'zero'], 'a')], name: 'relu' },
  'maximum and minimum': { nodes: [node('Max', ['h', 'zero'], 'u'), node('Min', ['u', 'one', 'six'], 'a')] },
  HardSwish: { nodes: [node('HardSwish', ['h'], 'a')], name: 'hardSwish', opset: 14 },
  HardSigmoid: { nodes: [node('HardSigmoid', ['h'], 'a', { alpha: { float: 0.25 } })], name: 'hardSigmoid' },
  Selu: { nodes: [node('Selu', ['h'], 'a')], name: 'selu' },
  Celu: { nodes: [node('Celu', ['h'], 'a', { alpha: { float: 1.5 } })], name: 'celu' },
  Mish: { nodes: [node('Mish', ['h'], 'a')], name: 'mish', opset: 18 },
  Softsign: { nodes: [node('Softsign', ['h'], 'a')], name: 'softsign' },
  ThresholdedRelu: { nodes: [node('ThresholdedRelu', ['h'], 'a', { alpha: { float: 0.5 } })], name: 'thresholdedRelu' },
  Abs: { nodes: [node('Abs', ['h'], 'a')], name: 'abs' },
  Exp: { nodes: [node('Exp', ['h'], 'a')] },
  'log sigmoid': { nodes: [node('Sigmoid', ['h'], 's'), node('Log', ['s'], 'a')], name: 'logSigmoid' },
  'tanh of relu': { nodes: [node('Relu', ['h'], 'r'), node('Tanh', ['r'], 'a')] },
  'square root of a square': {
    nodes: [node('Mul', ['h', 'h'], 'q'), node('Add', ['q', 'one'], 'p'), node('Sqrt', ['p'], 'a')]
  },
  'division by a value': {
    nodes: [node('Abs', ['h'], 'b'), node('Add', ['b', 'one'], 'c'), node('Div', ['h', 'c'], 'a')],
    name: 'softsign'
  },
  'PRelu with a slope per feature': { nodes: [node('PRelu', ['h', 'slopes'], 'a')], tensors: [perFeature('slopes', 3)] },
  'swish with a factor per feature': {
    nodes: [node('Mul', ['h', 'factors'], 'f'), node('Sigmoid', ['f'], 's'), node('Mul', ['h', 's'], 'a')],
    tensors: [perFeature('factors', 5)]
  }
}

const weights = [tensor('w', [3, 4], wave(12, 1)), tensor('v', [4, 2], wave(8, 2))]

describe('expressions of one value', () => {
  test.each(Object.entries(cases))('%s', async (_title, { nodes, name = 'expression', opset = 17, tensors = [] }) => {
    const bytes = onnxModel({
      nodes: [node('MatMul', ['x', 'w'], 'h'), ...nodes, node('MatMul', ['a', 'v'], 'y')],
      tensors: [...weights, ...scalars, ...tensors],
      input: ['N', 3],
      opset
    })
    const graph = importOnnx(bytes)
    expect(graph.nodes.map(({ operator }) => operator.kind)).toEqual(['input', 'dense', 'activation', 'dense'])
    expect(graph.nodes[2]!.operator).toMatchObject({ function: { name } })
    const next = random(7)
    const samples = Array.from({ length: 64 }, () => Array.from({ length: 3 }, () => Math.fround(3 * next() - 1.5)))
    const expected = (await onnxruntime(bytes, samples, [3]))['y']!
    samples.forEach((sample, row) => {
      expect(largestDifference(evaluate(graph, sample), expected[row]!)).toBeLessThan(2e-4)
    })
    // one activation, with a polynomial that follows it
    const { network } = fitActivations(graph, samples, { degree: 2 })
    expect(network.layers.map(({ kind }) => kind)).toEqual(['affine', 'square', 'affine'])
  })

  test('slopes per feature are quadratics of their own, close where one for all is not', () => {
    const slopes = [-0.8, 0, 0.5, 1]
    const bytes = onnxModel({
      nodes: [node('PRelu', ['x', 'slopes'], 'y')],
      tensors: [tensor('slopes', [4], slopes)],
      input: ['N', 4]
    })
    const graph = importOnnx(bytes)
    const next = random(3)
    const samples = Array.from({ length: 200 }, () => Array.from({ length: 4 }, () => 2 * next() - 1))
    const { network } = fitActivations(graph, samples, { degree: 5 })
    expect(network.layers.filter(({ kind }) => kind === 'square')).toHaveLength(1)
    for (const sample of samples) {
      const exact = evaluate(graph, sample)
      network.forward(sample).forEach((value, feature) => {
        expect(exact[feature]).toBeCloseTo(sample[feature]! >= 0 ? sample[feature]! : slopes[feature]! * sample[feature]!, 6)
        expect(Math.abs(value - exact[feature]!)).toBeLessThan(0.25 * Math.abs(1 - slopes[feature]!) + 0.05)
      })
    }
  })

  test('polynomials stay exact: x·x + 3x', () => {
    const bytes = onnxModel({
      nodes: [node('Mul', ['x', 'x'], 'q'), node('Mul', ['x', 'three'], 't'), node('Add', ['q', 't'], 'y')],
      tensors: scalars,
      input: ['N', 4]
    })
    const layers = fuse(importOnnx(bytes)).layers
    expect(layers.map(({ kind }) => kind)).toEqual(['affine', 'square', 'affine'])
    expect([...fuse(importOnnx(bytes)).forward([1, -1, 2, 0.5])]).toEqual([4, -2, 10, 1.75])
  })

  test('a function without a value on the samples is said so, without the value', () => {
    const bytes = onnxModel({ nodes: [node('Log', ['x'], 'y')], input: ['N', 4] })
    const samples = [Float64Array.of(1, 2, 3, 4), Float64Array.of(1, 2, -3.25, 4)]
    expect(() => fitActivations(importOnnx(bytes), samples, { degree: 2 })).toThrowError(
      /log\(x\).*values on all calibration samples.*none for sample 1/
    )
  })
})
