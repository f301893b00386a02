/** Numpy broadcasting of computed values: repeating along axes of one element is a linear map. The batch is never an axis of it. */
import { ShapeMismatchError } from '../../errors.js'
import type { ImportContext } from '../context.js'
import type { ConstantTensor, OnnxNode } from '../decode.js'
import { taken } from './take.js'

/**
 * Shape of one sample that all operands broadcast to.
 * @throws ShapeMismatchError when there is none, or when a value would have to be repeated along the batch
 */
export function commonShape(
  context: ImportContext,
  node: OnnxNode,
  values: readonly number[],
  constants: readonly ConstantTensor[]
): readonly number[] {
  const shapes = values.map(value => context.shape(value))
  const rank = Math.max(0, ...shapes.map(shape => shape.length))
  const out = new Array<number>(rank).fill(1)
  const all = [
    ...shapes,
    // constants have the batch as an axis when they have all axes
    ...constants.map(({ shape }) => (shape.length === rank + 1 && shape[0] === 1 ? shape.slice(1) : shape))
  ]
  const fits = all.every((shape, index) => {
    if (index < shapes.length ? shape.length !== rank : shape.length > rank) return false
    return shape.every((dimension, position) => {
      const axis = rank - shape.length + position
      if (dimension === 1 || dimension === out[axis]) return true
      if (out[axis] !== 1) return false
      out[axis] = dimension
      return true
    })
  })
  if (!fits) {
    const shown = all.map(shape => shape.join('×') || 'a scalar').join(' and ')
    throw new ShapeMismatchError(node.name, 'operands whose samples broadcast to one shape', shown)
  }
  return out
}

/** The value repeated along its axes of one element, to this shape of the same rank. */
export function expanded(context: ImportContext, node: OnnxNode, value: number, shape: readonly number[]): number {
  let out = value
  shape.forEach((dimension, axis) => {
    if (context.shape(out)[axis] !== dimension) out = taken(context, node, out, axis, new Array<number>(dimension).fill(0))
  })
  return out
}
