/** Operators with weights or windows: convolution, dense layers, pooling, normalisation. */

import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import { outputSize, type PoolGeometry, poolWindow, sizeOf, transposeSource } from '../../graph/geometry.js'
import { normalization } from '../../graph/normalization.js'
import { floatAttribute, integerAttribute, requireInteger, windowGeometry, windowShape } from '../attributes.js'
import { hasInput, type ImportContext, type Operator, sampleAxis, vector } from '../context.js'
import type { OnnxNode } from '../decode.js'

export const convolution: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const weight = context.constant(node, 1)
  const axes = shape.length - 1
  if (weight.shape.length !== axes + 2) {
    throw new ShapeMismatchError(node.name, `a kernel of ${axes + 2} dimensions for an input of ${shape.join('×')}`, weight.shape.join('×'))
  }
  const [outputChannels, perGroup] = weight.shape as [number, number]
  const { window } = windowGeometry(node, shape, weight.shape.slice(2))
  const groups = integerAttribute(node, 'group', 1)
  if (groups < 1 || perGroup * groups !== window.channels || outputChannels % groups !== 0) {
    throw new ShapeMismatchError(
      node.name,
      `a kernel for ${window.channels} input channels in ${groups} group(s)`,
      `${weight.shape.join('×')} (output channels × channels per group × rows × columns)`
    )
  }
  const bias = hasInput(node, 2) ? vector(node, context.constant(node, 2), outputChannels) : new Float64Array(outputChannels)
  const geometry = { ...window, outputChannels, groups }
  context.push(node, { kind: 'convolution', geometry, kernel: weight.values, bias }, [input], windowShape(geometry, outputChannels, axes))
}

export const averagePool: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const { window, beyond } = windowGeometry(node, shape)
  const countPadding = integerAttribute(node, 'count_include_pad', 0) === 1
  if (beyond && countPadding) {
    throw new UnsupportedAttributeError(
      node.name,
      node.operator,
      'ceil_mode',
      '1 and count_include_pad = 1',
      'choose one of them, or pads that the strides fill'
    )
  }
  const geometry: PoolGeometry = { ...window, countPadding }
  if (
    Array.from({ length: sizeOf(outputSize(geometry)) }, (_, position) => poolWindow(geometry, 0, position)).some(
      ({ sources }) => sources.length === 0
    )
  ) {
    throw new UnsupportedAttributeError(
      node.name,
      node.operator,
      'pads',
      geometry.pads.join(','),
      'pad less than the kernel, so that every window meets the input'
    )
  }
  context.push(node, { kind: 'averagePool', geometry }, [input], windowShape(geometry, geometry.channels, shape.length - 1))
}

/** The mean of `columns` consecutive elements, for each of `channels` groups. */
const meanGeometry = (channels: number, columns: number): PoolGeometry => ({
  channels,
  height: 1,
  width: columns,
  kernel: [1, columns],
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  countPadding: false
})

export const globalAveragePool: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  if (shape.length < 2) throw new ShapeMismatchError(node.name, 'an input of channels × rows × columns', shape.join('×'))
  const channels = shape[0]!
  const geometry = meanGeometry(channels, sizeOf(shape) / channels)
  context.push(node, { kind: 'averagePool', geometry }, [input], [channels, ...shape.slice(1).map(() => 1)])
}

export const reduceMean: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const given = node.attributes.get('axes')?.integers ?? (hasInput(node, 1) ? [...context.constant(node, 1).values] : [])
  const axes = given.map(axis => sampleAxis(axis, shape.length))
  const refuse = (): never => {
    throw new UnsupportedAttributeError(node.name, node.operator, 'axes', given.join(',') || 'all', 'name axes other than the batch')
  }
  if (given.length === 0) {
    if (integerAttribute(node, 'noop_with_empty_axes', 0) !== 1) refuse()
    context.alias(node, input)
    return
  }
  if (axes.includes(undefined)) refuse()
  const kept = shape.map((_, axis) => axis).filter(axis => !axes.includes(axis))
  const reduced = shape.map((_, axis) => axis).filter(axis => axes.includes(axis))
  const permutation = [...kept, ...reduced]
  const channels = sizeOf(kept.map(axis => shape[axis]!))
  const source = permuted(context, node, input, permutation)
  const out =
    integerAttribute(node, 'keepdims', 1) === 1
      ? shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension))
      : kept.map(axis => shape[axis]!)
  context.push(node, { kind: 'averagePool', geometry: meanGeometry(channels, sizeOf(shape) / channels) }, [source], out)
}

/** The value with its axes in another order; a reshape when no element moves. */
export function permuted(context: ImportContext, node: OnnxNode, input: number, permutation: readonly number[]): number {
  const shape = context.shape(input)
  if (permutation.every((axis, index) => axis === index)) return input
  const out = permutation.map(axis => shape[axis]!)
  const source = transposeSource(shape, permutation)
  const moves = source.some((position, index) => position !== index)
  return context.push(node, moves ? { kind: 'permute', source, permutation } : { kind: 'reshape' }, [input], out)
}

export const batchNormalization: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  requireInteger(node, 'training_mode', 0, 'export the model in inference mode')
  requireInteger(node, 'spatial', 1, 'export with one mean and variance per channel')
  const channels = shape[0] ?? 1
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map(index => vector(node, context.constant(node, index), channels)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array
  ]
  const epsilon = floatAttribute(node, 'epsilon', 1e-5)
  const { scale, shift } = normalization(node.name, { gamma, beta, mean, variance, epsilon }, sizeOf(shape))
  context.push(node, { kind: 'scaleShift', scale, shift }, [input], shape)
}

function dense(context: ImportContext, node: OnnxNode, transposed: boolean, factor: number, bias?: Float64Array): void {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const tensor = context.constant(node, 1)
  if (tensor.shape.length !== 2) throw new ShapeMismatchError(node.name, 'a weight matrix', tensor.shape.join('×') || 'a scalar')
  const [outputs, inputs] = (transposed ? tensor.shape : [tensor.shape[1], tensor.shape[0]]) as [number, number]
  if (shape.length !== 1 || shape[0] !== inputs) {
    throw new ShapeMismatchError(node.name, `an input of ${inputs} features (flatten first)`, shape.join('×'))
  }
  const weight = new Float64Array(inputs * outputs)
  for (let row = 0; row < outputs; row++) {
    for (let column = 0; column < inputs; column++) {
      weight[row * inputs + column] = factor * tensor.values[transposed ? row * inputs + column : column * outputs + row]!
    }
  }
  context.push(node, { kind: 'dense', inputs, outputs, weight, bias: bias ?? new Float64Array(outputs) }, [input], [outputs])
}

export const gemm: Operator = (context, node) => {
  requireInteger(node, 'transA', 0, 'let the batch be the first axis')
  const transposed = integerAttribute(node, 'transB', 0) === 1
  const tensor = context.constant(node, 1)
  const outputs = tensor.shape[transposed ? 0 : 1] ?? 1
  const beta = floatAttribute(node, 'beta', 1)
  const bias = hasInput(node, 2) ? vector(node, context.constant(node, 2), outputs).map(value => beta * value) : undefined
  dense(context, node, transposed, floatAttribute(node, 'alpha', 1), bias)
}

export const matMul: Operator = (context, node) => dense(context, node, false, 1)
