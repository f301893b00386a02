/** What exporters compute from constants or from shapes: a transposed weight, the target of a reshape. */
import { ShapeMismatchError, UnsupportedAttributeError, UnsupportedTopologyError } from '../errors.js'
import { sizeOf, transposeSource } from '../graph/geometry.js'
import { MAXIMUM_ELEMENTS } from './context.js'
import { type ConstantTensor, decodeTensor, type OnnxNode } from './decode.js'

/** Stands for the batch size in tensors that hold shapes. */
export const BATCH = Number.MIN_SAFE_INTEGER

export type Fold = (
  node: OnnxNode,
  operand: (input: number) => ConstantTensor,
  context: { readonly opset: number /** which of the node's outputs is asked for */; readonly output: number }
) => Omit<ConstantTensor, 'name'>

export const integer = (node: OnnxNode, name: string, fallback: number): number => node.attributes.get(name)?.integer ?? fallback

/** Data types that Cast cuts to whole numbers: (u)int8 to int64 of TensorProto.DataType. */
const INTEGER_TYPES: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7, 12, 13])

/** The axes a node names, as an attribute (before opset 13) or as its second input, counted from 0 in `rank` dimensions. */
export function axesOf(node: OnnxNode, operand: (input: number) => ConstantTensor, rank: number): number[] {
  const axes = node.attributes.get('axes')?.integers ?? (node.inputs[1] ? [...operand(1).values] : [])
  return axes.map(axis => (axis < 0 ? axis + rank : axis))
}

const identity: Fold = (_node, operand) => operand(0)

const cast: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  return { shape, values: INTEGER_TYPES.has(integer(node, 'to', 1)) ? values.map(Math.trunc) : values }
}

const transpose: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  const permutation = node.attributes.get('perm')?.integers ?? shape.map((_, axis) => shape.length - 1 - axis)
  const sorted = [...permutation].sort((a, b) => a - b)
  if (sorted.length !== shape.length || sorted.some((axis, index) => axis !== index)) {
    throw new ShapeMismatchError(node.name, `a permutation of ${shape.length} axes`, permutation.join(','))
  }
  return {
    shape: permutation.map(axis => shape[axis]!),
    values: Float64Array.from(transposeSource(shape, permutation), source => values[source]!)
  }
}

const reshape: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  const target = [...operand(1).values].map((dimension, axis) =>
    dimension === 0 && integer(node, 'allowzero', 0) === 0 ? (shape[axis] ?? 0) : dimension
  )
  const known = target.reduce((product, dimension) => (dimension === -1 ? product : product * dimension), 1)
  const out = target.map(dimension => (dimension === -1 ? values.length / known : dimension))
  if (sizeOf(out) !== values.length || !out.every(Number.isInteger))
    throw new ShapeMismatchError(node.name, `${values.length} elements`, target.join('×'))
  return { shape: out, values }
}

const unsqueeze: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  const count = node.attributes.get('axes')?.integers?.length ?? operand(1).values.length
  const axes = new Set(axesOf(node, operand, shape.length + count))
  let next = 0
  return { shape: Array.from({ length: shape.length + axes.size }, (_, axis) => (axes.has(axis) ? 1 : shape[next++]!)), values }
}

const squeeze: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  const axes = axesOf(node, operand, shape.length)
  return { shape: shape.filter((dimension, axis) => (axes.length > 0 ? !axes.includes(axis) : dimension !== 1)), values }
}

/** Along one axis: every slice of the others taken at the given positions. */
export function take({ shape, values }: Omit<ConstantTensor, 'name'>, axis: number, positions: readonly number[]): Float64Array {
  const inner = sizeOf(shape.slice(axis + 1))
  const length = shape[axis]!
  const outer = values.length / (inner * length)
  return Float64Array.from({ length: outer * positions.length * inner }, (_, index) => {
    const within = index % inner
    const position = positions[Math.floor(index / inner) % positions.length]!
    return values[(Math.floor(index / (inner * positions.length)) * length + position) * inner + within]!
  })
}

const gather: Fold = (node, operand) => {
  const [data, indices] = [operand(0), operand(1)]
  const axis = (integer(node, 'axis', 0) + data.shape.length) % data.shape.length
  const length = data.shape[axis] ?? 0
  const positions = [...indices.values].map(index => (index < 0 ? index + length : index))
  if (positions.some(position => !(position >= 0 && position < length))) {
    throw new ShapeMismatchError(node.name, `indices below ${length}`, indices.values.join(','))
  }
  return { shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)], values: take(data, axis, positions) }
}

/** Positions from start to before end, as numpy counts. */
export function sliced(length: number, start: number, end: number, step: number): number[] {
  const clamp = (index: number, low: number, high: number): number => Math.min(high, Math.max(low, index < 0 ? index + length : index))
  const out: number[] = []
  if (step > 0) for (let index = clamp(start, 0, length); index < clamp(end, 0, length); index += step) out.push(index)
  else if (step < 0) for (let index = clamp(start, -1, length - 1); index > clamp(end, -1, length - 1); index += step) out.push(index)
  return out
}

const slice: Fold = (node, operand) => {
  const data = operand(0)
  const list = (name: string, input: number): number[] | undefined =>
    node.attributes.get(name)?.integers?.slice() ?? (node.inputs[input] ? [...operand(input).values] : undefined)
  const starts = list('starts', 1) ?? []
  const ends = list('ends', 2) ?? []
  const axes = list('axes', 3) ?? starts.map((_, axis) => axis)
  const steps = list('steps', 4) ?? starts.map(() => 1)
  let out: Omit<ConstantTensor, 'name'> = data
  axes.forEach((given, k) => {
    const axis = given < 0 ? given + data.shape.length : given
    const length = data.shape[axis]
    if (length === undefined) throw new ShapeMismatchError(node.name, `an axis of ${data.shape.length}`, String(given))
    const positions = sliced(length, starts[k]!, ends[k]!, steps[k]!)
    out = {
      shape: out.shape.map((dimension, index) => (index === axis ? positions.length : dimension)),
      values: take(out, axis, positions)
    }
  })
  return out
}

const concat: Fold = (node, operand) => {
  const parts = node.inputs.map((_, input) => operand(input))
  const rank = parts[0]!.shape.length
  const axis = (integer(node, 'axis', 0) + rank) % Math.max(1, rank)
  const outer = sizeOf(parts[0]!.shape.slice(0, axis))
  const fits = parts.every(
    part => part.shape.length === rank && part.shape.every((dimension, k) => k === axis || dimension === parts[0]!.shape[k])
  )
  if (!fits || rank === 0)
    throw new ShapeMismatchError(node.name, 'tensors that differ in one axis', parts.map(part => part.shape.join('×')).join(' and '))
  const rows = Array.from({ length: outer }, (_, row) =>
    parts.flatMap(({ values }) => [...values.subarray((row * values.length) / outer, ((row + 1) * values.length) / outer)])
  )
  const total = parts.reduce((sum, part) => sum + part.shape[axis]!, 0)
  return { shape: parts[0]!.shape.map((dimension, k) => (k === axis ? total : dimension)), values: Float64Array.from(rows.flat()) }
}

const constantOfShape: Fold = (node, operand) => {
  // one row per sample is one row, which broadcasts
  const shape = [...operand(0).values].map((dimension, axis) => (dimension === BATCH && axis === 0 ? 1 : dimension))
  const tensor = node.attributes.get('value')?.tensor
  const value = tensor ? decodeTensor(tensor, node.name).values[0]! : 0
  if (shape.some(dimension => !Number.isInteger(dimension) || dimension < 0) || sizeOf(shape) > MAXIMUM_ELEMENTS) {
    throw new ShapeMismatchError(node.name, `a shape of at most ${MAXIMUM_ELEMENTS} elements`, shape.join('×'))
  }
  return { shape, values: new Float64Array(sizeOf(shape)).fill(value) }
}

/** Numpy's repetition of a constant; along the batch it stays one row, which broadcasts. */
const expand: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  const target = [...operand(1).values].map(dimension => (dimension === BATCH ? 1 : dimension))
  const rank = Math.max(shape.length, target.length)
  const [own, wanted] = [shape, target].map(given => [...new Array<number>(rank - given.length).fill(1), ...given]) as [number[], number[]]
  const out = own.map((dimension, axis) => (wanted[axis] === 1 ? dimension : wanted[axis]!))
  const fits = out.every((dimension, axis) => Number.isInteger(dimension) && dimension >= 0 && (own[axis] === 1 || own[axis] === dimension))
  if (!fits || sizeOf(out) > MAXIMUM_ELEMENTS)
    throw new ShapeMismatchError(node.name, `a shape that ${shape.join('×') || 'a scalar'} broadcasts to`, target.join('×'))
  let tensor: Omit<ConstantTensor, 'name'> = { shape: own, values }
  out.forEach((dimension, axis) => {
    if (tensor.shape[axis] === dimension) return
    const stretched = tensor.shape.map((length, k) => (k === axis ? dimension : length))
    tensor = { shape: stretched, values: take(tensor, axis, new Array<number>(dimension).fill(0)) }
  })
  return tensor
}

/** Elements of two tensors, chosen by a third; the batch size may be among them. */
const where: Fold = (node, operand, context) => {
  const pick = (input: number, condition: boolean): Omit<ConstantTensor, 'name'> =>
    binary((chosen, value) => ((chosen !== 0) === condition ? value : 0), true)(node, k => operand(k === 0 ? 0 : input), context)
  const [held, other] = [pick(1, true), pick(2, false)]
  return binary((x, y) => x + y, true)(node, k => ({ name: '', ...(k === 0 ? held : other) }), context)
}

export const guard = (node: OnnxNode, values: Float64Array): void => {
  if (values.includes(BATCH)) {
    throw new UnsupportedTopologyError(
      node.name,
      'computes with the batch size',
      'export with a symbolic batch and reshapes to [-1, features]'
    )
  }
}

export const unary =
  (formula: (x: number) => number): Fold =>
  (node, operand) => {
    const { shape, values } = operand(0)
    guard(node, values)
    return { shape, values: values.map(formula) }
  }

/**
 * Numpy broadcasting of two constants.
 * @param batch whether an operand may be the batch size
 */
export const binary =
  (formula: (x: number, y: number) => number, batch = false): Fold =>
  (node, operand) => {
    const [left, right] = [operand(0), operand(1)]
    if (!batch) {
      guard(node, left.values)
      guard(node, right.values)
    }
    const rank = Math.max(left.shape.length, right.shape.length)
    const padded = [left, right].map(({ shape }) => [...new Array<number>(rank - shape.length).fill(1), ...shape]) as [number[], number[]]
    const shape = padded[0].map((dimension, axis) => {
      const other = padded[1][axis]!
      if (dimension !== other && dimension !== 1 && other !== 1) {
        throw new ShapeMismatchError(node.name, 'constants that broadcast', `${left.shape.join('×')} and ${right.shape.join('×')}`)
      }
      return dimension === 1 ? other : dimension
    })
    const position = (own: readonly number[], index: number): number => {
      let [rest, stride, source] = [index, 1, 0]
      for (let axis = rank - 1; axis >= 0; axis--) {
        const coordinate = rest % shape[axis]!
        rest = (rest - coordinate) / shape[axis]!
        if (own[axis] !== 1) source += coordinate * stride
        stride *= own[axis]!
      }
      return source
    }
    const values = Float64Array.from({ length: sizeOf(shape) }, (_, index) =>
      formula(left.values[position(padded[0], index)]!, right.values[position(padded[1], index)]!)
    )
    return { shape, values }
  }

const product: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  guard(node, values)
  const keep = integer(node, 'keepdims', 1) === 1
  const axes = axesOf(node, operand, shape.length)
  if (axes.length > 0 && axes.length < shape.length)
    throw new UnsupportedAttributeError(node.name, node.operator, 'axes', axes.join(','), 'reduce every axis')
  return { shape: keep ? shape.map(() => 1) : [], values: Float64Array.of(values.reduce((total, value) => total * value, 1)) }
}

/** Folds of shapes and of elements that move. */
export const SHAPE_FOLDS: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ['Identity', identity],
  ['Cast', cast],
  ['Transpose', transpose],
  ['Reshape', reshape],
  ['Unsqueeze', unsqueeze],
  ['Squeeze', squeeze],
  ['Gather', gather],
  ['Slice', slice],
  ['Concat', concat],
  ['ConstantOfShape', constantOfShape],
  ['Expand', expand],
  ['Where', where],
  ['Equal', binary((x, y) => Number(x === y), true)],
  ['Abs', unary(Math.abs)],
  ['Exp', unary(Math.exp)],
  ['Log', unary(Math.log)],
  ['Ceil', unary(Math.ceil)],
  ['Max', binary(Math.max)],
  ['Min', binary(Math.min)],
  ['Neg', unary(x => -x)],
  ['Sqrt', unary(Math.sqrt)],
  ['Reciprocal', unary(x => 1 / x)],
  ['Floor', unary(Math.floor)],
  ['Add', binary((x, y) => x + y)],
  ['Sub', binary((x, y) => x - y)],
  ['Mul', binary((x, y) => x * y)],
  ['Div', binary((x, y) => x / y)],
  ['Pow', binary((x, y) => x ** y)],
  ['ReduceProd', product]
])
