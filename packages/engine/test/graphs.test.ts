/** Networks with branches: fused, planned, simulated and evaluated encrypted, against the graph evaluated node by node. */
import {
  architectureOf,
  ClearWeights,
  calibrate,
  evaluate,
  fuse,
  importOnnx,
  type OperandKind,
  type PlanOptions,
  parseArchitecture,
  parsePlan,
  plan
} from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { runEncrypted } from './encrypted.ts'
import { branchedModel, GRAPHS, samplesOf, squeezeAndExcitation } from './graphs.ts'
import { onnxruntime } from './onnx-model.ts'
import { simulate, simulatorFor } from './simulate.ts'

const worst = (a: readonly Float64Array[], b: readonly Float64Array[]): number =>
  Math.max(...a.flatMap((row, i) => [...row].map((value, k) => Math.abs(value - b[i]![k]!))))

const SCENARIOS: [OperandKind, OperandKind, number][] = [
  ['encrypted', 'encrypted', 3],
  ['encrypted', 'clear', 1],
  ['clear', 'encrypted', 1]
]

describe.each(Object.entries(GRAPHS))('%s', (_, graph) => {
  const fused = fuse(graph)
  const samples = samplesOf(graph, 24)
  const expected = samples.map(sample => evaluate(graph, sample))
  const architecture = architectureOf(fused, calibrate(fused, samples))

  test('is fused to what its graph says', () => {
    expect(
      worst(
        samples.map(sample => fused.forward(sample)),
        expected
      )
    ).toBeLessThan(1e-9)
    expect(parseArchitecture(JSON.parse(JSON.stringify(architecture)))).toEqual(architecture)
  })

  const small = { batch: 3, floodingBits: 30, maximumDecryptions: 64 } as const
  test.each<[string, OperandKind, OperandKind, Partial<PlanOptions>]>([
    ...SCENARIOS.map(([data, weights, parties]): [string, OperandKind, OperandKind, Partial<PlanOptions>] => [
      `${data} data, ${weights} model`,
      data,
      weights,
      { ...small, parties }
    ]),
    ['refreshed at least twice', 'encrypted', 'encrypted', { ...small, parties: 2, minimumRefreshes: 2 }]
  ])('%s: planned and simulated', async (_, data, weights, options) => {
    const made = plan(architecture, { ...small, parties: 1, data, weights, ...options })
    expect(parsePlan(JSON.parse(JSON.stringify(made)), { allowInsecure: true })).toEqual(made)
    const few = samples.slice(0, Math.min(made.batch, samples.length))
    const { logits } = await simulate(made, fused, few)
    const allowed = made.precision.worstError
    expect(worst(logits.slice(0, few.length), expected.slice(0, few.length))).toBeLessThan(allowed)
    if (options.minimumRefreshes) expect(made.refreshes.length).toBeGreaterThanOrEqual(2)
  })
})

test.each([
  ['residual cnn', GRAPHS['residual cnn'], 'sum'],
  ['squeeze and excitation', squeezeAndExcitation(), 'product']
])('%s of one image: maps of branches stand in one order', async (_, graph, kind) => {
  const fused = fuse(graph)
  const samples = samplesOf(graph, 24)
  const architecture = architectureOf(fused, calibrate(fused, samples))
  const options = { batch: 1, floodingBits: 30, maximumDecryptions: 64, logN: 11, insecure: true, parties: 2 } as const
  const made = plan(architecture, { ...options, data: 'encrypted', weights: 'clear' })
  const orders = made.steps.flatMap(step => (step.kind === 'diagonals' || step.kind === 'sum' ? [step.order] : []))
  expect(orders.filter(order => order !== undefined).map(order => order.gap)).toContain(2)
  expect(made.steps.map(step => step.kind)).toContain(kind)
  expect(parsePlan(JSON.parse(JSON.stringify(made)), { allowInsecure: true })).toEqual(made)
  const { logits } = await simulate(made, fused, samples.slice(0, 1))
  expect(worst(logits, [evaluate(graph, samples[0]!)])).toBeLessThan(made.precision.worstError)
})

test('a batch that fills the slots: weights of branches are numbers', async () => {
  const graph = GRAPHS['residual mlp']
  const fused = fuse(graph)
  const samples = samplesOf(graph, 24)
  const architecture = architectureOf(fused, calibrate(fused, samples))
  const options = { batch: 512, floodingBits: 30, maximumDecryptions: 64, logN: 10, insecure: true, parties: 1 } as const
  const made = plan(architecture, { ...options, data: 'encrypted', weights: 'clear' })
  expect(made.batchBlock).toBeGreaterThanOrEqual(512)
  const evaluator = simulatorFor(made)
  using weights = new ClearWeights(made, fused, evaluator)
  const { source, scalar } = weights
  const { logits } = await simulate(made, fused, samples, { weights: source, scalars: scalar, retainWeights: true }, evaluator)
  const expected = samples.map(sample => evaluate(graph, sample))
  expect(worst(logits.slice(0, samples.length), expected)).toBeLessThan(made.precision.worstError)
})

describe('a model of branches, as exporters write it', () => {
  const bytes = branchedModel()
  const graph = importOnnx(bytes)
  const fused = fuse(graph)
  const samples = samplesOf(graph, 24)
  const architecture = architectureOf(fused, calibrate(fused, samples))
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await loadKernel()
  })

  test('is what onnxruntime computes', async () => {
    const { y } = await onnxruntime(bytes, samples, [8])
    const fusedLogits = samples.map(sample => fused.forward(sample))
    expect(worst(fusedLogits, y!)).toBeLessThan(1e-4)
    expect(fused.layers.map(({ kind }) => kind)).toEqual(['affine', 'square', 'sum', 'sum', 'product', 'sum'])
  })

  test.each(SCENARIOS)('%s data, %s model: encrypted on a small ring', async (data, weights, parties) => {
    const small = { batch: 3, floodingBits: 30, floodingBounds: 'norms', maximumDecryptions: 64, logN: 10, insecure: true } as const
    const made = plan(architecture, { ...small, data, weights, parties, minimumRefreshes: 1 })
    const few = samples.slice(0, 3)
    const { y } = await onnxruntime(bytes, few, [8])
    const { logits } = await runEncrypted(made, fused, few, kernel, 'kernel')
    expect(worst(logits, y!)).toBeLessThan(1e-4)
  })
})
