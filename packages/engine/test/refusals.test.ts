import { create, toBinary } from '@bufbuild/protobuf'
import {
  ExternalInitializerError,
  evaluate,
  fuse,
  importOnnx,
  MalformedModelError,
  MalformedTensorError,
  MissingInitializerError,
  NonFiniteWeightError,
  ShapeMismatchError,
  UnsupportedOperatorError,
  UnsupportedTopologyError
} from '@slytherin/engine'
import * as O from 'onnx-buf'
import { describe, expect, test } from 'vitest'
import { largestDifference, onnxBytes } from './data.ts'

type Attribute = number | number[] | string
interface Node {
  operator: string
  name: string
  inputs: string[]
  outputs: string[]
  attributes?: Record<string, Attribute>
}

const floats = (values: number[]) => new Uint8Array(new Float32Array(values).buffer)
const tensor = (name: string, dims: number[], values: number[]) =>
  create(O.TensorProtoSchema, { name, dims: dims.map(BigInt), dataType: O.TensorProto_DataType.FLOAT, rawData: floats(values) })
const int64 = (name: string, values: number[]) =>
  create(O.TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType: O.TensorProto_DataType.INT64,
    int64Data: values.map(BigInt)
  })

const attribute = (name: string, value: Attribute) => {
  const T = O.AttributeProto_AttributeType
  if (typeof value === 'string')
    return create(O.AttributeProtoSchema, { name, type: T.STRING, s: new TextEncoder().encode(value) as Uint8Array<ArrayBuffer> })
  if (typeof value !== 'number') return create(O.AttributeProtoSchema, { name, type: T.INTS, ints: value.map(BigInt) })
  if (Number.isInteger(value)) return create(O.AttributeProtoSchema, { name, type: T.INT, i: BigInt(value) })
  return create(O.AttributeProtoSchema, { name, type: T.FLOAT, f: value })
}

const valueInfo = (name: string, shape: (number | string)[]) =>
  create(O.ValueInfoProtoSchema, {
    name,
    type: create(O.TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(O.TypeProto_TensorSchema, {
          elemType: 1,
          shape: create(O.TensorShapeProtoSchema, {
            dim: shape.map(dimension =>
              create(O.TensorShapeProto_DimensionSchema, {
                value:
                  typeof dimension === 'string' ? { case: 'dimParam', value: dimension } : { case: 'dimValue', value: BigInt(dimension) }
              })
            )
          })
        })
      }
    })
  })

function model(nodes: Node[], initializer: O.TensorProto[], input: (number | string)[] = ['N', 4], output = 'y'): Uint8Array {
  return toBinary(
    O.ModelProtoSchema,
    create(O.ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [create(O.OperatorSetIdProtoSchema, { domain: '', version: 13n })],
      graph: create(O.GraphProtoSchema, {
        name: 'test',
        node: nodes.map(node =>
          create(O.NodeProtoSchema, {
            opType: node.operator,
            name: node.name,
            input: node.inputs,
            output: node.outputs,
            attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attribute(name, value))
          })
        ),
        initializer,
        input: [valueInfo('x', input)],
        output: [valueInfo(output, ['N', 1])]
      })
    })
  )
}

const gemm = (inputs: string[], outputs: string[], name = 'fc'): Node => ({
  operator: 'Gemm',
  name,
  inputs,
  outputs,
  attributes: { transB: 1 }
})
const weights = tensor('w', [2, 4], [1, 2, 3, 4, -1, -2, -3, -4])

const thrown = (bytes: Uint8Array): unknown => {
  try {
    fuse(importOnnx(bytes))
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}

describe('unsupported operators name node, operator and remedy', () => {
  test.each([
    ['MaxPool', /AveragePool/],
    ['GlobalMaxPool', /maxPool=pairs/],
    ['LRN', /BatchNormalization/],
    ['LSTM', /dense layers/],
    ['SomethingElse', /Conv, Gemm/]
  ])('%s', (operator, remedy) => {
    const error = thrown(model([{ operator, name: 'culprit', inputs: ['x'], outputs: ['y'] }], []))
    expect(error).toBeInstanceOf(UnsupportedOperatorError)
    expect(error).toMatchObject({ node: 'culprit', operator })
    expect((error as UnsupportedOperatorError).remedy).toMatch(remedy)
  })

  test('a node without a name is named by operator and position', () => {
    expect(thrown(model([{ operator: 'MaxPool', name: '', inputs: ['x'], outputs: ['y'] }], []))).toMatchObject({ node: 'MaxPool#0' })
  })

  test('softmax in the middle is refused, at the end it is the querier’s', () => {
    const middle = model([{ operator: 'Softmax', name: 'soft', inputs: ['x'], outputs: ['p'] }, gemm(['p', 'w'], ['y'])], [weights])
    expect(thrown(middle)).toMatchObject({ node: 'soft', operator: 'Softmax' })
    const end = model(
      [gemm(['x', 'w'], ['z']), { operator: 'Softmax', name: 'soft', inputs: ['z'], outputs: ['y'], attributes: { axis: -1 } }],
      [weights]
    )
    expect(importOnnx(end).final).toEqual([{ kind: 'softmax' }])
    const argmax = model(
      [gemm(['x', 'w'], ['z']), { operator: 'ArgMax', name: 'best', inputs: ['z'], outputs: ['y'], attributes: { axis: 1 } }],
      [weights]
    )
    expect(importOnnx(argmax).final).toEqual([{ kind: 'argmax' }])
    expect(evaluate(importOnnx(argmax), [1, 1, 1, 1])).toEqual(Float64Array.of(10, -10))
  })
})

describe('broken files', () => {
  test('truncation anywhere is a typed error', () => {
    const bytes = onnxBytes('breast-cancer-wdbc-mlp-square')
    for (let length = 0; length < bytes.length - 20; length += 37) {
      const error = thrown(bytes.subarray(0, length))
      expect(error, `cut at ${length}`).toBeInstanceOf(MalformedModelError)
    }
  })

  test('what is not ONNX', () => {
    expect(thrown(new TextEncoder().encode('{"model": true}'))).toBeInstanceOf(MalformedModelError)
    expect(thrown(new Uint8Array(64).fill(255))).toBeInstanceOf(MalformedModelError)
  })

  test.each([
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY]
  ])('%s among the weights', (_name, value) => {
    const error = thrown(model([gemm(['x', 'w'], ['y'])], [tensor('w', [1, 4], [1, 2, value, 4])]))
    expect(error).toBeInstanceOf(NonFiniteWeightError)
    expect(error).toMatchObject({ node: 'fc', tensor: 'w', index: 2 })
  })

  test('an external initialiser', () => {
    const external = create(O.TensorProtoSchema, {
      name: 'w',
      dims: [1n, 4n],
      dataType: 1,
      dataLocation: O.TensorProto_DataLocation.EXTERNAL,
      externalData: [create(O.StringStringEntryProtoSchema, { key: 'location', value: 'weights.bin' })]
    })
    const error = thrown(model([gemm(['x', 'w'], ['y'])], [external]))
    expect(error).toBeInstanceOf(ExternalInitializerError)
    expect(error).toMatchObject({ node: 'fc', tensor: 'w', location: 'weights.bin' })
  })

  test('a missing initialiser and a dangling value', () => {
    expect(thrown(model([gemm(['x', 'gone'], ['y'])], []))).toMatchObject({ node: 'fc', tensor: 'gone' })
    expect(thrown(model([gemm(['nowhere', 'w'], ['y'])], [weights]))).toBeInstanceOf(MissingInitializerError)
  })

  test('a tensor that contradicts its dimensions', () => {
    expect(thrown(model([gemm(['x', 'w'], ['y'])], [tensor('w', [2, 4], [1, 2, 3])]))).toBeInstanceOf(MalformedTensorError)
  })
})

describe('shapes and attributes', () => {
  test('a weight matrix for another input', () => {
    const error = thrown(model([gemm(['x', 'w'], ['y'])], [tensor('w', [1, 5], [1, 2, 3, 4, 5])]))
    expect(error).toBeInstanceOf(ShapeMismatchError)
    expect(error).toMatchObject({ node: 'fc' })
    expect((error as Error).message).toMatch(/5 features.*got 4/)
  })

  test('a bias of another length', () => {
    expect(thrown(model([gemm(['x', 'w', 'b'], ['y'])], [weights, tensor('b', [3], [1, 2, 3])]))).toMatchObject({ node: 'fc' })
  })

  test('a convolution whose kernel does not fit', () => {
    const conv: Node = { operator: 'Conv', name: 'conv', inputs: ['x', 'k'], outputs: ['y'] }
    const kernel = tensor('k', [1, 1, 5, 5], new Array<number>(25).fill(1))
    expect(thrown(model([conv], [kernel], ['N', 1, 3, 3]))).toMatchObject({ node: 'conv' })
    expect(thrown(model([conv], [kernel], ['N', 2, 8, 8]))).toBeInstanceOf(ShapeMismatchError)
    expect(thrown(model([conv], [kernel], ['N', 8]))).toBeInstanceOf(ShapeMismatchError)
  })

  test('a reshape that mixes samples, a transposition of the batch', () => {
    const reshape: Node = { operator: 'Reshape', name: 'mix', inputs: ['x', 's'], outputs: ['y'] }
    expect(thrown(model([reshape], [int64('s', [-1, 3])]))).toMatchObject({ node: 'mix' })
    const transpose: Node = { operator: 'Transpose', name: 'turn', inputs: ['x'], outputs: ['y'], attributes: { perm: [1, 0] } }
    expect(thrown(model([transpose], []))).toMatchObject({ node: 'turn', reason: expect.stringContaining('batch') })
  })

  test('an exponent that is not whole', () => {
    const error = thrown(model([{ operator: 'Pow', name: 'root', inputs: ['x', 'e'], outputs: ['y'] }], [tensor('e', [], [0.5])]))
    expect(error).toMatchObject({ node: 'root', activation: 'x^0.5' })
  })

  test('an input without fixed dimensions', () => {
    expect(thrown(model([gemm(['x', 'w'], ['y'])], [weights], ['N', 'M']))).toMatchObject({ node: 'x' })
  })
})

describe('topology', () => {
  const square = (input: string, output: string): Node => ({
    operator: 'Mul',
    name: `square ${output}`,
    inputs: [input, input],
    outputs: [output]
  })

  test('a residual connection around an activation is a sum of two values', () => {
    const bytes = model(
      [
        gemm(['x', 'v'], ['a'], 'fc1'),
        square('a', 'b'),
        gemm(['b', 'v'], ['c'], 'fc2'),
        { operator: 'Add', name: 'residual', inputs: ['x', 'c'], outputs: ['y'] }
      ],
      [tensor('v', [4, 4], new Array<number>(16).fill(0.5))]
    )
    const graph = importOnnx(bytes)
    const x = [1, -2, 0.5, 3]
    expect(largestDifference(fuse(graph).forward(x), evaluate(graph, x))).toBeLessThan(1e-9)
    expect(fuse(graph).layers.map(({ kind, reads }) => [kind, reads])).toEqual([
      ['affine', undefined],
      ['square', undefined],
      ['sum', [2, 0]]
    ])
  })

  test('a residual connection around linear layers is summed', () => {
    const bytes = model(
      [
        gemm(['x', 'v'], ['a'], 'fc1'),
        { operator: 'Add', name: 'residual', inputs: ['x', 'a'], outputs: ['s'] },
        square('s', 'q'),
        gemm(['q', 'w'], ['y'], 'fc2')
      ],
      [
        tensor(
          'v',
          [4, 4],
          Array.from({ length: 16 }, (_, k) => k / 8)
        ),
        weights
      ]
    )
    const graph = importOnnx(bytes)
    const x = [1, -2, 0.5, 3]
    expect(largestDifference(fuse(graph).forward(x), evaluate(graph, x))).toBeLessThan(1e-9)
    expect(fuse(graph).layers.map(layer => layer.kind)).toEqual(['affine', 'square', 'affine'])
  })

  test('a product of two different values is one of ciphertexts', () => {
    const bytes = model(
      [gemm(['x', 'v'], ['a'], 'fc1'), { operator: 'Mul', name: 'gate', inputs: ['x', 'a'], outputs: ['y'] }],
      [tensor('v', [4, 4], new Array<number>(16).fill(1))]
    )
    const graph = importOnnx(bytes)
    const x = [1, -2, 0.5, 3]
    expect(largestDifference(fuse(graph).forward(x), evaluate(graph, x))).toBeLessThan(1e-9)
    expect(fuse(graph).layers.at(-1)).toMatchObject({ kind: 'product', name: 'gate', reads: [1, 0] })
  })

  test('another function of two different values', () => {
    const error = thrown(
      model(
        [gemm(['x', 'v'], ['a'], 'fc1'), { operator: 'Max', name: 'larger', inputs: ['x', 'a'], outputs: ['y'] }],
        [tensor('v', [4, 4], new Array<number>(16).fill(1))]
      )
    )
    expect(error).toBeInstanceOf(UnsupportedTopologyError)
    expect(error).toMatchObject({ node: 'larger' })
  })
})

describe('fusing', () => {
  test('normalisation, constants, pooling, transposition and a quadratic vanish into three layers', () => {
    const nodes: Node[] = [
      { operator: 'Sub', name: 'mean', inputs: ['x', 'm'], outputs: ['x0'] },
      { operator: 'Div', name: 'std', inputs: ['x0', 'd'], outputs: ['x1'] },
      {
        operator: 'Conv',
        name: 'conv',
        inputs: ['x1', 'k', 'kb'],
        outputs: ['c'],
        attributes: { strides: [1, 1], dilations: [1, 2], group: 2 }
      },
      { operator: 'BatchNormalization', name: 'bn', inputs: ['c', 'g', 'be', 'mu', 'va'], outputs: ['n'], attributes: { epsilon: 1e-3 } },
      { operator: 'Pow', name: 'act/pow', inputs: ['n', 'two'], outputs: ['p'] },
      { operator: 'Mul', name: 'act/scale', inputs: ['p', 'minus'], outputs: ['p2'] },
      { operator: 'Add', name: 'act/sum', inputs: ['p2', 'n'], outputs: ['a'] },
      { operator: 'Dropout', name: 'drop', inputs: ['a'], outputs: ['a1'] },
      {
        operator: 'AveragePool',
        name: 'pool',
        inputs: ['a1'],
        outputs: ['b'],
        attributes: { kernel_shape: [2, 2], strides: [1, 1], pads: [0, 1, 0, 0] }
      },
      { operator: 'Transpose', name: 'turn', inputs: ['b'], outputs: ['t'], attributes: { perm: [0, 2, 3, 1] } },
      { operator: 'Reshape', name: 'flat', inputs: ['t', 's'], outputs: ['f'] },
      { operator: 'MatMul', name: 'fc', inputs: ['f', 'w2'], outputs: ['z'] },
      { operator: 'Add', name: 'bias', inputs: ['z', 'b2'], outputs: ['y'] }
    ]
    const wave = (length: number, seed: number) => Array.from({ length }, (_, k) => Math.sin(seed + 1.3 * k))
    // 2 channels of 6×7; kernel 3×3 dilated by 2 in columns → 4×3; pooled 2×2 with one column of padding → 3×3
    const bytes = model(
      nodes,
      [
        tensor('m', [1, 2, 1, 1], [0.3, -0.2]),
        tensor('d', [], [0.5]),
        tensor('k', [4, 1, 3, 3], wave(36, 1)),
        tensor('kb', [4], wave(4, 2)),
        tensor('g', [4], [1, 0.5, 2, 1.5]),
        tensor('be', [4], wave(4, 3)),
        tensor('mu', [4], wave(4, 4)),
        tensor('va', [4], [1, 2, 0.5, 1]),
        tensor('two', [], [2]),
        tensor('minus', [], [-0.25]),
        int64('s', [0, -1]),
        tensor('w2', [36, 3], wave(108, 5)),
        tensor('b2', [3], wave(3, 6))
      ],
      ['N', 2, 6, 7]
    )
    const graph = importOnnx(bytes)
    const network = fuse(graph)
    expect(network.layers.map(layer => layer.kind)).toEqual(['affine', 'square', 'affine'])
    for (let seed = 0; seed < 4; seed++) {
      const x = wave(84, seed)
      expect(largestDifference(network.forward(x), evaluate(graph, x))).toBeLessThan(1e-9)
    }
  })

  test('the first convolution keeps its taps', () => {
    for (const name of ['cryptonet-square', 'cryptonet-slytherin', 'nn20-silu-poly2']) {
      const layer = fuse(importOnnx(onnxBytes(name))).layers[0]!
      expect(layer.kind).toBe('affine')
      const { convolution, matrix } = layer as {
        convolution?: { kernel: Float64Array; geometry: { outputChannels: number } }
        matrix: { sparse(): { values: Float64Array } }
      }
      expect(convolution).toBeDefined()
      const kernelValues = new Set(convolution!.kernel)
      for (const value of matrix.sparse().values) expect(kernelValues.has(value) || value === 0).toBe(true)
    }
  })
})
