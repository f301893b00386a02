/** Operators with weights or windows: convolution, dense layers, pooling. */

import { ShapeMismatchError, UnsupportedAttributeError, UnsupportedTopologyError } from '../../errors.js'
import { outputSize, type PoolGeometry, poolWindow, sizeOf, transposeSource, type WindowGeometry } from '../../graph/geometry.js'
import { floatAttribute, integerAttribute, requireInteger, windowGeometry, windowShape } from '../attributes.js'
import { hasInput, type ImportContext, type Operator, vector } from '../context.js'
import type { ConstantTensor, OnnxNode } from '../decode.js'
import { expanded } from './broadcast.js'
import { dense, denseRows } from './dense.js'
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

/** The value with its axes in another order; a reshape when no element moves. */
export function permuted(context: ImportContext, node: OnnxNode, input: number, permutation: readonly number[]): number {
  const shape = context.shape(input)
  if (permutation.every((axis, index) => axis === index)) return input
  const out = permutation.map(axis => shape[axis]!)
  const source = transposeSource(shape, permutation)
  const moves = source.some((position, index) => position !== index)
  return context.push(node, moves ? { kind: 'permute', source, permutation } : { kind: 'reshape' }, [input], out)
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
  if (!first && tensor.shape.length > 2) {
    matrices(context, node, input, tensor)
    return
  }
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

/** A matrix of its own for every index of the axes before the last two, which broadcast. */
function matrices(context: ImportContext, node: OnnxNode, input: number, { shape: stack, values }: ConstantTensor): void {
  const own = context.shape(input)
  const [inputs, outputs] = stack.slice(-2) as [number, number]
  const lead = stack.slice(0, -2)
  const before = own.slice(0, -2)
  // the batch may be an axis of the constant, too, of size one
  const leading = lead.length === before.length + 1 && lead[0] === 1 ? lead.slice(1) : lead
  const fits = own.length >= 2 && own.at(-1) === inputs && leading.length === before.length
  const out = before.map((size, axis) => (size === 1 ? leading[axis]! : size))
  if (!fits || leading.some((size, axis) => size !== 1 && size !== out[axis]))
    throw new ShapeMismatchError(node.name, 'matrices that broadcast to the rows of a sample', `${own.join('×')} and ${stack.join('×')}`)
  const rows = own.at(-2)!
  const value = expanded(context, node, input, [...out, rows, inputs])
  const known = new Map<number, Float64Array>()
  denseRows(context, node, value, {
    inputs,
    outputs,
    weightOf: row => {
      let [rest, index, stride] = [Math.floor(row / rows), 0, 1]
      for (let axis = out.length - 1; axis >= 0; axis--) {
        if (leading[axis] !== 1) index += (rest % out[axis]!) * stride
        rest = Math.floor(rest / out[axis]!)
        stride *= leading[axis]!
      }
      const start = index * inputs * outputs
      const weight =
        known.get(index) ??
        rowsOf({ name: '', shape: [inputs, outputs], values: values.subarray(start, start + inputs * outputs) }, inputs, outputs, false)
      known.set(index, weight)
      return weight
    }
  })
}

const withoutLeadingOnes = (tensor: ConstantTensor): ConstantTensor => {
  const extra = tensor.shape.length - 2
  return extra > 0 && tensor.shape.slice(0, extra).every(dimension => dimension === 1)
    ? { ...tensor, shape: tensor.shape.slice(extra) }
    : tensor
}
