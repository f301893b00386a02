/** Sums and means over axes of a sample, of the elements or of their squares. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import { type PoolGeometry, sizeOf } from '../../graph/geometry.js'
import { argument, operation } from '../../numeric/expression.js'
import { integerAttribute } from '../attributes.js'
import { hasInput, type ImportContext, type Operator, sampleAxis } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { along } from './along.js'
import { permuted } from './layers.js'
import { taken } from './take.js'

/** The mean of `columns` consecutive elements, for each of `channels` groups. */
export const meanGeometry = (channels: number, columns: number): PoolGeometry => ({
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

/** Axes that a node reduces, counted without the batch; undefined when it leaves its input as it is. */
export function reducedAxes(context: ImportContext, node: OnnxNode, rank: number): readonly number[] | undefined {
  const given = node.attributes.get('axes')?.integers ?? (hasInput(node, 1) ? [...context.constant(node, 1).values] : [])
  const axes = given.map(axis => sampleAxis(axis, rank))
  const idle = given.length === 0 && integerAttribute(node, 'noop_with_empty_axes', 0) === 1
  if (idle) return undefined
  if (given.length === 0 || axes.includes(undefined))
    throw new UnsupportedAttributeError(node.name, node.operator, 'axes', given.join(',') || 'all', 'name axes other than the batch')
  return axes as number[]
}

/** @param total sum instead of mean; returns the value's index */
function reduced(context: ImportContext, node: OnnxNode, input: number, axes: readonly number[], total: boolean): number {
  const shape = context.shape(input)
  const kept = shape.map((_, axis) => axis).filter(axis => !axes.includes(axis))
  const gone = shape.map((_, axis) => axis).filter(axis => axes.includes(axis))
  const channels = sizeOf(kept.map(axis => shape[axis]!))
  const count = sizeOf(shape) / channels
  const source = permuted(context, node, input, [...kept, ...gone])
  const keep = integerAttribute(node, 'keepdims', 1) === 1
  const out = keep ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) : kept.map(axis => shape[axis]!)
  const mean = context.push(node, { kind: 'averagePool', geometry: meanGeometry(channels, count) }, [source], out)
  return total ? context.push(node, { kind: 'scaleShift', scale: count, shift: 0 }, [mean], out) : mean
}

/** @param kind total: sum instead of mean; of: what is reduced of the elements; root: the square root of it */
const reduce =
  (kind: { readonly total: boolean; readonly of?: 'square' | 'abs'; readonly root?: boolean }): Operator =>
  (context, node) => {
    let value = context.value(node, 0)
    const shape = context.shape(value)
    const axes = reducedAxes(context, node, shape.length)
    if (kind.of === 'square') value = context.push(node, { kind: 'power', exponent: 2 }, [value], shape)
    if (kind.of === 'abs') value = context.push(node, { kind: 'activation', function: { name: 'abs' } }, [value], shape)
    if (axes) value = reduced(context, node, value, axes, kind.total)
    if (kind.root)
      value = context.push(node, { kind: 'elementwise', expression: operation('sqrt', argument()) }, [value], context.shape(value))
    context.alias(node, value)
  }

export const reduceMean = reduce({ total: false })
export const reduceSum = reduce({ total: true })
export const reduceSumSquare = reduce({ total: true, of: 'square' })
export const reduceL1 = reduce({ total: true, of: 'abs' })
export const reduceL2 = reduce({ total: true, of: 'square', root: true })

/** Products of elements along axes of a sample, in pairs. */
export const reduceProduct: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  let value = input
  const axes = reducedAxes(context, node, shape.length) ?? []
  for (const axis of axes) {
    let open = Array.from({ length: shape[axis]! }, (_, position) => taken(context, node, value, axis, [position]))
    while (open.length > 1) {
      const pairs = Array.from({ length: Math.ceil(open.length / 2) }, (_, k) => open.slice(2 * k, 2 * k + 2))
      open = pairs.map(pair => (pair.length === 1 ? pair[0]! : context.push(node, { kind: 'multiply' }, pair, context.shape(pair[0]!))))
    }
    value = open[0]!
  }
  const keep = integerAttribute(node, 'keepdims', 1) === 1
  const out = shape.flatMap((size, axis) => (!axes.includes(axis) ? [size] : keep ? [1] : []))
  context.push(node, { kind: 'reshape' }, [value], out)
}

/** Sums of all elements up to each, along one axis. */
export const cumulativeSum: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const given = context.constant(node, 1).values[0] ?? 0
  const axis = sampleAxis(given, shape.length)
  if (axis === undefined)
    throw new UnsupportedAttributeError(node.name, node.operator, 'axis', String(given), 'sum along an axis behind the batch')
  const length = shape[axis]!
  const exclusive = integerAttribute(node, 'exclusive', 0)
  const reverse = integerAttribute(node, 'reverse', 0) === 1
  const weight = Float64Array.from({ length: length * length }, (_, index) => {
    const [row, column] = [Math.floor(index / length), index % length]
    return (reverse ? column - row : row - column) >= exclusive ? 1 : 0
  })
  context.alias(node, along(context, node, input, axis, { inputs: length, outputs: length, weight }))
}
