/** Reading and checking the attributes of ONNX nodes that describe windows. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../errors.js'
import { outputSize, type WindowGeometry } from '../graph/geometry.js'
import { MAXIMUM_ELEMENTS } from './context.js'
import type { OnnxNode } from './decode.js'

export const integerAttribute = (node: OnnxNode, name: string, fallback: number): number => node.attributes.get(name)?.integer ?? fallback

export const floatAttribute = (node: OnnxNode, name: string, fallback: number): number => node.attributes.get(name)?.float ?? fallback

/** Rows and columns from an attribute of one value per spatial axis; a single axis is columns. */
function pairAttribute(
  node: OnnxNode,
  name: string,
  axes: number,
  fallback: readonly [number, number],
  minimum: number
): readonly [number, number] {
  const values = node.attributes.get(name)?.integers
  if (!values) return fallback
  if (values.length !== axes || values.some(value => value < minimum)) {
    throw new UnsupportedAttributeError(node.name, node.operator, name, values.join(','), `give ${axes} value(s) of at least ${minimum}`)
  }
  return axes === 1 ? [1, values[0]!] : [values[0]!, values[1]!]
}

/** Attribute must have this value, or the node is refused. */
export function requireInteger(node: OnnxNode, name: string, required: number, remedy: string): void {
  const value = integerAttribute(node, name, required)
  if (value !== required) throw new UnsupportedAttributeError(node.name, node.operator, name, String(value), remedy)
}

/** Spatial output size as ONNX counts it, and the padding that gives it. */
interface Padding {
  /** top, left, bottom, right */
  readonly pads: readonly [number, number, number, number]
  /** whether a window of ceil_mode reaches beyond the padding that the file names */
  readonly beyond: boolean
}

/**
 * Geometry of a convolution or pooling node over rows and columns, or over columns alone (one row).
 * @param shape shape of its input: channels × rows × columns or channels × columns
 * @param kernel kernel size when the weights give it
 */
export function windowGeometry(
  node: OnnxNode,
  shape: readonly number[],
  kernel?: readonly number[]
): { window: WindowGeometry; beyond: boolean } {
  const axes = shape.length - 1
  if (axes !== 1 && axes !== 2) {
    throw new ShapeMismatchError(node.name, 'an input of channels × rows × columns (or channels × columns)', shape.join('×') || 'a scalar')
  }
  const [channels, height, width] = (axes === 1 ? [shape[0], 1, shape[1]] : shape) as [number, number, number]
  const declared = node.attributes.get('kernel_shape')?.integers
  if (kernel && declared && declared.join() !== kernel.join()) {
    throw new ShapeMismatchError(node.name, `kernel_shape ${kernel.join('×')} as its weights`, declared.join('×'))
  }
  const size = kernel
    ? ((axes === 1 ? [1, kernel[0]!] : kernel) as readonly [number, number])
    : pairAttribute(node, 'kernel_shape', axes, [0, 0], 1)
  if (size[0] < 1 || size[1] < 1) throw new UnsupportedAttributeError(node.name, node.operator, 'kernel_shape', size.join(','), 'give it')
  const strides = pairAttribute(node, 'strides', axes, [1, 1], 1)
  const dilations = pairAttribute(node, 'dilations', axes, [1, 1], 1)
  const { pads, beyond } = padding(node, axes, [height, width], size, strides, dilations)
  const window: WindowGeometry = { channels, height, width, kernel: size, strides, pads, dilations }
  const [rows, columns] = outputSize(window)
  if (!(rows >= 1 && columns >= 1))
    throw new ShapeMismatchError(node.name, 'a window that fits its input', `${size.join('×')} on ${height}×${width}`)
  if (!(channels * rows * columns <= MAXIMUM_ELEMENTS)) {
    throw new ShapeMismatchError(node.name, `at most ${MAXIMUM_ELEMENTS} elements per sample`, `${channels}×${rows}×${columns}`)
  }
  return { window, beyond }
}

/** Shape of the output: with one spatial axis there are no rows. */
export const windowShape = (window: WindowGeometry, channels: number, axes: number): number[] => [
  channels,
  ...outputSize(window).slice(2 - axes)
]

function padding(
  node: OnnxNode,
  axes: number,
  input: readonly [number, number],
  kernel: readonly [number, number],
  strides: readonly [number, number],
  dilations: readonly [number, number]
): Padding {
  const mode = node.attributes.get('auto_pad')?.text ?? 'NOTSET'
  if (mode === 'VALID') return { pads: [0, 0, 0, 0], beyond: false }
  const spans = [0, 1].map(axis => dilations[axis]! * (kernel[axis]! - 1) + 1) as [number, number]
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const total = [0, 1].map(axis =>
      Math.max(0, (Math.ceil(input[axis]! / strides[axis]!) - 1) * strides[axis]! + spans[axis]! - input[axis]!)
    ) as [number, number]
    const small = total.map(value => Math.floor(value / 2)) as [number, number]
    const large = total.map(value => Math.ceil(value / 2)) as [number, number]
    const pads: Padding['pads'] =
      mode === 'SAME_UPPER' ? [small[0], small[1], large[0], large[1]] : [large[0], large[1], small[0], small[1]]
    return { pads, beyond: false }
  }
  if (mode !== 'NOTSET') throw new UnsupportedAttributeError(node.name, node.operator, 'auto_pad', mode, 'use explicit pads')
  const given = node.attributes.get('pads')?.integers ?? new Array<number>(2 * axes).fill(0)
  if (given.length !== 2 * axes || given.some(value => value < 0)) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'pads', given.join(','), `give ${2 * axes} values that are not negative`)
  }
  const pads = (axes === 1 ? [0, given[0], 0, given[1]] : given) as readonly [number, number, number, number]
  if (integerAttribute(node, 'ceil_mode', 0) === 0) return { pads, beyond: false }
  // ceil_mode: one more window where strides leave a rest, unless it would start in the padding behind the input
  const ends = [0, 1].map(axis => {
    const [before, after] = [pads[axis]!, pads[axis + 2]!]
    const room = input[axis]! + before + after - spans[axis]!
    let windows = Math.ceil(room / strides[axis]!) + 1
    if ((windows - 1) * strides[axis]! >= input[axis]! + before) windows--
    return Math.max(after, (windows - 1) * strides[axis]! + spans[axis]! - input[axis]! - before)
  }) as [number, number]
  return { pads: [pads[0], pads[1], ends[0], ends[1]], beyond: ends[0] > pads[2] || ends[1] > pads[3] }
}
