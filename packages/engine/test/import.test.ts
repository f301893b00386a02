import { evaluate, fuse, importOnnx } from '@slytherin/engine'
import * as ort from 'onnxruntime-web'
import { describe, expect, test } from 'vitest'
import { goldenLogits, graphOf, largestDifference, manifest, networkOf, onnxBytes, testSamples } from './data.ts'

ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

/** The others, whose answers are not logits alone, are held against onnxruntime with their final operators (answers.test.ts). */
const withGolden = manifest.filter(model => model.golden !== undefined).map(model => model.name)
const supported = withGolden.filter(name => !/silu$/.test(name))

async function onnxruntime(bytes: Uint8Array, samples: readonly Float64Array[], shape: readonly number[]): Promise<Float64Array[]> {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] })
  try {
    const flat = Float32Array.from(samples.flatMap(sample => [...sample]))
    const tensor = new ort.Tensor('float32', flat, [samples.length, ...shape])
    const results = await session.run({ [session.inputNames[0]!]: tensor })
    const data = results[session.outputNames[0]!]!.data as Float32Array
    const width = data.length / samples.length
    return samples.map((_, row) => Float64Array.from(data.subarray(row * width, (row + 1) * width)))
  } finally {
    await session.release()
  }
}

describe('import of the trained networks', () => {
  test('the list is not empty', () => expect(supported.length).toBeGreaterThanOrEqual(9))

  test.each(withGolden)('%s: the graph reference gives the golden logits and those of onnxruntime', async name => {
    const graph = graphOf(name)
    const samples = testSamples(name, 8)
    const golden = goldenLogits(name)
    const runtime = await onnxruntime(onnxBytes(name), samples, graph.nodes[0]!.shape)
    samples.forEach((sample, row) => {
      const logits = evaluate(graph, sample)
      expect(largestDifference(logits, golden[row]!)).toBeLessThan(2e-6 * Math.max(1, ...golden[row]!.map(Math.abs)))
      expect(largestDifference(logits, runtime[row]!)).toBeLessThan(1e-4)
    })
  })

  test.each(supported)('%s: the fused network agrees with the graph', name => {
    const [graph, network] = [graphOf(name), networkOf(name)]
    for (const sample of testSamples(name, 4)) {
      expect(largestDifference(network.forward(sample), evaluate(graph, sample))).toBeLessThan(1e-9)
    }
  })

  test.each(['nn20-silu', 'nn50-silu'])('%s: activations are read, and must be approximated before fusing', name => {
    const graph = importOnnx(onnxBytes(name))
    const activations = graph.nodes.filter(node => node.operator.kind === 'activation')
    expect(activations.map(node => node.name)).toEqual(Array.from({ length: activations.length }, (_, layer) => `act${layer + 1}`))
    expect(activations.every(node => node.operator.kind === 'activation' && node.operator.function.name === 'silu')).toBe(true)
    expect(() => fuse(graph)).toThrowError(/node 'act1': silu cannot be evaluated under encryption as it is; approximate it first/)
  })
})
