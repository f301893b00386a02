/**
 * Activation functions that files spell out: any subgraph of element-wise operators whose only input that is not constant is one value becomes one activation.
 *
 *   x·tanh(softplus(x))     relu(x)²     where(x > 20, x, log(1 + exp(x)))     h·sigmoid(h) + 0.1·h
 *
 * A subgraph of polynomials alone stays what it is, since that is exact; so do factors and shifts before and after, which fold into the layers around. Of nested subgraphs
 * the largest is taken, as one activation costs fewer levels than several, unless that would take in constants that differ from element to element.
 */
import type { GraphNode } from '../graph/graph.js'
import { commonName } from '../graph/names.js'
import type { ActivationFunction } from '../numeric/activation-functions.js'
import {
  argument,
  compileExpression,
  constant,
  type Expression,
  elementsOf,
  expressionSize,
  operation,
  substitute
} from '../numeric/expression.js'
import { type NamedFunction, namedFunction } from '../numeric/named-functions.js'

const MAXIMUM_SIZE = 256
const MAXIMUM_NODES = 64

/** What may be part of an expression. */
const ELEMENTWISE: ReadonlySet<string> = new Set(['scaleShift', 'add', 'subtract', 'multiply', 'power', 'activation', 'elementwise'])
/** What makes an expression more than an affine map. */
const CURVED: ReadonlySet<string> = new Set(['multiply', 'power', 'activation', 'elementwise'])
/** What makes it more than a polynomial. */
const TRANSCENDENT: ReadonlySet<string> = new Set(['activation', 'elementwise'])

/**
 * @param output node that is read from outside
 * @returns the nodes with every such subgraph replaced by one activation, in the same order; nodes that nothing reads any more stay
 */
export function recogniseExpressions(nodes: readonly GraphNode[], output: number): GraphNode[] {
  const out = [...nodes]
  const used = readersFrom(nodes, output)
  const inside = new Set<number>()
  for (let head = nodes.length - 1; head > 0; head--) {
    const { kind } = nodes[head]!.operator
    if (inside.has(head) || !used.has(head) || !ELEMENTWISE.has(kind)) continue
    const found = largest(nodes, head, used)
    if (!found || (found.members.length === 1 && kind === 'activation')) continue
    const { root, expression, members } = found
    const activation = named(expression)
    // a factor or shift at the end folds into the next layer, unless it is part of a function that has a name
    if (kind === 'scaleShift' && activation.name === 'expression') continue
    for (const member of members) {
      // what others read stays a value of its own
      if (member !== head && used.get(member)!.every(reader => members.includes(reader))) inside.add(member)
    }
    const name = commonName(
      members.map(index => nodes[index]!.name),
      nodes[head]!.name
    )
    out[head] = { name, operator: { kind: 'activation', function: activation }, inputs: [root], shape: nodes[head]!.shape }
  }
  return out
}

/** Readers of every node on which the output depends. */
function readersFrom(nodes: readonly GraphNode[], output: number): Map<number, number[]> {
  const readers = new Map<number, number[]>([[output, []]])
  for (let index = output; index > 0; index--) {
    if (!readers.has(index)) continue
    for (const input of nodes[index]!.inputs) readers.set(input, [...(readers.get(input) ?? []), index])
  }
  return readers
}

interface Found {
  readonly root: number
  readonly expression: Expression
  /** ascending */
  readonly members: readonly number[]
}

/** The largest subgraph that ends in `head`; undefined when there is none, or only polynomials. */
function largest(nodes: readonly GraphNode[], head: number, readers: ReadonlyMap<number, readonly number[]>): Found | undefined {
  let best: Found | undefined
  for (const root of ancestors(nodes, head)) {
    const found = subgraph(nodes, head, root)
    if (!found?.members.some(index => TRANSCENDENT.has(nodes[index]!.operator.kind))) continue
    if (!best) {
      best = found
      continue
    }
    const known = new Set(best.members)
    const added = found.members.filter(index => !known.has(index))
    const curved = added.some(index => CURVED.has(nodes[index]!.operator.kind))
    const apart = found.members.every(index => index === head || readers.get(index)!.every(reader => found.members.includes(reader)))
    if (curved && apart && elementsOf(found.expression) === undefined) best = found
  }
  return best
}

/** Nodes from which element-wise operators lead to the head, the nearest first. */
function ancestors(nodes: readonly GraphNode[], head: number): number[] {
  const found = new Set<number>([head])
  for (const index of found) {
    if (found.size > MAXIMUM_NODES) break
    if (ELEMENTWISE.has(nodes[index]!.operator.kind)) for (const input of nodes[index]!.inputs) found.add(input)
  }
  found.delete(head)
  return [...found].sort((a, b) => b - a)
}

/** The head as an expression of the root alone; undefined when it reads something else. */
function subgraph(nodes: readonly GraphNode[], head: number, root: number): Found | undefined {
  const known = new Map<number, Expression | undefined>()
  const expand = (index: number): Expression | undefined => {
    if (index === root) return argument()
    if (index < root || known.size > MAXIMUM_NODES) return undefined
    if (known.has(index)) return known.get(index)
    const expression = expressionOf(nodes[index]!, expand)
    const fits = expression && expressionSize(expression) <= MAXIMUM_SIZE ? expression : undefined
    known.set(index, fits)
    return fits
  }
  const expression = expand(head)
  return expression && { root, expression, members: [...known.keys()].sort((a, b) => a - b) }
}

function expressionOf({ operator, inputs }: GraphNode, expand: (index: number) => Expression | undefined): Expression | undefined {
  if (!ELEMENTWISE.has(operator.kind)) return undefined
  const operands: Expression[] = []
  for (const input of inputs) {
    const operand = expand(input)
    if (!operand) return undefined
    operands.push(operand)
  }
  const [x] = operands as [Expression]
  switch (operator.kind) {
    case 'scaleShift': {
      const scaled = operator.scale === 1 ? x : operation('multiply', constant(operator.scale), x)
      return operator.shift === 0 ? scaled : operation('add', scaled, constant(operator.shift))
    }
    case 'add':
    case 'subtract':
    case 'multiply':
      return operation(operator.kind, ...operands)
    case 'power':
      return operation('power', x, constant(operator.exponent))
    case 'activation': {
      const { function: activation } = operator
      return activation.name === 'expression'
        ? substitute(activation.expression, [x])
        : { kind: 'function', function: activation, operand: x }
    }
    case 'elementwise':
      return substitute(operator.expression, operands)
    default:
      return undefined
  }
}

/** Functions that files spell out and that have a name, and with it proven bounds. */
const NAMED: readonly NamedFunction[] = [
  { name: 'relu' },
  { name: 'abs' },
  { name: 'sigmoid' },
  { name: 'tanh' },
  { name: 'softplus' },
  { name: 'silu', beta: 1 },
  { name: 'gelu' },
  { name: 'geluTanh' },
  { name: 'mish' },
  { name: 'softsign' },
  { name: 'logSigmoid' },
  { name: 'hardSwish' },
  { name: 'hardSigmoid', alpha: 1 / 6, beta: 0.5 },
  { name: 'hardSigmoid', alpha: 0.2, beta: 0.5 },
  { name: 'elu', alpha: 1 },
  { name: 'clip', minimum: 0, maximum: 6 },
  { name: 'clip', minimum: -1, maximum: 1 }
]

const POINTS = Array.from({ length: 65 }, (_, k) => (k - 32) / 4 + 1 / 64)
/** Files round constants to float32. */
const TOLERANCE = 1e-6

/** The expression under its name, where it has one. */
function named(expression: Expression): ActivationFunction {
  if (elementsOf(expression) !== undefined) return { name: 'expression', expression }
  const value = compileExpression(expression)
  const values = POINTS.map(x => value([x], 0))
  const known = NAMED.find(candidate => {
    const { evaluate } = namedFunction(candidate)
    return POINTS.every((x, k) => {
      const expected = evaluate(x)
      return Math.abs(values[k]! - expected) <= TOLERANCE * Math.max(1, Math.abs(expected))
    })
  })
  return known ?? { name: 'expression', expression }
}
