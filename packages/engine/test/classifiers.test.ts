/** Classifiers of skl2onnx in the middle of a file, columns of pipelines, and ends that are written out: against onnxruntime. */
import { answerOf, applyFinal, evaluate, importOnnx, UnsupportedAttributeError, UnsupportedTopologyError } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { int64, type Model, type Node, node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'

const classifier = (name: string, seed: number, transform: string): Node => ({
  operator: 'LinearClassifier',
  domain: 'ai.onnx.ml',
  name,
  inputs: ['x'],
  outputs: [`label ${name}`, `scores ${name}`],
  attributes: {
    coefficients: { floats: [...wave(4, seed).map(value => -value), ...wave(4, seed)] },
    intercepts: { floats: [-0.1 * seed, 0.1 * seed] },
    classlabels_ints: [0, 1],
    post_transform: transform
  }
})
const columns = (input: string, output: string): Node => ({
  ...node('ArrayFeatureExtractor', [input, 'positions'], output),
  domain: 'ai.onnx.ml'
})

async function checked(model: Omit<Model, 'input'>, outputs = ['y']): Promise<void> {
  const bytes = onnxModel({ ...model, input: ['N', 4], opset: 13 })
  const samples = [1, 2, 3].map(seed => wave(4, 10 * seed))
  const expected = await onnxruntime(bytes, samples, [4])
  for (const output of outputs) {
    const graph = importOnnx(bytes, { output })
    samples.forEach((sample, row) => {
      expect(largestDifference(applyFinal(graph.final, evaluate(graph, sample)), expected[output]![row]!)).toBeLessThan(1e-5)
    })
  }
}

describe('classifiers', () => {
  test('in the middle keep their probabilities: several of two classes make one of many', async () => {
    const nodes = [
      ...[1, 2, 3].map(seed => classifier(`c${seed}`, seed, 'LOGISTIC')),
      ...[1, 2, 3].map(seed => node('Slice', [`scores c${seed}`, 'one', 'two', 'one'], `p${seed}`)),
      node('Concat', ['p1', 'p2', 'p3'], 'all', { axis: 1 }),
      node('ReduceSum', ['all', 'one'], 'total'),
      node('Div', ['all', 'total'], 'y')
    ]
    const tensors = [int64('one', [1]), int64('two', [2])]
    await checked({ nodes, tensors })
    expect(importOnnx(onnxModel({ nodes, tensors, input: ['N', 4] })).final).toEqual([{ kind: 'normalize' }])
  })

  test('whose classes, or scores after a softmax, are read in the middle are refused', () => {
    const read = (name: string, transform: string): Uint8Array =>
      onnxModel({ nodes: [classifier('c', 1, transform), node('Relu', [name], 'a'), node('Mul', ['a', 'a'], 'y')], input: ['N', 4] })
    expect(() => importOnnx(read('label c', 'NONE'))).toThrow(UnsupportedTopologyError)
    expect(() => importOnnx(read('label c', 'NONE'))).toThrow(/classes of classifier 'c' in the middle/)
    expect(() => importOnnx(read('scores c', 'SOFTMAX'))).toThrow(/post_transform NONE or LOGISTIC/)
  })

  test('columns by position, and their product', async () => {
    await checked({
      nodes: [columns('x', 'a'), node('ReduceProd', ['a'], 'y', { axes: [1], keepdims: 1 })],
      tensors: [int64('positions', [3, 0, 3])]
    })
  })

  test('logarithms of probabilities that are written out', async () => {
    const nodes = [
      node('MatMul', ['x', 'w'], 's'),
      node('ReduceLogSumExp', ['s'], 'l', { axes: [1], keepdims: 1 }),
      node('Sub', ['s', 'l'], 'logs'),
      node('Exp', ['logs'], 'y')
    ]
    const model = { nodes, tensors: [tensor('w', [4, 3], wave(12, 2))] }
    await checked(model)
    expect(importOnnx(onnxModel({ ...model, input: ['N', 4] })).final.map(({ kind }) => kind)).toEqual(['logSoftmax', 'exp'])
  })

  test('what is true of computed values is a jump, and a sum of other signs is no share', async () => {
    await checked({ nodes: [node('Cast', ['x'], 'b', { to: 9 }), node('Cast', ['b'], 'c', { to: 1 }), node('Mul', ['c', 'x'], 'y')] })
    const nodes = [node('MatMul', ['x', 'w'], 's'), node('ReduceSum', ['s', 'one'], 't'), node('Div', ['s', 't'], 'y')]
    const model = { nodes, tensors: [tensor('w', [4, 3], wave(12, 2)), int64('one', [1])] }
    await checked(model)
    expect(importOnnx(onnxModel({ ...model, input: ['N', 4] })).final).toEqual([])
  })

  test('an imputer of samples is nothing, of computed values refused', () => {
    const imputer: Node = {
      ...node('Imputer', ['a'], 'b'),
      domain: 'ai.onnx.ml',
      attributes: { imputed_value_floats: { floats: [0] }, replaced_value_float: { float: Number.NaN } }
    }
    const make = (first: Node): Uint8Array =>
      onnxModel({ nodes: [first, imputer, node('MatMul', ['b', 'w'], 'y')], tensors: [tensor('w', [4, 2], wave(8, 1))], input: ['N', 4] })
    expect(importOnnx(make(node('Identity', ['x'], 'a'))).nodes).toHaveLength(2)
    expect(() => importOnnx(make(node('Log', ['x'], 'a')))).toThrow(UnsupportedAttributeError)
  })

  test('labels of a threshold are those of the probabilities before it', () => {
    const binarizer: Node = { ...node('Binarizer', ['p'], 'flags', { threshold: { float: 0.5 } }), domain: 'ai.onnx.ml' }
    const bytes = onnxModel({
      nodes: [node('MatMul', ['x', 'w'], 's'), node('Sigmoid', ['s'], 'p'), binarizer, node('Cast', ['flags'], 'label', { to: 7 })],
      tensors: [tensor('w', [4, 2], wave(8, 1))],
      input: ['N', 4],
      outputs: [{ name: 'label', type: 7 }, { name: 'p' }]
    })
    const graph = importOnnx(bytes)
    expect(graph).toMatchObject({ outputName: 'p', final: [{ kind: 'sigmoid' }], task: { kind: 'multi-label', threshold: 0.5 } })
    expect(answerOf(graph, [1, -1]).prediction).toEqual([0])
  })
})
