/** Reading and checking the attributes of ONNX nodes that describe windows. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../errors.js'
import { outputSize, type WindowGeometry } from '../geometry.js'
import type { OnnxNode } from './decode.js'

export const integerAttribute = (node: OnnxNode, name: string, fallback: number): number => node.attributes.get(name)?.integer ?? fallback

export const floatAttribute = (node: OnnxNode, name: string, fallback: number): number => node.attributes.get(name)?.float ?? fallback

const pairAttribute = (node: OnnxNode, name: string, fallback: readonly [number, number], minimum: number): readonly [number, number] => {
  const values = node.attributes.get(name)?.integers
  if (!values) return fallback
  if (values.length !== 2 || values.some(value => value < minimum)) {
    throw new UnsupportedAttributeError(node.name, node.operator, name, values.join(','), `give two values of at least ${minimum}`)
  }
  return [values[0]!, values[1]!]
}

/** Attribute must have this value, or the node is refused. */
export function requireInteger(node: OnnxNode, name: string, required: number, remedy: string): void {
  const value = integerAttribute(node, name, required)
  if (value !== required) throw new UnsupportedAttributeError(node.name, node.operator, name, String(value), remedy)
}

/**
 * Geometry of a convolution or pooling node.
 * @param shape shape of its input, which must be channels × rows × columns
 * @param kernel kernel size when the weights give it
 */
export function windowGeometry(node: OnnxNode, shape: readonly number[], kernel?: readonly [number, number]): WindowGeometry {
  if (shape.length !== 3) throw new ShapeMismatchError(node.name, 'an input of channels × rows × columns', shape.join('×'))
  const [channels, height, width] = shape as [number, number, number]
  const declared = node.attributes.get('kernel_shape')?.integers
  if (kernel && declared && (declared.length !== 2 || declared[0] !== kernel[0] || declared[1] !== kernel[1])) {
    throw new ShapeMismatchError(node.name, `kernel_shape ${kernel.join('×')} as its weights`, declared.join('×'))
  }
  const size = kernel ?? pairAttribute(node, 'kernel_shape', [0, 0], 1)
  if (size[0] < 1 || size[1] < 1) throw new UnsupportedAttributeError(node.name, node.operator, 'kernel_shape', size.join(','), 'give it')
  const strides = pairAttribute(node, 'strides', [1, 1], 1)
  const dilations = pairAttribute(node, 'dilations', [1, 1], 1)
  const pads = padding(node, [height, width], size, strides, dilations)
  requireInteger(node, 'ceil_mode', 0, 'export with ceil_mode = 0')
  const geometry: WindowGeometry = { channels, height, width, kernel: size, strides, pads, dilations }
  const [rows, columns] = outputSize(geometry)
  if (rows < 1 || columns < 1)
    throw new ShapeMismatchError(node.name, 'a window that fits its input', `${size.join('×')} on ${height}×${width}`)
  return geometry
}

function padding(
  node: OnnxNode,
  input: readonly [number, number],
  kernel: readonly [number, number],
  strides: readonly [number, number],
  dilations: readonly [number, number]
): readonly [number, number, number, number] {
  const mode = node.attributes.get('auto_pad')?.text ?? 'NOTSET'
  if (mode === 'VALID') return [0, 0, 0, 0]
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const total = [0, 1].map(axis => {
      const span = dilations[axis]! * (kernel[axis]! - 1) + 1
      return Math.max(0, (Math.ceil(input[axis]! / strides[axis]!) - 1) * strides[axis]! + span - input[axis]!)
    }) as [number, number]
    const small = total.map(value => Math.floor(value / 2)) as [number, number]
    const large = total.map(value => Math.ceil(value / 2)) as [number, number]
    return mode === 'SAME_UPPER' ? [small[0], small[1], large[0], large[1]] : [large[0], large[1], small[0], small[1]]
  }
  if (mode !== 'NOTSET') throw new UnsupportedAttributeError(node.name, node.operator, 'auto_pad', mode, 'use explicit pads')
  const pads = node.attributes.get('pads')?.integers ?? [0, 0, 0, 0]
  if (pads.length !== 4 || pads.some(value => value < 0)) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'pads', pads.join(','), 'give four values that are not negative')
  }
  return [pads[0]!, pads[1]!, pads[2]!, pads[3]!]
}
