import { evaluate, fuse, importOnnx } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { int64, type Model, node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'

const OPSETS = [9, 13, 17, 21]

interface Case {
  name: string
  /** shape of a sample */
  shape: readonly number[]
  opsets?: readonly number[]
  model: (opset: number) => Pick<Model, 'nodes' | 'tensors'>
  /** has activations that must be approximated before fusing */
  activations?: boolean
}

const kernel = (shape: readonly number[], seed = 1) =>
  tensor(
    'w',
    shape,
    wave(
      shape.reduce((product, dimension) => product * dimension, 1),
      seed
    )
  )
/** Axes as an attribute up to the opset before `since`, as an input from then on. */
const axes = (operator: string, values: readonly number[], opset: number, since: number, attributes = {}) =>
  opset < since
    ? { nodes: [node(operator, ['x'], 'y', { axes: values, ...attributes })], tensors: [] }
    : { nodes: [node(operator, ['x', 'axes'], 'y', attributes)], tensors: [int64('axes', values)] }

const convolution = (name: string, shape: readonly number[], weight: readonly number[], attributes = {}): Case => ({
  name: `Conv, ${name}`,
  shape,
  opsets: [9, 21],
  model: () => ({
    nodes: [node('Conv', ['x', 'w', 'b'], 'y', attributes)],
    tensors: [kernel(weight), tensor('b', [weight[0]!], wave(weight[0]!, 2))]
  })
})

const pool = (name: string, attributes: object, shape: readonly number[] = [2, 7, 8], opsets: readonly number[] = [13, 21]): Case => ({
  name: `AveragePool, ${name}`,
  shape,
  opsets,
  model: () => ({ nodes: [node('AveragePool', ['x'], 'y', { ...attributes })] })
})

const binary = (operator: string, shape: readonly number[], values: readonly number[], constantFirst = false): Case => ({
  name: `${operator} with a constant of ${shape.join('×') || 'no dimension'}${constantFirst ? ' first' : ''}`,
  shape: [2, 3, 2],
  opsets: [9, 21],
  model: () => ({ nodes: [node(operator, constantFirst ? ['c', 'x'] : ['x', 'c'], 'y')], tensors: [tensor('c', shape, values)] })
})

const activation = (operator: string, opsets: readonly number[], attributes = {}): Case => ({
  name: `${operator} ${JSON.stringify(attributes)}`,
  shape: [12],
  opsets,
  activations: true,
  model: () => ({ nodes: [node('Mul', ['x', 'four'], 'x4'), node(operator, ['x4'], 'y', attributes)], tensors: [tensor('four', [], [4])] })
})

const operators: readonly Case[] = [
  convolution('stride and pads', [2, 9, 8], [3, 2, 3, 2], { strides: [2, 1], pads: [1, 0, 2, 1], kernel_shape: [3, 2] }),
  convolution('dilations', [1, 9, 8], [2, 1, 3, 2], { dilations: [2, 3] }),
  convolution('groups', [4, 5, 5], [6, 2, 3, 3], { group: 2 }),
  convolution('depthwise', [3, 5, 5], [3, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }),
  convolution('SAME_UPPER', [1, 7, 8], [2, 1, 2, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  convolution('SAME_LOWER', [1, 7, 8], [2, 1, 2, 3], { auto_pad: 'SAME_LOWER', strides: [2, 2] }),
  convolution('VALID', [1, 7, 8], [2, 1, 2, 3], { auto_pad: 'VALID', strides: [3, 2] }),
  convolution('one spatial axis', [2, 11], [3, 2, 3], { strides: [2], pads: [1, 2], dilations: [2] }),
  {
    name: 'Conv without bias',
    shape: [1, 4, 4],
    opsets: [9],
    model: () => ({ nodes: [node('Conv', ['x', 'w'], 'y')], tensors: [kernel([2, 1, 3, 3])] })
  },
  {
    name: 'Gemm with alpha, beta, transB and a bias row',
    shape: [5],
    model: () => ({
      nodes: [node('Gemm', ['x', 'w', 'c'], 'y', { alpha: 0.5, beta: 2.5, transB: 1 })],
      tensors: [kernel([3, 5]), tensor('c', [1, 3], wave(3, 4))]
    })
  },
  {
    name: 'Gemm with a scalar bias and without transposition',
    shape: [5],
    opsets: [13],
    model: () => ({ nodes: [node('Gemm', ['x', 'w', 'c'], 'y')], tensors: [kernel([5, 3]), tensor('c', [], [0.7])] })
  },
  {
    name: 'Gemm without bias',
    shape: [5],
    opsets: [13],
    model: () => ({ nodes: [node('Gemm', ['x', 'w'], 'y')], tensors: [kernel([5, 3])] })
  },
  {
    name: 'MatMul and Add',
    shape: [5],
    opsets: [9, 21],
    model: () => ({
      nodes: [node('MatMul', ['x', 'w'], 'z'), node('Add', ['c', 'z'], 'y')],
      tensors: [kernel([5, 3]), tensor('c', [3], wave(3, 4))]
    })
  },
  {
    name: 'a weight that is transposed, cast and reshaped in the graph',
    shape: [6],
    model: () => ({
      nodes: [
        node('Transpose', ['w'], 'wt'),
        node('Cast', ['wt'], 'wf', { to: 1 }),
        node('Reshape', ['wf', 's'], 'wr'),
        node('Neg', ['wr'], 'wn'),
        node('MatMul', ['x', 'wn'], 'y')
      ],
      tensors: [tensor('w', [2, 3, 2], wave(12, 3), 'double'), int64('s', [6, -1])]
    })
  },
  pool('2×2, stride 2', { kernel_shape: [2, 2], strides: [2, 2] }, [2, 6, 8], OPSETS),
  pool('pads left out of the mean', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] }, [2, 7, 8], OPSETS),
  pool('pads counted', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2], count_include_pad: 1 }, [2, 7, 8], OPSETS),
  pool('uneven pads', { kernel_shape: [3, 2], pads: [0, 1, 2, 0], strides: [2, 1] }),
  pool('ceil_mode', { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
  pool('ceil_mode and pads', { kernel_shape: [3, 3], strides: [3, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }, [1, 8, 9]),
  pool(
    'ceil_mode whose last window would start behind the input',
    { kernel_shape: [2, 2], strides: [3, 3], pads: [0, 0, 1, 1], ceil_mode: 1 },
    [1, 6, 6],
    [21]
  ),
  pool('ceil_mode that adds nothing, pads counted', {
    kernel_shape: [2, 2],
    strides: [2, 2],
    pads: [0, 0, 1, 0],
    ceil_mode: 1,
    count_include_pad: 1
  }),
  pool('SAME_UPPER', { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  pool('dilations', { kernel_shape: [2, 2], dilations: [3, 2] }, [2, 7, 8], [21]),
  pool('one spatial axis', { kernel_shape: [3], strides: [2] }, [2, 9]),
  {
    name: 'GlobalAveragePool',
    shape: [3, 4, 5],
    opsets: [9, 21],
    model: () => ({ nodes: [node('GlobalAveragePool', ['x'], 'y')] })
  },
  { name: 'ReduceMean over rows and columns', shape: [3, 4, 5], model: opset => axes('ReduceMean', [2, 3], opset, 18, { keepdims: 0 }) },
  { name: 'ReduceMean over negative axes, dimensions kept', shape: [3, 4, 5], model: opset => axes('ReduceMean', [-1, -2], opset, 18) },
  {
    name: 'ReduceMean over rows and columns with the channels last',
    shape: [4, 5, 3],
    model: opset => axes('ReduceMean', [1, 2], opset, 18, { keepdims: 0 })
  },
  {
    name: 'ReduceMean without axes that does nothing',
    shape: [4],
    opsets: [21],
    model: () => ({ nodes: [node('ReduceMean', ['x'], 'y', { noop_with_empty_axes: 1 })] })
  },
  ...[[3, 4, 5], [6]].map(
    (shape): Case => ({
      name: `BatchNormalization of ${shape.join('×')}`,
      shape,
      model: () => ({
        nodes: [node('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], 'y', { epsilon: 0.01 })],
        tensors: ['g', 'b', 'm', 'v'].map((name, index) =>
          tensor(
            name,
            [shape[0]!],
            wave(shape[0]!, index).map(value => (name === 'v' ? Math.abs(value) : value))
          )
        )
      })
    })
  ),
  binary('Add', [], [0.3]),
  binary('Add', [2, 1, 1], [0.3, -2]),
  binary('Sub', [1, 1, 3, 1], [1, 2, 3]),
  binary('Sub', [2], [1, 2], true),
  binary('Mul', [3, 2], wave(6, 8)),
  binary('Mul', [1], [-1.5], true),
  binary(
    'Div',
    [2, 3, 2],
    wave(12, 9).map(value => value + 2)
  ),
  {
    name: 'Sum and Add of branches of one value',
    shape: [4],
    opsets: [9, 13],
    model: () => ({
      nodes: [
        node('Gemm', ['x', 'w', 'c'], 'a', { transB: 1 }),
        node('Sum', ['x', 'a', 'x'], 's'),
        node('Sub', ['s', 'a'], 'd'),
        node('Add', ['d', 'a'], 'y')
      ],
      tensors: [kernel([4, 4]), tensor('c', [4], wave(4, 6))]
    })
  },
  {
    name: 'polynomials of Mul, Pow, Add and Sub',
    shape: [5],
    opsets: [9, 13, 21],
    model: () => ({
      nodes: [
        node('Mul', ['x', 'x'], 'x2'),
        node('Mul', ['x2', 'c'], 'cx2'),
        node('Pow', ['x', 'three'], 'x3'),
        node('Sub', ['cx2', 'x3'], 'd'),
        node('Add', ['d', 'x'], 'e'),
        node('Neg', ['e'], 'f'),
        node('Add', ['f', 'c'], 'y')
      ],
      tensors: [tensor('c', [], [0.25]), tensor('three', [], [3])]
    })
  },
  ...['Flatten', 'Flatten of a negative axis'].map(
    (name): Case => ({
      name,
      shape: [2, 3, 2],
      opsets: [13, 21],
      model: () => ({ nodes: [node('Flatten', ['x'], 'y', { axis: name === 'Flatten' ? 1 : -3 })] })
    })
  ),
  ...[
    [-1, 12],
    [0, -1],
    [0, 0, 6],
    [-1, 3, 4],
    [0, 2, -1, 2]
  ].map(
    (target): Case => ({
      name: `Reshape to ${target.join('×')}`,
      shape: [2, 3, 2],
      opsets: [9, 21],
      model: () => ({ nodes: [node('Reshape', ['x', 's'], 'y')], tensors: [int64('s', target)] })
    })
  ),
  {
    name: 'a reshape to the batch size and the rest, as view(x.size(0), -1) is exported',
    shape: [2, 3, 2],
    model: opset => ({
      nodes: [
        node('Shape', ['x'], 'shape'),
        node('Gather', ['shape', 'zero'], 'n', { axis: 0 }),
        ...(opset < 13 ? [node('Unsqueeze', ['n'], 'n1', { axes: [0] })] : [node('Unsqueeze', ['n', 'axis'], 'n1')]),
        node('Concat', ['n1', 'minus'], 'target', { axis: 0 }),
        node('Reshape', ['x', 'target'], 'y')
      ],
      tensors: [tensor('zero', [], [0], 'int64'), int64('minus', [-1]), int64('axis', [0])]
    })
  },
  {
    name: 'a reshape to sliced and multiplied dimensions, as tf2onnx writes it',
    shape: [2, 3, 4],
    opsets: [13, 21],
    model: () => ({
      nodes: [
        node('Shape', ['x'], 'shape'),
        node('Cast', ['shape'], 'shape32', { to: 6 }),
        node('Slice', ['shape32', 'zero', 'one', 'zero'], 'batch'),
        node('Slice', ['shape32', 'one', 'four', 'zero'], 'dimensions'),
        node('ReduceProd', ['dimensions'], 'features', { keepdims: 1 }),
        node('Concat', ['batch', 'features'], 'target32', { axis: 0 }),
        node('Cast', ['target32'], 'target', { to: 7 }),
        node('Reshape', ['x', 'target'], 'y')
      ],
      tensors: [int64('zero', [0]), int64('one', [1]), int64('four', [4])]
    })
  },
  {
    name: 'Transpose',
    shape: [2, 3, 4],
    opsets: [9, 21],
    model: () => ({ nodes: [node('Transpose', ['x'], 'y', { perm: [0, 2, 3, 1] })] })
  },
  { name: 'Unsqueeze', shape: [2, 3], model: opset => axes('Unsqueeze', [1, -1], opset, 13) },
  { name: 'Squeeze', shape: [1, 3, 1], model: opset => axes('Squeeze', [1, -1], opset, 13) },
  {
    name: 'Constant in every form, Identity, Dropout, Cast',
    shape: [4],
    opsets: [13, 21],
    model: () => ({
      nodes: [
        node('Constant', [], 'half', { value_float: 0.5 }),
        node('Constant', [], 'vector', { value_floats: { floats: [1, 2, 3, 4] } }),
        node('Constant', [], 'stored', { value: { tensor: tensor('', [1], [0.25]) } }),
        node('Constant', [], 'false', { value: { tensor: tensor('', [], [0], 'uint8') } }),
        node('Identity', ['x'], 'a'),
        node('Mul', ['a', 'half'], 'b'),
        node('Add', ['b', 'vector'], 'c'),
        node('Dropout', ['c', 'half'], 'd'),
        node('Cast', ['d'], 'e', { to: 1 }),
        node('Identity', ['stored'], 'copy'),
        node('Sub', ['e', 'copy'], 'y')
      ]
    })
  },
  {
    name: 'Dropout and batch normalisation in their old forms',
    shape: [4],
    opsets: [9],
    model: () => ({
      nodes: [node('Dropout', ['x'], 'd', { ratio: 0.3 }), node('BatchNormalization', ['d', 'g', 'z', 'z', 'g'], 'y', { momentum: 0.9 })],
      tensors: [tensor('g', [4], [1, 2, 3, 4]), tensor('z', [4], [0, 1, 0, 2])]
    })
  },
  activation('Relu', OPSETS),
  activation('Sigmoid', OPSETS),
  activation('Tanh', OPSETS),
  activation('Softplus', [9, 21]),
  activation('LeakyRelu', [9, 21]),
  activation('LeakyRelu', [17], { alpha: 0.25 }),
  activation('Elu', [9, 21], { alpha: 0.5 }),
  activation('Erf', [9, 13]),
  activation('Gelu', [20, 21]),
  activation('Gelu', [20], { approximate: 'tanh' })
]

const cases = operators.map(entry => (entry.name.startsWith('Sigmoid') ? inTheMiddle(entry) : entry))

/** A Sigmoid at the end is the querier's, so another operator follows it here. */
function inTheMiddle(entry: Case): Case {
  return {
    ...entry,
    model: opset => {
      const { nodes, tensors = [] } = entry.model(opset)
      return {
        nodes: [...nodes.map(one => (one.outputs[0] === 'y' ? { ...one, outputs: ['z'] } : one)), node('Mul', ['z', 'four'], 'y')],
        tensors
      }
    }
  }
}

const runs = cases.flatMap(entry => (entry.opsets ?? OPSETS).map(opset => ({ ...entry, title: `${entry.name}, opset ${opset}`, opset })))

describe('every operator gives what onnxruntime gives', () => {
  test.each(runs)('$title', async ({ shape, model, opset, activations }) => {
    const bytes = onnxModel({ ...model(opset), opset, input: ['N', ...shape] })
    const size = shape.reduce((product, dimension) => product * dimension, 1)
    const samples = [1, 2, 3].map(seed => wave(size, 10 * seed).map(value => Math.fround(1.7 * value)))
    const expected = (await onnxruntime(bytes, samples, shape))['y']!
    const graph = importOnnx(bytes)
    const network = activations ? undefined : fuse(graph)
    samples.forEach((sample, row) => {
      const result = evaluate(graph, sample)
      expect(largestDifference(result, expected[row]!)).toBeLessThan(1e-4)
      if (network) expect(largestDifference(network.forward(sample), result)).toBeLessThan(1e-9)
    })
  })
})

describe('activations that exporters write as several nodes', () => {
  const constants = [
    tensor('half', [], [0.5]),
    tensor('one', [], [1]),
    tensor('sqrt2', [1], [Math.SQRT2]),
    tensor('inverse', [], [Math.SQRT1_2]),
    tensor('root', [], [Math.sqrt(2 / Math.PI)]),
    tensor('cube', [], [0.044715]),
    tensor('three', [], [3]),
    tensor('beta', [], [1.702])
  ]
  const patterns: readonly [string, object, readonly ReturnType<typeof node>[]][] = [
    ['x·sigmoid(x)', { name: 'silu', beta: 1 }, [node('Sigmoid', ['v'], 's'), node('Mul', ['v', 's'], 'a')]],
    [
      'sigmoid(βx)·x',
      { name: 'silu', beta: Math.fround(1.702) },
      [node('Mul', ['v', 'beta'], 't'), node('Sigmoid', ['t'], 's'), node('Mul', ['s', 'v'], 'a')]
    ],
    [
      'x·(erf(x/√2) + 1)·½',
      { name: 'gelu' },
      [
        node('Div', ['v', 'sqrt2'], 't'),
        node('Erf', ['t'], 'e'),
        node('Add', ['e', 'one'], 'f'),
        node('Mul', ['v', 'f'], 'g'),
        node('Mul', ['g', 'half'], 'a')
      ]
    ],
    [
      '(½·x)·(1 + erf(x·√½))',
      { name: 'gelu' },
      [
        node('Mul', ['half', 'v'], 'h'),
        node('Mul', ['v', 'inverse'], 't'),
        node('Erf', ['t'], 'e'),
        node('Add', ['one', 'e'], 'f'),
        node('Mul', ['h', 'f'], 'a')
      ]
    ],
    [
      '½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))',
      { name: 'geluTanh' },
      [
        node('Pow', ['v', 'three'], 'p'),
        node('Mul', ['p', 'cube'], 'q'),
        node('Add', ['v', 'q'], 'r'),
        node('Mul', ['r', 'root'], 's'),
        node('Tanh', ['s'], 't'),
        node('Add', ['t', 'one'], 'u'),
        node('Mul', ['v', 'half'], 'h'),
        node('Mul', ['h', 'u'], 'a')
      ]
    ]
  ]
  test.each(patterns)('%s', async (_name, expected, nodes) => {
    const bytes = onnxModel({
      nodes: [
        node('Gemm', ['x', 'w'], 'z'),
        node('Sub', ['z', 'one'], 'v'),
        ...nodes.map(one => ({ ...one, name: `act1/${one.outputs[0]}` })),
        node('Gemm', ['a', 'w'], 'y')
      ],
      tensors: [...constants, kernel([4, 4])],
      input: ['N', 4]
    })
    const graph = importOnnx(bytes)
    const found = graph.nodes.filter(({ operator }) => operator.kind === 'activation')
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ name: 'act1', operator: { function: expected }, inputs: [2] })
    expect(graph.nodes).toHaveLength(5)
    const samples = [wave(4, 1), wave(4, 5)]
    const results = (await onnxruntime(bytes, samples, [4]))['y']!
    samples.forEach((sample, row) => {
      expect(largestDifference(evaluate(graph, sample), results[row]!)).toBeLessThan(1e-4)
    })
  })

  test('Swish of opset 24', () => {
    const swish = (attributes: object) => onnxModel({ opset: 24, nodes: [node('Swish', ['x'], 'y', { ...attributes })], input: ['N', 3] })
    expect(
      largestDifference(evaluate(importOnnx(swish({})), [-2, 0, 2]), [-2 / (1 + Math.E ** 2), 0, 2 / (1 + Math.E ** -2)])
    ).toBeLessThan(1e-15)
    expect(importOnnx(swish({ alpha: 1.5 })).nodes[1]!.operator).toMatchObject({ function: { name: 'silu', beta: 1.5 } })
  })

  test('a product that has no name is an activation, too', () => {
    const bytes = onnxModel({
      nodes: [node('Sigmoid', ['x'], 's'), node('Add', ['s', 'one'], 't'), node('Mul', ['x', 't'], 'y')],
      tensors: constants,
      input: ['N', 4]
    })
    const { nodes } = importOnnx(bytes)
    expect(nodes.map(({ operator }) => operator.kind)).toEqual(['input', 'activation'])
    expect(nodes[1]!.operator).toMatchObject({ function: { name: 'expression' } })
  })
})
