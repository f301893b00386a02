/** Branches of a network in the making: built side by side from one value, and brought together. */
import { ShapeMismatchError } from '../errors.js'
import { sizeOf } from './geometry.js'
import type { GraphNode, GraphOperator } from './graph.js'

/** Nodes of all branches behind those that they share, and the last node of each. */
interface Merged {
  readonly nodes: GraphNode[]
  readonly ends: number[]
}

/** @param paths nodes of each branch, the shared ones first */
function merged(shared: readonly GraphNode[], paths: readonly (readonly GraphNode[])[]): Merged {
  const nodes = [...shared]
  const ends = paths.map(path => {
    const moved = path.map((_, index) => (index < shared.length ? index : nodes.length + index - shared.length))
    const names = new Set(nodes.map(({ name }) => name))
    for (const node of path.slice(shared.length)) {
      nodes.push({ ...node, name: freeName(node.name, names), inputs: node.inputs.map(input => moved[input]!) })
    }
    return moved.at(-1)!
  })
  return { nodes, ends }
}

/** Branches count their layers by themselves. */
function freeName(name: string, names: Set<string>): string {
  let free = name
  for (let copy = 2; names.has(free); copy++) free = `${name}#${copy}`
  names.add(free)
  return free
}

/** Branches that wait to be brought together. @typeParam Builder what the network is built on with */
export class Branches<Builder> {
  readonly #merged: Merged

  /** Made by `NetworkBuilder.branch`. */
  constructor(
    shared: readonly GraphNode[],
    paths: readonly (readonly GraphNode[])[],
    private readonly resume: (nodes: readonly GraphNode[]) => Builder
  ) {
    this.#merged = merged(shared, paths)
  }

  /** Their sum, element by element: a residual connection. @throws ShapeMismatchError unless all have one shape */
  add(definition: { readonly name?: string } = {}): Builder {
    return this.elementwise({ kind: 'add' }, definition.name ?? 'add')
  }

  /** Their product, element by element: a gate. @throws ShapeMismatchError unless all have one shape */
  multiply(definition: { readonly name?: string } = {}): Builder {
    return this.elementwise({ kind: 'multiply' }, definition.name ?? 'multiply')
  }

  /**
   * Next to each other, first branch first.
   * @param definition.axis of a sample, counted without the batch; default 0, that of channels
   * @throws ShapeMismatchError unless they differ in that axis at most
   */
  concat(definition: { readonly name?: string; readonly axis?: number } = {}): Builder {
    const { axis = 0, name = 'concat' } = definition
    const { nodes, ends } = this.#merged
    const shapes = ends.map(end => nodes[end]!.shape)
    const [model] = shapes as [readonly number[]]
    const fits = shapes.every(shape => shape.length === model.length && shape.every((size, k) => k === axis || size === model[k]))
    if (!fits || !(axis < model.length)) throw new ShapeMismatchError(name, `branches that differ in axis ${axis}`, shown(shapes))
    const total = shapes.reduce((sum, shape) => sum + shape[axis]!, 0)
    const out = model.map((size, k) => (k === axis ? total : size))
    const joined = [...nodes]
    let before = 0
    // each padded with zeros to the whole, and added
    const padded = ends.map((end, branch) => {
      const { shape } = nodes[end]!
      const [from, to] = [before, before + shape[axis]!]
      before = to
      const indices = Array.from({ length: total }, (_, index) => (index >= from && index < to ? index - from : -1))
      joined.push({ name: `${name} part ${branch + 1}`, operator: { kind: 'take', shape, axis, indices }, inputs: [end], shape: out })
      return joined.length - 1
    })
    return this.resume(folded(joined, padded, { kind: 'add' }, name))
  }

  private elementwise(operator: GraphOperator, name: string): Builder {
    const { nodes, ends } = this.#merged
    const shapes = ends.map(end => nodes[end]!.shape)
    if (shapes.some(shape => shape.join() !== shapes[0]!.join())) throw new ShapeMismatchError(name, 'branches of one shape', shown(shapes))
    return this.resume(folded(nodes, ends, operator, name))
  }
}

const shown = (shapes: readonly (readonly number[])[]): string => shapes.map(shape => shape.join('×') || 'a scalar').join(' and ')

/** An operator of two values, one value after another. */
function folded(nodes: readonly GraphNode[], values: readonly number[], operator: GraphOperator, name: string): GraphNode[] {
  const out = [...nodes]
  const names = new Set(nodes.map(node => node.name))
  const [first, ...others] = values as [number, ...number[]]
  let result = first
  for (const value of others) {
    out.push({ name: freeName(name, names), operator, inputs: [result, value], shape: nodes[first]!.shape })
    result = out.length - 1
  }
  return out
}

/** Elements from..to-1 of an axis of a value of this shape. */
export function sliceOf(name: string, shape: readonly number[], axis: number, from: number, to: number): GraphOperator {
  const length = shape[axis]
  if (length === undefined || !(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to <= length)) {
    throw new ShapeMismatchError(
      name,
      `a part of an axis of ${sizeOf(shape)} elements in ${shape.join('×')}`,
      `${from} to ${to} of axis ${axis}`
    )
  }
  return { kind: 'take', shape: [...shape], axis, indices: Array.from({ length: to - from }, (_, k) => from + k) }
}
