/** What stands for maxima and rounding when somebody asks for it, and nothing unless somebody does. */
import { architectureOf, Calibration, evaluate, importOnnx, plan, type Replacements } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { type Node, node, onnxModel, onnxruntime, tensor, wave } from './onnx-model.ts'

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)

const maxima: Record<string, { readonly shape: readonly number[]; readonly nodes: readonly Node[] }> = {
  'MaxPool 2×2': { shape: [2, 4, 6], nodes: [node('MaxPool', ['x'], 'm', { kernel_shape: [2, 2], strides: [2, 2] })] },
  'MaxPool 3×3, overlapping and padded': {
    shape: [1, 5, 5],
    nodes: [node('MaxPool', ['x'], 'm', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })]
  },
  'MaxPool, dilated, with a rest': {
    shape: [1, 6, 6],
    nodes: [node('MaxPool', ['x'], 'm', { kernel_shape: [2, 2], strides: [2, 2], dilations: [2, 1], ceil_mode: 1 })]
  },
  'MaxPool over time': { shape: [2, 7], nodes: [node('MaxPool', ['x'], 'm', { kernel_shape: [3], strides: [2] })] },
  GlobalMaxPool: { shape: [2, 2, 3], nodes: [node('GlobalMaxPool', ['x'], 'm')] },
  ReduceMax: { shape: [3, 4], nodes: [node('ReduceMax', ['x'], 'm', { axes: [1], keepdims: 0 })] }
}

describe('maxima', () => {
  test.each(Object.entries(maxima))('%s as pairs', async (_title, { shape, nodes }) => {
    const bytes = onnxModel({ nodes: [...nodes, node('Sin', ['m'], 'y')], input: ['N', ...shape], opset: 13 })
    const samples = [1, 2, 3].map(seed => wave(size(shape), 10 * seed))
    const expected = (await onnxruntime(bytes, samples, shape))['y']!
    const graph = importOnnx(bytes, { replace: { maxPool: 'pairs' } })
    samples.forEach((sample, row) => {
      expect(largestDifference(evaluate(graph, sample), expected[row]!)).toBeLessThan(1e-5)
    })
    expect(() => importOnnx(bytes)).toThrow(/maxPool=pairs/)
  })

  test('a small network with pairs keeps its answers and has a plan', () => {
    const bytes = onnxModel({
      nodes: [
        node('MaxPool', ['x'], 'm', { kernel_shape: [1, 2], strides: [1, 2] }),
        node('Flatten', ['m'], 'f'),
        node('Gemm', ['f', 'w'], 'y', { transB: 1 })
      ],
      tensors: [tensor('w', [3, 4], wave(12, 5))],
      input: ['N', 1, 2, 4]
    })
    const graph = importOnnx(bytes, { replace: { maxPool: 'pairs' } })
    const calibration = Calibration.fromSamples(Array.from({ length: 200 }, (_, k) => Float64Array.from(wave(8, k))))
    const { network, report } = calibration.approximate(graph)
    expect(report.agreement).toBeGreaterThanOrEqual(0.99)
    const { steps } = plan(architectureOf(network, calibration.ranges(network)), {
      data: 'encrypted',
      weights: 'clear',
      batch: 8,
      parties: 1
    })
    expect(steps.length).toBeGreaterThan(0)
  })

  test('as averages: another function, on request', () => {
    const bytes = onnxModel({
      nodes: [node('MaxPool', ['x'], 'm', { kernel_shape: [2, 2], strides: [2, 2] }), node('Flatten', ['m'], 'y')],
      input: ['N', 1, 2, 2]
    })
    const graph = importOnnx(bytes, { replace: { maxPool: 'average' } })
    expect([...evaluate(graph, [1, 2, 3, 6])]).toEqual([3])
  })
})

describe('rounding', () => {
  const fake = (scale: number): Node[] => [
    node('QuantizeLinear', ['x', 's', 'z'], 'q'),
    node('DequantizeLinear', ['q', 's2', 'z'], 'd'),
    node('Gemm', ['d', 'w'], 'y', { transB: 1 }),
    node('Constant', [], 's2', { value: { tensor: tensor('', [], [scale]) } })
  ]
  const bytes = (scale: number): Uint8Array =>
    onnxModel({
      nodes: fake(scale),
      tensors: [tensor('s', [], [0.05]), tensor('z', [], [128], 'uint8'), tensor('w', [2, 4], wave(8, 2))],
      input: ['N', 4]
    })
  const replace: Replacements = { fakeQuantization: 'identity' }

  test('is refused, and left out on request: values differ by half a step at most', async () => {
    expect(() => importOnnx(bytes(0.05))).toThrow(/fakeQuantization=identity/)
    const sample = wave(4, 3)
    const [right] = (await onnxruntime(bytes(0.05), [sample], [4]))['y']!
    const reach = [0, 1].map(row =>
      wave(8, 2)
        .slice(4 * row, 4 * row + 4)
        .reduce((sum, weight) => sum + Math.abs(weight) * 0.025, 0)
    )
    const own = evaluate(importOnnx(bytes(0.05), { replace }), sample)
    own.forEach((value, k) => {
      expect(Math.abs(value - right![k]!)).toBeLessThan(reach[k]! + 1e-6)
    })
  })

  test('between two scales stays refused', () => {
    expect(() => importOnnx(bytes(0.1), { replace })).toThrow(/same scale/)
  })
})
