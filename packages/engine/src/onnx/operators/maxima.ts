/**
 * Maxima of windows, which nothing evaluates exactly: refused, unless somebody asks for what stands in their place.
 *
 *   pairs     max(a, b) = (a + b)/2 + |a - b|/2, pair after pair along each axis: |·| is an activation like others, a window of k needs ⌈log₂ k⌉ of them for each axis
 *   average   the mean of the window, another function: the network must be trained with it, or its answers be checked
 */
import { UnsupportedOperatorError } from '../../errors.js'
import { type PoolGeometry, sizeOf } from '../../graph/geometry.js'
import { integerAttribute, windowGeometry, windowShape } from '../attributes.js'
import type { ImportContext, Operator } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { remedyFor } from '../remedies.js'
import { globalAveragePool, reducedAxes, reduceMean } from './reductions.js'
import { taken } from './take.js'

function wish(context: ImportContext, node: OnnxNode): 'pairs' | 'average' {
  const { maxPool } = context.replace
  if (maxPool === undefined) throw new UnsupportedOperatorError(node.name, node.operator, remedyFor(node.operator))
  return maxPool
}

/** Positions that a window reads along one axis; outside ones count for nothing, so that one inside stands for them. */
function positions(length: number, kernel: number, stride: number, dilation: number, before: number, outputs: number): number[][] {
  const read = Array.from({ length: outputs }, (_, output) => {
    const all = Array.from({ length: kernel }, (__, tap) => output * stride + tap * dilation - before)
    const inside = all.filter(position => position >= 0 && position < length)
    return all.map(position => (position >= 0 && position < length ? position : (inside[0] ?? 0)))
  })
  return Array.from({ length: kernel }, (_, tap) => read.map(window => window[tap]!))
}

/** The larger of two values, element by element. */
function larger(context: ImportContext, node: OnnxNode, left: number, right: number): number {
  const shape = context.shape(left)
  const difference = context.push(node, { kind: 'subtract' }, [left, right], shape)
  const distance = context.push(node, { kind: 'activation', function: { name: 'abs' } }, [difference], shape)
  const total = context.push(node, { kind: 'add' }, [context.push(node, { kind: 'add' }, [left, right], shape), distance], shape)
  return context.push(node, { kind: 'scaleShift', scale: 0.5, shift: 0 }, [total], shape)
}

/** The largest of what these lists of positions take, one after another in pairs. */
function largestAlong(context: ImportContext, node: OnnxNode, value: number, axis: number, lists: readonly (readonly number[])[]): number {
  let open = lists.map(list => taken(context, node, value, axis, list))
  while (open.length > 1) {
    const next: number[] = []
    for (let k = 0; k < open.length; k += 2) next.push(k + 1 < open.length ? larger(context, node, open[k]!, open[k + 1]!) : open[k]!)
    open = next
  }
  return open[0]!
}

export const maxPool: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const kind = wish(context, node)
  const { window } = windowGeometry(node, shape)
  const axes = shape.length - 1
  const out = windowShape(window, window.channels, axes)
  if (kind === 'average') {
    const geometry: PoolGeometry = { ...window, countPadding: false }
    context.push(node, { kind: 'averagePool', geometry }, [input], out)
    return
  }
  let value = input
  for (let axis = 1; axis <= axes; axis++) {
    const side = axis - 1 + (2 - axes)
    const { kernel, strides, dilations, pads } = window
    const lists = positions(shape[axis]!, kernel[side]!, strides[side]!, dilations[side]!, pads[side]!, out[axis]!)
    value = largestAlong(context, node, value, axis, lists)
  }
  context.alias(node, value)
}

export const globalMaxPool: Operator = (context, node) => {
  if (wish(context, node) === 'average') {
    globalAveragePool(context, node)
    return
  }
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const [channels] = shape as [number]
  const area = sizeOf(shape) / channels
  const rows = context.push(node, { kind: 'reshape' }, [input], [channels, area])
  const largest = largestAlong(
    context,
    node,
    rows,
    1,
    Array.from({ length: area }, (_, position) => [position])
  )
  context.push(node, { kind: 'reshape' }, [largest], [channels, ...shape.slice(1).map(() => 1)])
}

/** ReduceMax over axes of a sample. */
export const reduceMax: Operator = (context, node) => {
  const kind = wish(context, node)
  if (kind === 'average') {
    reduceMean(context, node)
    return
  }
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const axes = reducedAxes(context, node, shape.length)
  if (!axes) {
    context.alias(node, input)
    return
  }
  let value = input
  for (const axis of axes) {
    const lists = Array.from({ length: shape[axis]! }, (_, position) => [position])
    value = largestAlong(context, node, value, axis, lists)
  }
  const kept = integerAttribute(node, 'keepdims', 1) === 1
  context.push(
    node,
    { kind: 'reshape' },
    [value],
    shape.flatMap((size, axis) => (!axes.includes(axis) ? [size] : kept ? [1] : []))
  )
}
