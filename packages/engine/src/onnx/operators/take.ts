/** Taking, repeating and padding along axes: linear maps that move elements. */
import type { ImportContext } from '../context.js'
import type { OnnxNode } from '../decode.js'

/**
 * The elements of a value at these positions of an axis of a sample, zeros where a position is -1; the value itself when that is all of them in order.
 * Returns its index.
 */
export function taken(context: ImportContext, node: OnnxNode, value: number, axis: number, indices: readonly number[]): number {
  const shape = context.shape(value)
  if (indices.length === shape[axis] && indices.every((index, position) => index === position)) return value
  const out = shape.map((dimension, position) => (position === axis ? indices.length : dimension))
  return context.push(node, { kind: 'take', shape, axis, indices }, [value], out)
}

/** Zeros around the axes of rows and columns (or of columns alone), which a window can take into its own padding. */
export interface PeeledPadding {
  readonly value: number
  /** top, left, bottom, right */
  readonly pads: readonly [number, number, number, number]
}

/** The value before what only pads it with zeros, channels apart. */
export function peelPadding(context: ImportContext, value: number): PeeledPadding {
  const pads: [number, number, number, number] = [0, 0, 0, 0]
  let source = value
  for (;;) {
    const { operator, inputs } = context.node(source)
    if (operator.kind !== 'take' || operator.axis === 0 || operator.shape.length > 3) break
    const { shape, axis, indices } = operator
    const before = indices.findIndex(index => index !== -1)
    const length = shape[axis]!
    const after = indices.length - before - length
    if (before < 0 || after < 0 || !indices.every((index, k) => index === (k < before || k >= before + length ? -1 : k - before))) break
    const columns = axis === shape.length - 1
    pads[columns ? 1 : 0] += before
    pads[columns ? 3 : 2] += after
    source = inputs[0]!
  }
  return { value: source, pads }
}
