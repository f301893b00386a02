/** Channels that become area and the other way round: elements in another order. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import { integerAttribute } from '../attributes.js'
import type { ImportContext, Operator } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { permuted } from './layers.js'

function image(context: ImportContext, node: OnnxNode): { input: number; shape: readonly [number, number, number]; block: number } {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const block = integerAttribute(node, 'blocksize', 0)
  if (shape.length !== 3 || block < 1)
    throw new ShapeMismatchError(node.name, 'channels × rows × columns and a block of at least 1', `${shape.join('×')} and ${block}`)
  return { input, shape: shape as readonly [number, number, number], block }
}

/** @throws ShapeMismatchError unless the size can be divided */
function share(node: OnnxNode, size: number, by: number): number {
  if (size % by !== 0) throw new ShapeMismatchError(node.name, `a multiple of ${by}`, String(size))
  return size / by
}

function reordered(
  context: ImportContext,
  node: OnnxNode,
  input: number,
  split: readonly number[],
  order: readonly number[],
  out: readonly number[]
): void {
  const apart = context.push(node, { kind: 'reshape' }, [input], split)
  context.push(node, { kind: 'reshape' }, [permuted(context, node, apart, order)], out)
}

export const depthToSpace: Operator = (context, node) => {
  const { input, shape, block } = image(context, node)
  const [channels, rows, columns] = shape
  const depth = share(node, channels, block * block)
  const mode = node.attributes.get('mode')?.text ?? 'DCR'
  if (mode !== 'DCR' && mode !== 'CRD') throw new UnsupportedAttributeError(node.name, node.operator, 'mode', mode, "use 'DCR' or 'CRD'")
  const out = [depth, rows * block, columns * block]
  if (mode === 'DCR') reordered(context, node, input, [block, block, depth, rows, columns], [2, 3, 0, 4, 1], out)
  else reordered(context, node, input, [depth, block, block, rows, columns], [0, 3, 1, 4, 2], out)
}

export const spaceToDepth: Operator = (context, node) => {
  const { input, shape, block } = image(context, node)
  const [channels, rows, columns] = shape
  const [height, width] = [share(node, rows, block), share(node, columns, block)]
  reordered(context, node, input, [channels, height, block, width, block], [2, 4, 0, 1, 3], [channels * block * block, height, width])
}
