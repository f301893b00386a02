/** Networks with branches, encrypted with parameters as they are used. */
import { architectureOf, calibrate, evaluate, fuse, importOnnx, type OperandKind, plan } from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { runEncrypted } from './encrypted.ts'
import { branchedModel, GRAPHS, samplesOf } from './graphs.ts'
import { onnxruntime } from './onnx-model.ts'

const worst = (a: readonly Float64Array[], b: readonly Float64Array[]): number =>
  Math.max(...a.flatMap((row, i) => [...row].map((value, k) => Math.abs(value - b[i]![k]!))))

const SCENARIOS: [OperandKind, OperandKind, number][] = [
  ['encrypted', 'encrypted', 3],
  ['encrypted', 'clear', 1],
  ['clear', 'encrypted', 1]
]

describe.each(SCENARIOS)('%s data, %s model, real parameters', (data, weights, parties) => {
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await loadKernel()
  })
  const options = { batch: 4, data, weights, parties, maximumDecryptions: 1024 } as const

  test('a model of branches gives what onnxruntime gives', async () => {
    const bytes = branchedModel()
    const graph = importOnnx(bytes)
    const fused = fuse(graph)
    const samples = samplesOf(graph, 24)
    const made = plan(architectureOf(fused, calibrate(fused, samples)), options)
    const few = samples.slice(0, 4)
    const { y } = await onnxruntime(bytes, few, [8])
    const { logits } = await runEncrypted(made, fused, few, kernel, 'kernel')
    expect(worst(logits, y!)).toBeLessThan(made.precision.worstError)
  })

  test('a residual network of convolutions gives what its graph says', async () => {
    const graph = GRAPHS['residual cnn']
    const fused = fuse(graph)
    const samples = samplesOf(graph, 24)
    const made = plan(architectureOf(fused, calibrate(fused, samples)), { ...options, batch: 1 })
    const few = samples.slice(0, 1)
    const { logits } = await runEncrypted(made, fused, few, kernel, 'kernel')
    expect(
      worst(
        logits,
        few.map(sample => evaluate(graph, sample))
      )
    ).toBeLessThan(made.precision.worstError)
  })
})
