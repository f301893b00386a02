/** Constants made from constants by arithmetic that weights go through: normalised weights, masks, quantised numbers, matrices multiplied before they are used. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../errors.js'
import { sizeOf } from '../graph/geometry.js'
import { type NamedFunction, namedFunction } from '../numeric/named-functions.js'
import { MAXIMUM_ELEMENTS } from './context.js'
import type { ConstantTensor } from './decode.js'
import { axesOf, binary, type Fold, guard, integer, take, unary } from './folds.js'

type Tensor = Omit<ConstantTensor, 'name'>

/** Along the axes that a node names, all of them when it names none. */
const reduction =
  (formula: (values: readonly number[]) => number): Fold =>
  (node, operand) => {
    const { shape, values } = operand(0)
    guard(node, values)
    const named = axesOf(node, operand, shape.length)
    if (named.length === 0 && integer(node, 'noop_with_empty_axes', 0) === 1) return { shape, values }
    const axes = named.length > 0 ? named : shape.map((_, axis) => axis)
    const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    const groups: number[][] = Array.from({ length: sizeOf(kept) }, () => [])
    values.forEach((value, index) => {
      let [rest, stride, group] = [index, 1, 0]
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        const coordinate = rest % shape[axis]!
        rest = (rest - coordinate) / shape[axis]!
        if (kept[axis] !== 1) group += coordinate * stride
        stride *= kept[axis]!
      }
      groups[group]!.push(value)
    })
    const keep = integer(node, 'keepdims', 1) === 1
    return { shape: keep ? kept : shape.filter((_, axis) => !axes.includes(axis)), values: Float64Array.from(groups, formula) }
  }

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const squares = (values: readonly number[]): number => values.reduce((total, value) => total + value * value, 0)

const tile: Fold = (node, operand) => {
  const repeats = operand(1).values
  guard(node, repeats)
  let tensor: Tensor = operand(0)
  if (repeats.length !== tensor.shape.length || repeats.some(count => !Number.isInteger(count) || count < 0))
    throw new ShapeMismatchError(node.name, `${tensor.shape.length} repeats`, repeats.join(','))
  if (sizeOf(tensor.shape) * repeats.reduce((product, count) => product * count, 1) > MAXIMUM_ELEMENTS)
    throw new ShapeMismatchError(node.name, `at most ${MAXIMUM_ELEMENTS} elements`, repeats.join('×'))
  repeats.forEach((count, axis) => {
    const length = tensor.shape[axis]!
    const positions = Array.from({ length: count * length }, (_, index) => index % length)
    tensor = { shape: tensor.shape.map((size, k) => (k === axis ? count * length : size)), values: take(tensor, axis, positions) }
  })
  return tensor
}

/** One of the parts; which, by the output that is asked for. */
const split: Fold = (node, operand, { output }) => {
  const tensor = operand(0)
  const axis = (integer(node, 'axis', 0) + tensor.shape.length) % Math.max(1, tensor.shape.length)
  const length = tensor.shape[axis] ?? 0
  const even = Math.ceil(length / node.outputs.length)
  const sizes =
    node.attributes.get('split')?.integers ??
    (node.inputs[1] ? [...operand(1).values] : node.outputs.map((_, part) => Math.min(even, length - part * even)))
  const start = sum(sizes.slice(0, output))
  const size = sizes[output]
  if (size === undefined || start + size > length)
    throw new ShapeMismatchError(node.name, `${node.outputs.length} sizes that make ${length}`, sizes.join(','))
  const positions = Array.from({ length: size }, (_, index) => start + index)
  return { shape: tensor.shape.map((dimension, k) => (k === axis ? size : dimension)), values: take(tensor, axis, positions) }
}

const range: Fold = (node, operand) => {
  const [start, limit, step] = [0, 1, 2].map(input => operand(input).values[0]!) as [number, number, number]
  guard(node, Float64Array.of(start, limit, step))
  const count = Math.max(0, Math.ceil((limit - start) / step))
  if (!(count <= MAXIMUM_ELEMENTS)) throw new ShapeMismatchError(node.name, `at most ${MAXIMUM_ELEMENTS} elements`, String(count))
  return { shape: [count], values: Float64Array.from({ length: count }, (_, index) => start + index * step) }
}

/** Above or below a diagonal of the last two axes. */
const triangle: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  const diagonal = node.inputs[1] ? operand(1).values[0]! : 0
  const upper = integer(node, 'upper', 1) === 1
  const [rows, columns] = shape.slice(-2) as [number, number]
  const inside = (row: number, column: number): boolean => (upper ? column - row >= diagonal : column - row <= diagonal)
  return { shape, values: values.map((value, index) => (inside(Math.floor(index / columns) % rows, index % columns) ? value : 0)) }
}

/** Matrices, or one after another where both have a stack of as many. */
const matrixProduct: Fold = (node, operand) => {
  const [left, right] = [operand(0), operand(1)]
  const [rows, inner] = left.shape.length === 1 ? [1, left.shape[0]!] : (left.shape.slice(-2) as [number, number])
  const [height, columns] = right.shape.length === 1 ? [right.shape[0]!, 1] : (right.shape.slice(-2) as [number, number])
  const [leftStack, rightStack] = [left.shape.slice(0, -2), right.shape.slice(0, -2)]
  const stack = leftStack.length > 0 ? leftStack : rightStack
  const fits = inner === height && (leftStack.length === 0 || rightStack.length === 0 || leftStack.join() === rightStack.join())
  if (!fits) throw new ShapeMismatchError(node.name, 'matrices that fit', `${left.shape.join('×')} and ${right.shape.join('×')}`)
  const values = new Float64Array(sizeOf(stack) * rows * columns)
  for (let copy = 0; copy < sizeOf(stack); copy++) {
    const [a, b] = [leftStack.length > 0 ? copy * rows * inner : 0, rightStack.length > 0 ? copy * inner * columns : 0]
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let total = 0
        for (let k = 0; k < inner; k++) total += left.values[a + row * inner + k]! * right.values[b + k * columns + column]!
        values[(copy * rows + row) * columns + column] = total
      }
    }
  }
  const shape = [...stack, ...(left.shape.length === 1 ? [] : [rows]), ...(right.shape.length === 1 ? [] : [columns])]
  return { shape, values }
}

/** Scale and zero point of every element: one for all, one for each index of an axis, or one for each block along it. */
function steps(node: Parameters<Fold>[0], operand: Parameters<Fold>[1], { shape, values }: Tensor) {
  const scale = operand(1)
  const zero = node.inputs[2] ? operand(2).values : new Float64Array(scale.values.length)
  const axis = (integer(node, 'axis', 1) + shape.length) % Math.max(1, shape.length)
  const block = integer(node, 'block_size', 0)
  const one = scale.values.length === 1
  const wanted = block > 0 ? shape.map((size, k) => (k === axis ? Math.ceil(size / block) : size)) : [shape[axis] ?? 0]
  if (!one && scale.values.length !== sizeOf(wanted))
    throw new ShapeMismatchError(node.name, `one scale, or ${wanted.join('×')}`, scale.shape.join('×'))
  const [inner, length] = [sizeOf(shape.slice(axis + 1)), shape[axis] ?? 1]
  return Array.from(values, (value, index) => {
    const along = Math.floor(index / inner) % length
    const blocks = Math.ceil(length / Math.max(1, block))
    const within = block > 0 ? (Math.floor(index / (inner * length)) * blocks + Math.floor(along / block)) * inner + (index % inner) : along
    const k = one ? 0 : within
    return { value, scale: scale.values[k]!, zero: zero[Math.min(k, zero.length - 1)] ?? 0 }
  })
}

const dequantize: Fold = (node, operand) => {
  const tensor = operand(0)
  return {
    shape: tensor.shape,
    values: Float64Array.from(steps(node, operand, tensor), ({ value, scale, zero }) => (value - zero) * scale)
  }
}

/** Smallest and largest number of TensorProto.DataType uint8, int8, uint16, int16, uint4, int4. */
const QUANTISED: Readonly<Record<number, readonly [number, number]>> = {
  2: [0, 255],
  3: [-128, 127],
  4: [0, 65_535],
  5: [-32_768, 32_767],
  21: [0, 15],
  22: [-8, 7]
}

/** Rounds halves to even. */
function evenly(x: number): number {
  const near = Math.round(x)
  return Math.abs(x - Math.trunc(x)) === 0.5 && near % 2 !== 0 ? near - 1 : near
}

const quantize: Fold = (node, operand) => {
  const tensor = operand(0)
  const type = (node.inputs[2] ? operand(2).type : undefined) ?? (integer(node, 'output_dtype', 0) || 2)
  const ends = QUANTISED[type]
  if (!ends)
    throw new UnsupportedAttributeError(node.name, node.operator, 'output_dtype', String(type), 'quantise to whole numbers of 4 to 16 bits')
  const values = steps(node, operand, tensor).map(({ value, scale, zero }) =>
    Math.min(ends[1], Math.max(ends[0], evenly(value / scale) + zero))
  )
  return { shape: tensor.shape, values: Float64Array.from(values) }
}

const clip: Fold = (node, operand) => {
  const { shape, values } = operand(0)
  const end = (input: number, name: string, fallback: number): number =>
    node.inputs[input] ? operand(input).values[0]! : (node.attributes.get(name)?.float ?? fallback)
  const [low, high] = [end(1, 'min', Number.NEGATIVE_INFINITY), end(2, 'max', Number.POSITIVE_INFINITY)]
  guard(node, values)
  return { shape, values: values.map(value => Math.min(Math.max(value, low), high)) }
}

const named = (fn: NamedFunction): Fold => unary(namedFunction(fn).evaluate)
const truth = (formula: (x: number, y: number) => boolean): Fold => binary((x, y) => Number(formula(x, y)))

export const NUMBER_FOLDS: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ['ReduceSum', reduction(sum)],
  ['ReduceMean', reduction(values => sum(values) / values.length)],
  ['ReduceSumSquare', reduction(squares)],
  ['ReduceL2', reduction(values => Math.sqrt(squares(values)))],
  ['ReduceL1', reduction(values => sum(values.map(Math.abs)))],
  ['ReduceMax', reduction(values => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY))],
  ['ReduceMin', reduction(values => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY))],
  ['Tile', tile],
  ['Split', split],
  ['Range', range],
  ['Trilu', triangle],
  ['MatMul', matrixProduct],
  ['QuantizeLinear', quantize],
  ['DequantizeLinear', dequantize],
  ['Clip', clip],
  ['Relu', named({ name: 'relu' })],
  ['Sigmoid', named({ name: 'sigmoid' })],
  ['Tanh', named({ name: 'tanh' })],
  ['Softplus', named({ name: 'softplus' })],
  ['Sign', unary(Math.sign)],
  ['Sin', unary(Math.sin)],
  ['Cos', unary(Math.cos)],
  ['Round', unary(evenly)],
  ['Not', unary(x => Number(x === 0))],
  ['Greater', truth((x, y) => x > y)],
  ['GreaterOrEqual', truth((x, y) => x >= y)],
  ['Less', truth((x, y) => x < y)],
  ['LessOrEqual', truth((x, y) => x <= y)],
  ['And', truth((x, y) => x !== 0 && y !== 0)],
  ['Or', truth((x, y) => x !== 0 || y !== 0)],
  ['Mod', binary((x, y) => x - y * Math.floor(x / y))]
])
