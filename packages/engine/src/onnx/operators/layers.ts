/** Operators with weights or windows: convolution, dense layers, pooling, normalisation. */

import { ShapeMismatchError, UnsupportedAttributeError, UnsupportedTopologyError } from '../../errors.js'
import { outputSize, type PoolGeometry, poolWindow, sizeOf, transposeSource, type WindowGeometry } from '../../graph/geometry.js'
import { normalization } from '../../graph/normalization.js'
import { floatAttribute, integerAttribute, requireInteger, windowGeometry, windowShape } from '../attributes.js'
import { hasInput, type ImportContext, MAXIMUM_ELEMENTS, type Operator, sampleAxis, vector } from '../context.js'
import type { ConstantTensor, OnnxNode } from '../decode.js'
import { peelPadding } from './take.js'

export const convolution: Operator = (context, node) => {
  const given = context.value(node, 0)
  const shape = context.shape(given)
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
  const { window: unpadded, input } = withoutPadding(context, given, window)
  const geometry = { ...unpadded, outputChannels, groups }
  context.push(node, { kind: 'convolution', geometry, kernel: weight.values, bias }, [input], windowShape(geometry, outputChannels, axes))
}

/** A window over a value that is only padded with zeros is one over the value itself, with that padding. */
function withoutPadding(context: ImportContext, padded: number, window: WindowGeometry): { window: WindowGeometry; input: number } {
  const { value, pads } = peelPadding(context, padded)
  const own = window.pads.map((pad, side) => pad + pads[side]!) as [number, number, number, number]
  const [height, width] = [window.height - pads[0] - pads[2], window.width - pads[1] - pads[3]]
  return { window: { ...window, height, width, pads: own }, input: value }
}

export const averagePool: Operator = (context, node) => {
  const given = context.value(node, 0)
  const shape = context.shape(given)
  const { window: whole, beyond } = windowGeometry(node, shape)
  // without padding in the file, what a window of ceil_mode reaches beyond the input never counts
  const named = node.attributes.get('pads')?.integers?.some(pad => pad > 0) ?? false
  const counted = integerAttribute(node, 'count_include_pad', 0) === 1 && (named || !beyond)
  // zeros that the file puts before a pooling without padding of its own are counted
  const bare = whole.pads.every(pad => pad === 0)
  const { window, input } = counted || bare ? withoutPadding(context, given, whole) : { window: whole, input: given }
  const countPadding = counted || input !== given
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

/** ReduceMean and ReduceSum over axes of a sample. */
const reduce =
  (total: boolean): Operator =>
  (context, node) => {
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
    const channels = sizeOf(kept.map(axis => shape[axis]!))
    const count = sizeOf(shape) / channels
    const source = permuted(context, node, input, [...kept, ...reduced])
    const out =
      integerAttribute(node, 'keepdims', 1) === 1
        ? shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension))
        : kept.map(axis => shape[axis]!)
    const mean = context.push(node, { kind: 'averagePool', geometry: meanGeometry(channels, count) }, [source], out)
    if (total) context.push(node, { kind: 'scaleShift', scale: count, shift: 0 }, [mean], out)
  }

export const reduceMean = reduce(false)
export const reduceSum = reduce(true)

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

/** A matrix applied to the last axis of a sample: a dense layer, or the same one for every row. */
interface LastAxis {
  readonly inputs: number
  readonly outputs: number
  /** [output][input] */
  readonly weight: Float64Array
  readonly bias?: Float64Array
}

function dense(context: ImportContext, node: OnnxNode, input: number, layer: LastAxis): number {
  const { inputs, outputs, weight, bias = new Float64Array(outputs) } = layer
  const shape = context.shape(input)
  if (shape.at(-1) !== inputs)
    throw new ShapeMismatchError(
      node.name,
      `an input of ${inputs} features in its last axis (flatten first, if all of it is meant)`,
      shape.join('×') || 'a scalar'
    )
  const rows = shape.slice(0, -1)
  const out = [...rows, outputs]
  const channels = sizeOf(rows)
  if (channels === 1) return context.push(node, { kind: 'dense', inputs, outputs, weight, bias }, [input], out)
  // each row is a channel of its own, and the kernel as long as the row
  if (channels * outputs * inputs > MAXIMUM_ELEMENTS) {
    throw new ShapeMismatchError(node.name, `at most ${MAXIMUM_ELEMENTS} weights over all rows`, `${channels} rows of ${outputs}×${inputs}`)
  }
  const kernel = new Float64Array(channels * outputs * inputs)
  for (let channel = 0; channel < channels; channel++) kernel.set(weight, channel * outputs * inputs)
  const repeated = Float64Array.from({ length: channels * outputs }, (_, row) => bias[row % outputs]!)
  const geometry = {
    channels,
    height: 1,
    width: inputs,
    kernel: [1, inputs] as const,
    strides: [1, 1] as const,
    pads: [0, 0, 0, 0] as const,
    dilations: [1, 1] as const,
    outputChannels: channels * outputs,
    groups: channels
  }
  return context.push(node, { kind: 'convolution', geometry, kernel, bias: repeated }, [input], out)
}

/** [output][input] from a matrix in either order. */
function rowsOf({ values }: ConstantTensor, inputs: number, outputs: number, transposed: boolean, factor = 1): Float64Array {
  const weight = new Float64Array(inputs * outputs)
  for (let row = 0; row < outputs; row++) {
    for (let column = 0; column < inputs; column++) {
      weight[row * inputs + column] = factor * values[transposed ? row * inputs + column : column * outputs + row]!
    }
  }
  return weight
}

export const gemm: Operator = (context, node) => {
  requireInteger(node, 'transA', 0, 'let the batch be the first axis')
  const transposed = integerAttribute(node, 'transB', 0) === 1
  const tensor = context.constant(node, 1)
  const [outputs, inputs] = matrixShape(node, tensor, transposed)
  const beta = floatAttribute(node, 'beta', 1)
  const weight = rowsOf(tensor, inputs, outputs, transposed, floatAttribute(node, 'alpha', 1))
  const input = context.value(node, 0)
  const shape = context.shape(input)
  if ((shape.length !== 1 && !context.isMerged(input)) || shape.at(-1) !== inputs)
    throw new ShapeMismatchError(node.name, `an input of ${inputs} features (flatten first)`, shape.join('×'))
  const bias = hasInput(node, 2) ? vector(node, context.constant(node, 2), outputs).map(value => beta * value) : undefined
  dense(context, node, input, { inputs, outputs, weight, ...(bias ? { bias } : {}) })
}

function matrixShape(node: OnnxNode, { shape }: ConstantTensor, transposed: boolean): readonly [number, number] {
  if (shape.length !== 2) throw new ShapeMismatchError(node.name, 'a weight matrix', shape.join('×') || 'a scalar')
  return transposed ? [shape[0]!, shape[1]!] : [shape[1]!, shape[0]!]
}

/** A constant matrix (or vector) on either side. */
export const matMul: Operator = (context, node) => {
  const [first, second] = [0, 1].map(input => context.isConstant(node.inputs[input]))
  if (!first && !second) {
    throw new UnsupportedTopologyError(node.name, 'a product of two computed matrices', 'multiply by constants; attention is not evaluated')
  }
  const tensor = withoutLeadingOnes(context.constant(node, first ? 0 : 1))
  const input = context.value(node, first ? 1 : 0)
  if (first && context.isMerged(input))
    throw new UnsupportedTopologyError(
      node.name,
      'a matrix before rows that are part of the batch',
      'reshape to [batch, rows, features] first'
    )
  const shape = context.shape(input)
  if (!first) {
    const vectorial = tensor.shape.length === 1
    const [outputs, inputs] = vectorial ? [1, tensor.shape[0]!] : matrixShape(node, tensor, false)
    const product = dense(context, node, input, { inputs, outputs, weight: rowsOf(tensor, inputs, outputs, vectorial) })
    if (vectorial) context.push(node, { kind: 'reshape' }, [product], shape.slice(0, -1))
    return
  }
  if (shape.length < 2)
    throw new ShapeMismatchError(
      node.name,
      'the batch as the first axis of the left operand',
      `a constant ${tensor.shape.join('×')} before it`
    )
  // W·X = (Xᵀ·Wᵀ)ᵀ
  const [outputs, inputs] = matrixShape(node, tensor.shape.length === 1 ? { ...tensor, shape: [1, tensor.shape[0]!] } : tensor, true)
  const swapped = [...shape.keys()].map(axis => (axis < shape.length - 2 ? axis : 2 * shape.length - 3 - axis))
  const columns = permuted(context, node, input, swapped)
  const product = dense(context, node, columns, { inputs, outputs, weight: rowsOf(tensor, inputs, outputs, true) })
  const back = permuted(context, node, product, swapped)
  if (tensor.shape.length === 1) context.push(node, { kind: 'reshape' }, [back], [...shape.slice(0, -2), shape.at(-1)!])
  else context.alias(node, back)
}

const withoutLeadingOnes = (tensor: ConstantTensor): ConstantTensor => {
  const extra = tensor.shape.length - 2
  return extra > 0 && tensor.shape.slice(0, extra).every(dimension => dimension === 1)
    ? { ...tensor, shape: tensor.shape.slice(extra) }
    : tensor
}
