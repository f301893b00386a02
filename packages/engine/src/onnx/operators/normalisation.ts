/**
 * Normalisations. By statistics of the training they are a factor and a shift; by those of the sample itself
 *
 *   y = γ·(x - m)·r(v) + β     m and v mean and variance of a group of elements, r(v) = 1/√(v + ε)
 *
 * all is linear or a product but r, an activation of one value for each group, approximated on the variances that samples have.
 */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import { sizeOf } from '../../graph/geometry.js'
import { normalization } from '../../graph/normalization.js'
import { argument, constant, operation } from '../../numeric/expression.js'
import { floatAttribute, integerAttribute, requireInteger } from '../attributes.js'
import { broadcast, hasInput, type ImportContext, type Operator, sampleAxis, vector } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { permuted } from './layers.js'
import { meanGeometry } from './reductions.js'
import { taken } from './take.js'

export const batchNormalization: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  requireInteger(node, 'training_mode', 0, 'export the model in inference mode')
  requireInteger(node, 'spatial', 1, 'export with one mean and variance per channel')
  const channels = shape[0] ?? 1
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map(index => vector(node, context.constant(node, index), channels)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array
  ]
  const epsilon = floatAttribute(node, 'epsilon', 1e-5)
  const { scale, shift } = normalization(node.name, { gamma, beta, mean, variance, epsilon }, sizeOf(shape))
  context.push(node, { kind: 'scaleShift', scale, shift }, [input], shape)
}

/** What every element of consecutive groups is divided by. */
interface Grouping {
  readonly groups: number
  /** added to the mean square */
  readonly epsilon: number
  /** Whether means are subtracted before. */
  readonly centred: boolean
  /** Sum of the squares instead of their mean. */
  readonly total?: boolean
}

/** One number for each group becomes one for each of its elements. */
function spread(context: ImportContext, node: OnnxNode, value: number, groups: number, shape: readonly number[]): number {
  const column = context.push(node, { kind: 'reshape' }, [value], [groups, 1])
  const repeated = taken(context, node, column, 1, new Array<number>(sizeOf(shape) / groups).fill(0))
  return context.push(node, { kind: 'reshape' }, [repeated], shape)
}

function normalised(context: ImportContext, node: OnnxNode, input: number, grouping: Grouping): number {
  const { groups, epsilon, centred, total = false } = grouping
  const shape = context.shape(input)
  const count = sizeOf(shape) / groups
  const mean = (value: number): number =>
    context.push(node, { kind: 'averagePool', geometry: meanGeometry(groups, count) }, [value], [groups])
  let value = input
  if (centred) value = context.push(node, { kind: 'subtract' }, [input, spread(context, node, mean(input), groups, shape)], shape)
  const squares = context.push(node, { kind: 'power', exponent: 2 }, [value], shape)
  const factor = total ? count : 1
  const scaled = operation('add', operation('multiply', constant(factor), argument()), constant(epsilon))
  const expression = operation('reciprocal', operation('sqrt', scaled))
  const root = context.push(node, { kind: 'elementwise', expression }, [mean(squares)], [groups])
  return context.push(node, { kind: 'multiply' }, [value, spread(context, node, root, groups, shape)], shape)
}

/** Outputs besides the first one are statistics that only training needs. */
const finished = (
  context: ImportContext,
  node: OnnxNode,
  value: number,
  scale: number | Float64Array,
  shift: number | Float64Array
): void => {
  context.push(node, { kind: 'scaleShift', scale, shift }, [value], context.shape(value))
}

/** LayerNormalization and RMSNormalization: over the axes from one on. */
const trailing =
  (centred: boolean): Operator =>
  (context, node) => {
    const input = context.value(node, 0)
    const shape = context.shape(input)
    const given = integerAttribute(node, 'axis', -1)
    const axis = sampleAxis(given, shape.length)
    if (axis === undefined)
      throw new UnsupportedAttributeError(node.name, node.operator, 'axis', String(given), 'normalise over axes behind the batch')
    const constantOr = (position: number, fallback: number): number | Float64Array =>
      hasInput(node, position) ? broadcast(node, context.constant(node, position), shape) : fallback
    const grouping = { groups: sizeOf(shape.slice(0, axis)), epsilon: floatAttribute(node, 'epsilon', 1e-5), centred }
    finished(context, node, normalised(context, node, input, grouping), constantOr(1, 1), centred ? constantOr(2, 0) : 0)
  }

export const layerNormalization = trailing(true)
export const rmsNormalization = trailing(false)

/** InstanceNormalization and GroupNormalization: over the area of one or several channels. */
const areas =
  (groupsOf: (node: OnnxNode, channels: number) => number): Operator =>
  (context, node) => {
    const input = context.value(node, 0)
    const shape = context.shape(input)
    const channels = shape[0] ?? 0
    const groups = groupsOf(node, channels)
    if (shape.length < 2 || groups < 1 || channels % groups !== 0)
      throw new ShapeMismatchError(node.name, `channels in ${groups} groups, and an area`, shape.join('×') || 'a scalar')
    const area = sizeOf(shape) / channels
    // GroupNormalization of opset 18 has one number for each group
    const perChannel = (position: number): Float64Array => {
      const tensor = context.constant(node, position)
      const own = vector(node, tensor, tensor.values.length === groups ? groups : channels)
      return Float64Array.from({ length: sizeOf(shape) }, (_, index) => own[Math.floor((index / area) * (own.length / channels))]!)
    }
    const grouping = { groups, epsilon: floatAttribute(node, 'epsilon', 1e-5), centred: true }
    finished(context, node, normalised(context, node, input, grouping), perChannel(1), perChannel(2))
  }

export const instanceNormalization = areas((_, channels) => channels)
export const groupNormalization = areas(node => integerAttribute(node, 'num_groups', 0))

/** x/√Σx² along one axis. */
export const lpNormalization: Operator = (context, node) => {
  requireInteger(node, 'p', 2, 'normalise by squares')
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const given = integerAttribute(node, 'axis', -1)
  const axis = sampleAxis(given, shape.length)
  if (axis === undefined)
    throw new UnsupportedAttributeError(node.name, node.operator, 'axis', String(given), 'normalise along an axis behind the batch')
  const last = shape.length - 1
  const swapped = shape.map((_, k) => (k === axis ? last : k === last ? axis : k))
  const turned = permuted(context, node, input, swapped)
  const grouping = { groups: sizeOf(shape) / shape[axis]!, epsilon: 0, centred: false, total: true }
  context.alias(node, permuted(context, node, normalised(context, node, turned, grouping), swapped))
}
