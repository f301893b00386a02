/** Operators that move, repeat, cut and add elements are linear maps: against onnxruntime, node by node and fused. */
import { architectureOf, evaluate, fuse, importOnnx, parseArchitecture } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { int64, type Model, node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'

interface Case {
  readonly shape: readonly number[]
  readonly nodes: readonly ReturnType<typeof node>[]
  readonly tensors?: Model['tensors']
  readonly opset?: number
}

const matrix = (name: string, shape: readonly number[], seed = 1) =>
  tensor(
    name,
    shape,
    wave(
      shape.reduce((product, size) => product * size, 1),
      seed
    )
  )

const cases: Record<string, Case> = {
  'a dense layer on the last axis': { shape: [3, 4], nodes: [node('MatMul', ['x', 'w'], 'y')], tensors: [matrix('w', [4, 2])] },
  'a dense layer on the last of three axes': { shape: [2, 3, 4], nodes: [node('MatMul', ['x', 'w'], 'y')], tensors: [matrix('w', [4, 5])] },
  'a matrix with a leading one': { shape: [3, 4], nodes: [node('MatMul', ['x', 'w'], 'y')], tensors: [matrix('w', [1, 4, 2])] },
  'a matrix from the left': { shape: [3, 4], nodes: [node('MatMul', ['w', 'x'], 'y')], tensors: [matrix('w', [5, 3])] },
  'a vector': { shape: [4], nodes: [node('MatMul', ['x', 'w'], 'y')], tensors: [matrix('w', [4])] },
  'a vector on the last axis': { shape: [3, 4], nodes: [node('MatMul', ['x', 'w'], 'y')], tensors: [matrix('w', [4])] },
  ReduceSum: { shape: [3, 4], nodes: [node('ReduceSum', ['x', 'a'], 'y', { keepdims: 0 })], tensors: [int64('a', [1])] },
  'ReduceSum over two axes': { shape: [2, 3, 4], nodes: [node('ReduceSum', ['x', 'a'], 'y')], tensors: [int64('a', [1, 3])] },
  'ReduceSum before opset 13': { shape: [2, 3], nodes: [node('ReduceSum', ['x'], 'y', { axes: [-1], keepdims: 0 })], opset: 11 },
  Expand: { shape: [3, 1], nodes: [node('Expand', ['x', 's'], 'y')], tensors: [int64('s', [1, 3, 4])] },
  Tile: { shape: [2, 3], nodes: [node('Tile', ['x', 'r'], 'y')], tensors: [int64('r', [1, 2, 2])] },
  'broadcast of a value': {
    shape: [3, 4],
    nodes: [node('ReduceMean', ['x'], 'm', { axes: [2] }), node('Sub', ['x', 'm'], 'y')]
  },
  'a constant larger than the value': { shape: [1, 4], nodes: [node('Add', ['x', 'c'], 'y')], tensors: [matrix('c', [1, 3, 4])] },
  Slice: {
    shape: [4, 5],
    nodes: [node('Slice', ['x', 's', 'e', 'a', 't'], 'y')],
    tensors: [int64('s', [1, -1]), int64('e', [4, -5]), int64('a', [1, 2]), int64('t', [2, -1])]
  },
  'Slice of the whole batch': {
    shape: [5],
    nodes: [node('Slice', ['x', 's', 'e'], 'y')],
    tensors: [int64('s', [0, 1]), int64('e', [2 ** 31 - 1, 4])]
  },
  'Slice before opset 10': { shape: [5], nodes: [node('Slice', ['x'], 'y', { axes: [1], starts: [1], ends: [3] })], opset: 9 },
  'ConvTranspose with holes': {
    shape: [2, 3, 4],
    nodes: [node('ConvTranspose', ['x', 'w', 'b'], 'y', { strides: [2, 3], pads: [1, 0, 0, 2], output_padding: [1, 0] })],
    tensors: [matrix('w', [2, 3, 3, 4]), matrix('b', [3], 2)]
  },
  'ConvTranspose in groups, dilated': {
    shape: [4, 3, 3],
    nodes: [node('ConvTranspose', ['x', 'w'], 'y', { group: 2, dilations: [2, 1] })],
    tensors: [matrix('w', [4, 2, 2, 3])]
  },
  'ConvTranspose to a named size': {
    shape: [2, 3, 3],
    nodes: [node('ConvTranspose', ['x', 'w'], 'y', { strides: [2, 2], auto_pad: 'SAME_UPPER', output_shape: [6, 6] })],
    tensors: [matrix('w', [2, 1, 3, 3])]
  },
  'ConvTranspose over time': {
    shape: [2, 5],
    nodes: [node('ConvTranspose', ['x', 'w'], 'y', { strides: [2], pads: [1, 1] })],
    tensors: [matrix('w', [2, 3, 4])]
  },
  'Resize to the nearest, by factors': {
    shape: [2, 3, 4],
    nodes: [node('Resize', ['x', '', 's'], 'y', { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' })],
    tensors: [tensor('s', [4], [1, 1, 2, 1.5])]
  },
  'Resize to the nearest, by sizes': {
    shape: [1, 4, 5],
    nodes: [node('Resize', ['x', '', '', 's'], 'y', { mode: 'nearest', axes: [2, 3] })],
    tensors: [int64('s', [7, 3])],
    opset: 18
  },
  'Resize between neighbours': {
    shape: [1, 3, 4],
    nodes: [node('Resize', ['x', '', 's'], 'y', { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' })],
    tensors: [tensor('s', [4], [1, 1, 2, 2])]
  },
  'Resize with corners that stay': {
    shape: [1, 3, 4],
    nodes: [node('Resize', ['x', '', 's'], 'y', { mode: 'linear', coordinate_transformation_mode: 'align_corners' })],
    tensors: [tensor('s', [4], [1, 1, 2, 1.5])]
  },
  'Resize by cubes': {
    shape: [1, 4, 4],
    nodes: [node('Resize', ['x', '', 's'], 'y', { mode: 'cubic', cubic_coeff_a: -0.5, exclude_outside: 1 })],
    tensors: [tensor('s', [4], [1, 1, 2, 1])]
  },
  Upsample: { shape: [1, 2, 3], nodes: [node('Upsample', ['x', 's'], 'y')], tensors: [tensor('s', [4], [1, 1, 2, 3])], opset: 9 },
  'DepthToSpace, blocks first': { shape: [8, 2, 3], nodes: [node('DepthToSpace', ['x'], 'y', { blocksize: 2 })] },
  'DepthToSpace, channels first': { shape: [8, 2, 3], nodes: [node('DepthToSpace', ['x'], 'y', { blocksize: 2, mode: 'CRD' })] },
  SpaceToDepth: { shape: [2, 4, 6], nodes: [node('SpaceToDepth', ['x'], 'y', { blocksize: 2 })] },
  'Einsum, a dense layer': {
    shape: [4],
    nodes: [node('Einsum', ['x', 'w'], 'y', { equation: 'bi,oi->bo' })],
    tensors: [matrix('w', [3, 4])]
  },
  'Einsum from the left, over time': {
    shape: [3, 4],
    nodes: [node('Einsum', ['w', 'x'], 'y', { equation: 'ut,btf->bfu' })],
    tensors: [matrix('w', [5, 3])]
  },
  'Einsum with heads': {
    shape: [3, 4],
    nodes: [node('Einsum', ['x', 'w'], 'y', { equation: 'btf,hfd->bhtd' })],
    tensors: [matrix('w', [2, 4, 3])]
  },
  'Einsum with a matrix for each row': {
    shape: [3, 4],
    nodes: [node('Einsum', ['x', 'w'], 'y', { equation: 'btf,tfd->bdt' })],
    tensors: [matrix('w', [3, 4, 2])]
  },
  'Einsum with dots': {
    shape: [2, 3, 4],
    nodes: [node('Einsum', ['x', 'w'], 'y', { equation: '...f,fg->...g' })],
    tensors: [matrix('w', [4, 2])]
  },
  'Einsum of one value': { shape: [3, 4], nodes: [node('Einsum', ['x'], 'y', { equation: 'btf->bf' })] },
  'CumSum backwards, without itself': {
    shape: [3, 4],
    nodes: [node('CumSum', ['x', 'a'], 'y', { reverse: 1, exclusive: 1 })],
    tensors: [tensor('a', [], [1], 'int64')]
  },
  'a stack of matrices': { shape: [1, 3, 4], nodes: [node('MatMul', ['x', 'w'], 'y')], tensors: [matrix('w', [2, 4, 5])] },
  'an index around which the batch moves': {
    shape: [3, 4],
    nodes: [
      node('Transpose', ['x'], 'a', { perm: [2, 1, 0] }),
      node('GatherND', ['a', 'i'], 'b'),
      node('Transpose', ['b'], 'y', { perm: [2, 0, 1] })
    ],
    tensors: [tensor('i', [3, 1], [3, 0, -2], 'int64')]
  },
  'a pair of indices around which the batch moves': {
    shape: [3, 4],
    nodes: [
      node('Transpose', ['x'], 'a', { perm: [1, 2, 0] }),
      node('GatherND', ['a', 'i'], 'b'),
      node('Transpose', ['b'], 'y', { perm: [1, 0] })
    ],
    tensors: [tensor('i', [2, 2], [2, 1, 0, 3], 'int64')]
  },
  'Gather where the batch is last': {
    shape: [3, 4],
    nodes: [
      node('Transpose', ['x'], 'a', { perm: [1, 2, 0] }),
      node('Gather', ['a', 'i'], 'b', { axis: 0 }),
      node('Transpose', ['b'], 'y', { perm: [2, 1, 0] })
    ],
    tensors: [int64('i', [2, 0])]
  },
  Gather: { shape: [3, 4], nodes: [node('Gather', ['x', 'i'], 'y', { axis: 2 })], tensors: [int64('i', [3, -3, 0])] },
  'Gather of one': {
    shape: [3, 4],
    nodes: [node('Gather', ['x', 'i'], 'y', { axis: 1 })],
    tensors: [tensor('i', [], [2], 'int64')]
  },
  'Split into named sizes': {
    shape: [5],
    nodes: [{ ...node('Split', ['x', 's'], 'a', { axis: 1 }), outputs: ['a', 'b'] }, node('Concat', ['b', 'a', 'b'], 'y', { axis: 1 })],
    tensors: [int64('s', [2, 3])]
  },
  'Split by number': {
    shape: [5],
    nodes: [
      { ...node('Split', ['x'], 'a', { axis: 1, num_outputs: 2 }), outputs: ['a', 'b'] },
      node('MatMul', ['a', 'w'], 'c'),
      node('MatMul', ['b', 'v'], 'd'),
      node('Concat', ['d', 'c'], 'y', { axis: -1 })
    ],
    tensors: [matrix('w', [3, 2]), matrix('v', [2, 2], 2)],
    opset: 18
  },
  'Concat of rows': {
    shape: [2, 3],
    nodes: [node('Neg', ['x'], 'n'), node('Concat', ['x', 'n'], 'y', { axis: 1 })]
  },
  'Concat with a constant, one sample at a time': {
    shape: [3],
    nodes: [node('MatMul', ['x', 'w'], 'a'), node('Concat', ['a', 'x'], 'b', { axis: 1 }), node('Add', ['b', 'c'], 'y')],
    tensors: [matrix('w', [3, 2]), matrix('c', [5], 3)]
  },
  'Pad by nothing': { shape: [1, 4, 4], nodes: [node('Pad', ['x', 'p'], 'y')], tensors: [int64('p', new Array(8).fill(0))] },
  'Pad by zeros': { shape: [1, 3, 3], nodes: [node('Pad', ['x', 'p'], 'y')], tensors: [int64('p', [0, 0, 1, 2, 0, 0, 0, 1])] },
  'Pad by a number': {
    shape: [1, 3, 3],
    nodes: [node('Pad', ['x', 'p', 'v'], 'y')],
    tensors: [int64('p', [0, 0, 1, 2, 0, 0, 0, 1]), tensor('v', [], [1.5])]
  },
  'Pad by reflection': {
    shape: [1, 3, 4],
    nodes: [node('Pad', ['x', 'p'], 'y', { mode: 'reflect' })],
    tensors: [int64('p', [0, 0, 1, 2, 0, 0, 2, 1])]
  },
  'Pad by the edge': {
    shape: [1, 3, 4],
    nodes: [node('Pad', ['x', 'p'], 'y', { mode: 'edge' })],
    tensors: [int64('p', [0, 0, 1, 2, 0, 0, 2, 1])]
  },
  'a negative Pad cuts': { shape: [1, 3, 4], nodes: [node('Pad', ['x', 'p'], 'y')], tensors: [int64('p', [0, 0, -1, 0, 0, 0, 0, -1])] },
  'Pad before opset 11': { shape: [1, 3, 3], nodes: [node('Pad', ['x'], 'y', { pads: [0, 0, 1, 0, 0, 0, 0, 1] })], opset: 9 },
  'Pad before AveragePool': {
    shape: [1, 3, 3],
    nodes: [node('Pad', ['x', 'p'], 'a'), node('AveragePool', ['a'], 'y', { kernel_shape: [2, 2], strides: [2, 2] })],
    tensors: [int64('p', [0, 0, 0, 0, 0, 0, 1, 1])]
  },
  'Pad before AveragePool in one dimension': {
    shape: [2, 5],
    nodes: [node('Pad', ['x', 'p'], 'a'), node('AveragePool', ['a'], 'y', { kernel_shape: [3] })],
    tensors: [int64('p', [0, 0, 1, 0, 0, 1])]
  },
  'AveragePool with ceil_mode and counted padding of nothing': {
    shape: [1, 5, 5],
    nodes: [node('AveragePool', ['x'], 'y', { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1, count_include_pad: 1 })],
    opset: 19
  },
  'Sum with a constant': { shape: [4], nodes: [node('Sum', ['x', 'c', 'x'], 'y')], tensors: [matrix('c', [4])] },
  'Squeeze of whatever is 1': { shape: [1, 3, 1], nodes: [node('Squeeze', ['x'], 'y')] },
  'zeros of one row per sample': {
    shape: [4],
    nodes: [node('Shape', ['x'], 's'), node('ConstantOfShape', ['s'], 'z'), node('Add', ['x', 'z'], 'y')]
  },
  'ones expanded over the batch': {
    shape: [4],
    nodes: [node('Shape', ['x'], 's'), node('Expand', ['o', 's'], 'e'), node('Mul', ['x', 'e'], 'y')],
    tensors: [matrix('o', [1, 4], 4)]
  },
  'Reshape with allowzero and no zero': {
    shape: [2, 3],
    nodes: [node('Reshape', ['x', 's'], 'y', { allowzero: 1 })],
    tensors: [int64('s', [-1, 6])]
  },
  'rows as part of the batch, as Keras writes Dense on sequences': {
    shape: [3, 4],
    nodes: [
      node('Reshape', ['x', 'rows'], 'r'),
      node('MatMul', ['r', 'w'], 'm'),
      node('Add', ['m', 'c'], 'a'),
      node('Shape', ['x'], 's'),
      node('Slice', ['s', 'zero', 'one'], 'n'),
      node('Concat', ['n', 'rest'], 't', { axis: 0 }),
      node('Reshape', ['a', 't'], 'y')
    ],
    tensors: [
      int64('rows', [-1, 4]),
      matrix('w', [4, 2]),
      matrix('c', [2], 3),
      int64('zero', [0]),
      int64('one', [1]),
      int64('rest', [3, 2])
    ]
  },
  'Reshape of one number to none': {
    shape: [3],
    nodes: [node('MatMul', ['x', 'w'], 'a'), node('Reshape', ['a', 's'], 'y')],
    tensors: [matrix('w', [3, 1]), int64('s', [-1])]
  }
}

describe('linear maps', () => {
  test.each(Object.entries(cases))('%s', async (_title, { shape, nodes, tensors = [], opset = 17 }) => {
    const bytes = onnxModel({ nodes, tensors, input: ['N', ...shape], opset })
    const size = shape.reduce((product, dimension) => product * dimension, 1)
    const samples = [1, 2, 3].map(seed => wave(size, 10 * seed))
    const expected = (await onnxruntime(bytes, samples, shape))['y']!
    const graph = importOnnx(bytes)
    const network = fuse(graph)
    samples.forEach((sample, row) => {
      const result = evaluate(graph, sample)
      expect(largestDifference(result, expected[row]!)).toBeLessThan(1e-5)
      expect(largestDifference(network.forward(sample), result)).toBeLessThan(1e-12)
    })
    // what is published of it stands a check by others
    const architecture = architectureOf(network)
    expect(parseArchitecture(JSON.parse(JSON.stringify(architecture)))).toEqual(architecture)
  })

  test('zeros around an image are padding of the convolution behind them', async () => {
    const model = (pads: readonly number[]): Model => ({
      nodes: [node('Pad', ['x', 'p'], 'a'), node('Conv', ['a', 'k'], 'y', { strides: [2, 2], pads })],
      tensors: [int64('p', [0, 0, 1, 2, 0, 0, 0, 1]), matrix('k', [2, 1, 3, 3])],
      input: ['N', 1, 5, 5],
      opset: 17
    })
    const graph = importOnnx(onnxModel(model([0, 1, 1, 0])))
    expect(graph.nodes.map(({ operator }) => operator.kind)).toEqual(['input', 'convolution'])
    expect(fuse(graph).layers[0]).toMatchObject({ convolution: { geometry: { pads: [1, 3, 1, 1], height: 5, width: 5 } } })
    const expected = (await onnxruntime(onnxModel(model([0, 1, 1, 0])), [wave(25, 3)], [1, 5, 5]))['y']![0]!
    expect(largestDifference(evaluate(graph, wave(25, 3)), expected)).toBeLessThan(1e-5)
  })

  test('a convolution that covers its whole input is a dense layer', () => {
    const bytes = onnxModel({
      nodes: [node('Conv', ['x', 'k'], 'y')],
      tensors: [matrix('k', [6, 2, 4, 3])],
      input: ['N', 2, 4, 3]
    })
    const [layer] = fuse(importOnnx(bytes)).layers
    expect(layer).toMatchObject({ kind: 'affine', operations: [{ kind: 'dense', inputs: 24, outputs: 6 }] })
    expect(layer).not.toHaveProperty('convolution')
  })

  test('rows of the batch must come back to their samples', () => {
    const model = (...rest: Model['nodes']) =>
      onnxModel({ nodes: [node('Reshape', ['x', 's'], 'r'), ...rest], tensors: [int64('s', [-1, 4])], input: ['N', 3, 4], opset: 17 })
    expect(() => importOnnx(model(node('Relu', ['r'], 'y')))).toThrowError(/rows of 'y' are part of the batch/)
    expect(() => importOnnx(model(node('Transpose', ['r'], 'y')))).toThrowError(/Transpose of a value whose rows are part of the batch/)
  })

  test('nodes in any order', () => {
    const nodes = [node('MatMul', ['x', 'w'], 'a'), node('Relu', ['a'], 'b'), node('Add', ['b', 'c'], 'y')]
    const model = (order: readonly number[]) =>
      importOnnx(
        onnxModel({
          nodes: order.map(index => nodes[index]!),
          tensors: [matrix('w', [4, 4]), matrix('c', [4])],
          input: ['N', 4],
          opset: 17
        })
      )
    for (const order of [
      [2, 1, 0],
      [1, 2, 0],
      [0, 2, 1]
    ])
      expect(model(order)).toEqual(model([0, 1, 2]))
  })
})
