/** Operators on elements: arithmetic, powers, comparisons, functions with a name, and what inference leaves alone. */

import { MalformedTensorError, ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import type { GraphOperator } from '../../graph/graph.js'
import type { ActivationFunction } from '../../numeric/activation-functions.js'
import type { Coefficient } from '../../numeric/elementwise-polynomial.js'
import { argument, constant, type ElementwiseOperation, type Expression, operation } from '../../numeric/expression.js'
import { floatAttribute, integerAttribute } from '../attributes.js'
import { broadcast, hasInput, type ImportContext, type Operator } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { commonShape, expanded } from './broadcast.js'

const negated = (value: Coefficient): Coefficient => (typeof value === 'number' ? -value : value.map(element => -element))
const inverted = (value: Coefficient): Coefficient => (typeof value === 'number' ? 1 / value : value.map(element => 1 / element))

export const identity: Operator = (context, node) => {
  context.alias(node, context.value(node, 0))
  context.placeBatch(node, context.batchAxis(node, 0))
}

export const dropout: Operator = (context, node) => {
  if (hasInput(node, 2) && !(context.isConstant(node.inputs[2]) && context.constant(node, 2).values[0] === 0)) {
    throw new UnsupportedAttributeError(node.name, node.operator, 'training_mode', 'true', 'export the model in inference mode')
  }
  context.alias(node, context.value(node, 0))
}

/** TensorProto.DataType */
const BOOLEAN = 9
/** TensorProto.DataType of float32, float16, float64 and bfloat16. */
const FLOAT_TYPES: ReadonlySet<number> = new Set([1, 10, 11, 16])
/** Operations whose values are 0 and 1, which every type holds. */
const TRUTH: ReadonlySet<ElementwiseOperation> = new Set(['greater', 'greaterOrEqual', 'less', 'lessOrEqual', 'equal', 'and', 'or', 'not'])

export const cast: Operator = (context, node) => {
  const to = integerAttribute(node, 'to', 0)
  const value = context.value(node, 0)
  const { operator } = context.node(value)
  const truth = operator.kind === 'elementwise' && operator.expression.kind === 'operation' && TRUTH.has(operator.expression.operation)
  if (to === BOOLEAN && !truth) {
    // true is what is not zero
    const expression = operation('not', operation('not', argument()))
    context.push(node, { kind: 'elementwise', expression }, [value], context.shape(value))
    return
  }
  if (!FLOAT_TYPES.has(to) && !truth) {
    throw new UnsupportedAttributeError(
      node.name,
      node.operator,
      'to',
      String(to),
      'cast to a floating-point type only: rounding cannot be evaluated'
    )
  }
  context.alias(node, value)
}

interface Operands {
  readonly values: readonly number[]
  readonly expressions: readonly Expression[]
  readonly shape: readonly number[]
}

/**
 * Operands of one shape: computed values as arguments, constants as such.
 * @param infinite whether constants may be infinite, as ends of a range
 */
function operandsOf(context: ImportContext, node: OnnxNode, infinite = false): Operands {
  const read = (input: number) => (infinite ? context.boundConstant(node, input) : context.constant(node, input))
  const constants = node.inputs.map((name, input) => (context.isConstant(name) ? read(input) : undefined))
  const given = node.inputs.map((_, input) => (constants[input] ? undefined : context.value(node, input)))
  const shape = commonShape(
    context,
    node,
    given.filter(value => value !== undefined),
    constants.filter(tensor => tensor !== undefined)
  )
  const values: number[] = []
  const expressions = node.inputs.map((_, input): Expression => {
    const tensor = constants[input]
    if (tensor) return constant(collapsed(broadcast(node, tensor, shape)))
    values.push(expanded(context, node, given[input]!, shape))
    return argument(values.length - 1)
  })
  return { values, expressions, shape }
}

/** One number where all are equal. */
const collapsed = (value: Coefficient): Coefficient =>
  typeof value !== 'number' && value.length > 0 && value.every(element => element === value[0]) ? value[0]! : value

/** Add, Sub, Mul, Div of two values or of a value and a constant. */
export const arithmetic =
  (kind: 'add' | 'subtract' | 'multiply' | 'divide'): Operator =>
  (context, node) => {
    if (node.inputs.length !== 2) throw new ShapeMismatchError(node.name, 'two operands', String(node.inputs.length))
    const { values, expressions, shape } = operandsOf(context, node)
    const [left, right] = expressions as [Expression, Expression]
    const division = kind === 'divide' && right.kind === 'argument'
    // x/y of two values: a product with 1/y, an activation of one value
    if (division && values.length === 2 && values[0] !== values[1]) {
      const inverse = context.push(node, { kind: 'elementwise', expression: operation('reciprocal', argument()) }, [values[1]!], shape)
      context.push(node, { kind: 'multiply' }, [values[0]!, inverse], shape)
    } else if (division) context.push(node, { kind: 'elementwise', expression: operation('divide', left, right) }, values, shape)
    else if (values.length === 2) context.push(node, { kind: kind as Exclude<typeof kind, 'divide'> }, values, shape)
    else {
      const value = (left.kind === 'constant' ? left : (right as Extract<Expression, { kind: 'constant' }>)).value
      context.push(node, withConstant(node, kind, value, left.kind === 'constant'), values, shape)
    }
  }

/** @param first whether the constant is the first operand */
function withConstant(
  node: OnnxNode,
  kind: 'add' | 'subtract' | 'multiply' | 'divide',
  operand: Coefficient,
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

/** Sum of any number of values and constants. */
export const sum: Operator = (context, node) => {
  const { values, expressions, shape } = operandsOf(context, node)
  const [first, ...others] = values
  let total = first!
  context.alias(node, total)
  for (const value of others) total = context.push(node, { kind: 'add' }, [total, value], shape)
  for (const expression of expressions) {
    if (expression.kind !== 'constant') continue
    total = context.push(node, { kind: 'scaleShift', scale: 1, shift: expression.value }, [total], shape)
  }
}

/** Exponents that stay exact polynomials. */
const LARGEST_EXPONENT = 64

export const power: Operator = (context, node) => {
  const { values, expressions, shape } = operandsOf(context, node)
  const [base, exponent] = expressions as [Expression, Expression]
  const fixed = exponent.kind === 'constant' && typeof exponent.value === 'number' ? exponent.value : Number.NaN
  if (base.kind === 'argument' && Number.isInteger(fixed) && fixed >= 1 && fixed <= LARGEST_EXPONENT)
    context.push(node, { kind: 'power', exponent: fixed }, values, shape)
  else context.push(node, { kind: 'elementwise', expression: operation('power', base, exponent) }, values, shape)
}

export const negative: Operator = (context, node) => {
  const input = context.value(node, 0)
  context.push(node, { kind: 'scaleShift', scale: -1, shift: 0 }, [input], context.shape(input))
}

/** An operation on one, two or three operands that is no polynomial; of more, one after another (Min, Max). */
export const elementwise =
  (name: ElementwiseOperation): Operator =>
  (context, node) => {
    const { values, expressions, shape } = operandsOf(context, node, true)
    if (values.length === 0) throw new ShapeMismatchError(node.name, 'an operand that is computed', 'constants only')
    const chained = name === 'minimum' || name === 'maximum'
    const expression = chained ? expressions.reduce((left, right) => operation(name, left, right)) : operation(name, ...expressions)
    if (expression.kind === 'argument') context.alias(node, values[0]!)
    else context.push(node, { kind: 'elementwise', expression }, values, shape)
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
export const abs = activation(() => ({ name: 'abs' }))
export const mish = activation(() => ({ name: 'mish' }))
export const softsign = activation(() => ({ name: 'softsign' }))
export const hardSwish = activation(() => ({ name: 'hardSwish' }))
export const leakyRelu = activation(node => ({ name: 'leakyRelu', slope: floatAttribute(node, 'alpha', 0.01) }))
export const elu = activation(node => ({ name: 'elu', alpha: floatAttribute(node, 'alpha', 1) }))
export const celu = activation(node => {
  const alpha = floatAttribute(node, 'alpha', 1)
  if (alpha === 0) throw new UnsupportedAttributeError(node.name, node.operator, 'alpha', '0', 'give a slope scale other than 0')
  return { name: 'celu', alpha }
})
/** Defaults of the operator's definition. */
export const selu = activation(node => ({
  name: 'selu',
  alpha: floatAttribute(node, 'alpha', 1.6732631921768188),
  gamma: floatAttribute(node, 'gamma', 1.0507010221481323)
}))
export const hardSigmoid = activation(node => ({
  name: 'hardSigmoid',
  alpha: floatAttribute(node, 'alpha', 0.2),
  beta: floatAttribute(node, 'beta', 0.5)
}))
export const thresholdedRelu = activation(node => ({ name: 'thresholdedRelu', alpha: floatAttribute(node, 'alpha', 1) }))
/** Swish of opset 24: x·sigmoid(alpha·x) */
export const swish = activation(node => ({ name: 'silu', beta: floatAttribute(node, 'alpha', 1) }))
export const gelu = activation(node => {
  const approximate = node.attributes.get('approximate')?.text ?? 'none'
  if (approximate !== 'none' && approximate !== 'tanh') {
    throw new UnsupportedAttributeError(node.name, node.operator, 'approximate', approximate, "use 'none' or 'tanh'")
  }
  return { name: approximate === 'tanh' ? 'geluTanh' : 'gelu' }
})

/** Ends as attributes (before opset 11) or as inputs, either of which may be absent or infinite. */
export const clip: Operator = (context, node) => {
  const input = context.value(node, 0)
  const end = (position: number, name: string, fallback: number): number => {
    if (!hasInput(node, position)) return floatAttribute(node, name, fallback)
    const { values } = context.boundConstant(node, position)
    if (values.length !== 1) throw new ShapeMismatchError(node.name, `one number as ${name}`, String(values.length))
    return values[0]!
  }
  const minimum = end(1, 'min', Number.NEGATIVE_INFINITY)
  const maximum = end(2, 'max', Number.POSITIVE_INFINITY)
  if (!(minimum <= maximum))
    throw new UnsupportedAttributeError(node.name, node.operator, 'min', String(minimum), `stay below max = ${maximum}`)
  const unbounded = minimum === Number.NEGATIVE_INFINITY && maximum >= FLOAT_MAXIMUM
  if (unbounded || (minimum <= -FLOAT_MAXIMUM && maximum >= FLOAT_MAXIMUM)) {
    context.alias(node, input)
    return
  }
  const fn: ActivationFunction =
    minimum === 0 && maximum >= FLOAT_MAXIMUM ? { name: 'relu' } : { name: 'clip', minimum: bounded(minimum), maximum: bounded(maximum) }
  context.push(node, { kind: 'activation', function: fn }, [input], context.shape(input))
}

/** The largest float32: exporters write it where they mean no bound. */
const FLOAT_MAXIMUM = 3.4028234e38
const bounded = (end: number): number => (Math.abs(end) >= FLOAT_MAXIMUM ? Math.sign(end) * Number.POSITIVE_INFINITY : end)

/** PRelu: max(x, 0) + slope·min(x, 0); one slope for all elements, or one for each channel. */
export const prelu: Operator = (context, node) => {
  const { values, expressions, shape } = operandsOf(context, node)
  const slope = expressions[1]!
  if (slope.kind !== 'constant') {
    throw new UnsupportedAttributeError(node.name, node.operator, 'slope', 'a computed value', 'use slopes that are constants of the model')
  }
  if (typeof slope.value === 'number') {
    context.push(node, { kind: 'activation', function: { name: 'leakyRelu', slope: slope.value } }, values, shape)
    return
  }
  const zero = constant(0)
  const expression = operation(
    'add',
    operation('maximum', argument(), zero),
    operation('multiply', slope, operation('minimum', argument(), zero))
  )
  context.push(node, { kind: 'elementwise', expression }, values, shape)
}
