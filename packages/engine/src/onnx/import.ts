/**
 * ONNX model → layer graph. Reads the nodes that lead to the single output, infers shapes for one sample, and refuses, naming the node and the remedy, whatever has
 * no counterpart under encryption. A final Softmax or ArgMax is recorded: the querier applies it after decryption.
 */
import {
  MalformedModelError,
  MissingInitializerError,
  NonFiniteWeightError,
  ShapeMismatchError,
  UnsupportedAttributeError,
  UnsupportedOperatorError,
  UnsupportedTopologyError
} from '../errors.js'
import type { FinalOperator, GraphNode, GraphOperator, NetworkGraph } from '../graph.js'
import { type ConstantTensor, decodeOnnx, decodeTensor, type OnnxModel, type OnnxNode } from './decode.js'
import { type ImportContext, OPERATORS } from './operators.js'
import { remedyFor } from './remedies.js'

export interface ImportOptions {
  /** name of the network; the graph's own name when left out */
  readonly name?: string
}

/**
 * @param bytes a whole `.onnx` file
 * @throws MalformedModelError, UnsupportedOperatorError, UnsupportedAttributeError, UnsupportedTopologyError, ShapeMismatchError, NonFiniteWeightError,
 *   ExternalInitializerError, MissingInitializerError, MalformedTensorError
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): NetworkGraph {
  const model = decodeOnnx(bytes)
  if (model.inputs.length !== 1) {
    throw new UnsupportedTopologyError(
      model.name,
      `the graph has ${model.inputs.length} inputs (${model.inputs.map(input => input.name).join(', ')})`,
      'export a model with one input'
    )
  }
  if (model.outputs.length !== 1) {
    throw new UnsupportedTopologyError(
      model.name,
      `the graph has ${model.outputs.length} outputs (${model.outputs.map(output => output.name).join(', ')})`,
      'export a model with one output'
    )
  }
  return new Importer(model).run(options.name ?? model.name)
}

class Importer implements ImportContext {
  private readonly nodes: GraphNode[] = []
  private readonly values = new Map<string, number>()
  private readonly constants = new Map<string, ConstantTensor>()
  private readonly producers = new Map<string, OnnxNode>()

  constructor(private readonly model: OnnxModel) {
    for (const node of model.nodes) {
      for (const output of node.outputs) {
        if (output === '') continue
        if (this.producers.has(output)) throw new MalformedModelError(`value '${output}' is written twice, by node '${node.name}' too`)
        this.producers.set(output, node)
      }
    }
  }

  run(name: string): NetworkGraph {
    const input = this.model.inputs[0]!
    const shape = input.shape
    if (!shape || shape.length < 2 || shape.slice(1).some(dimension => dimension < 1)) {
      throw new ShapeMismatchError(input.name, 'an input of batch × fixed dimensions', shape ? shape.join('×') : 'no shape')
    }
    this.nodes.push({ name: input.name, operator: { kind: 'input' }, inputs: [], shape: shape.slice(1) })
    this.values.set(input.name, 0)
    const { logits, final, finalNode } = this.findLogits(this.model.outputs[0]!.name)
    const needed = this.reachable(logits)
    for (const node of this.model.nodes) {
      if (!needed.has(node)) continue
      const operator = node.domain === '' || node.domain === 'ai.onnx' ? OPERATORS.get(node.operator) : undefined
      if (!operator) {
        const qualified = node.domain === '' || node.domain === 'ai.onnx' ? node.operator : `${node.domain}.${node.operator}`
        throw new UnsupportedOperatorError(node.name, qualified, remedyFor(node.operator))
      }
      operator(this, node)
    }
    const output = this.values.get(logits)
    if (output === undefined) throw new MissingInitializerError(this.model.name, logits)
    if (finalNode) this.checkFinal(finalNode, this.shape(output))
    return { name, nodes: this.nodes, output, inputName: input.name, outputName: this.model.outputs[0]!.name, final }
  }

  /** Walks back over final Softmax, ArgMax and Identity nodes. */
  private findLogits(output: string): { logits: string; final: FinalOperator; finalNode?: OnnxNode } {
    let logits = output
    let final: FinalOperator = 'none'
    let finalNode: OnnxNode | undefined
    for (;;) {
      const node = this.producers.get(logits)
      if (!node || node.inputs.length === 0) return finalNode ? { logits, final, finalNode } : { logits, final }
      if (node.operator === 'ArgMax') final = 'argmax'
      else if (node.operator === 'Softmax' || node.operator === 'LogSoftmax') final = final === 'argmax' ? final : 'softmax'
      else if (node.operator !== 'Identity') return finalNode ? { logits, final, finalNode } : { logits, final }
      if (node.operator !== 'Identity') finalNode = node
      logits = node.inputs[0]!
    }
  }

  private checkFinal(node: OnnxNode, shape: readonly number[]): void {
    const axis = node.attributes.get('axis')?.integer ?? (node.operator === 'ArgMax' ? 0 : this.model.opset < 13 ? 1 : -1)
    if (shape.length !== 1 || (axis !== 1 && axis !== -1)) {
      throw new UnsupportedAttributeError(
        node.name,
        node.operator,
        'axis',
        String(axis),
        'apply it to the last of two dimensions, the logits'
      )
    }
  }

  private reachable(output: string): Set<OnnxNode> {
    const found = new Set<OnnxNode>()
    const pending = [output]
    while (pending.length > 0) {
      const node = this.producers.get(pending.pop()!)
      if (!node || found.has(node) || node.operator === 'Constant') continue
      found.add(node)
      pending.push(...node.inputs.filter(name => name !== ''))
    }
    return found
  }

  isConstant(name: string | undefined): boolean {
    return name !== undefined && (this.model.initializers.has(name) || this.producers.get(name)?.operator === 'Constant')
  }

  constant(node: OnnxNode, input: number): ConstantTensor {
    const name = node.inputs[input] ?? ''
    const known = this.constants.get(name)
    if (known) return known
    const tensor = this.readConstant(node, name, input)
    const broken = tensor.values.findIndex(value => !Number.isFinite(value))
    if (broken >= 0) throw new NonFiniteWeightError(node.name, name, broken)
    this.constants.set(name, tensor)
    return tensor
  }

  private readConstant(node: OnnxNode, name: string, input: number): ConstantTensor {
    const initializer = this.model.initializers.get(name)
    if (initializer) return decodeTensor(initializer, node.name)
    const source = this.producers.get(name)
    if (source?.operator === 'Constant') {
      const { tensor } = source.attributes.get('value') ?? {}
      if (tensor) return decodeTensor(tensor, node.name)
      const scalar = source.attributes.get('value_float')?.float ?? source.attributes.get('value_int')?.integer
      if (scalar !== undefined) return { name, shape: [], values: Float64Array.of(scalar) }
      const list = source.attributes.get('value_floats')?.floats ?? source.attributes.get('value_ints')?.integers
      if (list) return { name, shape: [list.length], values: Float64Array.from(list) }
    }
    throw new MissingInitializerError(node.name, name || `input ${input}`)
  }

  value(node: OnnxNode, input: number): number {
    const name = node.inputs[input] ?? ''
    const value = this.values.get(name)
    if (value !== undefined) return value
    if (this.isConstant(name)) {
      throw new UnsupportedTopologyError(
        node.name,
        `input ${input} ('${name}') is a constant where a computed value is expected`,
        'swap the operands'
      )
    }
    throw new MissingInitializerError(node.name, name || `input ${input}`)
  }

  shape(value: number): readonly number[] {
    return this.nodes[value]!.shape
  }

  push(node: OnnxNode, operator: GraphOperator, inputs: readonly number[], shape: readonly number[]): void {
    this.values.set(node.outputs[0]!, this.nodes.length)
    this.nodes.push({ name: node.name, operator, inputs, shape })
  }

  alias(node: OnnxNode, value: number): void {
    this.values.set(node.outputs[0]!, value)
  }
}
