/** A matrix applied to one axis of a sample. */
import type { ImportContext } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { dense } from './dense.js'
import { permuted } from './layers.js'

/** @returns index of the value; the other axes stay where they are */
export function along(
  context: ImportContext,
  node: OnnxNode,
  value: number,
  axis: number,
  layer: { readonly inputs: number; readonly outputs: number; readonly weight: Float64Array }
): number {
  const last = context.shape(value).length - 1
  const swapped = Array.from({ length: last + 1 }, (_, k) => (k === axis ? last : k === last ? axis : k))
  return permuted(context, node, dense(context, node, permuted(context, node, value, swapped), layer), swapped)
}
