/** What files compute from constants alone is computed when they are read: against onnxruntime. */
import { evaluate, importOnnx } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { int64, type Model, type Node, node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)
const matrix = (name: string, shape: readonly number[], seed = 1) => tensor(name, shape, wave(size(shape), seed))

/** Nodes that make the constant 'c', of six elements or of one. */
const cases: Record<string, { readonly nodes: readonly Node[]; readonly tensors: Model['tensors']; readonly opset?: number }> = {
  'a weight divided by its norm': {
    nodes: [
      node('ReduceL2', ['v'], 'n', { axes: [1], keepdims: 1 }),
      node('Div', ['v', 'n'], 'u'),
      node('ReduceSum', ['u', 'axes'], 'c', { keepdims: 0 })
    ],
    tensors: [matrix('v', [6, 3]), int64('axes', [1])]
  },
  'the largest of rows': { nodes: [node('ReduceMax', ['v'], 'c', { axes: [0], keepdims: 0 })], tensors: [matrix('v', [3, 6])] },
  'a mean of all': { nodes: [node('ReduceMean', ['v'], 'c', { keepdims: 0 })], tensors: [matrix('v', [3, 6])] },
  Tile: { nodes: [node('Tile', ['v', 'r'], 'c')], tensors: [matrix('v', [3]), int64('r', [2])] },
  'the second part': {
    nodes: [{ ...node('Split', ['v', 's'], 'a', { axis: 1 }), outputs: ['a', 'b'] }, node('Squeeze', ['b', 'axes'], 'c')],
    tensors: [matrix('v', [1, 8]), int64('s', [2, 6]), int64('axes', [0])]
  },
  Range: {
    nodes: [node('Range', ['a', 'b', 'd'], 'c')],
    tensors: [tensor('a', [], [0.5]), tensor('b', [], [3.4]), tensor('d', [], [0.5])]
  },
  'a triangle': {
    nodes: [node('Trilu', ['v'], 't', { upper: 0 }), node('ReduceSum', ['t', 'axes'], 'c', { keepdims: 0 })],
    tensors: [matrix('v', [6, 6]), int64('axes', [0])]
  },
  'a product of matrices': {
    nodes: [node('MatMul', ['v', 'w'], 'm'), node('Reshape', ['m', 's'], 'c')],
    tensors: [matrix('v', [2, 4]), matrix('w', [4, 3], 5), int64('s', [6])]
  },
  'quantised, row by row': {
    nodes: [
      node('QuantizeLinear', ['v', 's', 'z'], 'q', { axis: 0 }),
      node('DequantizeLinear', ['q', 's', 'z'], 'd', { axis: 0 }),
      node('Reshape', ['d', 'shape'], 'c')
    ],
    tensors: [matrix('v', [2, 3]), tensor('s', [2], [0.01, 0.003]), tensor('z', [2], [128, 100], 'uint8'), int64('shape', [6])]
  },
  'stored quantised': {
    nodes: [node('DequantizeLinear', ['q', 's', 'z'], 'c')],
    tensors: [tensor('q', [6], [0, 7, 128, 255, 3, 90], 'uint8'), tensor('s', [], [0.02]), tensor('z', [], [128], 'uint8')]
  },
  'a mask': {
    nodes: [node('Greater', ['v', 'o'], 'g'), node('Where', ['g', 'v', 'w'], 'c')],
    tensors: [matrix('v', [6]), tensor('o', [], [0.2]), tensor('w', [1], [-3])]
  },
  'every second element backwards': {
    nodes: [node('Slice', ['v', 'from', 'to', 'axes', 'steps'], 'c')],
    tensors: [matrix('v', [12]), int64('from', [-1]), int64('to', [-13]), int64('axes', [0]), int64('steps', [-2])]
  },
  'limits and functions': {
    nodes: [node('Tanh', ['v'], 'a'), node('Sigmoid', ['a'], 'b'), node('Clip', ['b', 'low', 'high'], 'd'), node('Softplus', ['d'], 'c')],
    tensors: [matrix('v', [6]), tensor('low', [], [0.4]), tensor('high', [], [0.6])]
  }
}

describe('constants', () => {
  test.each(Object.entries(cases))('%s', async (_title, { nodes, tensors = [], opset = 17 }) => {
    const bytes = onnxModel({ nodes: [...nodes, node('Mul', ['x', 'c'], 'y')], tensors, input: ['N', 6], opset })
    const samples = [wave(6, 3), wave(6, 4)]
    const expected = (await onnxruntime(bytes, samples, [6]))['y']!
    const graph = importOnnx(bytes)
    expect(graph.nodes.map(({ operator }) => operator.kind)).toEqual(['input', 'scaleShift'])
    samples.forEach((sample, row) => {
      expect(largestDifference(evaluate(graph, sample), expected[row]!)).toBeLessThan(1e-5)
    })
  })
})
