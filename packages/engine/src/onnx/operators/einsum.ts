/**
 * Einsum of one computed value and constants: a matrix for every row of the value, rows and columns by labels.
 *
 *   labels of the value that the result has, too, are rows; those that it has not are summed, and are columns; labels of the constant alone are the results of a row
 */
import { ShapeMismatchError, UnsupportedAttributeError, UnsupportedTopologyError } from '../../errors.js'
import { sizeOf } from '../../graph/geometry.js'
import type { Operator } from '../context.js'
import type { ConstantTensor, OnnxNode } from '../decode.js'
import { denseRows } from './dense.js'
import { permuted } from './layers.js'

export const einsum: Operator = (context, node) => {
  const computed = node.inputs.flatMap((name, input) => (context.isConstant(name) ? [] : [input]))
  if (computed.length !== 1 || node.inputs.length > 2) {
    throw new UnsupportedTopologyError(
      node.name,
      `Einsum of ${computed.length} computed values and ${node.inputs.length - computed.length} constants`,
      'give it one computed value and one constant; attention is not evaluated'
    )
  }
  const position = computed[0]!
  const value = context.value(node, position)
  const shape = context.shape(value)
  const constant: ConstantTensor =
    node.inputs.length === 2 ? context.constant(node, 1 - position) : { name: '', shape: [], values: Float64Array.of(1) }
  const { terms, result } = labelsOf(node, shape.length + 1, position)
  const [batch, ...own] = terms[position]!
  const other = terms[1 - position] ?? []
  const wrong = (remedy: string): Error =>
    new UnsupportedAttributeError(node.name, node.operator, 'equation', node.attributes.get('equation')?.text ?? '', remedy)
  if (result[0] !== batch || own.includes(batch!) || other.includes(batch!))
    throw wrong('keep the batch first, in the value and the result')
  if ([own, other, result].some(labels => new Set(labels).size !== labels.length)) throw wrong('name every axis of an operand once')
  const sizes = new Map(own.map((label, axis) => [label, shape[axis]!]))
  if (own.length !== shape.length || other.length !== constant.shape.length)
    throw new ShapeMismatchError(node.name, 'a label for every axis', `${terms.map(labels => labels.join('')).join(',')}`)
  other.forEach((label, axis) => {
    const size = constant.shape[axis]!
    if ((sizes.get(label) ?? size) !== size) throw new ShapeMismatchError(node.name, `${sizes.get(label)} along '${label}'`, String(size))
    sizes.set(label, size)
  })
  if (result.some((label, k) => k > 0 && !sizes.has(label))) throw wrong('give the result labels of the operands alone')
  const rows = own.filter(label => result.includes(label))
  const columns = own.filter(label => !result.includes(label))
  const outputs = other.filter(label => !own.includes(label) && result.includes(label))
  const lengths = (labels: readonly string[]): number[] => labels.map(label => sizes.get(label)!)
  const ordered = permuted(
    context,
    node,
    value,
    [...rows, ...columns].map(label => own.indexOf(label))
  )
  const [inner, outer] = [sizeOf(lengths(columns)), sizeOf(lengths(outputs))]
  const matrix = context.push(node, { kind: 'reshape' }, [ordered], [...lengths(rows), inner])
  const weights = weightsOf(constant, other, sizes, { rows, columns, outputs })
  const product = denseRows(context, node, matrix, { inputs: inner, outputs: outer, weightOf: weights })
  const made = [...rows, ...outputs]
  const apart = context.push(node, { kind: 'reshape' }, [product], lengths(made))
  context.alias(
    node,
    permuted(
      context,
      node,
      apart,
      result.slice(1).map(label => made.indexOf(label))
    )
  )
}

/** Labels of every operand and of the result; dots are labels of their own, as many as the value has axes for. */
function labelsOf(node: OnnxNode, rank: number, position: number): { terms: string[][]; result: string[] } {
  const equation = (node.attributes.get('equation')?.text ?? '').replaceAll(' ', '')
  const [left = '', right] = equation.split('->')
  const written = left.split(',')
  const plain = (written[position] ?? '').replace('...', '').length
  const dots = Array.from({ length: Math.max(0, rank - plain) }, (_, axis) => `.${axis}`)
  const apart = (text: string): string[] => text.split(/(\.\.\.)/).flatMap(part => (part === '...' ? dots : [...part]))
  const terms = written.map(apart)
  if (right !== undefined) return { terms, result: apart(right) }
  // without a result: what stands once, in alphabetical order, behind the dots
  const all = terms.flat()
  const once = [...new Set(all)].filter(label => !label.startsWith('.') && all.filter(other => other === label).length === 1).sort()
  return { terms, result: [...dots, ...once] }
}

interface Roles {
  readonly rows: readonly string[]
  readonly columns: readonly string[]
  readonly outputs: readonly string[]
}

/** [output][column] for a row; labels that only the constant has, and not the result, are summed. */
function weightsOf({ shape, values }: ConstantTensor, labels: readonly string[], sizes: ReadonlyMap<string, number>, roles: Roles) {
  const { rows, columns, outputs } = roles
  const summed = labels.filter(label => ![...rows, ...columns, ...outputs].includes(label))
  const strides = new Map(labels.map((label, axis) => [label, sizeOf(shape.slice(axis + 1))]))
  const count = (list: readonly string[]): number => sizeOf(list.map(label => sizes.get(label)!))
  /** Where an index over these labels points to in the constant; labels that it has not move nothing. */
  const offset = (list: readonly string[], index: number): number => {
    let [rest, total] = [index, 0]
    for (const label of list.toReversed()) {
      const size = sizes.get(label)!
      total += (rest % size) * (strides.get(label) ?? 0)
      rest = Math.floor(rest / size)
    }
    return total
  }
  const [inner, outer, hidden] = [count(columns), count(outputs), count(summed)]
  const known = new Map<number, Float64Array>()
  return (row: number): Float64Array => {
    const start = offset(rows, row)
    let weight = known.get(start)
    if (weight) return weight
    weight = new Float64Array(outer * inner)
    for (let output = 0; output < outer; output++) {
      for (let column = 0; column < inner; column++) {
        const base = start + offset(outputs, output) + offset(columns, column)
        for (let k = 0; k < hidden; k++) weight[output * inner + column]! += values[base + offset(summed, k)]!
      }
    }
    known.set(start, weight)
    return weight
  }
}
