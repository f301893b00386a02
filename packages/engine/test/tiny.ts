/** A small network of every kind of layer, for tests on small rings. */
import type { NetworkGraph } from '@slytherin/engine'

/** Convolution 2×2 on 5×5 with padding, square, dense to 6, quadratic activation, dense to 3. */
export function tinyGraph(): NetworkGraph {
  const value = (seed: number, index: number) => Math.sin(seed + index * 1.7)
  const geometry = {
    channels: 1,
    height: 5,
    width: 5,
    kernel: [2, 2],
    strides: [1, 1],
    pads: [0, 0, 1, 0],
    dilations: [1, 1],
    outputChannels: 2,
    groups: 1
  } as const
  const vector = (length: number, seed: number, factor: number) => Float64Array.from({ length }, (_, index) => factor * value(seed, index))
  return {
    name: 'tiny',
    inputName: 'x',
    outputName: 'y',
    final: [],
    task: { kind: 'classification' },
    output: 7,
    nodes: [
      { name: 'x', operator: { kind: 'input' }, inputs: [], shape: [1, 5, 5] },
      {
        name: 'conv',
        operator: { kind: 'convolution', geometry, kernel: vector(8, 1, 0.7), bias: vector(2, 2, 0.3) },
        inputs: [0],
        shape: [2, 5, 4]
      },
      { name: 'square', operator: { kind: 'multiply' }, inputs: [1, 1], shape: [2, 5, 4] },
      { name: 'flatten', operator: { kind: 'reshape' }, inputs: [2], shape: [40] },
      {
        name: 'fc1',
        operator: { kind: 'dense', inputs: 40, outputs: 6, weight: vector(240, 3, 0.2), bias: vector(6, 4, 0.5) },
        inputs: [3],
        shape: [6]
      },
      { name: 'act/pow', operator: { kind: 'power', exponent: 2 }, inputs: [4], shape: [6] },
      { name: 'act/add', operator: { kind: 'add' }, inputs: [5, 4], shape: [6] },
      {
        name: 'fc2',
        operator: { kind: 'dense', inputs: 6, outputs: 3, weight: vector(18, 5, 0.5), bias: vector(3, 6, 0.5) },
        inputs: [6],
        shape: [3]
      }
    ]
  }
}
