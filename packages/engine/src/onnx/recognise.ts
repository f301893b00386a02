/**
 * Activation functions that exporters write as several nodes:
 *
 *   silu       x·sigmoid(βx)
 *   gelu       x/2·(1 + erf(x/√2))
 *   geluTanh   x/2·(1 + tanh(√(2/π)·(x + 0.044715x³)))
 *
 * in whatever order their factors stand. A value is written as P(x) + Q(x)·g(R(x)), x the nearest value that all paths start from, P, Q and R polynomials, g an
 * activation function, and compared with the three.
 */

import type { GraphNode } from '../graph/graph.js'
import { commonName } from '../graph/names.js'
import { type ActivationFunction, GELU_TANH_CUBE, GELU_TANH_SCALE } from '../numeric/activation-functions.js'

type Powers = readonly number[]

/** offset(x) + factor(x)·g(argument(x)) */
interface Form {
  readonly offset: Powers
  readonly factor: Powers
  readonly inner?: { readonly name: ActivationFunction['name']; readonly argument: Powers }
}

const MAXIMUM_DEGREE = 6
const MAXIMUM_NODES = 24
/** Exporters round constants to float32 or float16. */
const TOLERANCE = 1e-3

const sum = (a: Powers, b: Powers, factor = 1): Powers =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, k) => (a[k] ?? 0) + factor * (b[k] ?? 0))
const product = (a: Powers, b: Powers): Powers => {
  const out = new Array<number>(Math.max(0, a.length + b.length - 1)).fill(0)
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      out[i + j]! += x * y
    })
  })
  return out
}
const close = (a: Powers, b: Powers): boolean =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, k) => Math.abs((a[k] ?? 0) - (b[k] ?? 0))).every(
    (difference, k) => difference <= TOLERANCE * Math.max(Math.abs(b[k] ?? 0), 1e-3)
  )

/** @returns the nodes with every pattern replaced by one activation, in the same order; nodes that nothing reads any more stay */
export function recogniseActivations(nodes: readonly GraphNode[]): GraphNode[] {
  const out = [...nodes]
  for (let head = nodes.length - 1; head > 0; head--) {
    const kind = nodes[head]!.operator.kind
    if (kind !== 'multiply' && kind !== 'scaleShift' && kind !== 'add') continue
    const found = recognise(nodes, head)
    if (!found) continue
    const { root, activation, members } = found
    const name = commonName(
      members.map(index => nodes[index]!.name),
      nodes[head]!.name
    )
    out[head] = { name, operator: { kind: 'activation', function: activation }, inputs: [root], shape: nodes[head]!.shape }
  }
  return out
}

interface Recognised {
  readonly root: number
  readonly activation: ActivationFunction
  readonly members: readonly number[]
}

const ELEMENTWISE: ReadonlySet<string> = new Set(['scaleShift', 'add', 'subtract', 'multiply', 'power', 'activation'])

function recognise(nodes: readonly GraphNode[], head: number): Recognised | undefined {
  const ancestors = new Set<number>([head])
  for (const index of ancestors) {
    if (ancestors.size > MAXIMUM_NODES) break
    if (ELEMENTWISE.has(nodes[index]!.operator.kind)) for (const input of nodes[index]!.inputs) ancestors.add(input)
  }
  const roots = [...ancestors].filter(index => index !== head).sort((a, b) => b - a)
  for (const root of roots) {
    const members = new Map<number, Form | undefined>()
    const form = expand(nodes, head, root, members)
    const activation = form && match(form)
    if (activation) return { root, activation, members: [...members.keys()].sort((a, b) => a - b) }
  }
  return undefined
}

/** The value of a node as a form in the root; undefined when it is none. `members` collects the nodes on the way. */
function expand(nodes: readonly GraphNode[], index: number, root: number, members: Map<number, Form | undefined>): Form | undefined {
  if (index === root) return { offset: [0, 1], factor: [] }
  if (index < root || members.size > MAXIMUM_NODES) return undefined
  if (members.has(index)) return members.get(index)
  members.set(index, undefined)
  const form = formOf(nodes[index]!, input => expand(nodes, input, root, members))
  const fits = form && [form.offset, form.factor, form.inner?.argument ?? []].every(powers => powers.length <= MAXIMUM_DEGREE + 1)
  if (fits) members.set(index, form)
  return fits ? form : undefined
}

function formOf({ operator, inputs }: GraphNode, operand: (index: number) => Form | undefined): Form | undefined {
  if (!ELEMENTWISE.has(operator.kind)) return undefined
  const left = operand(inputs[0]!)
  if (!left) return undefined
  switch (operator.kind) {
    case 'scaleShift': {
      const { scale, shift } = operator
      if (typeof scale !== 'number' || typeof shift !== 'number') return undefined
      return { ...left, offset: sum(product(left.offset, [scale]), [shift]), factor: product(left.factor, [scale]) }
    }
    case 'activation': {
      if (left.inner) return undefined
      const { name } = operator.function
      return { offset: [], factor: [1], inner: { name, argument: left.offset } }
    }
    case 'power': {
      if (left.inner) return undefined
      let offset: Powers = [1]
      for (let k = 0; k < Math.min(operator.exponent, MAXIMUM_DEGREE + 1); k++) offset = product(offset, left.offset)
      return { offset, factor: [] }
    }
    case 'add':
    case 'subtract': {
      const right = operand(inputs[1]!)
      if (!right || (left.inner && right.inner)) return undefined
      const sign = operator.kind === 'add' ? 1 : -1
      const inner = left.inner ?? right.inner
      const form = { offset: sum(left.offset, right.offset, sign), factor: sum(left.factor, right.factor, sign) }
      return inner ? { ...form, inner } : form
    }
    case 'multiply': {
      const right = operand(inputs[1]!)
      if (!right || (left.inner && right.inner)) return undefined
      const [composite, plain] = right.inner ? [right, left] : [left, right]
      return { ...composite, offset: product(composite.offset, plain.offset), factor: product(composite.factor, plain.offset) }
    }
    default:
      return undefined
  }
}

function match({ offset, factor, inner }: Form): ActivationFunction | undefined {
  if (!inner) return undefined
  const { name, argument } = inner
  const beta = argument[1] ?? 0
  if (name === 'sigmoid' && beta !== 0 && close(offset, [0]) && close(factor, [0, 1]) && close(argument, [0, beta]))
    return { name: 'silu', beta }
  const half = close(offset, [0, 0.5]) && close(factor, [0, 0.5])
  if (half && name === 'erf' && close(argument, [0, Math.SQRT1_2])) return { name: 'gelu' }
  if (half && name === 'tanh' && close(argument, [0, GELU_TANH_SCALE, 0, GELU_TANH_SCALE * GELU_TANH_CUBE])) return { name: 'geluTanh' }
  return undefined
}
