/** What the operators of an ONNX graph share: what they may ask of the importer, and how they read operands. */
import { ShapeMismatchError } from '../errors.js'
import { sizeOf } from '../graph/geometry.js'
import type { GraphNode, GraphOperator } from '../graph/graph.js'
import type { ConstantTensor, OnnxNode } from './decode.js'

/** Largest value of one sample: far above any network that runs encrypted, far below what would exhaust memory. */
export const MAXIMUM_ELEMENTS = 2 ** 24

/** What may stand in the place of operators that nothing evaluates. Nothing does unless it is asked for. */
export interface Replacements {
  /** Maxima of windows: pair after pair by |a - b|, an activation that is approximated; or the mean, which is another function. */
  readonly maxPool?: 'pairs' | 'average' | undefined
  /** Rounding between QuantizeLinear and DequantizeLinear: left out, so that values differ by up to half a step. */
  readonly fakeQuantization?: 'identity' | undefined
}

/** What an operator may ask of the importer. */
export interface ImportContext {
  readonly opset: number
  /** what may stand in the place of operators that nothing evaluates */
  readonly replace: Replacements
  /** values that a node has quantised, where that is left out */
  readonly quantised: Map<number, OnnxNode>
  isConstant(name: string | undefined): boolean
  /** @throws MissingInitializerError, ExternalInitializerError, NonFiniteWeightError, UnsupportedTopologyError when it depends on the batch size */
  constant(node: OnnxNode, input: number): ConstantTensor
  /** A constant whose elements may be infinite: the ends of a range. */
  boundConstant(node: OnnxNode, input: number): ConstantTensor
  /** A constant that may hold the batch size, as `BATCH`. */
  shapeConstant(node: OnnxNode, input: number): ConstantTensor
  /** index of the graph node behind an input */
  value(node: OnnxNode, input: number): number
  /** Where the batch is among all axes of an input: 0 but for what Transpose, Gather, GatherND and Identity may read. */
  batchAxis(node: OnnxNode, input: number): number
  /** Says where it is in the node's output. */
  placeBatch(node: OnnxNode, axis: number): void
  shape(value: number): readonly number[]
  node(value: number): GraphNode
  /** Appends a graph node; the ONNX node's outputs stand for it, unless another node of the same ONNX node follows. Returns its index. */
  push(node: OnnxNode, operator: GraphOperator, inputs: readonly number[], shape: readonly number[]): number
  /** the node's output is the same value under another name */
  alias(node: OnnxNode, value: number): void
  /** Names a value that the file has no name for. */
  name(name: string, value: number): void
  /** Whether the file has the first axis of the value's samples as rows of the batch: [batch·rows, features]. */
  isMerged(value: number): boolean
  /** Says that it has, of a value just pushed. */
  merge(value: number): void
  /** output `output` of the node is this value: for operators of several outputs */
  bind(node: OnnxNode, output: number, value: number): void
}

export type Operator = (context: ImportContext, node: OnnxNode) => void

export const hasInput = (node: OnnxNode, input: number): boolean => (node.inputs[input] ?? '') !== ''

/** Vector of `length` values from a constant that may be a scalar or have leading ones. */
export function vector(node: OnnxNode, tensor: ConstantTensor, length: number): Float64Array {
  if (tensor.values.length === length && tensor.shape.every((dimension, axis) => dimension === 1 || axis === tensor.shape.length - 1)) {
    return tensor.values
  }
  if (tensor.values.length === 1) return new Float64Array(length).fill(tensor.values[0]!)
  throw new ShapeMismatchError(node.name, `${length} values in '${tensor.name}'`, tensor.shape.join('×') || 'a scalar')
}

/** Numpy broadcasting of a constant against one sample of `shape` (the batch dimension must be 1 or absent). */
export function broadcast(node: OnnxNode, tensor: ConstantTensor, shape: readonly number[]): number | Float64Array {
  const full = [1, ...shape]
  const offset = full.length - tensor.shape.length
  const fits = offset >= 0 && tensor.shape.every((dimension, axis) => dimension === 1 || dimension === full[axis + offset])
  if (!fits) throw new ShapeMismatchError(node.name, `a constant that broadcasts to ${shape.join('×')}`, tensor.shape.join('×'))
  if (tensor.values.length === 1) return tensor.values[0]!
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

/** Position of a possibly negative axis, counted with the batch, among the axes of a sample; undefined for the batch or outside. */
export function sampleAxis(axis: number, rank: number): number | undefined {
  const positive = axis < 0 ? axis + rank + 1 : axis
  return positive >= 1 && positive <= rank ? positive - 1 : undefined
}
