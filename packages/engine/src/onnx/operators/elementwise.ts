/** Operators on elements: arithmetic with constants, sums of values, powers, activation functions, and what inference leaves alone. */

import { MalformedTensorError, ShapeMismatchError, UnsupportedAttributeError, UnsupportedTopologyError } from '../../errors.js'
import type { GraphOperator } from '../../graph/graph.js'
import type { ActivationFunction } from '../../numeric/activation-functions.js'
import { floatAttribute, integerAttribute } from '../attributes.js'
import { broadcast, hasInput, type Operator } from '../context.js'
import type { OnnxNode } from '../decode.js'

const negated = (value: number | Float64Array): number | Float64Array =>
  typeof value === 'number' ? -value : value.map(element => -element)
const inverted = (value: number | Float64Array): number | Float64Array =>
  typeof value === 'number' ? 1 / value : value.map(element => 1 / element)

export const identity: Operator = (context, node) => context.alias(node, context.value(node, 0))

export const dropout: Operator = (context, node) => {
  if (hasInput(node, 2) && !(context.isConstant(node.inputs[2]) && context.constant(node, 2).values[0] === 0)) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'training_mode', 'true', 'export the model in inference mode')
  }
  context.alias(node, context.value(node, 0))
}

/** TensorProto.DataType of float32, float16, float64 and bfloat16. */
const FLOAT_TYPES: ReadonlySet<number> = new Set([1, 10, 11, 16])

export const cast: Operator = (context, node) => {
  const to = integerAttribute(node, 'to', 0)
  if (!FLOAT_TYPES.has(to)) {
    throw new UnsupportedAttributeError(
      node.name,
      node.operator,
      'to',
      String(to),
      'cast to a floating-point type only: rounding cannot be evaluated'
    )
  }
  context.alias(node, context.value(node, 0))
}

/** Add, Sub, Mul, Div of two values or of a value and a constant. */
export const arithmetic =
  (kind: 'add' | 'subtract' | 'multiply' | 'divide'): Operator =>
  (context, node) => {
    if (node.inputs.length !== 2) throw new ShapeMismatchError(node.name, 'two operands', String(node.inputs.length))
    const constants = node.inputs.map(name => context.isConstant(name))
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
    if (kind === 'divide' && position === 1)
      throw new UnsupportedTopologyError(node.name, 'division by a computed value', 'divide by a constant')
    const operand = broadcast(node, context.constant(node, 1 - position), shape)
    context.push(node, withConstant(node, kind, operand, position === 1), [input], shape)
  }

/** @param first whether the constant is the first operand */
function withConstant(
  node: OnnxNode,
  kind: 'add' | 'subtract' | 'multiply' | 'divide',
  operand: number | Float64Array,
  first: boolean
): GraphOperator {
  switch (kind) {
    case 'add':
      return { kind: 'scaleShift', scale: 1, shift: operand }
    case 'subtract':
      return first ? { kind: 'scaleShift', scale: -1, shift: operand } : { kind: 'scaleShift', scale: 1, shift: negated(operand) }
    case 'multiply':
      return { kind: 'scaleShift', scale: operand, shift: 0 }
    case 'divide': {
      const reciprocal = inverted(operand)
      if (typeof reciprocal === 'number' ? !Number.isFinite(reciprocal) : !reciprocal.every(Number.isFinite)) {
        throw new MalformedTensorError(node.name, node.inputs[1]!, 'divides by zero')
      }
      return { kind: 'scaleShift', scale: reciprocal, shift: 0 }
    }
  }
}

/** Sum of any number of values of one shape. */
export const sum: Operator = (context, node) => {
  if (node.inputs.some(name => context.isConstant(name))) throw new UnsupportedTopologyError(node.name, 'a sum with a constant', 'use Add')
  let total = context.value(node, 0)
  if (node.inputs.length === 1) context.alias(node, total)
  for (let input = 1; input < node.inputs.length; input++) {
    const value = context.value(node, input)
    const [left, right] = [context.shape(total), context.shape(value)]
    if (left.join() !== right.join()) throw new ShapeMismatchError(node.name, `operands of ${left.join('×')}`, right.join('×'))
    total = context.push(node, { kind: 'add' }, [total, value], left)
  }
}

export const power: Operator = (context, node) => {
  const input = context.value(node, 0)
  const tensor = context.constant(node, 1)
  const exponent = tensor.values[0] ?? Number.NaN
  if (tensor.values.some(value => value !== exponent) || !Number.isInteger(exponent) || exponent < 1 || exponent > 64) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'exponent', String(exponent), 'use one whole exponent from 1 to 64')
  }
  context.push(node, { kind: 'power', exponent }, [input], context.shape(input))
}

export const negative: Operator = (context, node) => {
  const input = context.value(node, 0)
  context.push(node, { kind: 'scaleShift', scale: -1, shift: 0 }, [input], context.shape(input))
}

/** An activation function, with its parameters read from the node. */
export const activation =
  (read: (node: OnnxNode) => ActivationFunction): Operator =>
  (context, node) => {
    const input = context.value(node, 0)
    context.push(node, { kind: 'activation', function: read(node) }, [input], context.shape(input))
  }

export const relu = activation(() => ({ name: 'relu' }))
export const sigmoid = activation(() => ({ name: 'sigmoid' }))
export const tanh = activation(() => ({ name: 'tanh' }))
export const softplus = activation(() => ({ name: 'softplus' }))
export const erf = activation(() => ({ name: 'erf' }))
export const leakyRelu = activation(node => ({ name: 'leakyRelu', slope: floatAttribute(node, 'alpha', 0.01) }))
export const elu = activation(node => ({ name: 'elu', alpha: floatAttribute(node, 'alpha', 1) }))
/** Swish of opset 24: x·sigmoid(alpha·x) */
export const swish = activation(node => ({ name: 'silu', beta: floatAttribute(node, 'alpha', 1) }))
export const gelu = activation(node => {
  const approximate = node.attributes.get('approximate')?.text ?? 'none'
  if (approximate !== 'none' && approximate !== 'tanh') {
    throw new UnsupportedAttributeError(node.name, node.operator, 'approximate', approximate, "use 'none' or 'tanh'")
  }
  return { name: approximate === 'tanh' ? 'geluTanh' : 'gelu' }
})
/** PRelu with one slope for all elements; learnt slopes per channel have no common polynomial. */
export const prelu: Operator = (context, node) => {
  const { values } = context.constant(node, 1)
  const slope = values[0] ?? Number.NaN
  if (values.some(value => value !== slope)) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'slope', 'one per channel', 'use one slope for all channels (LeakyRelu)')
  }
  activation(() => ({ name: 'leakyRelu', slope }))(context, node)
}
