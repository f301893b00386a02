/**
 * The layer graph: what an ONNX file says about one sample, with weights as float64 and shapes inferred. Nodes stand in topological order and name their inputs by
 * index; the batch dimension is not part of any shape.
 */
import type { ActivationFunction } from '../numeric/activation-functions.js'
import type { Expression } from '../numeric/expression.js'
import type { FinalOperator } from './final.js'
import type { ConvolutionGeometry, PoolGeometry } from './geometry.js'
import type { InputPart } from './parts.js'
import type { OutputPart, Task } from './task.js'

/** What a node does. */
export type GraphOperator =
  | { readonly kind: 'input' }
  /** kernel: [output channel][channel in group][row][column]; bias: one value per output channel */
  | { readonly kind: 'convolution'; readonly geometry: ConvolutionGeometry; readonly kernel: Float64Array; readonly bias: Float64Array }
  /** weight: [output][input]; bias: [output] */
  | {
      readonly kind: 'dense'
      readonly inputs: number
      readonly outputs: number
      readonly weight: Float64Array
      readonly bias: Float64Array
    }
  | { readonly kind: 'averagePool'; readonly geometry: PoolGeometry }
  /** y = scale·x + shift, element by element; a number stands for a vector of equal values */
  | { readonly kind: 'scaleShift'; readonly scale: number | Float64Array; readonly shift: number | Float64Array }
  | { readonly kind: 'add' }
  | { readonly kind: 'subtract' }
  | { readonly kind: 'multiply' }
  | { readonly kind: 'power'; readonly exponent: number }
  /** y = f(x), element by element, f no polynomial: it must be approximated before fusing */
  | { readonly kind: 'activation'; readonly function: ActivationFunction }
  /** y = expression of its inputs, element by element; of one input it is an activation that nobody has recognised yet, of several it cannot be fused */
  | { readonly kind: 'elementwise'; readonly expression: Expression }
  /** y = Σ coefficients[k]·x^k, element by element */
  | { readonly kind: 'polynomial'; readonly basis: 'power'; readonly coefficients: readonly number[] }
  /**
   * y = Σ coefficients[k]·T_k(t), t = (2x - a - b)/(b - a), element by element, meant for x in the interval [a, b]; a coefficient is one number for all elements or one
   * number each
   */
  | {
      readonly kind: 'polynomial'
      readonly basis: 'chebyshev'
      readonly coefficients: readonly (number | Float64Array)[]
      readonly interval: readonly [number, number]
    }
  /** y[i] = x[source[i]] */
  | { readonly kind: 'permute'; readonly source: Int32Array; readonly permutation: readonly number[] }
  /** Along one axis of an input of `shape`: its elements at these positions, zeros where a position is -1. */
  | { readonly kind: 'take'; readonly shape: readonly number[]; readonly axis: number; readonly indices: readonly number[] }
  /** The same elements in the same order under another shape. */
  | { readonly kind: 'reshape' }

/** A node of a graph. */
export interface GraphNode {
  readonly name: string
  readonly operator: GraphOperator
  /** indices of the nodes it reads */
  readonly inputs: readonly number[]
  /** shape of its output for one sample */
  readonly shape: readonly number[]
}

/** A network as its file says it. */
export interface NetworkGraph {
  readonly name: string
  readonly nodes: readonly GraphNode[]
  /** index of the node that gives the logits */
  readonly output: number
  readonly inputName: string
  readonly outputName: string
  /** what the file applies to the logits at the end, in order; the querier does it in the clear (see `applyFinal`) */
  readonly final: readonly FinalOperator[]
  /** what the outputs mean */
  readonly task: Task
  /** Several inputs by name: a sample is one row with all of them, in this order. */
  readonly inputs?: readonly InputPart[] | undefined
  /** Several outputs by name: the logits are one row with those of all, in this order; `final` is empty, and each has its own. */
  readonly parts?: readonly OutputPart[] | undefined
}

/** Shape of one input sample. */
export const inputShape = (graph: NetworkGraph): readonly number[] => graph.nodes[0]!.shape
