/** Operators that move or rename elements. The batch stays the first axis. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import { sizeOf } from '../../graph/geometry.js'
import { integerAttribute, requireInteger } from '../attributes.js'
import { BATCH } from '../constants.js'
import { hasInput, type ImportContext, type Operator, sampleAxis } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { permuted } from './layers.js'

export const flatten: Operator = (context, node) => {
  const input = context.value(node, 0)
  const rank = context.shape(input).length
  const axis = integerAttribute(node, 'axis', 1)
  if (sampleAxis(axis, rank) !== 0 && !(rank === 0 && axis === 1)) {
    throw new UnsupportedAttributeError(
      node.name,
      node.operator,
      'axis',
      String(axis),
      'flatten from axis 1, so that the batch stays apart'
    )
  }
  context.push(node, { kind: 'reshape' }, [input], [sizeOf(context.shape(input))])
}

export const reshape: Operator = (context, node) => {
  const input = context.value(node, 0)
  const size = sizeOf(context.shape(input))
  const target = [...context.shapeConstant(node, 1).values]
  const shown = target.map(dimension => (dimension === BATCH ? 'batch' : dimension)).join('×')
  const wrong = () => new ShapeMismatchError(node.name, `a shape that keeps the batch and ${size} elements per sample`, shown || 'a scalar')
  requireInteger(node, 'allowzero', 0, 'use -1 for the inferred dimension')
  if (target.length < 2) throw wrong()
  const rest = target.slice(1).map((dimension, axis) => (dimension === 0 ? (context.shape(input)[axis] ?? 0) : dimension))
  const known = rest.filter(dimension => dimension !== -1).reduce((product, dimension) => product * dimension, 1)
  const unknown = rest.filter(dimension => dimension === -1).length
  if (rest.includes(BATCH) || unknown > 1 || (unknown === 1 && target[0] === -1) || known <= 0 || size % known !== 0) throw wrong()
  const shape = rest.map(dimension => (dimension === -1 ? size / known : dimension))
  if (sizeOf(shape) !== size) throw wrong()
  context.push(node, { kind: 'reshape' }, [input], shape)
}

export const transpose: Operator = (context, node) => {
  const input = context.value(node, 0)
  const rank = context.shape(input).length
  const full = node.attributes.get('perm')?.integers ?? Array.from({ length: rank + 1 }, (_, axis) => rank - axis)
  const valid = full.length === rank + 1 && full[0] === 0 && [...full].sort((a, b) => a - b).every((axis, index) => axis === index)
  if (!valid) throw new UnsupportedAttributeError(node.name, node.operator, 'perm', full.join(','), 'keep the batch dimension first')
  const permutation = full.slice(1).map(axis => axis - 1)
  context.alias(node, permuted(context, node, input, permutation))
}

/** Axes as an attribute (before opset 13) or as an input. */
function axesOf(context: ImportContext, node: OnnxNode): readonly number[] {
  const axes = node.attributes.get('axes')?.integers ?? (hasInput(node, 1) ? [...context.constant(node, 1).values] : undefined)
  if (!axes)
    throw new UnsupportedAttributeError(node.name, node.operator, 'axes', 'none', 'name the axes, so that the batch is never among them')
  return axes
}

export const squeeze: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const given = axesOf(context, node)
  const axes = given.map(axis => sampleAxis(axis, shape.length))
  if (axes.some(axis => axis === undefined || shape[axis] !== 1)) {
    throw new UnsupportedAttributeError(
      node.name,
      node.operator,
      'axes',
      given.join(','),
      `name axes of size 1 of an input of batch×${shape.join('×')}`
    )
  }
  context.push(
    node,
    { kind: 'reshape' },
    [input],
    shape.filter((_, axis) => !axes.includes(axis))
  )
}

export const unsqueeze: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const given = axesOf(context, node)
  const rank = shape.length + given.length
  const axes = new Set(given.map(axis => sampleAxis(axis, rank)))
  if (axes.has(undefined) || axes.size !== given.length) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'axes', given.join(','), 'add axes behind the batch')
  }
  let next = 0
  const out = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : shape[next++]!))
  context.push(node, { kind: 'reshape' }, [input], out)
}
