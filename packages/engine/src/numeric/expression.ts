/**
 * Expressions of element-wise operations, as model files spell out functions for which they have no operator: values, kinks, and a formula to read. Comparisons give 1
 * and 0; a constant is one number, or one for every element.
 */
import type { Coefficient } from './elementwise-polynomial.js'
import { describeNamed, type NamedFunction, namedFunction } from './named-functions.js'

const OPERATIONS = {
  add: (x, y) => x + y,
  subtract: (x, y) => x - y,
  multiply: (x, y) => x * y,
  divide: (x, y) => x / y,
  power: (x, y) => x ** y,
  minimum: (x, y) => Math.min(x, y),
  maximum: (x, y) => Math.max(x, y),
  greater: (x, y) => Number(x > y),
  greaterOrEqual: (x, y) => Number(x >= y),
  less: (x, y) => Number(x < y),
  lessOrEqual: (x, y) => Number(x <= y),
  equal: (x, y) => Number(x === y),
  and: (x, y) => Number(x !== 0 && y !== 0),
  or: (x, y) => Number(x !== 0 || y !== 0),
  not: x => Number(x === 0),
  /** y where x holds, otherwise z */
  where: (x, y, z) => (x !== 0 ? y : z),
  negate: x => -x,
  exp: x => Math.exp(x),
  log: x => Math.log(x),
  sqrt: x => Math.sqrt(x),
  reciprocal: x => 1 / x,
  sign: x => Math.sign(x),
  sin: x => Math.sin(x),
  cos: x => Math.cos(x),
  tan: x => Math.tan(x),
  asin: x => Math.asin(x),
  acos: x => Math.acos(x),
  atan: x => Math.atan(x),
  sinh: x => Math.sinh(x),
  cosh: x => Math.cosh(x),
  asinh: x => Math.asinh(x),
  acosh: x => Math.acosh(x),
  atanh: x => Math.atanh(x)
} satisfies Record<string, (x: number, y: number, z: number) => number>

export type ElementwiseOperation = keyof typeof OPERATIONS

/** A formula of element-wise operations. */
export type Expression =
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'constant'; readonly value: Coefficient }
  | { readonly kind: 'operation'; readonly operation: ElementwiseOperation; readonly operands: readonly Expression[] }
  | { readonly kind: 'function'; readonly function: NamedFunction; readonly operand: Expression }

export const argument = (index = 0): Expression => ({ kind: 'argument', index })
export const constant = (value: Coefficient): Expression => ({ kind: 'constant', value })
export const operation = (name: ElementwiseOperation, ...operands: Expression[]): Expression => ({
  kind: 'operation',
  operation: name,
  operands
})

/** Takes the arguments of one element and its position. */
export type CompiledExpression = (args: readonly number[], element: number) => number

/** Parts that several operations read are evaluated for each of them: expressions of activations are small. */
export function compileExpression(expression: Expression): CompiledExpression {
  switch (expression.kind) {
    case 'argument': {
      const { index } = expression
      return args => args[index]!
    }
    case 'constant': {
      const { value } = expression
      return typeof value === 'number' ? () => value : (_, element) => value[element]!
    }
    case 'function': {
      const { evaluate } = namedFunction(expression.function)
      const operand = compileExpression(expression.operand)
      return (args, element) => evaluate(operand(args, element))
    }
    case 'operation': {
      const apply: (x: number, y: number, z: number) => number = OPERATIONS[expression.operation]
      const [x, y, z] = expression.operands.map(compileExpression)
      if (z) return (args, element) => apply(x!(args, element), y!(args, element), z(args, element))
      if (y) return (args, element) => apply(x!(args, element), y(args, element), 0)
      return (args, element) => apply(x!(args, element), 0, 0)
    }
  }
}

/** The operands of an operation or a function. */
export const partsOf = (expression: Expression): readonly Expression[] => {
  if (expression.kind === 'operation') return expression.operands
  return expression.kind === 'function' ? [expression.operand] : []
}

/** The expression with others in place of its arguments. */
export function substitute(expression: Expression, replacements: readonly Expression[]): Expression {
  switch (expression.kind) {
    case 'argument':
      return replacements[expression.index]!
    case 'constant':
      return expression
    case 'function':
      return { ...expression, operand: substitute(expression.operand, replacements) }
    case 'operation':
      return { ...expression, operands: expression.operands.map(operand => substitute(operand, replacements)) }
  }
}

/** Number of elements with constants of their own; undefined where there are none. */
export function elementsOf(expression: Expression): number | undefined {
  if (expression.kind === 'constant') return typeof expression.value === 'number' ? undefined : expression.value.length
  for (const part of partsOf(expression)) {
    const elements = elementsOf(part)
    if (elements !== undefined) return elements
  }
  return undefined
}

/** The constants that an element has of its own. */
export function constantsAt(expression: Expression, element: number): number[] {
  if (expression.kind === 'constant') return typeof expression.value === 'number' ? [] : [expression.value[element]!]
  return partsOf(expression).flatMap(part => constantsAt(part, element))
}

/** Operands and parts, constants and functions included; a part that is read twice counts twice. */
export const expressionSize = (expression: Expression): number => partsOf(expression).reduce((sum, part) => sum + expressionSize(part), 1)

/** Kinks are looked for where inputs of activations are. */
const KINK_RANGE = 64
const KINK_POINTS = 8192
const BISECTIONS = 60

/**
 * Where the expression may have kinks or jumps: where the two sides of a minimum, a maximum or a comparison cross, and where the argument of a function reaches the
 * function's own breakpoints. Crossings closer together than 2⁻⁶, or beyond ±64, are not all found: they are hints for an approximation, and no proof rests on them.
 */
export function kinksOf(expression: Expression, element = 0): number[] {
  const kinks = new Set<number>()
  const visit = (part: Expression): void => {
    partsOf(part).forEach(visit)
    for (const crossing of crossingsOf(part)) {
      const f = compileExpression(crossing)
      for (const root of rootsOf(x => f([x], element))) kinks.add(root)
    }
  }
  visit(expression)
  return [...kinks].sort((a, b) => a - b)
}

/** Expressions whose zeros are kinks of this one. */
function crossingsOf(part: Expression): Expression[] {
  if (part.kind === 'function') {
    return namedFunction(part.function).breakpoints.map(point => operation('subtract', part.operand, constant(point)))
  }
  if (part.kind !== 'operation') return []
  const [x, y] = part.operands
  switch (part.operation) {
    case 'minimum':
    case 'maximum':
    case 'greater':
    case 'greaterOrEqual':
    case 'less':
    case 'lessOrEqual':
      return [operation('subtract', x!, y!)]
    case 'sign':
      return [x!]
    default:
      return []
  }
}

function rootsOf(f: (x: number) => number): number[] {
  const roots: number[] = []
  let [before, from] = [f(-KINK_RANGE), -KINK_RANGE]
  for (let k = 1; k <= KINK_POINTS; k++) {
    const to = -KINK_RANGE + (2 * KINK_RANGE * k) / KINK_POINTS
    const after = f(to)
    if (after === 0 && before !== 0) roots.push(to)
    else if (before * after < 0) {
      let [low, high] = [from, to]
      for (let step = 0; step < BISECTIONS; step++) {
        const middle = (low + high) / 2
        if (f(middle) * before > 0) low = middle
        else high = middle
      }
      roots.push(high)
    }
    ;[before, from] = [after, to]
  }
  return roots
}

const SYMBOLS: Readonly<Partial<Record<ElementwiseOperation, string>>> = {
  add: ' + ',
  subtract: ' - ',
  multiply: '·',
  divide: '/',
  power: '^',
  greater: ' > ',
  greaterOrEqual: ' ≥ ',
  less: ' < ',
  lessOrEqual: ' ≤ ',
  equal: ' = ',
  and: ' and ',
  or: ' or '
}

const MAXIMUM_LENGTH = 120

/** A formula in x, for reports; constants to four digits, `c` for one per element. */
export function describeExpression(expression: Expression): string {
  const text = formula(expression)
  return text.length <= MAXIMUM_LENGTH ? text : `${text.slice(0, MAXIMUM_LENGTH - 1)}…`
}

function formula(expression: Expression): string {
  switch (expression.kind) {
    case 'argument':
      return expression.index === 0 ? 'x' : `x${expression.index}`
    case 'constant':
      return typeof expression.value === 'number' ? String(Number(expression.value.toPrecision(4))) : 'c'
    case 'function': {
      const name = describeNamed(expression.function)
      return `${name}(${formula(expression.operand)})`
    }
    case 'operation': {
      const symbol = SYMBOLS[expression.operation]
      const operands = expression.operands.map(operand => {
        const text = formula(operand)
        return symbol !== undefined && operand.kind === 'operation' && SYMBOLS[operand.operation] !== undefined ? `(${text})` : text
      })
      return symbol === undefined ? `${expression.operation}(${operands.join(', ')})` : operands.join(symbol)
    }
  }
}
