/** Several inputs and outputs of one network, by name: from files, from the builder, fused, planned and simulated. */
import {
  agreementOf,
  answerOf,
  applyFinal,
  architectureOf,
  Calibration,
  describePlan,
  evaluate,
  fuse,
  InvalidArchitectureError,
  InvalidInputError,
  importOnnx,
  joinInputs,
  network,
  parseArchitecture,
  plan,
  splitOutputs
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'

const two = (): Uint8Array =>
  onnxModel({
    nodes: [
      node('Gemm', ['x', 'w', 'b'], 'h', { transB: 1 }),
      node('Relu', ['h'], 'r'),
      node('Gemm', ['r', 'v'], 'scores', { transB: 1 }),
      node('Softmax', ['scores'], 'classes', { axis: 1 }),
      node('Gemm', ['r', 'u'], 'age', { transB: 1 })
    ],
    tensors: [
      tensor('w', [8, 6], wave(48, 1)),
      tensor('b', [8], wave(8, 2)),
      tensor('v', [3, 8], wave(24, 3)),
      tensor('u', [1, 8], wave(8, 4))
    ],
    input: ['N', 6],
    outputs: [{ name: 'classes' }, { name: 'age' }]
  })

const samples = Array.from({ length: 160 }, (_, k) => Float64Array.from(wave(6, k)))

describe('several outputs', () => {
  test('are evaluated together, and each is what onnxruntime gives', async () => {
    const graph = importOnnx(two())
    expect(graph.parts).toMatchObject([
      { name: 'classes', features: 3, final: [{ kind: 'softmax' }], task: { kind: 'classification' } },
      { name: 'age', features: 1, final: [], task: { kind: 'regression' } }
    ])
    const right = await onnxruntime(two(), samples.slice(0, 4), [6])
    samples.slice(0, 4).forEach((sample, row) => {
      for (const { part, logits } of splitOutputs(graph.parts!, evaluate(graph, sample)))
        expect(largestDifference(applyFinal(part.final, logits), right[part.name]![row]!)).toBeLessThan(1e-5)
      const answer = answerOf(graph, evaluate(graph, sample))
      expect(answer.parts!.map(({ name }) => name)).toEqual(['classes', 'age'])
      expect(answer.parts![1]!.prediction).toBeCloseTo(right['age']![row]![0]!, 5)
      expect(largestDifference(answer.outputs, [...right['classes']![row]!, ...right['age']![row]!])).toBeLessThan(1e-5)
    })
  })

  test('one of them by name is a network of its own', () => {
    expect(importOnnx(two(), { output: 'age' })).toMatchObject({ outputName: 'age', task: { kind: 'regression' }, final: [] })
    expect(importOnnx(two(), { output: 'age' }).parts).toBeUndefined()
    expect(() => importOnnx(two(), { task: { kind: 'classification' } })).toThrow(/one task for 2 outputs \(classes, age\).*--output/)
  })

  test('one trunk has one activation, and its plan says what comes of it', () => {
    const graph = importOnnx(two())
    const calibration = Calibration.fromSamples(samples)
    const { network: fused, report } = calibration.approximate(graph)
    expect(report).toMatchObject({ measure: 'least of the outputs' })
    expect(report.activations).toHaveLength(1)
    expect(fused.layers.filter(({ kind }) => kind === 'affine')).toHaveLength(2)
    const made = plan(architectureOf(fused, calibration.ranges(fused)), { data: 'encrypted', weights: 'clear', batch: 4, parties: 1 })
    expect(made.architecture.output.parts).toMatchObject([{ name: 'classes' }, { name: 'age' }])
    expect(describePlan(made)).toMatch(/classes: classification.*age: regression/)
  })

  test('agreement is that of the output that agrees least', () => {
    const graph = importOnnx(two())
    const exact = samples.map(sample => evaluate(graph, sample))
    const turned = exact.map(row => Float64Array.from([-row[0]!, -row[1]!, -row[2]!, row[3]!]))
    expect(agreementOf(graph, exact, exact)).toBe(1)
    expect(agreementOf(graph, exact, turned)).toBeLessThan(0.5)
    const missed = exact.map(row => Float64Array.from([row[0]!, row[1]!, row[2]!, 0]))
    expect(agreementOf(graph, exact, missed)).toBeLessThan(0.5)
  })

  test('a near tie of one is told', () => {
    const graph = importOnnx(two())
    const logits = [1, 1 + 1e-6, 0, 5]
    expect(answerOf(graph, logits, 1e-3)).toMatchObject({ nearTie: true })
    expect(answerOf(graph, [1, 5, 0, 5], 1e-3)).toMatchObject({ nearTie: false, parts: [{ prediction: 1 }, { prediction: 5 }] })
  })
})

describe('several inputs', () => {
  const built = network({ inputs: { image: [1, 4, 4], table: [3] }, name: 'both' })
    .branch(
      x =>
        x
          .input('image')
          .conv({ outputChannels: 2, kernel: 3, weights: wave(18, 1) })
          .activation('square')
          .flatten(),
      x =>
        x
          .input('table')
          .dense({ outputs: 2, weights: wave(6, 2) })
          .activation('square')
    )
    .concat()
    .heads(
      { kind: x => x.dense({ outputs: 3, weights: wave(30, 3) }).softmax(), size: x => x.dense({ outputs: 1, weights: wave(10, 4) }) },
      {
        kind: ['cat', 'dog', 'cow']
      }
    )
  const graph = built.build()
  const image = wave(16, 7)
  const table = wave(3, 8)

  test('stand in one row, which is joined by name', () => {
    const row = joinInputs(graph.inputs!, { table, image })
    expect([...row]).toEqual([...image, ...table])
    expect(() => joinInputs(graph.inputs!, { table })).toThrow(InvalidInputError)
    expect(() => joinInputs(graph.inputs!, { table, image, other: [1] })).toThrow(/'other'/)
    expect(() => joinInputs(graph.inputs!, { table: image, image })).toThrow(/3 values/)
  })

  test('give what two networks next to each other give', () => {
    const alone = network({ input: [1, 4, 4] })
      .conv({ outputChannels: 2, kernel: 3, weights: wave(18, 1) })
      .activation('square')
      .flatten()
      .build()
    const left = evaluate(alone, image)
    const right = evaluate(
      network({ input: [3] })
        .dense({ outputs: 2, weights: wave(6, 2) })
        .activation('square')
        .build(),
      table
    )
    const hidden = [...left, ...right]
    const head = (weights: readonly number[], outputs: number): number[] =>
      Array.from({ length: outputs }, (_, row) => hidden.reduce((sum, value, k) => sum + value * weights[row * 10 + k]!, 0))
    const expected = [...head(wave(30, 3), 3), ...head(wave(10, 4), 1)]
    const row = joinInputs(graph.inputs!, { image, table })
    expect(largestDifference(evaluate(graph, row), expected)).toBeLessThan(1e-12)
    expect(largestDifference(fuse(graph).forward(row), expected)).toBeLessThan(1e-12)
    const answer = answerOf(graph, evaluate(graph, row))
    expect(['cat', 'dog', 'cow']).toContain(answer.parts![0]!.prediction)
  })

  test('nothing follows heads, and names must be there', () => {
    expect(() => built.dense({ outputs: 1, weights: wave(4, 1) })).toThrow(/heads/)
    expect(() => built.softmax()).toThrow(/heads/)
    expect(() => network({ inputs: { a: [1], b: [1] } }).input('c')).toThrow(/one of a, b/)
  })

  test('are published by name, and checked by whoever reads it', () => {
    const architecture = JSON.parse(JSON.stringify(architectureOf(fuse(graph))))
    expect(parseArchitecture(architecture)).toMatchObject({
      input: { shape: [19], parts: [{ name: 'image' }, { name: 'table', shape: [3] }] }
    })
    const refused = (change: (copy: typeof architecture) => void, path: RegExp): void => {
      const copy = structuredClone(architecture)
      change(copy)
      expect(() => parseArchitecture(copy)).toThrow(InvalidArchitectureError)
      expect(() => parseArchitecture(copy)).toThrow(path)
    }
    refused(copy => {
      copy.input.parts[1].shape = [4]
    }, /input\.parts/)
    refused(copy => {
      copy.input.parts[1].name = 'image'
    }, /names that differ/)
    refused(copy => {
      copy.output.parts[0].features = 2
    }, /output\.parts/)
    refused(copy => {
      copy.output.parts[0].task.labels = ['cat']
    }, /output\.parts\.0\.task/)
    refused(copy => {
      copy.output.parts[0].name = 'a\u001b[2J'
    }, /control characters/)
    refused(copy => {
      copy.output.final = [{ kind: 'tanh' }]
    }, /output\.final/)
  })
})
