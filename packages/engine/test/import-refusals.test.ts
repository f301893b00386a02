/** What the importer refuses: every refusal is typed and names node, operator or attribute, and what to do instead. */
import {
  EngineError,
  fuse,
  importOnnx,
  MalformedModelError,
  MalformedTensorError,
  ShapeMismatchError,
  UnsupportedAttributeError,
  UnsupportedOperatorError,
  UnsupportedTopologyError
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { int64, type Model, type Node, node, onnxModel, tensor, wave } from './onnx-model.ts'

const matrix = tensor('w', [4, 4], wave(16, 1))
const learning = (one: Node): Node => ({ ...one, domain: 'ai.onnx.ml' })
const image = ['N', 2, 5, 5] as const

type Refusal = [name: string, error: abstract new (...parameters: never[]) => EngineError, message: RegExp, model: Partial<Model>]

const refusals: readonly Refusal[] = [
  [
    'Cast to whole numbers',
    UnsupportedAttributeError,
    /'Cast y': Cast with to = 7.*floating-point/,
    { nodes: [node('Cast', ['x'], 'y', { to: 7 })] }
  ],
  [
    'Dropout that trains',
    UnsupportedAttributeError,
    /training_mode = true.*inference mode/,
    { nodes: [node('Dropout', ['x', '', 't'], 'y')], tensors: [tensor('t', [], [1], 'uint8')] }
  ],
  [
    'BatchNormalization that trains',
    UnsupportedAttributeError,
    /training_mode = 1.*inference mode/,
    { nodes: [node('BatchNormalization', ['x', 'c', 'c', 'c', 'c'], 'y', { training_mode: 1 })], tensors: [tensor('c', [4], [1, 1, 1, 1])] }
  ],
  [
    'a negative variance',
    MalformedTensorError,
    /variance -1 of channel 2/,
    {
      nodes: [node('BatchNormalization', ['x', 'c', 'c', 'c', 'v'], 'y')],
      tensors: [tensor('c', [4], [1, 1, 1, 1]), tensor('v', [4], [1, 1, -1, 1])]
    }
  ],
  [
    'Gemm of a transposed batch',
    UnsupportedAttributeError,
    /transA = 1.*batch be the first axis/,
    { nodes: [node('Gemm', ['x', 'w'], 'y', { transA: 1 })], tensors: [matrix] }
  ],
  [
    'MatMul of an image',
    ShapeMismatchError,
    /flatten first/,
    { nodes: [node('MatMul', ['x', 'w'], 'y')], tensors: [matrix], input: image }
  ],
  [
    'MatMul of two values',
    UnsupportedTopologyError,
    /'MatMul y'.*product of two computed matrices/,
    { nodes: [node('MatMul', ['x', 'x'], 'y')] }
  ],
  [
    'MatMul with the weights before the batch',
    ShapeMismatchError,
    /the batch as the first axis of the left operand/,
    { nodes: [node('MatMul', ['w', 'x'], 'y')], tensors: [matrix] }
  ],
  [
    'counted padding with a last partial window',
    UnsupportedAttributeError,
    /ceil_mode = 1 and count_include_pad = 1/,
    {
      nodes: [
        node('AveragePool', ['x'], 'y', { kernel_shape: [2, 2], strides: [2, 2], pads: [1, 1, 0, 0], ceil_mode: 1, count_include_pad: 1 })
      ],
      input: ['N', 2, 4, 4]
    }
  ],
  [
    'a gate of two different values',
    UnsupportedTopologyError,
    /two different values/,
    { nodes: [node('MatMul', ['x', 'w'], 'a'), node('Max', ['x', 'a'], 'y')], tensors: [tensor('w', [4, 4], wave(16, 1))] }
  ],
  [
    'a convolution of three spatial axes',
    ShapeMismatchError,
    /channels × rows × columns/,
    { nodes: [node('Conv', ['x', 'k'], 'y')], tensors: [tensor('k', [1, 1, 1, 1, 1], [1])], input: ['N', 1, 2, 2, 2] }
  ],
  [
    'groups that do not divide',
    ShapeMismatchError,
    /2 input channels in 3 group/,
    { nodes: [node('Conv', ['x', 'k'], 'y', { group: 3 })], tensors: [tensor('k', [3, 1, 1, 1], [1, 1, 1])], input: image }
  ],
  [
    'kernel_shape against the weights',
    ShapeMismatchError,
    /kernel_shape 1×1 as its weights, got 2×2/,
    { nodes: [node('Conv', ['x', 'k'], 'y', { kernel_shape: [2, 2] })], tensors: [tensor('k', [1, 2, 1, 1], [1, 1])], input: image }
  ],
  [
    'negative pads',
    UnsupportedAttributeError,
    /pads = -1,0,0,0/,
    { nodes: [node('Conv', ['x', 'k'], 'y', { pads: [-1, 0, 0, 0] })], tensors: [tensor('k', [1, 2, 1, 1], [1, 1])], input: image }
  ],
  [
    'an unknown auto_pad',
    UnsupportedAttributeError,
    /auto_pad = SOME/,
    { nodes: [node('AveragePool', ['x'], 'y', { kernel_shape: [2, 2], auto_pad: 'SOME' })], input: image }
  ],
  [
    'windows of padding alone',
    UnsupportedAttributeError,
    /every window meets the input/,
    { nodes: [node('AveragePool', ['x'], 'y', { kernel_shape: [2, 2], pads: [2, 0, 0, 0] })], input: image }
  ],
  [
    'AveragePool without kernel_shape',
    UnsupportedAttributeError,
    /kernel_shape/,
    { nodes: [node('AveragePool', ['x'], 'y')], input: image }
  ],
  [
    'Flatten of the batch',
    UnsupportedAttributeError,
    /axis = 0.*batch stays apart/,
    { nodes: [node('Flatten', ['x'], 'y', { axis: 0 })], input: image }
  ],
  ['Flatten of a part', UnsupportedAttributeError, /axis = 2/, { nodes: [node('Flatten', ['x'], 'y', { axis: 2 })], input: image }],
  [
    'Squeeze of an axis that is not 1',
    UnsupportedAttributeError,
    /axes = 1/,
    { nodes: [node('Squeeze', ['x', 'a'], 'y')], tensors: [int64('a', [1])] }
  ],
  [
    'Unsqueeze before the batch',
    UnsupportedAttributeError,
    /axes behind the batch/,
    { nodes: [node('Unsqueeze', ['x', 'a'], 'y')], tensors: [int64('a', [0])] }
  ],
  [
    'ReduceMean over the batch',
    UnsupportedAttributeError,
    /axes = 0.*other than the batch/,
    { nodes: [node('ReduceMean', ['x'], 'y', { axes: [0] })] }
  ],
  ['ReduceMean over everything', UnsupportedAttributeError, /axes = all/, { nodes: [node('ReduceMean', ['x'], 'y')] }],
  ['Transpose of the batch', UnsupportedTopologyError, /'Transpose y'.*batch/, { nodes: [node('Transpose', ['x'], 'y')] }],
  [
    'a reshape that joins samples',
    UnsupportedTopologyError,
    /rows of 'y' are part of the batch.*one row of outputs for every sample/,
    { nodes: [node('Reshape', ['x', 's'], 'y')], tensors: [int64('s', [-1, 2])] }
  ],
  [
    'a reshape to one axis',
    ShapeMismatchError,
    /keeps the batch/,
    { nodes: [node('Reshape', ['x', 's'], 'y')], tensors: [int64('s', [-1])] }
  ],
  [
    'a reshape to a computed shape',
    EngineError,
    /'Reshape y'.*must be a constant/,
    { nodes: [node('Relu', ['x'], 's'), node('Reshape', ['x', 's'], 'y')] }
  ],
  [
    'the batch size in a sum',
    UnsupportedTopologyError,
    /computes with the batch size.*symbolic batch/,
    { nodes: [node('Shape', ['x'], 's'), node('Add', ['s', 's'], 't'), node('Reshape', ['x', 't'], 'y')] }
  ],
  [
    'the batch size as a weight',
    UnsupportedTopologyError,
    /depends on the batch size/,
    {
      nodes: [node('Shape', ['x'], 's'), node('Gather', ['s', 'zero'], 'n'), node('Mul', ['x', 'n'], 'y')],
      tensors: [tensor('zero', [], [0], 'int64')]
    }
  ],
  [
    'an unknown Gelu',
    UnsupportedAttributeError,
    /approximate = fast/,
    { opset: 20, nodes: [node('Gelu', ['x'], 'y', { approximate: 'fast' })] }
  ],
  ['division by zero', MalformedTensorError, /divides by zero/, { nodes: [node('Div', ['x', 'c'], 'y')], tensors: [tensor('c', [], [0])] }],
  [
    'a constant per sample',
    ShapeMismatchError,
    /broadcast to one shape, got 4 and 2×4/,
    { nodes: [node('Add', ['x', 'c'], 'y')], tensors: [tensor('c', [2, 4], wave(8, 1))] }
  ],
  [
    'values of two shapes',
    ShapeMismatchError,
    /broadcast to one shape, got 4 and 3/,
    { nodes: [node('MatMul', ['x', 'v'], 'a'), node('Add', ['x', 'a'], 'y')], tensors: [tensor('v', [4, 3], wave(12, 1))] }
  ],
  [
    'the mask of Dropout',
    UnsupportedTopologyError,
    /output 1 of node.*first output only/,
    { nodes: [{ ...node('Dropout', ['x'], 'd'), outputs: ['d', 'mask'] }, node('Mul', ['x', 'mask'], 'y')] }
  ],
  [
    'Softmax over rows',
    UnsupportedAttributeError,
    /Softmax with axis = 2/,
    { nodes: [node('Softmax', ['x'], 'y', { axis: 2 })], input: image }
  ],
  ['ArgMax over the batch', UnsupportedAttributeError, /ArgMax with axis = 0/, { nodes: [node('ArgMax', ['x'], 'y')] }],
  [
    'a normaliser in the middle',
    UnsupportedOperatorError,
    /ai\.onnx\.ml\.Normalizer is not supported.*final/,
    { nodes: [learning(node('Normalizer', ['x'], 'n', { norm: 'L1' })), node('MatMul', ['n', 'w'], 'y')], tensors: [matrix] }
  ],
  [
    'a normaliser of another norm',
    UnsupportedAttributeError,
    /norm = L2/,
    { nodes: [learning(node('Normalizer', ['x'], 'y', { norm: 'L2' }))] }
  ],
  [
    'probits',
    UnsupportedAttributeError,
    /post_transform = PROBIT.*SOFTMAX or LOGISTIC/,
    {
      nodes: [
        {
          ...learning(
            node('LinearClassifier', ['x'], 'l', {
              coefficients: { floats: [1, 2, 3, 4] },
              intercepts: { floats: [0] },
              post_transform: 'PROBIT'
            })
          ),
          outputs: ['l', 'y']
        }
      ]
    }
  ],
  [
    'a classifier without coefficients',
    UnsupportedAttributeError,
    /coefficients = none/,
    { nodes: [{ ...learning(node('LinearClassifier', ['x'], 'l')), outputs: ['l', 'y'] }] }
  ],
  [
    'a regressor of another width',
    ShapeMismatchError,
    /an input of 3 features/,
    { nodes: [learning(node('LinearRegressor', ['x'], 'y', { coefficients: { floats: [1, 2, 3] }, intercepts: { floats: [0] } }))] }
  ],
  [
    'trees',
    UnsupportedOperatorError,
    /TreeEnsembleClassifier.*train a linear model/,
    { nodes: [learning(node('TreeEnsembleClassifier', ['x'], 'y'))] }
  ],
  [
    'operators of a vendor',
    UnsupportedOperatorError,
    /com\.microsoft\.FusedConv is not supported/,
    { nodes: [{ ...node('FusedConv', ['x'], 'y'), domain: 'com.microsoft' }] }
  ],
  [
    'a standard name in a foreign domain',
    UnsupportedOperatorError,
    /other\.Relu is not supported/,
    { nodes: [{ ...node('Relu', ['x'], 'y'), domain: 'other' }] }
  ],
  [
    'a padding that would fill the memory',
    ShapeMismatchError,
    /at most 16777216 elements per sample/,
    { nodes: [node('AveragePool', ['x'], 'y', { kernel_shape: [1, 1], pads: [2 ** 30, 0, 0, 2 ** 30] })], input: image }
  ],
  [
    'a reshape that reads itself',
    EngineError,
    /'Reshape y'/,
    { nodes: [node('Reshape', ['y', 's'], 'y')], tensors: [int64('s', [0, -1])] }
  ],
  ['an old operator set', MalformedModelError, /operator set 6/, { opset: 6, nodes: [node('Relu', ['x'], 'y')] }],
  ['a future operator set', MalformedModelError, /operator set 99/, { opset: 99, nodes: [node('Relu', ['x'], 'y')] }],
  [
    'a circle of nodes',
    EngineError,
    /Add/,
    { nodes: [node('Add', ['x', 'b'], 'a'), node('Add', ['x', 'a'], 'b'), node('Relu', ['b'], 'y')] }
  ],
  [
    'a circle of constants',
    EngineError,
    /'c'|Identity/,
    { nodes: [node('Identity', ['c'], 'd'), node('Identity', ['d'], 'c'), node('Add', ['x', 'c'], 'y')] }
  ]
]

const unsupported: readonly [operator: string, remedy: RegExp][] = [
  ['MaxPool', /AveragePool/],
  ['ReduceMax', /AveragePool/],
  ['QuantizeLinear', /fakeQuantization=identity/],
  ['LRN', /BatchNormalization/],
  ['QLinearConv', /before quantisation/],
  ['If', /branch/],
  ['GRU', /dense layers/],
  ['TreeEnsembleRegressor', /small network/],
  ['Round', /rounding/],
  ['Frobnicate', /Conv, Gemm, MatMul/]
]

describe('refusals name the culprit and the remedy', () => {
  test.each(refusals)('%s', (_name, type, message, model) => {
    const bytes = onnxModel({ nodes: [], input: ['N', 4], ...model })
    let thrown: unknown
    try {
      fuse(importOnnx(bytes))
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(type)
    expect((thrown as Error).message).toMatch(message)
  })

  test.each(unsupported)('%s', (operator, remedy) => {
    const bytes = onnxModel({
      nodes: [node('Relu', ['x'], 'a'), { ...node(operator, ['a', 'a'], 'b'), name: 'culprit' }, node('Mul', ['b', 'b'], 'y')],
      input: ['N', 2, 6, 6]
    })
    expect(() => importOnnx(bytes)).toThrowError(UnsupportedOperatorError)
    expect(() => importOnnx(bytes)).toThrowError(new RegExp(`^node 'culprit': operator ${operator} is not supported; .*${remedy.source}`))
  })
})
