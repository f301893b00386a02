/**
 * Constants of an ONNX graph: initialisers, Constant nodes, and what exporters compute from them or from shapes (a transposed weight, the target of a reshape).
 * The batch size is the only number that is not known; it may be moved about, not computed with.
 */

import { MissingInitializerError, NonFiniteWeightError, UnsupportedTopologyError } from '../errors.js'
import { type ConstantTensor, decodeTensor, type OnnxModel, type OnnxNode } from './decode.js'
import type { ExternalData } from './external-data.js'
import { BATCH, type Fold, integer, SHAPE_FOLDS } from './folds.js'
import { NUMBER_FOLDS } from './folds-of-numbers.js'

export { BATCH }

export type Producers = ReadonlyMap<string, OnnxNode>

/** Shape of one sample of a computed value; undefined when it is not known (yet). */
export type SampleShape = (name: string) => readonly number[] | undefined

const foldOf = (operator: string): Fold | undefined => SHAPE_FOLDS.get(operator) ?? NUMBER_FOLDS.get(operator)

export class Constants {
  private readonly known = new Map<string, ConstantTensor>()
  /** Answers of `folds`; a node on a circle finds itself here as not constant. */
  private readonly folding = new Map<OnnxNode, boolean>()

  constructor(
    private readonly model: OnnxModel,
    private readonly producers: Producers,
    private readonly sampleShape: SampleShape
  ) {}

  /** Whether a value follows from the file alone. */
  has(name: string | undefined): boolean {
    if (name === undefined || name === '') return false
    if (this.model.initializers.has(name)) return true
    const node = this.producers.get(name)
    return node !== undefined && this.folds(node)
  }

  /** Whether a node's output follows from the file alone. */
  folds(node: OnnxNode): boolean {
    if (node.operator === 'Constant' || node.operator === 'Shape') return true
    const known = this.folding.get(node)
    if (known !== undefined) return known
    this.folding.set(node, false)
    const folds =
      foldOf(node.operator) !== undefined && node.inputs.length > 0 && node.inputs.every(input => input === '' || this.has(input))
    this.folding.set(node, folds)
    return folds
  }

  /**
   * A constant whose elements may be infinite.
   * @throws as `numbers`
   */
  bounds(node: OnnxNode, name: string, input: number): ConstantTensor {
    const tensor = this.read(node, name, input)
    const broken = tensor.values.findIndex(Number.isNaN)
    if (broken >= 0) throw new NonFiniteWeightError(node.name, name, broken)
    return tensor
  }

  /**
   * A constant of numbers.
   * @throws MissingInitializerError, ExternalInitializerError, MalformedTensorError, NonFiniteWeightError; UnsupportedTopologyError when it holds the batch size
   */
  numbers(node: OnnxNode, name: string, input: number): ConstantTensor {
    const tensor = this.read(node, name, input)
    const broken = tensor.values.findIndex(value => !Number.isFinite(value))
    if (broken >= 0) throw new NonFiniteWeightError(node.name, name, broken)
    if (tensor.values.includes(BATCH)) {
      throw new UnsupportedTopologyError(
        node.name,
        `input ${input} depends on the batch size`,
        'export with a symbolic batch and reshapes to [-1, features]'
      )
    }
    return tensor
  }

  /** A constant that may hold the batch size. */
  read(node: OnnxNode, name: string, input: number): ConstantTensor {
    let tensor = this.known.get(name)
    if (!tensor) {
      tensor = this.compute(node, name, input)
      this.known.set(name, tensor)
    }
    return tensor
  }

  private compute(node: OnnxNode, name: string, input: number): ConstantTensor {
    const initializer = this.model.initializers.get(name)
    if (initializer) return { ...decodeTensor(initializer, node.name, this.model.external), name }
    const source = this.producers.get(name)
    if (source?.operator === 'Constant') return constantNode(source, node, name, this.model.external)
    if (source?.operator === 'Shape') return this.shapeNode(source, name)
    const fold = source && foldOf(source.operator)
    if (!source || !fold || !this.folds(source)) throw new MissingInitializerError(node.name, name || `input ${input}`)
    const operand = (index: number): ConstantTensor => this.read(source, source.inputs[index] ?? '', index)
    return { name, ...fold(source, operand, { opset: this.model.opset, output: source.outputs.indexOf(name) }) }
  }

  private shapeNode(node: OnnxNode, name: string): ConstantTensor {
    const input = node.inputs[0] ?? ''
    const constant = this.has(input) ? this.read(node, input, 0).shape : undefined
    const sample = this.sampleShape(input)
    const full = constant ?? (sample && [BATCH, ...sample])
    if (!full) throw new MissingInitializerError(node.name, input || 'input 0')
    const values = full.slice(integer(node, 'start', 0), node.attributes.get('end')?.integer)
    return { name, shape: [values.length], values: Float64Array.from(values) }
  }
}

function constantNode(source: OnnxNode, node: OnnxNode, name: string, external: ExternalData | undefined): ConstantTensor {
  const { tensor } = source.attributes.get('value') ?? {}
  if (tensor) return { ...decodeTensor(tensor, node.name, external), name }
  const scalar = source.attributes.get('value_float')?.float ?? source.attributes.get('value_int')?.integer
  if (scalar !== undefined) return { name, shape: [], values: Float64Array.of(scalar) }
  const list = source.attributes.get('value_floats')?.floats ?? source.attributes.get('value_ints')?.integers
  if (list) return { name, shape: [list.length], values: Float64Array.from(list) }
  throw new MissingInitializerError(node.name, name)
}
