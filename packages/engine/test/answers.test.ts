/** What a network's outputs mean: final operators in order, labels, tasks, near ties, agreement by the task's own measure. */
import {
  type Answer,
  agreementOf,
  answerOf,
  applyFinal,
  architectureOf,
  determination,
  evaluate,
  type FinalOperator,
  fitActivations,
  fuse,
  InvalidArchitectureError,
  InvalidInputError,
  importOnnx,
  type NetworkGraph,
  network,
  parseArchitecture,
  type Task
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { int64, type Node, node, onnxModel, onnxruntime, strings, tensor, wave } from './onnx-model.ts'

const samples = [1, 2, 3, 4, 5].map(seed => wave(4, 3 * seed).map(value => Math.fround(2 * value)))
const matrix = (name: string, rows: number, columns: number, seed: number) => tensor(name, [rows, columns], wave(rows * columns, seed))
const kinds = (graph: NetworkGraph): string[] => graph.final.map(({ kind }) => kind)

/** A dense layer of so many outputs, then what is asked for. */
function ending(
  nodes: readonly Node[],
  {
    outputs = 3,
    opset = 17,
    tensors = [],
    names = ['y']
  }: Partial<{ outputs: number; opset: number; tensors: Parameters<typeof onnxModel>[0]['tensors']; names: readonly string[] }> = {}
) {
  return onnxModel({
    opset,
    nodes: [node('Gemm', ['x', 'w', 'b'], 'z'), ...nodes],
    tensors: [matrix('w', 4, outputs, 1), tensor('b', [outputs], wave(outputs, 2)), ...tensors],
    input: ['N', 4],
    outputs: names.map(name => ({ name }))
  })
}

async function expectAsOnnxruntime(bytes: Uint8Array, graph: NetworkGraph): Promise<void> {
  const expected = (await onnxruntime(bytes, samples, [4]))[graph.outputName]!
  samples.forEach((sample, row) => {
    expect(largestDifference(applyFinal(graph.final, evaluate(graph, sample)), expected[row]!)).toBeLessThan(
      1e-5 * Math.max(1, ...expected[row]!)
    )
  })
}

describe('final operators are taken off with all that follows, in order, or not at all', () => {
  const local = (operator: string, attributes = {}) => node(operator, ['z'], 's', attributes)
  test.each([
    ['Sigmoid, Softmax', [local('Sigmoid'), node('Softmax', ['s'], 'y')], ['sigmoid', 'softmax'], 'classification'],
    ['Sigmoid, LogSoftmax', [local('Sigmoid'), node('LogSoftmax', ['s'], 'y')], ['sigmoid', 'logSoftmax'], 'classification'],
    ['Sigmoid, Sigmoid', [local('Sigmoid'), node('Sigmoid', ['s'], 'y')], ['sigmoid', 'sigmoid'], 'multi-label'],
    ['Softmax, Sigmoid', [local('Softmax'), node('Sigmoid', ['s'], 'y')], ['softmax', 'sigmoid'], 'classification'],
    ['Relu, Softmax', [local('Relu'), node('Softmax', ['s'], 'y')], ['relu', 'softmax'], 'classification'],
    ['Tanh', [node('Tanh', ['z'], 'y')], ['tanh'], 'regression'],
    ['Exp', [node('Exp', ['z'], 'y')], ['exp'], 'regression'],
    ['Clip', [node('Clip', ['z', 'low', 'high'], 'y')], ['clip'], 'regression'],
    ['Clip below only', [node('Clip', ['z', 'low'], 'y')], ['clip'], 'regression'],
    ['LeakyRelu, Elu', [local('LeakyRelu', { alpha: { float: 0.2 } }), node('Elu', ['s'], 'y')], ['leakyRelu', 'elu'], 'regression'],
    ['Selu', [node('Selu', ['z'], 'y')], ['selu'], 'regression'],
    ['Celu', [node('Celu', ['z'], 'y', { alpha: { float: 0.5 } })], ['celu'], 'regression'],
    ['HardSigmoid', [node('HardSigmoid', ['z'], 'y')], ['hardSigmoid'], 'multi-label'],
    ['Softplus, Softsign', [local('Softplus'), node('Softsign', ['s'], 'y')], ['softplus', 'softsign'], 'regression'],
    ['Abs', [node('Abs', ['z'], 'y')], ['abs'], 'regression'],
    [
      'a scaled Tanh',
      [local('Tanh'), node('Mul', ['s', 'high'], 't'), node('Sub', ['low', 't'], 'y')],
      ['tanh', 'affine', 'affine'],
      'regression'
    ]
  ] as const)('%s', async (_, nodes, final, task) => {
    const bytes = ending(nodes, { tensors: [tensor('low', [], [-0.4]), tensor('high', [], [0.6])] })
    const graph = importOnnx(bytes)
    expect(kinds(graph)).toEqual(final)
    expect(graph.task.kind).toBe(task)
    expect(graph.nodes).toHaveLength(2)
    await expectAsOnnxruntime(bytes, graph)
  })

  test.each([
    ['scales and shifts are of the network', [node('Mul', ['z', 'half'], 't'), node('Add', ['t', 'half'], 'y')]],
    ['x·sigmoid(x) is an activation', [node('Sigmoid', ['z'], 's'), node('Mul', ['z', 's'], 'y')]]
  ] as const)('%s', async (_, nodes) => {
    const bytes = ending(nodes, { tensors: [tensor('half', [1], [0.5])] })
    const graph = importOnnx(bytes)
    expect(graph.final).toEqual([])
    await expectAsOnnxruntime(bytes, graph)
  })

  test('what stands at the input stays in the network', () => {
    for (const [second, right] of [
      ['Softmax', [0.432, 0.234, 0.334]],
      ['LogSoftmax', [0.432, 0.234, 0.334].map(Math.log)],
      ['Sigmoid', [0.8808, 0.2689, 0.6225].map(p => 1 / (1 + Math.exp(-p)))]
    ] as const) {
      const graph = importOnnx(onnxModel({ opset: 10, nodes: [node('Sigmoid', ['x'], 's'), node(second, ['s'], 'y')], input: ['N', 3] }))
      expect(graph.nodes.map(({ operator }) => operator.kind)).toEqual(['input', 'activation'])
      expect(largestDifference(applyFinal(graph.final, evaluate(graph, [2, -1, 0.5])), right)).toBeLessThan(2e-3)
    }
  })

  test.each([
    ['Squeeze', [node('Sigmoid', ['z'], 's'), node('Squeeze', ['s', 'one'], 'y')]],
    ['Reshape', [node('Sigmoid', ['z'], 's'), node('Reshape', ['s', 'flat'], 'y')]],
    ['Flatten', [node('Sigmoid', ['z'], 's'), node('Flatten', ['s'], 'y', { axis: 0 })]],
    ['Cast', [node('Sigmoid', ['z'], 's'), node('Cast', ['s'], 'y', { to: 1 })]],
    ['Identity', [node('Identity', ['z'], 'i'), node('Sigmoid', ['i'], 's'), node('Identity', ['s'], 'y')]]
  ] as const)('a sigmoid is seen through %s: the class is p > ½', async (_, nodes) => {
    const bytes = ending(nodes, { outputs: 1, tensors: [int64('one', [1]), int64('flat', [-1])] })
    const graph = importOnnx(bytes)
    expect(graph).toMatchObject({ final: [{ kind: 'sigmoid' }], task: { kind: 'binary', threshold: 0.5 } })
    expect(graph.nodes.some(({ operator }) => operator.kind === 'activation')).toBe(false)
    const expected = (await onnxruntime(bytes, samples, [4]))['y']!
    const classes = samples.map(sample => answerOf(graph, evaluate(graph, sample)).prediction)
    expect(classes).toEqual(expected.map(([p]) => (p! > 0.5 ? 1 : 0)))
    expect(new Set(classes).size).toBe(2)
  })

  test('a Softmax is seen through a Cast to another type of number', async () => {
    const graph = importOnnx(ending([node('Softmax', ['z'], 's'), node('Cast', ['s'], 'y', { to: 11 })]))
    expect(kinds(graph)).toEqual(['softmax'])
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

/** A linear classifier as skl2onnx writes it. */
function classifier(
  count: number,
  labels: Node['attributes'],
  extra: readonly Node[],
  names: readonly string[],
  transform = 'SOFTMAX',
  tensors: Parameters<typeof onnxModel>[0]['tensors'] = []
) {
  return onnxModel({
    opset: 17,
    nodes: [
      learning('LinearClassifier', ['x'], ['label', 'scores'], {
        coefficients: { floats: wave(4 * count, 3) },
        intercepts: { floats: wave(count, 4) },
        multi_class: 1,
        post_transform: transform,
        ...labels
      }),
      learning('Normalizer', ['scores'], ['probabilities'], { norm: 'L1' }),
      ...extra
    ],
    tensors,
    input: ['N', 4],
    outputs: names.map(name => ({ name, type: name.includes('label') ? 7 : 1 }))
  })
}

describe('labels are those of the file', () => {
  const predictions = (graph: NetworkGraph): unknown[] => samples.map(sample => answerOf(graph, evaluate(graph, sample)).prediction)

  test('numbers that are not 0, 1, …', async () => {
    const bytes = classifier(3, { classlabels_ints: [3, 5, 7] }, [], ['label', 'probabilities'])
    const graph = importOnnx(bytes)
    expect(graph).toMatchObject({ outputName: 'probabilities', task: { kind: 'classification', labels: [3, 5, 7] } })
    const right = (await onnxruntime(bytes, samples, [4]))['label']!.map(([label]) => label)
    expect(new Set(right).size).toBeGreaterThan(1)
    expect(predictions(graph)).toEqual(right)
    expect(predictions(importOnnx(bytes, { output: 'label' }))).toEqual(right)
    // names of the classes stand at the other output
    expect(predictions(importOnnx(bytes, { output: 'probabilities' }))).toEqual(right)
  })

  test.each([
    [
      'a dictionary',
      [learning('ZipMap', ['probabilities'], ['map'], { classlabels_strings: { strings: ['a', 'b', 'c'] } })],
      ['label', 'map']
    ],
    ['no dictionary', [], ['label', 'probabilities']],
    ['a dictionary alone', [learning('ZipMap', ['probabilities'], ['map'], { classlabels_strings: { strings: ['a', 'b', 'c'] } })], ['map']]
  ] as const)('strings, with %s', (_, extra, names) => {
    const graph = importOnnx(classifier(3, { classlabels_strings: { strings: ['a', 'b', 'c'] } }, extra, names))
    expect(graph.task).toEqual({ kind: 'classification', labels: ['a', 'b', 'c'] })
    expect(predictions(graph)).toContain('c')
  })

  test('a dictionary that became columns', async () => {
    const column = (k: number): Node[] => [
      node('Slice', ['probabilities', `n${k}`, `n${k + 1}`, 'n1'], `s${k}`),
      node('Reshape', [`s${k}`, 'flat'], `i${k}`)
    ]
    const tensors = [...[0, 1, 2].map(k => int64(`n${k}`, [k])), int64('flat', [-1])]
    const bytes = classifier(2, { classlabels_ints: [0, 1] }, [...column(0), ...column(1)], ['label', 'i0', 'i1'], 'LOGISTIC', tensors)
    const graph = importOnnx(bytes)
    expect(kinds(graph)).toEqual(['sigmoid', 'normalize'])
    const results = await onnxruntime(bytes, samples, [4])
    expect(predictions(graph)).toEqual(results['label']!.map(([label]) => label))
    for (const output of ['i0', 'i1']) {
      const one = importOnnx(bytes, { output })
      expect(one.task).toEqual({ kind: 'regression' })
      expect(one.final.at(-1)).toEqual({ kind: 'select', index: Number(output[1]) })
      await expectAsOnnxruntime(bytes, one)
    }
  })

  test('one score for two classes', async () => {
    for (const transform of ['LOGISTIC', 'NONE']) {
      const bytes = classifier(1, { classlabels_ints: [4, 9] }, [], ['label', 'scores'], transform)
      const graph = importOnnx(bytes)
      expect(graph.task).toMatchObject({ kind: 'binary', threshold: transform === 'NONE' ? 0 : 0.5, labels: [4, 9] })
      const right = (await onnxruntime(bytes, samples, [4]))['label']!.map(([label]) => label)
      expect(predictions(graph)).toEqual(right)
      expect(new Set(right).size).toBe(2)
    }
  })

  test('looked up by index, encoded, reshaped and cast', async () => {
    const tail = [
      node('Softmax', ['z'], 'p'),
      node('ArgMax', ['p'], 'i', { axis: 1 }),
      learning('ArrayFeatureExtractor', ['classes', 'i'], ['found']),
      node('Reshape', ['found', 'flat'], 'flat_found'),
      learning('LabelEncoder', ['flat_found'], ['encoded'], { keys_int64s: [10, 20, 30], values_int64s: [-1, -2, -3] }),
      node('Cast', ['encoded'], 'label', { to: 6 })
    ]
    const bytes = onnxModel({
      opset: 17,
      nodes: [node('Gemm', ['x', 'w', 'b'], 'z'), ...tail],
      tensors: [matrix('w', 4, 3, 1), tensor('b', [3], wave(3, 2)), tensor('classes', [3], [10, 20, 30], 'int64'), int64('flat', [-1])],
      input: ['N', 4],
      outputs: [{ name: 'label', type: 6 }]
    })
    const graph = importOnnx(bytes)
    expect(graph.task).toEqual({ kind: 'classification', labels: [-1, -2, -3] })
    expect(samples.map(sample => answerOf(graph, evaluate(graph, sample)).prediction)).toEqual(
      (await onnxruntime(bytes, samples, [4]))['label']!.map(([label]) => label)
    )
  })

  test('strings of a table', () => {
    const nodes = [node('ArgMax', ['z'], 'i', { axis: 1 }), learning('ArrayFeatureExtractor', ['classes', 'i'], ['y'])]
    const graph = importOnnx(ending(nodes, { tensors: [strings('classes', ['cat', 'dog', 'eel'])] }))
    expect(graph.task).toEqual({ kind: 'classification', labels: ['cat', 'dog', 'eel'] })
    expect(answerOf(graph, [0, 1, 5]).prediction).toBe('eel')
  })

  test('of another number than there are outputs are refused', () => {
    expect(() => importOnnx(classifier(3, { classlabels_ints: [1, 2] }, [], ['label', 'scores']))).toThrow(InvalidInputError)
  })
})

describe('tasks', () => {
  const dense = (outputs: number) => network({ input: [4] }).dense({ outputs, weights: wave(4 * outputs, 1) })

  test('follow from how a network ends', () => {
    expect(dense(3).build().task).toEqual({ kind: 'classification' })
    expect(dense(1).build().task).toEqual({ kind: 'regression' })
    expect(dense(1).sigmoid().build().task).toEqual({ kind: 'binary', threshold: 0.5 })
    expect(dense(3).sigmoid().build().task).toEqual({ kind: 'multi-label', threshold: 0.5 })
    const regressor = onnxModel({
      nodes: [
        learning('LinearRegressor', ['x'], ['y'], { coefficients: { floats: wave(8, 3) }, intercepts: { floats: wave(2, 4) }, targets: 2 })
      ],
      input: ['N', 4]
    })
    expect(importOnnx(regressor).task).toEqual({ kind: 'regression' })
    expect(importOnnx(regressor, { task: { kind: 'classification' } }).task).toEqual({ kind: 'classification' })
  })

  test('can be chosen, with a threshold, where the outputs allow it', () => {
    expect(dense(1).build({ kind: 'binary' }).task).toEqual({ kind: 'binary', threshold: 0 })
    expect(dense(1).sigmoid().build({ threshold: 0.8 }).task).toEqual({ kind: 'binary', threshold: 0.8 })
    expect(
      dense(3)
        .sigmoid()
        .build({ kind: 'classification', labels: ['a', 'b', 'c'] }).task
    ).toEqual({ kind: 'classification', labels: ['a', 'b', 'c'] })
    expect(
      dense(2)
        .softmax()
        .build({ kind: 'binary', labels: ['no', 'yes'] }).task
    ).toEqual({ kind: 'binary', threshold: 0.5, labels: ['no', 'yes'] })
    for (const wish of [
      () => dense(1).build({ kind: 'classification' }),
      () => dense(3).build({ kind: 'binary' }),
      () => dense(3).argmax().build({ kind: 'regression' }),
      () => dense(3).build({ threshold: 1 }),
      () => dense(3).build({ labels: ['a'] })
    ]) {
      expect(wish).toThrow(InvalidInputError)
    }
  })

  test('travel with the architecture, which is checked', () => {
    const own = fuse(
      dense(3)
        .softmax()
        .build({ labels: ['a', 'b', 7] })
    )
    const json = JSON.parse(JSON.stringify(architectureOf(own)))
    expect(parseArchitecture(json).output).toMatchObject({
      final: [{ kind: 'softmax' }],
      task: { kind: 'classification', labels: ['a', 'b', 7] }
    })
    const broken = (output: object) => () => parseArchitecture({ ...json, output: { ...json.output, ...output } })
    expect(broken({ task: { kind: 'classification', labels: ['a', 'b'] } })).toThrow(InvalidArchitectureError)
    expect(broken({ task: { kind: 'classification', labels: ['a', 'b', 'c\u001b[2J'] } })).toThrow(/control characters/)
    expect(broken({ task: { kind: 'binary', threshold: 0 } })).toThrow(InvalidArchitectureError)
    expect(broken({ final: [{ kind: 'select', index: 3 }] })).toThrow(/selects value 3 of 3/)
    expect(broken({ final: [{ kind: 'eval' }] })).toThrow(InvalidArchitectureError)
  })
})

describe('answers', () => {
  const meaning = (task: Task, ...final: FinalOperator[]) => ({ task, final })
  const told = ({ prediction, nearTie }: Answer) => [prediction, nearTie]

  test('say which decisions errors of the logits could have turned', () => {
    const classes = meaning({ kind: 'classification' }, { kind: 'softmax' })
    // six deviations of a difference of two errors: 6·√2·0.01 = 0.085
    expect(told(answerOf(classes, [1, 1.08, -5], 0.01))).toEqual([1, true])
    expect(told(answerOf(classes, [1, 1.09, -5], 0.01))).toEqual([1, false])
    expect(told(answerOf(classes, [1, 1.08, -5]))).toEqual([1, false])
    const binary = meaning({ kind: 'binary', threshold: 0.5, labels: ['no', 'yes'] }, { kind: 'sigmoid' })
    expect(told(answerOf(binary, [0.05], 0.01))).toEqual(['yes', true])
    expect(told(answerOf(binary, [-0.07], 0.01))).toEqual(['no', false])
    const complement = meaning({ kind: 'binary', threshold: 0.5 }, { kind: 'sigmoid' }, { kind: 'complement' })
    expect(told(answerOf(complement, [0.05], 0.01))).toEqual([1, true])
    expect([...answerOf(complement, [0]).outputs]).toEqual([0.5, 0.5])
    const column = meaning({ kind: 'binary', threshold: 0.5 }, { kind: 'softmax' }, { kind: 'select', index: 0 })
    expect(told(answerOf(column, [1.08, 1], 0.01))).toEqual([1, true])
    expect(told(answerOf(column, [1, 1.09], 0.01))).toEqual([0, false])
    const labels = meaning({ kind: 'multi-label', threshold: 0.5, labels: ['a', 'b', 'c'] }, { kind: 'sigmoid' })
    expect(told(answerOf(labels, [3, -3, 1], 0.01))).toEqual([['a', 'c'], false])
    expect(told(answerOf(labels, [3, -3, 0.01], 0.01))).toEqual([['a', 'c'], true])
  })

  test('of a regression carry the error of every output in its own units', () => {
    const answer = answerOf(
      meaning({ kind: 'regression' }, { kind: 'exp' }, { kind: 'affine', scale: 10, shift: 1 }),
      [Math.log(3), 0],
      1e-3
    )
    expect(answer.outputs[0]).toBeCloseTo(31, 9)
    expect(answer.prediction).toEqual([...answer.outputs])
    expect(answer.nearTie).toBe(false)
    expect(answer.deviations![0]).toBeCloseTo(30e-3, 7)
    expect(answer.deviations![1]).toBeCloseTo(10e-3, 7)
    expect(answerOf(meaning({ kind: 'regression' }), [2]).prediction).toBe(2)
  })
})

describe('agreement', () => {
  test('is measured as the task is', () => {
    const rows = [
      [1, 0],
      [0, 1],
      [2, 0],
      [0, 3]
    ]
    const others = [
      [1, 0],
      [1, 0],
      [2, 0],
      [0, 3]
    ]
    expect(agreementOf({ final: [], task: { kind: 'classification' } }, rows, others)).toBe(0.75)
    expect(agreementOf({ final: [], task: { kind: 'classification' } }, rows, others.slice(0, 3))).toBe(0.5)
    expect(agreementOf({ final: [], task: { kind: 'multi-label', threshold: 0.5 } }, rows, others)).toBe(0.75)
    expect(agreementOf({ final: [], task: { kind: 'regression' } }, rows, rows)).toBe(1)
    expect(determination([[1], [2], [3]], [[1], [2], [4]])).toBeCloseTo(0.5, 12)
    expect(determination([[1], [2], [3]], [[2], [2], [2]])).toBe(0)
    expect(
      determination(
        [
          [1, 5],
          [3, 5]
        ],
        [
          [1, 5],
          [3, 5]
        ]
      )
    ).toBe(1)
    expect(
      determination(
        [
          [1, 5],
          [3, 5]
        ],
        [
          [1, 6],
          [3, 5]
        ]
      )
    ).toBe(0.5)
    expect(determination([[1], [2]], [[1]])).toBe(Number.NEGATIVE_INFINITY)
  })

  test('a regression whose values never change their sign is fitted until its values stay', () => {
    const rows = Array.from({ length: 200 }, (_, k) => wave(4, k))
    const graph = network({ input: [4], name: 'positive' })
      .dense({ outputs: 8, weights: wave(32, 1).map(value => 2 * value) })
      .activation('tanh', { name: 'tanh' })
      .dense({ outputs: 1, weights: wave(8, 3).map(value => 10 * value), bias: [100] })
      .build()
    const exact = rows.map(row => evaluate(graph, row))
    expect(exact.every(([value]) => value! > 0)).toBe(true)
    const fitted = fitActivations(graph, rows)
    expect(fitted.report).toMatchObject({ measure: 'R²', samples: 200 })
    expect(fitted.report.agreement).toBeGreaterThanOrEqual(0.999)
    expect(
      agreementOf(
        graph,
        exact,
        rows.map(row => fitted.network.forward(row))
      )
    ).toBeGreaterThan(0.999)
    const coarse = fitActivations(graph, rows, { degree: 1 })
    expect(coarse.report.agreement).toBeLessThan(0.999)
    expect(() => fitActivations(graph, rows, { maximumDegree: 3, agreement: 0.9999999 })).toThrow(/an R² of 0\.\d+ on held-out samples/)
  })
})
