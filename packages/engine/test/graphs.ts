/** Networks with branches, for tests. */
import { type NetworkBuilder, type NetworkGraph, network } from '@slytherin/engine'
import { int64, node, onnxModel, tensor, wave } from './onnx-model.ts'
import { random } from './random.ts'

const next = random(71)
const uniform = (length: number, bound: number): Float64Array => Float64Array.from({ length }, () => bound * (2 * next() - 1))
const dense = (inputs: number, outputs: number) => ({
  outputs,
  weights: uniform(inputs * outputs, 1.2 / Math.sqrt(inputs)),
  bias: uniform(outputs, 0.2)
})
const conv = (channels: number, outputChannels: number, kernel: number, more: { strides?: number; pads?: number } = {}) => ({
  outputChannels,
  kernel,
  weights: uniform(channels * outputChannels * kernel * kernel, 1.2 / Math.sqrt(channels * kernel * kernel)),
  bias: uniform(outputChannels, 0.2),
  ...more
})

/** Two residual blocks of dense layers. */
function residualMlp(): NetworkGraph {
  const block = (x: NetworkBuilder) =>
    x
      .branch(
        from => from,
        from => from.dense(dense(12, 12)).activation('square').dense(dense(12, 12))
      )
      .add()
  return block(block(network({ input: [12], name: 'residual mlp' })).activation({ polynomial: [0.1, 0.5, 0.25] }))
    .dense(dense(12, 3))
    .build()
}

/** A block of convolutions with a shortcut, and one that halves the image, with a convolution as shortcut. */
function residualCnn(): NetworkGraph {
  const square = { polynomial: [0.2, 0.5, 0.2] }
  return network({ input: [2, 6, 6], name: 'residual cnn' })
    .conv(conv(2, 3, 3, { pads: 1 }))
    .activation(square)
    .branch(
      x => x,
      x =>
        x
          .conv(conv(3, 3, 3, { pads: 1 }))
          .activation(square)
          .conv(conv(3, 3, 3, { pads: 1 }))
    )
    .add()
    .activation(square)
    .branch(
      x => x.conv(conv(3, 4, 1, { strides: 2 })),
      x =>
        x
          .conv(conv(3, 4, 3, { strides: 2, pads: 1 }))
          .activation(square)
          .conv(conv(4, 4, 3, { pads: 1 }))
    )
    .add()
    .activation(square)
    .globalAveragePool()
    .dense(dense(4, 3))
    .build()
}

/** Parts next to each other, some of them cut, and a gate. */
function mixed(): NetworkGraph {
  return network({ input: [8], name: 'mixed' })
    .dense(dense(8, 10))
    .branch(
      x => x.activation('square'),
      x => x.slice({ from: 2, to: 6 }).activation({ polynomial: [0, 1, 0.5] }),
      x => x.dense(dense(10, 5))
    )
    .concat()
    .branch(
      x => x.dense(dense(19, 6)),
      x => x.dense(dense(19, 6)).activation({ polynomial: [0.5, 0.25, 0.1] })
    )
    .multiply()
    .dense(dense(6, 4))
    .build()
}

export const GRAPHS = { 'residual mlp': residualMlp(), 'residual cnn': residualCnn(), mixed: mixed() }

export const samplesOf = (graph: NetworkGraph, count: number): Float64Array[] =>
  Array.from({ length: count }, () =>
    uniform(
      graph.nodes[0]!.shape.reduce((a, b) => a * b, 1),
      1
    )
  )

/** What exporters write of a residual connection, of channels that are split, gated, cut and put together again. */
export function branchedModel(inputs = 8): Uint8Array {
  const gemm = (inputs: readonly string[], output: string) => node('Gemm', inputs, output, { transB: 1 })
  const scaled = (length: number, seed: number, factor: number): number[] => wave(length, seed).map(value => Math.fround(factor * value))
  return onnxModel({
    input: ['N', inputs],
    nodes: [
      gemm(['x', 'w1', 'b1'], 'h'),
      node('Mul', ['h', 'h'], 's'),
      gemm(['s', 'w2', 'b1'], 'f'),
      node('Add', ['f', 'h'], 'r'),
      { ...node('Split', ['r'], 'a', { axis: 1 }), outputs: ['a', 'b'] },
      node('Mul', ['a', 'b'], 'g'),
      node('Slice', ['r', 'from', 'to', 'axis'], 'c'),
      node('Concat', ['g', 'c', 'x'], 'j', { axis: 1 }),
      gemm(['j', 'w3', 'b3'], 'y')
    ],
    tensors: [
      tensor('w1', [16, inputs], scaled(16 * inputs, 1, 1.13 / Math.sqrt(inputs))),
      tensor('b1', [16], scaled(16, 2, 0.3)),
      tensor('w2', [16, 16], scaled(256, 3, 0.3)),
      tensor('w3', [3, 16 + inputs], scaled(3 * (16 + inputs), 4, 0.3)),
      tensor('b3', [3], scaled(3, 5, 0.3)),
      int64('from', [4]),
      int64('to', [12]),
      int64('axis', [1])
    ]
  })
}

/** Maps whose channels are weighed by what is pooled of all of them (squeeze and excitation), between convolutions that halve them. */
export function squeezeAndExcitation(): NetworkGraph {
  const square = { polynomial: [0.2, 0.5, 0.2] }
  return network({ input: [2, 8, 8], name: 'squeeze and excitation' })
    .conv(conv(2, 4, 3, { strides: 2, pads: 1 }))
    .activation(square)
    .branch(
      x => x.conv(conv(4, 4, 3, { pads: 1 })),
      x => {
        const weights = x
          .globalAveragePool()
          .flatten()
          .dense(dense(4, 4))
          .activation({ polynomial: [0.5, 0.25, 0.05] })
        // one weight for each of the 16 places of a channel
        return weights
          .dense({ outputs: 64, weights: Float64Array.from({ length: 256 }, (_, k) => (Math.floor(k / 64) === k % 4 ? 1 : 0)) })
          .reshape([4, 4, 4])
      }
    )
    .multiply()
    .conv(conv(4, 4, 3, { strides: 2, pads: 1 }))
    .activation(square)
    .dense(dense(16, 3))
    .build()
}
