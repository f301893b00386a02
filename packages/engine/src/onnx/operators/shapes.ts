/** Operators that move or rename elements. The batch stays the first axis. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import { sizeOf, takeSource } from '../../graph/geometry.js'
import { integerAttribute, requireInteger } from '../attributes.js'
import { BATCH } from '../constants.js'
import { hasInput, type ImportContext, type Operator, sampleAxis } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { sliced } from '../folds.js'
import { expanded } from './broadcast.js'
import { permuted } from './layers.js'
import { taken } from './take.js'

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
  // with allowzero a 0 is a size, and no value of the network is empty
  if (target.includes(0)) requireInteger(node, 'allowzero', 0, 'use -1 for the inferred dimension')
  // a single number per sample may stand without an axis of its own
  if (target.length === 1 && size === 1 && (target[0] === -1 || target[0] === BATCH)) {
    context.push(node, { kind: 'reshape' }, [input], [])
    return
  }
  if (target.length < 2) throw wrong()
  // [-1, features]: rows of a sample become rows of the batch, for a layer that treats each by itself
  const features = target[1]!
  if (target.length === 2 && target[0] === -1 && features > 0 && features < size && size % features === 0) {
    context.merge(context.push(node, { kind: 'reshape' }, [input], [size / features, features]))
    return
  }
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
  const batch = context.batchAxis(node, 0)
  const full = node.attributes.get('perm')?.integers ?? Array.from({ length: rank + 1 }, (_, axis) => rank - axis)
  if (full.length !== rank + 1 || [...full].sort((a, b) => a - b).some((axis, index) => axis !== index))
    throw new UnsupportedAttributeError(node.name, node.operator, 'perm', full.join(','), `name each of ${rank + 1} axes once`)
  const permutation = full.filter(axis => axis !== batch).map(axis => (axis < batch ? axis : axis - 1))
  context.alias(node, permuted(context, node, input, permutation))
  context.placeBatch(node, full.indexOf(batch))
}

/** Axes as an attribute (before opset 13) or as an input. */
const axesOf = (context: ImportContext, node: OnnxNode): readonly number[] | undefined =>
  node.attributes.get('axes')?.integers ?? (hasInput(node, 1) ? [...context.constant(node, 1).values] : undefined)

export const squeeze: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  // without axes, all of size 1: the batch, of any size, is not one of them
  const given = axesOf(context, node) ?? shape.flatMap((dimension, axis) => (dimension === 1 ? [axis + 1] : []))
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
  const given = axesOf(context, node) ?? []
  const rank = shape.length + given.length
  const axes = new Set(given.map(axis => sampleAxis(axis, rank)))
  if (axes.has(undefined) || axes.size !== given.length) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'axes', given.join(','), 'add axes behind the batch')
  }
  let next = 0
  const out = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : shape[next++]!))
  context.push(node, { kind: 'reshape' }, [input], out)
}

/** Position of an axis of a sample; the batch is refused, since samples are evaluated each by itself. */
function movableAxis(node: OnnxNode, axis: number, rank: number): number {
  const position = sampleAxis(axis, rank)
  if (position === undefined)
    throw new UnsupportedAttributeError(node.name, node.operator, 'axis', String(axis), `choose one of the ${rank} axes behind the batch`)
  return position
}

/** Expand: the shape names the batch as 1, -1 or by its size. */
export const expand: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const target = [...context.shapeConstant(node, 1).values]
  const rank = target.length - 1
  if (rank > shape.length)
    throw new ShapeMismatchError(node.name, `a shape of at most ${shape.length + 1} dimensions`, String(target.length))
  const own = target.slice(Math.max(0, target.length - shape.length))
  const padded = [...new Array<number>(shape.length - own.length).fill(1), ...own]
  const out = shape.map((dimension, axis) => (padded[axis] === 1 || padded[axis] === -1 ? dimension : padded[axis]!))
  if (out.some((dimension, axis) => dimension !== shape[axis] && (shape[axis] !== 1 || !(dimension >= 1))))
    throw new ShapeMismatchError(node.name, `a shape that ${shape.join('×')} broadcasts to`, own.join('×'))
  context.alias(node, expanded(context, node, input, out))
}

export const tile: Operator = (context, node) => {
  let value = context.value(node, 0)
  const rank = context.shape(value).length
  const repeats = [...context.constant(node, 1).values]
  if (repeats.length !== rank + 1 || repeats[0] !== 1 || repeats.some(count => !Number.isInteger(count) || count < 1))
    throw new UnsupportedAttributeError(node.name, node.operator, 'repeats', repeats.join(','), `give ${rank + 1}, the first of them 1`)
  repeats.slice(1).forEach((count, axis) => {
    const length = context.shape(value)[axis]!
    value = taken(
      context,
      node,
      value,
      axis,
      Array.from({ length: count * length }, (_, index) => index % length)
    )
  })
  context.alias(node, value)
}

export const gather: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const batch = context.batchAxis(node, 0)
  const given = integerAttribute(node, 'axis', 0)
  const full = given < 0 ? given + shape.length + 1 : given
  // counted with the batch first
  const axis = movableAxis(node, batch === 0 ? given : full === batch ? 0 : full < batch ? full + 1 : full, shape.length)
  const tensor = context.constant(node, 1)
  const length = shape[axis]!
  const indices = wrapped(node, tensor.values, length)
  const value = taken(context, node, input, axis, indices)
  const out = [...shape.slice(0, axis), ...tensor.shape, ...shape.slice(axis + 1)]
  if (tensor.shape.length === 1) context.alias(node, value)
  else context.push(node, { kind: 'reshape' }, [value], out)
  context.placeBatch(node, full < batch ? batch + tensor.shape.length - 1 : batch)
}

/** Indices from the end counted from the start. */
function wrapped(node: OnnxNode, values: Float64Array, length: number): number[] {
  const indices = [...values].map(index => (index < 0 ? index + length : index))
  if (indices.length === 0 || indices.some(index => !Number.isInteger(index) || index < 0 || index >= length))
    throw new ShapeMismatchError(node.name, `indices below ${length}`, values.join(','))
  return indices
}

/** GatherND with constant indices into the axes before the batch, which exporters write for indices into one of several axes. */
export const gatherND: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const batch = context.batchAxis(node, 0)
  const tensor = context.constant(node, 1)
  const depth = tensor.shape.at(-1) ?? 0
  if (integerAttribute(node, 'batch_dims', 0) !== 0 || depth < 1 || depth > batch)
    throw new UnsupportedAttributeError(node.name, node.operator, 'batch_dims', 'into the batch', 'index axes other than the batch')
  const [indexed, rest] = [shape.slice(0, depth), shape.slice(depth)]
  const columns = indexed.map((length, axis) =>
    wrapped(
      node,
      tensor.values.filter((_, k) => k % depth === axis),
      length
    )
  )
  const positions = columns[0]!.map((_, row) => indexed.reduce((position, length, axis) => position * length + columns[axis]![row]!, 0))
  const flat = context.push(node, { kind: 'reshape' }, [input], [sizeOf(indexed), ...rest])
  const lead = tensor.shape.slice(0, -1)
  context.push(node, { kind: 'reshape' }, [taken(context, node, flat, 0, positions)], [...lead, ...rest])
  context.placeBatch(node, batch - depth + lead.length)
}

export const slice: Operator = (context, node) => {
  let value = context.value(node, 0)
  const rank = context.shape(value).length
  const list = (name: string, input: number): readonly number[] | undefined =>
    node.attributes.get(name)?.integers ?? (hasInput(node, input) ? [...context.constant(node, input).values] : undefined)
  const [starts, ends] = [list('starts', 1) ?? [], list('ends', 2) ?? []]
  const axes = list('axes', 3) ?? starts.map((_, axis) => axis)
  const steps = list('steps', 4) ?? starts.map(() => 1)
  axes.forEach((given, k) => {
    const [start, end, step] = [starts[k]!, ends[k]!, steps[k]!]
    const batch = sampleAxis(given, rank) === undefined && (given === 0 || given === -rank - 1)
    if (batch && start === 0 && step === 1 && end >= 2 ** 31 - 1) return
    const axis = movableAxis(node, given, rank)
    const indices = sliced(context.shape(value)[axis]!, start, end, step)
    if (indices.length === 0)
      throw new ShapeMismatchError(node.name, 'at least one element of every axis', `${start} to ${end} of axis ${given}`)
    value = taken(context, node, value, axis, indices)
  })
  context.alias(node, value)
}

export const split: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const axis = movableAxis(node, integerAttribute(node, 'axis', 0), shape.length)
  const length = shape[axis]!
  const parts = node.outputs.length
  const even = Math.ceil(length / parts)
  const sizes =
    node.attributes.get('split')?.integers ??
    (hasInput(node, 1) ? [...context.constant(node, 1).values] : node.outputs.map((_, part) => Math.min(even, length - part * even)))
  if (sizes.length !== parts || sizes.some(size => size < 1) || sizes.reduce((sum, size) => sum + size, 0) !== length)
    throw new ShapeMismatchError(node.name, `${parts} sizes that make ${length}`, sizes.join(','))
  let start = 0
  const values = sizes.map(size => {
    const first = start
    start += size
    const indices = Array.from({ length: size }, (_, index) => first + index)
    return taken(context, node, input, axis, indices)
  })
  // after the last push, which names the first output
  values.forEach((value, part) => {
    context.bind(node, part, value)
  })
}

/** Parts next to each other: each padded with zeros to the whole, and added. Constant parts are a shift. */
export const concat: Operator = (context, node) => {
  const values = node.inputs.map((name, input) => (context.isConstant(name) ? undefined : context.value(node, input)))
  const shapes = values.map((value, input) => (value === undefined ? context.constant(node, input).shape.slice(1) : context.shape(value)))
  const model = context.shape(values.find(value => value !== undefined)!)
  const axis = movableAxis(node, integerAttribute(node, 'axis', 1), model.length)
  const fits = shapes.every(shape => shape.length === model.length && shape.every((dimension, k) => k === axis || dimension === model[k]))
  if (!fits) throw new ShapeMismatchError(node.name, 'parts that differ in one axis', shapes.map(shape => shape.join('×')).join(' and '))
  const total = shapes.reduce((sum, shape) => sum + shape[axis]!, 0)
  const out = model.map((dimension, k) => (k === axis ? total : dimension))
  const shift = new Float64Array(sizeOf(out))
  const inner = sizeOf(out.slice(axis + 1))
  let whole: number | undefined
  let start = 0
  values.forEach((value, input) => {
    const size = shapes[input]![axis]!
    if (value === undefined) {
      const { values: numbers } = context.constant(node, input)
      numbers.forEach((number, index) => {
        const row = Math.floor(index / (size * inner))
        shift[row * total * inner + start * inner + (index % (size * inner))] = number
      })
    } else {
      const before = start
      const indices = Array.from({ length: total }, (_, index) => (index >= before && index < before + size ? index - before : -1))
      const padded = taken(context, node, value, axis, indices)
      whole = whole === undefined ? padded : context.push(node, { kind: 'add' }, [whole, padded], out)
    }
    start += size
  })
  if (shift.some(number => number !== 0)) whole = context.push(node, { kind: 'scaleShift', scale: 1, shift }, [whole!], out)
  context.alias(node, whole!)
}

/** Pads in rows of begins and ends; as an attribute before opset 11. */
export const pad: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const mode = node.attributes.get('mode')?.text ?? 'constant'
  const pads = node.attributes.get('pads')?.integers ?? [...context.constant(node, 1).values]
  const axes = hasInput(node, 3) ? [...context.constant(node, 3).values] : Array.from({ length: shape.length + 1 }, (_, axis) => axis)
  const filling = hasInput(node, 2) ? context.constant(node, 2).values[0]! : (node.attributes.get('value')?.float ?? 0)
  if (pads.length !== 2 * axes.length)
    throw new UnsupportedAttributeError(node.name, node.operator, 'pads', pads.join(','), `give ${2 * axes.length} numbers`)
  let value = input
  let inside = new Float64Array(sizeOf(shape)).fill(1)
  axes.forEach((given, k) => {
    const [before, after] = [pads[k]!, pads[k + axes.length]!]
    if (before === 0 && after === 0) return
    const axis = movableAxis(node, given, shape.length)
    const length = shape[axis]!
    const positions = Array.from({ length: Math.max(0, length + before + after) }, (_, index) => source(node, mode, index - before, length))
    if (positions.length === 0) throw new ShapeMismatchError(node.name, 'at least one element of every axis', pads.join(','))
    const held = context.shape(value)
    value = taken(context, node, value, axis, positions)
    const from = takeSource(held, axis, positions)
    const previous = inside
    inside = Float64Array.from(from, position => (position < 0 ? 0 : previous[position]!))
  })
  if (filling !== 0 && inside.includes(0)) {
    const shift = inside.map(element => (1 - element) * filling)
    value = context.push(node, { kind: 'scaleShift', scale: 1, shift }, [value], context.shape(value))
  }
  context.alias(node, value)
}

/** Where an element of a padded axis comes from: -1 for the filling. */
function source(node: OnnxNode, mode: string, index: number, length: number): number {
  if (index >= 0 && index < length) return index
  switch (mode) {
    case 'constant':
      return -1
    case 'edge':
      return index < 0 ? 0 : length - 1
    case 'wrap':
      return ((index % length) + length) % length
    case 'reflect': {
      if (length === 1) return 0
      const period = 2 * (length - 1)
      const within = ((index % period) + period) % period
      return within < length ? within : period - within
    }
    default:
      throw new UnsupportedAttributeError(node.name, node.operator, 'mode', mode, "use 'constant', 'edge', 'reflect' or 'wrap'")
  }
}
