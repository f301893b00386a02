/**
 * One function per ONNX operator: checks the node and appends its meaning to the layer graph. An operator without a function here is refused by the importer.
 */
import { MalformedTensorError, ShapeMismatchError, UnsupportedAttributeError, UnsupportedTopologyError } from '../errors.js'
import { outputSize, type PoolGeometry } from '../geometry.js'
import { type GraphOperator, sizeOf } from '../graph.js'
import { transposeSource } from '../operations.js'
import { floatAttribute, integerAttribute, requireInteger, windowGeometry } from './attributes.js'
import type { ConstantTensor, OnnxNode } from './decode.js'

/** What an operator may ask of the importer. */
export interface ImportContext {
  isConstant(name: string | undefined): boolean
  /** @throws MissingInitializerError, ExternalInitializerError, NonFiniteWeightError */
  constant(node: OnnxNode, input: number): ConstantTensor
  /** index of the graph node behind an input */
  value(node: OnnxNode, input: number): number
  shape(value: number): readonly number[]
  push(node: OnnxNode, operator: GraphOperator, inputs: readonly number[], shape: readonly number[]): void
  /** the node's output is the same value under another name */
  alias(node: OnnxNode, value: number): void
}

type Operator = (context: ImportContext, node: OnnxNode) => void

const hasInput = (node: OnnxNode, input: number): boolean => (node.inputs[input] ?? '') !== ''

/** Vector of `length` values from a constant that may be a scalar or have leading ones. */
function vector(node: OnnxNode, tensor: ConstantTensor, length: number): Float64Array {
  if (tensor.values.length === length && tensor.shape.every((dimension, axis) => dimension === 1 || axis === tensor.shape.length - 1)) {
    return tensor.values
  }
  if (tensor.values.length === 1) return new Float64Array(length).fill(tensor.values[0]!)
  throw new ShapeMismatchError(node.name, `${length} values in '${tensor.name}'`, tensor.shape.join('×') || 'a scalar')
}

/** Numpy broadcasting of a constant against one sample of `shape` (the batch dimension must be 1 or absent). */
function broadcast(node: OnnxNode, tensor: ConstantTensor, shape: readonly number[]): number | Float64Array {
  if (tensor.values.length === 1) return tensor.values[0]!
  const full = [1, ...shape]
  const offset = full.length - tensor.shape.length
  const fits = offset >= 0 && tensor.shape.every((dimension, axis) => dimension === 1 || dimension === full[axis + offset])
  if (!fits) throw new ShapeMismatchError(node.name, `a constant that broadcasts to ${shape.join('×')}`, tensor.shape.join('×'))
  const dimensions = [...new Array<number>(offset).fill(1), ...tensor.shape]
  const out = new Float64Array(sizeOf(shape))
  for (let index = 0; index < out.length; index++) {
    let rest = index
    let source = 0
    let stride = 1
    for (let axis = full.length - 1; axis >= 1; axis--) {
      const coordinate = rest % full[axis]!
      rest = (rest - coordinate) / full[axis]!
      const dimension = dimensions[axis]!
      if (dimension !== 1) source += coordinate * stride
      stride *= dimension
    }
    out[index] = tensor.values[source]!
  }
  return out
}

const negated = (value: number | Float64Array): number | Float64Array =>
  typeof value === 'number' ? -value : value.map(element => -element)
const inverted = (value: number | Float64Array): number | Float64Array =>
  typeof value === 'number' ? 1 / value : value.map(element => 1 / element)

const identity: Operator = (context, node) => {
  if ((node.outputs[1] ?? '') !== '') {
    throw new UnsupportedTopologyError(node.name, 'the mask output of Dropout is used', 'export the model in inference mode')
  }
  context.alias(node, context.value(node, 0))
}

const convolution: Operator = (context, node) => {
  const input = context.value(node, 0)
  const weight = context.constant(node, 1)
  if (weight.shape.length !== 4) throw new ShapeMismatchError(node.name, 'a kernel of four dimensions', weight.shape.join('×'))
  const [outputChannels, perGroup, rows, columns] = weight.shape as [number, number, number, number]
  const window = windowGeometry(node, context.shape(input), [rows, columns])
  const groups = integerAttribute(node, 'group', 1)
  if (groups < 1 || perGroup * groups !== window.channels || outputChannels % groups !== 0) {
    throw new ShapeMismatchError(
      node.name,
      `a kernel for ${window.channels} input channels in ${groups} group(s)`,
      `${weight.shape.join('×')} (output channels × channels per group × rows × columns)`
    )
  }
  const bias = hasInput(node, 2) ? vector(node, context.constant(node, 2), outputChannels) : new Float64Array(outputChannels)
  const geometry = { ...window, outputChannels, groups }
  context.push(node, { kind: 'convolution', geometry, kernel: weight.values, bias }, [input], [outputChannels, ...outputSize(geometry)])
}

const averagePool: Operator = (context, node) => {
  const input = context.value(node, 0)
  const window = windowGeometry(node, context.shape(input))
  const geometry: PoolGeometry = { ...window, countPadding: integerAttribute(node, 'count_include_pad', 0) === 1 }
  if (geometry.pads.some((pad, side) => pad >= geometry.kernel[side % 2]! * geometry.dilations[side % 2]!)) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'pads', geometry.pads.join(','), 'pad less than the kernel')
  }
  context.push(node, { kind: 'averagePool', geometry }, [input], [geometry.channels, ...outputSize(geometry)])
}

const globalAveragePool: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  if (shape.length !== 3) throw new ShapeMismatchError(node.name, 'an input of channels × rows × columns', shape.join('×'))
  const [channels, height, width] = shape as [number, number, number]
  const geometry: PoolGeometry = {
    channels,
    height,
    width,
    kernel: [height, width],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    countPadding: false
  }
  context.push(node, { kind: 'averagePool', geometry }, [input], [channels, 1, 1])
}

const batchNormalization: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  requireInteger(node, 'training_mode', 0, 'export the model in inference mode')
  const channels = shape[0] ?? 1
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map(index => vector(node, context.constant(node, index), channels)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array
  ]
  const epsilon = floatAttribute(node, 'epsilon', 1e-5)
  const size = sizeOf(shape)
  const perChannel = size / channels
  const scale = new Float64Array(size)
  const shift = new Float64Array(size)
  for (let index = 0; index < size; index++) {
    const channel = Math.floor(index / perChannel)
    const spread = variance[channel]! + epsilon
    if (!(spread > 0))
      throw new MalformedTensorError(node.name, node.inputs[4] ?? 'variance', `variance ${variance[channel]} of channel ${channel}`)
    scale[index] = gamma[channel]! / Math.sqrt(spread)
    shift[index] = beta[channel]! - mean[channel]! * scale[index]!
  }
  context.push(node, { kind: 'scaleShift', scale, shift }, [input], shape)
}

const denseFrom = (context: ImportContext, node: OnnxNode, transposed: boolean, factor: number, bias?: Float64Array): void => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const tensor = context.constant(node, 1)
  if (tensor.shape.length !== 2) throw new ShapeMismatchError(node.name, 'a weight matrix', tensor.shape.join('×') || 'a scalar')
  const [outputs, inputs] = (transposed ? tensor.shape : [tensor.shape[1], tensor.shape[0]]) as [number, number]
  if (shape.length !== 1 || shape[0] !== inputs) {
    throw new ShapeMismatchError(node.name, `an input of ${inputs} features (flatten first)`, shape.join('×'))
  }
  const weight = new Float64Array(inputs * outputs)
  for (let row = 0; row < outputs; row++) {
    for (let column = 0; column < inputs; column++) {
      weight[row * inputs + column] = factor * tensor.values[transposed ? row * inputs + column : column * outputs + row]!
    }
  }
  context.push(node, { kind: 'dense', inputs, outputs, weight, bias: bias ?? new Float64Array(outputs) }, [input], [outputs])
}

const gemm: Operator = (context, node) => {
  requireInteger(node, 'transA', 0, 'transpose before the layer')
  const transposed = integerAttribute(node, 'transB', 0) === 1
  const tensor = context.constant(node, 1)
  const outputs = tensor.shape[transposed ? 0 : 1] ?? 1
  const beta = floatAttribute(node, 'beta', 1)
  const bias = hasInput(node, 2) ? vector(node, context.constant(node, 2), outputs).map(value => beta * value) : undefined
  denseFrom(context, node, transposed, floatAttribute(node, 'alpha', 1), bias)
}

const matMul: Operator = (context, node) => denseFrom(context, node, false, 1)

/** Add, Sub, Mul, Div of two values or of a value and a constant. */
const arithmetic =
  (kind: 'add' | 'subtract' | 'multiply' | 'divide'): Operator =>
  (context, node) => {
    if (node.inputs.length !== 2) throw new ShapeMismatchError(node.name, 'two operands', String(node.inputs.length))
    const constants = node.inputs.map(name => context.isConstant(name))
    if (constants[0] && constants[1])
      throw new UnsupportedTopologyError(node.name, 'both operands are constants', 'run constant folding on the model')
    if (!constants[0] && !constants[1]) {
      const operands = [context.value(node, 0), context.value(node, 1)] as const
      const [left, right] = operands.map(value => context.shape(value)) as [readonly number[], readonly number[]]
      if (left.join() !== right.join()) throw new ShapeMismatchError(node.name, `two operands of ${left.join('×')}`, right.join('×'))
      if (kind === 'divide') throw new UnsupportedTopologyError(node.name, 'division by a computed value', 'divide by a constant')
      context.push(node, { kind }, operands, left)
      return
    }
    const position = constants[0] ? 1 : 0
    const input = context.value(node, position)
    const shape = context.shape(input)
    const operand = broadcast(node, context.constant(node, 1 - position), shape)
    if (kind === 'multiply') context.push(node, { kind: 'scaleShift', scale: operand, shift: 0 }, [input], shape)
    else if (kind === 'add') context.push(node, { kind: 'scaleShift', scale: 1, shift: operand }, [input], shape)
    else if (kind === 'subtract') {
      const operator: GraphOperator =
        position === 0 ? { kind: 'scaleShift', scale: 1, shift: negated(operand) } : { kind: 'scaleShift', scale: -1, shift: operand }
      context.push(node, operator, [input], shape)
    } else {
      if (position === 1) throw new UnsupportedTopologyError(node.name, 'division by a computed value', 'divide by a constant')
      const reciprocal = inverted(operand)
      if (typeof reciprocal === 'number' ? !Number.isFinite(reciprocal) : !reciprocal.every(Number.isFinite)) {
        throw new MalformedTensorError(node.name, node.inputs[1]!, 'divides by zero')
      }
      context.push(node, { kind: 'scaleShift', scale: reciprocal, shift: 0 }, [input], shape)
    }
  }

const power: Operator = (context, node) => {
  const input = context.value(node, 0)
  const tensor = context.constant(node, 1)
  const exponent = tensor.values[0]!
  if (tensor.values.some(value => value !== exponent) || !Number.isInteger(exponent) || exponent < 1 || exponent > 64) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'exponent', String(exponent), 'use one whole exponent from 1 to 64')
  }
  context.push(node, { kind: 'power', exponent }, [input], context.shape(input))
}

const negative: Operator = (context, node) => {
  const input = context.value(node, 0)
  context.push(node, { kind: 'scaleShift', scale: -1, shift: 0 }, [input], context.shape(input))
}

const flatten: Operator = (context, node) => {
  requireInteger(node, 'axis', 1, 'flatten from axis 1, so that the batch stays apart')
  const input = context.value(node, 0)
  context.push(node, { kind: 'reshape' }, [input], [sizeOf(context.shape(input))])
}

const reshape: Operator = (context, node) => {
  const input = context.value(node, 0)
  const size = sizeOf(context.shape(input))
  const target = [...context.constant(node, 1).values]
  const wrong = () => new ShapeMismatchError(node.name, `a shape that keeps the batch and ${size} elements per sample`, target.join('×'))
  requireInteger(node, 'allowzero', 0, 'use -1 for the inferred dimension')
  if (target.length < 2) throw wrong()
  const rest = target.slice(1).map((dimension, axis) => (dimension === 0 ? (context.shape(input)[axis] ?? 0) : dimension))
  const known = rest.filter(dimension => dimension !== -1).reduce((product, dimension) => product * dimension, 1)
  const unknown = rest.filter(dimension => dimension === -1).length
  if (unknown > 1 || (unknown === 1 && target[0] === -1) || known <= 0 || size % known !== 0) throw wrong()
  const shape = rest.map(dimension => (dimension === -1 ? size / known : dimension))
  if (sizeOf(shape) !== size) throw wrong()
  context.push(node, { kind: 'reshape' }, [input], shape)
}

const transpose: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const full = node.attributes.get('perm')?.integers ?? Array.from({ length: shape.length + 1 }, (_, axis) => shape.length - axis)
  const valid = full.length === shape.length + 1 && full[0] === 0 && [...full].sort((a, b) => a - b).every((axis, index) => axis === index)
  if (!valid) throw new UnsupportedAttributeError(node.name, node.operator, 'perm', full.join(','), 'keep the batch dimension first')
  const permutation = full.slice(1).map(axis => axis - 1)
  const out = permutation.map(axis => shape[axis]!)
  const source = transposeSource(shape, permutation)
  context.push(node, { kind: 'permute', source, permutation }, [input], out)
}

export const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['Conv', convolution],
  ['Gemm', gemm],
  ['MatMul', matMul],
  ['AveragePool', averagePool],
  ['GlobalAveragePool', globalAveragePool],
  ['BatchNormalization', batchNormalization],
  ['Add', arithmetic('add')],
  ['Sub', arithmetic('subtract')],
  ['Mul', arithmetic('multiply')],
  ['Div', arithmetic('divide')],
  ['Pow', power],
  ['Neg', negative],
  ['Flatten', flatten],
  ['Reshape', reshape],
  ['Transpose', transpose],
  ['Identity', identity],
  ['Dropout', identity]
])
