/** Residual networks of the CIFAR-10 kind (He et al., arXiv 1512.03385, section 4.2) with quadratic activations and random weights, for tests and measurements. */
import { evaluate, type NetworkBuilder, type NetworkGraph, network } from '@slytherin/engine'
import { random } from './random.ts'

export interface ResidualNetworkShape {
  /** of the input; halved by every stage but the first */
  readonly side: number
  /** by stage */
  readonly channels: readonly number[]
  /** blocks of every stage */
  readonly blocks: number
  readonly classes: number
}

/** c₀ + c₁x + c₂x², as networks are trained with. */
const QUADRATIC = [0.02, 0.5, 0.04]

type Layers = (from: NetworkBuilder) => NetworkBuilder

/** Samples as they are standardised. */
export function noiseImages({ side }: ResidualNetworkShape, count: number, seed = 3): Float64Array[] {
  const next = random(seed)
  return Array.from({ length: count }, () => Float64Array.from({ length: 3 * side * side }, () => 1.9 * (2 * next() - 1)))
}

/**
 * conv, norm, quadratic; blocks of conv, norm, quadratic, conv, sum with the block's input (a 1×1 convolution of it where shapes differ), norm, quadratic; mean of every channel;
 * dense. Normalisations have the statistics of noise, so that values stay where they do in a trained network.
 */
export function residualNetwork(shape: ResidualNetworkShape, seed = 20): NetworkGraph {
  const { side, channels, blocks, classes } = shape
  const next = random(seed)
  const uniform = (length: number, bound: number): Float64Array => Float64Array.from({ length }, () => bound * (2 * next() - 1))
  let x = network({ input: [3, side, side], name: 'residual network' })
  let [values] = noiseImages(shape, 1) as [Float64Array]

  /** What layers make of the values so far. */
  const applied = (layers: Layers): Float64Array => evaluate(layers(network({ input: x.shape })).build(), values)
  const conv = (inputs: number, outputChannels: number, kernel: number, strides: number): Layers => {
    const fan = inputs * kernel * kernel
    const weights = uniform(outputChannels * fan, Math.sqrt(3 / fan))
    return from => from.conv({ outputChannels, kernel, strides, pads: (kernel - 1) / 2, weights })
  }
  /** These layers, normalised by what they make of the values so far, and their activation. */
  const activated = (layers: Layers, count: number): Layers => {
    const statistics = statisticsOf(applied(layers), count)
    const gamma = uniform(count, 0.2).map(value => 1 + value)
    const beta = uniform(count, 0.2)
    return from =>
      layers(from)
        .batchNormalization({ ...statistics, gamma, beta })
        .activation({ polynomial: QUADRATIC })
  }
  const append = (layers: Layers): void => {
    values = applied(layers)
    x = layers(x)
  }
  const block = (count: number, stride: number): void => {
    const inputs = x.shape[0]!
    const first = activated(conv(inputs, count, 3, stride), count)
    const second = conv(count, count, 3, 1)
    const shortcut: Layers = stride === 1 && inputs === count ? from => from : conv(inputs, count, 1, stride)
    append(activated(from => from.branch(input => second(first(input)), shortcut).add(), count))
  }

  append(activated(conv(3, channels[0]!, 3, 1), channels[0]!))
  channels.forEach((count, stage) => {
    for (let k = 0; k < blocks; k++) block(count, stage > 0 && k === 0 ? 2 : 1)
  })
  const inputs = channels.at(-1)!
  return x
    .globalAveragePool()
    .dense({ outputs: classes, weights: uniform(classes * inputs, 4 / Math.sqrt(inputs)) })
    .build()
}

/** Mean and variance of every channel. */
function statisticsOf(values: Float64Array, channels: number): { readonly mean: Float64Array; readonly variance: Float64Array } {
  const size = values.length / channels
  const means = (of: (value: number, channel: number) => number): Float64Array =>
    Float64Array.from({ length: channels }, (_, channel) => {
      const maps = values.subarray(channel * size, (channel + 1) * size)
      return maps.reduce((sum, value) => sum + of(value, channel), 0) / size
    })
  const mean = means(value => value)
  return { mean, variance: means((value, channel) => (value - mean[channel]!) ** 2) }
}
