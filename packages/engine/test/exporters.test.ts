/** Whole models in the manner of PyTorch, tf2onnx and skl2onnx: import, final operators, several outputs, data types, open shapes. */
import { applyFinal, approximateActivations, evaluate, fuse, importOnnx, measureActivations, type NetworkGraph } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { int64, type Node, node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'

const samplesOf = (shape: readonly number[], count = 3): number[][] =>
  Array.from({ length: count }, (_, seed) =>
    wave(
      shape.reduce((product, dimension) => product * dimension, 1),
      7 * seed
    )
  )

const weights = (name: string, shape: readonly number[], seed: number, factor = 1) =>
  tensor(
    name,
    shape,
    wave(
      shape.reduce((product, dimension) => product * dimension, 1),
      seed
    ).map(value => factor * value)
  )

async function expectSameAs(bytes: Uint8Array, graph: NetworkGraph, shape: readonly number[], output = graph.outputName): Promise<void> {
  const samples = samplesOf(shape)
  const expected = (await onnxruntime(bytes, samples, shape))[output]!
  samples.forEach((sample, row) => {
    expect(largestDifference(applyFinal(graph.final, evaluate(graph, sample)), expected[row]!)).toBeLessThan(1e-4)
  })
}

describe('models as exporters write them', () => {
  test('PyTorch: convolutions, normalisation, pooling, silu, a classifier with log-softmax', async () => {
    const shape = [2, 12, 12]
    const statistics = ['g', 'be', 'mu'].map((name, seed) => weights(name, [4], seed))
    const bytes = onnxModel({
      opset: 17,
      nodes: [
        {
          ...node('Conv', ['x', 'k1', 'b1'], 'c1', {
            kernel_shape: [3, 3],
            pads: [1, 1, 1, 1],
            strides: [2, 2],
            dilations: [1, 1],
            group: 1
          }),
          name: '/conv1/Conv'
        },
        {
          ...node('BatchNormalization', ['c1', 'g', 'be', 'mu', 'va'], 'n1', { epsilon: 1e-5, momentum: 0.9, training_mode: 0 }),
          name: '/bn1/BatchNormalization'
        },
        { ...node('Sigmoid', ['n1'], 's1'), name: '/act1/Sigmoid' },
        { ...node('Mul', ['n1', 's1'], 'a1'), name: '/act1/Mul' },
        { ...node('Conv', ['a1', 'k2'], 'c2', { kernel_shape: [3, 3], group: 4 }), name: '/conv2/Conv' },
        { ...node('Relu', ['c2'], 'a2'), name: '/act2/Relu' },
        { ...node('GlobalAveragePool', ['a2'], 'p'), name: '/pool/GlobalAveragePool' },
        { ...node('Flatten', ['p'], 'f', { axis: 1 }), name: '/Flatten' },
        { ...node('Gemm', ['f', 'w', 'b'], 'z', { alpha: { float: 1 }, beta: { float: 1 }, transB: 1 }), name: '/fc/Gemm' },
        { ...node('LogSoftmax', ['z'], 'y', { axis: 1 }), name: '/LogSoftmax' }
      ],
      tensors: [
        weights('k1', [4, 2, 3, 3], 1),
        weights('b1', [4], 2),
        ...statistics,
        tensor('va', [4], [1, 0.5, 2, 1.5]),
        weights('k2', [8, 1, 3, 3], 3),
        weights('w', [5, 8], 4),
        weights('b', [5], 5)
      ],
      input: ['batch_size', ...shape]
    })
    const graph = importOnnx(bytes, { name: 'torch' })
    expect(graph).toMatchObject({ name: 'torch', final: [{ kind: 'logSoftmax' }], outputName: 'y' })
    expect(graph.nodes.filter(({ operator }) => operator.kind === 'activation').map(({ name }) => name)).toEqual(['/act1', '/act2/Relu'])
    await expectSameAs(bytes, graph, shape)
    const { network, report } = approximateActivations(graph, measureActivations(graph, samplesOf(shape)), { maximumError: 0.1 })
    expect(network.layers.map(layer => layer.kind)).toEqual(['affine', 'polynomial', 'affine', 'polynomial', 'affine'])
    expect(report.activations.every(({ maximumError }) => maximumError <= 0.1)).toBe(true)
    for (const sample of samplesOf(shape)) expect(largestDifference(network.forward(sample), evaluate(graph, sample))).toBeLessThan(0.5)
  })

  test('tf2onnx: channels last around convolutions, constants instead of normalisation, MatMul and Add, softmax', async () => {
    const shape = [9, 9, 2]
    const bytes = onnxModel({
      opset: 13,
      nodes: [
        node('Transpose', ['x'], 'x1', { perm: [0, 3, 1, 2] }),
        node('Conv', ['x1', 'k1'], 'c1', { strides: [2, 2], auto_pad: 'SAME_UPPER' }),
        node('Add', ['c1', 'b1'], 'd1'),
        node('Mul', ['d1', 'm1'], 'e1'),
        node('Transpose', ['e1'], 't1', { perm: [0, 2, 3, 1] }),
        node('Mul', ['t1', 't1'], 'a1'),
        node('Transpose', ['a1'], 'x2', { perm: [0, 3, 1, 2] }),
        node('AveragePool', ['x2'], 'p2', { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 1, 1] }),
        node('Transpose', ['p2'], 't2', { perm: [0, 2, 3, 1] }),
        node('Reshape', ['t2', 'shape'], 'f'),
        node('MatMul', ['f', 'w'], 'z'),
        node('Add', ['z', 'b'], 'logits'),
        node('Softmax', ['logits'], 'y', { axis: -1 })
      ],
      tensors: [
        weights('k1', [3, 2, 3, 3], 1),
        weights('b1', [1, 3, 1, 1], 2),
        weights('m1', [3, 1, 1], 3),
        int64('shape', [-1, 27]),
        weights('w', [27, 4], 4),
        weights('b', [4], 5)
      ],
      input: ['unk__1', ...shape]
    })
    const graph = importOnnx(bytes)
    expect(graph.final).toEqual([{ kind: 'softmax' }])
    await expectSameAs(bytes, graph, shape)
    const network = fuse(graph)
    expect(network.layers.map(layer => layer.kind)).toEqual(['affine', 'square', 'affine'])
    for (const sample of samplesOf(shape)) expect(largestDifference(network.forward(sample), evaluate(graph, sample))).toBeLessThan(1e-9)
  })

  test('one input channel last is a plain reshape, so that the first convolution keeps its taps', () => {
    const bytes = onnxModel({
      nodes: [node('Transpose', ['x'], 'x1', { perm: [0, 3, 1, 2] }), node('Conv', ['x1', 'k'], 'c'), node('Flatten', ['c'], 'y')],
      tensors: [weights('k', [2, 1, 3, 3], 1)],
      input: ['N', 5, 5, 1]
    })
    expect(fuse(importOnnx(bytes)).layers[0]).toHaveProperty('convolution')
  })
})

const learning = (operator: string, inputs: readonly string[], outputs: readonly string[], attributes: Node['attributes'] = {}): Node => ({
  operator,
  inputs,
  outputs,
  attributes,
  name: operator,
  domain: 'ai.onnx.ml'
})

const floats = (length: number, seed: number) => ({ floats: wave(length, seed) })
const classes = (count: number) => Array.from({ length: count }, (_, label) => label)

/** LogisticRegression behind a StandardScaler: label, scores, normalised scores. */
const logistic = (
  count: number,
  transform: string,
  extra: readonly Node[] = [],
  outputs = [{ name: 'label', type: 7 }, { name: 'probabilities' }]
) =>
  onnxModel({
    opset: 17,
    nodes: [
      learning('Scaler', ['x'], ['scaled'], { offset: floats(4, 1), scale: floats(4, 2) }),
      learning('LinearClassifier', ['scaled'], ['label', 'scores'], {
        coefficients: floats(4 * count, 3),
        intercepts: floats(count, 4),
        classlabels_ints: classes(count),
        multi_class: 1,
        post_transform: transform
      }),
      learning('Normalizer', ['scores'], ['probabilities'], { norm: 'L1' }),
      ...extra
    ],
    input: ['N', 4],
    outputs
  })

describe('skl2onnx', () => {
  test.each([
    [3, 'SOFTMAX', ['softmax', 'normalize']],
    [3, 'LOGISTIC', ['sigmoid', 'normalize']],
    [2, 'LOGISTIC', ['sigmoid', 'normalize']]
  ] as const)('linear classifier with %i classes and %s', async (count, transform, final) => {
    const bytes = logistic(count, transform)
    const graph = importOnnx(bytes)
    expect(graph).toMatchObject({ final: final.map(kind => ({ kind })), outputName: 'probabilities', task: { kind: 'classification' } })
    await expectSameAs(bytes, graph, [4])
    const labels = importOnnx(bytes, { output: 'label' })
    expect(labels.final).toEqual([{ kind: 'argmax' }])
    await expectSameAs(bytes, labels, [4])
    expect(fuse(graph).layers.map(layer => layer.kind)).toEqual(['affine'])
  })

  test('labels and dictionaries of probabilities as a pipeline gives them', () => {
    const extra = [
      { ...node('Cast', ['label'], 'label64', { to: 7 }) },
      learning('ZipMap', ['probabilities'], ['output_probability'], { classlabels_int64s: classes(3) })
    ]
    const graph = importOnnx(logistic(3, 'SOFTMAX', extra, [{ name: 'label64', type: 7 }, { name: 'output_probability' }]))
    expect(graph).toMatchObject({
      final: [{ kind: 'softmax' }, { kind: 'normalize' }],
      outputName: 'output_probability',
      task: { labels: [0, 1, 2] }
    })
  })

  test('scores without transformation', async () => {
    const bytes = logistic(3, 'NONE', [], [{ name: 'scores' }])
    const graph = importOnnx(bytes)
    expect(graph.final).toEqual([])
    await expectSameAs(bytes, graph, [4])
  })

  test('linear regression', async () => {
    const bytes = onnxModel({
      nodes: [
        learning('Scaler', ['x'], ['scaled'], { offset: { floats: [0.5] }, scale: { floats: [2] } }),
        learning('LinearRegressor', ['scaled'], ['v'], { coefficients: floats(8, 3), intercepts: floats(2, 4), targets: 2 }),
        { ...node('Identity', ['v'], 'y') }
      ],
      input: ['N', 4]
    })
    await expectSameAs(bytes, importOnnx(bytes), [4])
  })

  test('a binary MLPClassifier: probabilities beside their complements, labels looked up', async () => {
    const bytes = onnxModel({
      opset: 17,
      nodes: [
        node('Cast', ['x'], 'cast', { to: 1 }),
        node('MatMul', ['cast', 'w1'], 'mul1'),
        node('Add', ['mul1', 'b1'], 'add1'),
        node('Tanh', ['add1'], 'act'),
        node('MatMul', ['act', 'w2'], 'mul2'),
        node('Add', ['mul2', 'b2'], 'add2'),
        node('Sigmoid', ['add2'], 'out'),
        node('Sub', ['unity', 'out'], 'negative'),
        node('Concat', ['negative', 'out'], 'probabilities', { axis: 1 }),
        node('ArgMax', ['probabilities'], 'best', { axis: 1 }),
        { ...node('ArrayFeatureExtractor', ['classes', 'best'], 'found'), domain: 'ai.onnx.ml' },
        node('Reshape', ['found', 'flat'], 'reshaped'),
        node('Cast', ['reshaped'], 'label', { to: 7 })
      ],
      tensors: [
        weights('w1', [4, 3], 1),
        weights('b1', [1, 3], 2),
        weights('w2', [3, 1], 3),
        weights('b2', [1, 1], 4),
        tensor('unity', [], [1]),
        tensor('classes', [2], [0, 1], 'int32'),
        int64('flat', [-1])
      ],
      input: ['N', 4],
      outputs: [{ name: 'label', type: 7 }, { name: 'probabilities' }]
    })
    const graph = importOnnx(bytes)
    expect(graph).toMatchObject({
      final: [{ kind: 'sigmoid' }, { kind: 'complement' }],
      nodes: { length: 6 },
      task: { kind: 'binary', threshold: 0.5, labels: [0, 1] }
    })
    const samples = samplesOf([4])
    const expected = (await onnxruntime(bytes, samples, [4]))['probabilities']!
    samples.forEach((sample, row) => {
      expect(largestDifference(applyFinal(graph.final, evaluate(graph, sample)), expected[row]!)).toBeLessThan(1e-5)
    })
  })
})

describe('final operators', () => {
  const ending = (nodes: readonly Node[], opset = 13) =>
    onnxModel({
      opset,
      nodes: [node('Gemm', ['x', 'w', 'b'], 'z'), ...nodes],
      tensors: [weights('w', [4, 3], 1), weights('b', [3], 2)],
      input: ['N', 4]
    })

  test.each([
    ['softmax', [node('Softmax', ['z'], 'y')], 9],
    ['softmax', [node('Softmax', ['z'], 'y')], 21],
    ['logSoftmax', [node('LogSoftmax', ['z'], 'y')], 13],
    ['sigmoid', [node('Sigmoid', ['z'], 'y')], 17]
  ] as const)('%s at the end is left to the querier, opset %#', async (final, nodes, opset) => {
    const bytes = ending(nodes, opset)
    const graph = importOnnx(bytes)
    expect(graph.final).toEqual([{ kind: final }])
    expect(graph.nodes).toHaveLength(2)
    await expectSameAs(bytes, graph, [4])
  })

  test('an ArgMax after a softmax needs the logits alone', async () => {
    const bytes = onnxModel({
      nodes: [
        node('Gemm', ['x', 'w', 'b'], 'z'),
        node('Softmax', ['z'], 'p'),
        node('ArgMax', ['p'], 'i', { axis: 1, keepdims: 0 }),
        node('Cast', ['i'], 'y', { to: 6 })
      ],
      tensors: [weights('w', [4, 3], 1), weights('b', [3], 2)],
      input: ['N', 4],
      outputs: [{ name: 'y', type: 6 }]
    })
    const graph = importOnnx(bytes)
    expect(graph.final).toEqual([{ kind: 'softmax' }, { kind: 'argmax' }])
    await expectSameAs(bytes, graph, [4])
  })

  test('several outputs: those of the same logits are one, others are evaluated together or chosen', () => {
    const nodes = [node('Gemm', ['x', 'w', 'b'], 'z'), node('Softmax', ['z'], 'p'), node('Gemm', ['x', 'w', 'b'], 'other')]
    const model = (outputs: readonly string[]) =>
      onnxModel({
        nodes,
        tensors: [weights('w', [4, 3], 1), weights('b', [3], 2)],
        input: ['N', 4],
        outputs: outputs.map(name => ({ name }))
      })
    expect(importOnnx(model(['z', 'p'])).outputName).toBe('z')
    expect(importOnnx(model(['p', 'other'])).parts).toMatchObject([
      { name: 'p', final: [{ kind: 'softmax' }] },
      { name: 'other', final: [] }
    ])
    expect(importOnnx(model(['p', 'other']), { output: 'other' })).toMatchObject({ outputName: 'other', final: [] })
    expect(() => importOnnx(model(['p', 'other']), { output: 'q' })).toThrowError(/no output 'q'/)
  })

  test('applyFinal', () => {
    const logits = Float64Array.of(1000, 999, -1000)
    expect(applyFinal([], logits)).toEqual(logits)
    const probabilities = applyFinal([{ kind: 'softmax' }], logits)
    expect(probabilities[0]).toBeCloseTo(Math.E / (Math.E + 1), 12)
    expect(applyFinal([{ kind: 'logSoftmax' }], logits)[2]).toBeCloseTo(-2000 - Math.log(1 + 1 / Math.E), 9)
    expect(applyFinal([{ kind: 'sigmoid' }], logits)).toEqual(Float64Array.of(1, 1, 0))
    expect(applyFinal([{ kind: 'sigmoid' }, { kind: 'normalize' }], logits)).toEqual(Float64Array.of(0.5, 0.5, 0))
    expect(applyFinal([{ kind: 'argmax' }], Float64Array.of(1, 3, 3))).toEqual(Float64Array.of(1))
  })
})

describe('tensors and shapes', () => {
  test.each(['float', 'double', 'float16', 'bfloat16', 'int64', 'int32', 'uint8'] as const)('initialisers of %s', stored => {
    const values = stored.startsWith('int') || stored === 'uint8' ? [3, 0, 7, 100] : [1.5, -0.25, 0, 1024]
    const bytes = onnxModel({
      nodes: [node('Cast', ['c'], 'f', { to: 1 }), node('Add', ['x', 'f'], 'y')],
      tensors: [tensor('c', [4], values, stored)],
      input: ['N', 4]
    })
    expect([...evaluate(importOnnx(bytes), [0, 0, 0, 0])]).toEqual(values)
  })

  test('halves kept as whole numbers, numbers kept in lists', () => {
    const lists = [
      { ...tensor('c', [3], []), dataType: 10, rawData: new Uint8Array(0), int32Data: [0x3c00, 0xc000, 0x0001] },
      { ...tensor('c', [3], []), dataType: 16, rawData: new Uint8Array(0), int32Data: [0x3f80, 0xc000, 0x0000] },
      { ...tensor('c', [3], []), dataType: 11, rawData: new Uint8Array(0), doubleData: [1, -2, 0.1] },
      { ...tensor('c', [3], []), dataType: 7, rawData: new Uint8Array(0), int64Data: [1n, -2n, 3n] },
      { ...tensor('c', [3], []), dataType: 3, rawData: new Uint8Array(0), int32Data: [1, -2, 3] }
    ]
    const third = [2 ** -24, 0, 0.1, 3, 3]
    lists.forEach((list, index) => {
      const bytes = onnxModel({ nodes: [node('Add', ['x', 'c'], 'y')], tensors: [list], input: ['N', 3] })
      expect([...evaluate(importOnnx(bytes), [0, 0, 0])]).toEqual([1, -2, third[index]])
    })
  })

  test('the shape of a sample can be given when the file leaves it open, and must not contradict it', () => {
    const nodes = [node('Conv', ['x', 'k'], 'c'), node('Flatten', ['c'], 'y')]
    const model = (input: readonly (number | string)[]) => onnxModel({ nodes, tensors: [weights('k', [2, 1, 3, 3], 1)], input })
    const open = model(['N', 1, 'rows', 'columns'])
    expect(() => importOnnx(open)).toThrowError(/node 'x'.*option 'inputShape'.*got \?×1×\?×\?/)
    expect(importOnnx(open, { inputShape: [1, 5, 4] }).nodes.at(-1)!.shape).toEqual([2, 3, 2])
    expect(() => importOnnx(open, { inputShape: [2, 5, 4] })).toThrowError(/as asked for/)
    expect(() => importOnnx(open, { inputShape: [1, 5] })).toThrowError(/as asked for/)
    expect(importOnnx(model([1, 1, 5, 4])).nodes[0]!.shape).toEqual([1, 5, 4])
  })

  test('two nodes of one name are told apart', () => {
    const bytes = onnxModel({
      nodes: [
        { ...node('Relu', ['x'], 'a'), name: 'act' },
        { ...node('Gemm', ['a', 'w'], 'b'), name: 'fc' },
        { ...node('Relu', ['b'], 'c'), name: 'act' },
        { ...node('Gemm', ['c', 'w'], 'y'), name: 'fc' }
      ],
      tensors: [weights('w', [4, 4], 1)],
      input: ['N', 4]
    })
    expect(importOnnx(bytes).nodes.map(({ name }) => name)).toEqual(['x', 'act', 'fc', 'act#2', 'fc#2'])
  })
})
