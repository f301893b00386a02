import { readFileSync } from 'node:fs'
import {
  type ApproximatedNetwork,
  type EngineError,
  evaluate,
  fuse,
  InvalidInputError,
  importOnnx,
  type NetworkBuilder,
  network,
  ShapeMismatchError
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { graphOf, largestDifference, testSamples } from './data.ts'
import { node, onnxModel, tensor, wave } from './onnx-model.ts'

const operatorsOf = (name: string) => graphOf(name).nodes.map(({ operator }) => operator)

describe('a network from a few lines', () => {
  test('cryptonet-square from its weights is the network of the file', () => {
    const operators = operatorsOf('cryptonet-square')
    const convolution = operators.find(operator => operator.kind === 'convolution')!
    const [first, second] = operators.filter(operator => operator.kind === 'dense')
    const graph = network({ input: [1, 28, 28], name: 'digits' })
      .conv({ outputChannels: 5, kernel: 5, strides: 2, pads: [0, 0, 1, 1], weights: convolution.kernel, bias: convolution.bias })
      .activation('square')
      .dense({ outputs: 100, weights: first!.weight, bias: first!.bias })
      .activation('square')
      .dense({ outputs: 10, weights: second!.weight, bias: second!.bias })
      .softmax()
      .build()
    expect(graph).toMatchObject({ name: 'digits', final: [{ kind: 'softmax' }], task: { kind: 'classification' } })
    expect(graph.nodes.map(({ name }) => name)).toEqual(['input', 'conv1', 'act1', 'shape1', 'dense1', 'act2', 'dense2'])
    const built = fuse(graph)
    const imported = fuse(graphOf('cryptonet-square'))
    expect(built.layers.map(layer => layer.kind)).toEqual(imported.layers.map(layer => layer.kind))
    for (const sample of testSamples('cryptonet-square', 3)) {
      expect(evaluate(graph, sample)).toEqual(evaluate(graphOf('cryptonet-square'), sample))
      expect(largestDifference(built.forward(sample), imported.forward(sample))).toBe(0)
    }
  })

  test('every layer means what the same ONNX operator means', () => {
    const kernel = wave(24, 1)
    const statistics = { gamma: wave(4, 2), beta: wave(4, 3), mean: wave(4, 4), variance: [1, 2, 0.5, 1] }
    const names = ['gamma', 'beta', 'mean', 'variance'] as const
    const weights = wave(24, 5)
    const bytes = onnxModel({
      nodes: [
        node('Mul', ['x', 's'], 'x1'),
        node('Add', ['x1', 't'], 'x2'),
        node('Conv', ['x2', 'k', 'kb'], 'c', { group: 2, pads: [1, 0, 1, 0], dilations: [2, 1], strides: [1, 2] }),
        node('BatchNormalization', ['c', ...names], 'n', { epsilon: 2 ** -6 }),
        node('Softplus', ['n'], 'a'),
        node('AveragePool', ['a'], 'p', { kernel_shape: [2, 2], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 }),
        node('Transpose', ['p'], 'q', { perm: [0, 2, 3, 1] }),
        node('Reshape', ['q', 'shape'], 'r'),
        node('Transpose', ['r'], 'u', { perm: [0, 2, 1] }),
        node('Flatten', ['u'], 'f'),
        node('Gemm', ['f', 'w'], 'y', { transB: 1 })
      ],
      tensors: [
        tensor('s', [], [0.5]),
        tensor('t', [1, 2, 1, 1], [0.25, -1]),
        tensor('k', [4, 1, 2, 3], kernel),
        tensor('kb', [4], wave(4, 6)),
        ...names.map(name => tensor(name, [4], statistics[name])),
        tensor('shape', [3], [0, -1, 4], 'int64'),
        tensor('w', [1, 24], weights)
      ],
      input: ['N', 2, 4, 7]
    })
    const shift = Float64Array.from({ length: 56 }, (_, index) => (index < 28 ? 0.25 : -1))
    const trunk = network({ input: [2, 4, 7] })
      .scaleShift({ scale: 0.5, shift })
      .conv({
        outputChannels: 4,
        kernel: [2, 3],
        groups: 2,
        pads: [1, 0, 1, 0],
        dilations: [2, 1],
        strides: [1, 2],
        weights: kernel,
        bias: wave(4, 6)
      })
      .batchNormalization({ ...statistics, epsilon: 2 ** -6 })
      .activation('softplus')
      .averagePool({ kernel: 2, pads: 1, countPadding: true })
    expect(trunk.shape).toEqual([4, 3, 2])
    const graph = trunk.transpose([1, 2, 0]).reshape([6, 4]).transpose([1, 0]).dense({ outputs: 1, weights }).build()
    for (let seed = 0; seed < 3; seed++) {
      const x = wave(56, seed)
      expect(largestDifference(evaluate(graph, x), evaluate(importOnnx(bytes), x))).toBeLessThan(1e-12)
    }
  })

  test('polynomial activations fold or stay, as their degree says', () => {
    const layers = (coefficients: readonly number[]) => {
      const graph = network({ input: [3] })
        .dense({ outputs: 3, weights: wave(9, 1) })
        .activation({ polynomial: coefficients })
        .dense({ outputs: 2, weights: wave(6, 2) })
        .build()
      const fused = fuse(graph)
      for (let seed = 0; seed < 3; seed++)
        expect(largestDifference(fused.forward(wave(3, seed)), evaluate(graph, wave(3, seed)))).toBeLessThan(1e-9)
      return fused.layers.map(layer => layer.kind)
    }
    expect(layers([0.5, 2])).toEqual(['affine'])
    expect(layers([0.1, 0.5, -0.25])).toEqual(['affine', 'square', 'affine'])
    expect(layers([0.1, 0.5, 0, 0.3])).toEqual(['affine', 'polynomial', 'affine'])
  })

  test('a builder does not change, so that a trunk can have two heads', () => {
    const trunk = network({ input: [2] }).dense({ outputs: 2, weights: [1, 2, 3, 4] })
    const left = trunk.scaleShift({ scale: 2 }).build()
    const right = trunk.activation('square').sigmoid().build()
    expect([...evaluate(left, [1, 1])]).toEqual([6, 14])
    expect([...evaluate(right, [1, 1])]).toEqual([9, 49])
    expect([left.final, right.final]).toEqual([[], [{ kind: 'sigmoid' }]])
  })

  test('activations by name, with their usual parameters or their own', () => {
    const one = (definition: Parameters<NetworkBuilder['activation']>[0]) =>
      network({ input: [1] })
        .activation(definition)
        .build().nodes[1]!.operator
    expect(one('leakyRelu')).toEqual({ kind: 'activation', function: { name: 'leakyRelu', slope: 0.01 } })
    expect(one('elu')).toEqual({ kind: 'activation', function: { name: 'elu', alpha: 1 } })
    expect(one('silu')).toEqual({ kind: 'activation', function: { name: 'silu', beta: 1 } })
    expect(one('gelu')).toEqual({ kind: 'activation', function: { name: 'gelu' } })
    expect(one({ name: 'leakyRelu', slope: 0.3 })).toEqual({ kind: 'activation', function: { name: 'leakyRelu', slope: 0.3 } })
  })
})

test('the example of the README runs', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const example = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(match => match[1]!).find(code => code.includes('network({'))!
  const body = example.replace(/^import \{(.*)\} from '@slytherin\/engine'$/m, 'const {$1} = engine')
  const run = new Function('engine', 'kernel', 'weights', 'samples', `${body}\nreturn approximated`)
  const approximated: ApproximatedNetwork = run(await import('@slytherin/engine'), wave(18, 1), wave(180, 2), [wave(64, 3), wave(64, 4)])
  expect(approximated.report.activations[0]!.maximumError).toBeLessThanOrEqual(0.01)
  expect(approximated.network.layers.map(layer => layer.kind)).toEqual(['affine', 'polynomial', 'affine'])
})

describe('what does not fit is refused, naming the layer', () => {
  const image = network({ input: [2, 6, 6] })
  const attempts: [string, abstract new (...parameters: never[]) => EngineError, RegExp, () => unknown][] = [
    ['an empty input', InvalidInputError, /input shape/, () => network({ input: [] })],
    ['a fractional input', InvalidInputError, /input shape of 'n'/, () => network({ input: [2.5], name: 'n' })],
    [
      'too few weights',
      ShapeMismatchError,
      /'conv1': expected 36 values in weights, got 35/,
      () => image.conv({ outputChannels: 2, kernel: 3, weights: wave(35, 1) })
    ],
    [
      'a bias of another length',
      ShapeMismatchError,
      /'conv1': expected 2 values in bias/,
      () => image.conv({ outputChannels: 2, kernel: 3, weights: wave(36, 1), bias: [1] })
    ],
    [
      'groups that do not divide',
      ShapeMismatchError,
      /groups that divide 2 input and 2 output channels, got 3/,
      () => image.conv({ outputChannels: 2, groups: 3, kernel: 1, weights: [] })
    ],
    [
      'a kernel larger than the input',
      ShapeMismatchError,
      /7×7 on 6×6/,
      () => image.conv({ outputChannels: 1, kernel: 7, weights: wave(98, 1) })
    ],
    ['a stride of zero', InvalidInputError, /strides of layer 'pool1'/, () => image.averagePool({ kernel: 2, strides: 0 })],
    ['negative pads', InvalidInputError, /pads of layer 'pool1'/, () => image.averagePool({ kernel: 2, pads: -1 })],
    ['windows of padding alone', ShapeMismatchError, /windows that meet the input/, () => image.averagePool({ kernel: 2, pads: 2 })],
    [
      'a convolution of features',
      ShapeMismatchError,
      /channels × rows × columns, got 4/,
      () => network({ input: [4] }).conv({ outputChannels: 1, kernel: 1, weights: [1] })
    ],
    ['no outputs', InvalidInputError, /outputs of layer 'dense1'/, () => image.dense({ outputs: 0, weights: [] })],
    [
      'weights that are no numbers',
      InvalidInputError,
      /weights of layer 'fc'.*NaN at 1/,
      () => network({ input: [2] }).dense({ name: 'fc', outputs: 1, weights: [1, Number.NaN] })
    ],
    ['a reshape of another size', ShapeMismatchError, /72 elements, got 71/, () => image.reshape([71])],
    ['a permutation that is none', ShapeMismatchError, /permutation of 3 axes/, () => image.transpose([0, 0, 1])],
    ['a constant polynomial', InvalidInputError, /polynomial of layer 'act1'/, () => image.activation({ polynomial: [1] })],
    [
      'two layers of one name',
      InvalidInputError,
      /name of a layer.*got a/,
      () => image.activation('square', { name: 'a' }).activation('square', { name: 'a' })
    ],
    [
      'a layer after the end',
      ShapeMismatchError,
      /no layer after the final softmax/,
      () => image.softmax().dense({ outputs: 1, weights: wave(72, 1) })
    ],
    ['a network without layers', InvalidInputError, /at least one layer/, () => image.build()]
  ]
  test.each(attempts)('%s', (_name, type, message, attempt) => {
    expect(attempt).toThrowError(type)
    expect(attempt).toThrowError(message)
  })
})
