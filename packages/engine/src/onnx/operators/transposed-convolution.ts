/**
 * ConvTranspose: a convolution with the kernel turned around, over the input with zeros between its elements.
 *
 *   y[o·s + k·d - p] += w[i][o][k]·x[i]     ONNX kernel: [input channel][output channel of its group][row][column]
 */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import { integerAttribute } from '../attributes.js'
import { hasInput, type Operator, vector } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { taken } from './take.js'

/** Positions of the input along one axis, -1 for zeros: with holes between them, and around them what the kernel reaches. */
interface SpreadAxis {
  readonly indices: readonly number[]
  readonly output: number
}

export const transposedConvolution: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const axes = shape.length - 1
  const weight = context.constant(node, 1)
  if ((axes !== 1 && axes !== 2) || weight.shape.length !== axes + 2)
    throw new ShapeMismatchError(
      node.name,
      'channels × rows × columns (or channels × columns), and a kernel with as many',
      `${shape.join('×') || 'a scalar'} and ${weight.shape.join('×')}`
    )
  const groups = integerAttribute(node, 'group', 1)
  const [channels, perGroup] = weight.shape as [number, number]
  if (channels !== shape[0] || groups < 1 || channels % groups !== 0)
    throw new ShapeMismatchError(node.name, `a kernel for ${shape[0]} input channels in ${groups} group(s)`, weight.shape.join('×'))
  const outputChannels = perGroup * groups
  const size = weight.shape.slice(2)
  let value = input
  const spans = size.map((kernel, axis) => {
    const spread = spreadAxis(node, axis, axes, shape[axis + 1]!, kernel)
    value = taken(context, node, value, axis + 1, spread.indices)
    return spread
  })
  const bias = hasInput(node, 2) ? vector(node, context.constant(node, 2), outputChannels) : new Float64Array(outputChannels)
  const dilations = integers(node, 'dilations', axes, 1)
  const own = context.shape(value)
  const two = (values: readonly number[], filling: number): [number, number] =>
    axes === 1 ? [filling, values[0]!] : [values[0]!, values[1]!]
  const geometry = {
    channels,
    height: axes === 1 ? 1 : own[1]!,
    width: own.at(-1)!,
    kernel: two(size, 1),
    strides: [1, 1] as const,
    pads: [0, 0, 0, 0] as const,
    dilations: two(dilations, 1),
    outputChannels,
    groups
  }
  const kernel = turned(weight.values, channels, perGroup, groups, size)
  context.push(node, { kind: 'convolution', geometry, kernel, bias }, [value], [outputChannels, ...spans.map(({ output }) => output)])
}

/** [output channel][input channel of its group][tap], taps backwards. */
function turned(weight: Float64Array, channels: number, perGroup: number, groups: number, size: readonly number[]): Float64Array {
  const taps = size.reduce((product, length) => product * length, 1)
  const inputs = channels / groups
  const out = new Float64Array(weight.length)
  for (let group = 0; group < groups; group++) {
    for (let output = 0; output < perGroup; output++) {
      for (let input = 0; input < inputs; input++) {
        const from = ((group * inputs + input) * perGroup + output) * taps
        const to = ((group * perGroup + output) * inputs + input) * taps
        for (let tap = 0; tap < taps; tap++) out[to + tap] = weight[from + taps - 1 - tap]!
      }
    }
  }
  return out
}

function integers(node: OnnxNode, name: string, axes: number, fallback: number): readonly number[] {
  const values = node.attributes.get(name)?.integers ?? new Array<number>(axes).fill(fallback)
  if (values.length !== axes || values.some(value => value < fallback))
    throw new UnsupportedAttributeError(node.name, node.operator, name, values.join(','), `give ${axes} value(s) of at least ${fallback}`)
  return values
}

function spreadAxis(node: OnnxNode, axis: number, axes: number, length: number, kernel: number): SpreadAxis {
  const read = (name: string, fallback: number): number => integers(node, name, axes, fallback)[axis]!
  const [stride, dilation, more] = [read('strides', 1), read('dilations', 1), read('output_padding', 0)]
  const reach = dilation * (kernel - 1)
  const full = stride * (length - 1) + reach + 1
  const [before, output] = outputOf(node, axis, axes, full, stride * length, more)
  // output o reads the spread input from o + before - reach on
  const indices = Array.from({ length: output + reach }, (_, position) => {
    const spread = position + before - reach
    return spread >= 0 && spread % stride === 0 && spread / stride < length ? spread / stride : -1
  })
  if (output < 1) throw new ShapeMismatchError(node.name, 'at least one element of every axis', String(output))
  return { indices, output }
}

/** What is cut off before, and how many elements are left. */
function outputOf(node: OnnxNode, axis: number, axes: number, full: number, same: number, more: number): readonly [number, number] {
  const mode = node.attributes.get('auto_pad')?.text ?? 'NOTSET'
  const shape = node.attributes.get('output_shape')?.integers?.slice(-axes)
  if (mode === 'VALID' || (mode === 'NOTSET' && shape === undefined)) {
    const pads = mode === 'VALID' ? undefined : node.attributes.get('pads')?.integers
    const [before, after] = [pads?.[axis] ?? 0, pads?.[axis + axes] ?? 0]
    return [before, full + more - before - after]
  }
  if (!['NOTSET', 'SAME_UPPER', 'SAME_LOWER'].includes(mode))
    throw new UnsupportedAttributeError(node.name, node.operator, 'auto_pad', mode, 'use explicit pads')
  const output = shape?.[axis] ?? same
  const total = Math.max(0, full + more - output)
  return [mode === 'SAME_UPPER' ? Math.floor(total / 2) : total - Math.floor(total / 2), output]
}
