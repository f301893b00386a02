/**
 * ONNX model → layer graph. Reads the nodes that lead to the output, infers shapes for one sample, and refuses, naming the node and the remedy, whatever has
 * no counterpart under encryption. A final Softmax, Sigmoid or ArgMax is recorded: the querier applies it after decryption.
 */
import {
  MalformedModelError,
  MissingInitializerError,
  ShapeMismatchError,
  UnsupportedOperatorError,
  UnsupportedTopologyError
} from '../errors.js'
import { sizeOf } from '../graph/geometry.js'
import type { GraphNode, GraphOperator, NetworkGraph } from '../graph/graph.js'
import { type InputPart, inputsSize } from '../graph/parts.js'
import { type OutputPart, type TaskChoice, taskOf } from '../graph/task.js'
import { Constants } from './constants.js'
import { type ImportContext, MAXIMUM_ELEMENTS, type Replacements } from './context.js'
import { type ConstantTensor, decodeOnnx, type OnnxModel, type OnnxNode, type OnnxValue } from './decode.js'
import { recogniseExpressions } from './expressions.js'
import type { ExternalData } from './external-data.js'
import { rawScores } from './operators/learning.js'
import { operatorFor, qualifiedName } from './operators.js'
import { inOrder, leadingTo } from './order.js'
import { checkAxes, findTails } from './output.js'
import { recogniseActivations } from './recognise.js'
import { hopelessness, remedyFor } from './remedies.js'
import type { OutputTail } from './tail.js'

/** What a file leaves open. */
export interface ImportOptions {
  /** name of the network; the graph's own name when left out */
  readonly name?: string
  /** which output of the file to compute; all of them, by name, when it has several and none is named */
  readonly output?: string
  /** shape of one input sample, without the batch, for files that leave it open */
  readonly inputShape?: readonly number[]
  /** Contents of files beside the model that hold its weights, by name; asked for when the model refers to one. */
  readonly externalData?: ExternalData
  /** What may stand in the place of operators that nothing evaluates: maxima, rounding. Nothing does unless it is asked for here. */
  readonly replace?: Replacements
  /** what the outputs mean, where it does not follow from the file */
  readonly task?: TaskChoice
}

/**
 * @param bytes a whole `.onnx` file
 * @throws MalformedModelError, UnsupportedOperatorError, UnsupportedAttributeError, UnsupportedTopologyError, ShapeMismatchError, NonFiniteWeightError,
 *   ExternalInitializerError, MissingInitializerError, MalformedTensorError
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): NetworkGraph {
  return new Importer(decodeOnnx(bytes, options.externalData), options.replace ?? {}).run(options)
}

/** Operators that treat every row by itself, and so do the same when rows are part of the batch. */
const ROWWISE: ReadonlySet<string> = new Set([
  ...['MatMul', 'Gemm', 'Add', 'Sub', 'Mul', 'Div', 'Sum', 'Pow', 'Neg', 'Identity', 'Cast', 'Dropout', 'Reshape'],
  ...[
    'Relu',
    'LeakyRelu',
    'Elu',
    'Selu',
    'Celu',
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Swish',
    'Mish',
    'Gelu',
    'Tanh',
    'Softplus',
    'Softsign'
  ],
  ...['Erf', 'Exp', 'Log', 'Sqrt', 'Abs', 'Clip', 'Min', 'Max', 'Where', 'Greater', 'Less']
])

/** Operators that take values whose batch is not the first axis, as exporters write them around an index. */
const ANY_BATCH_AXIS: ReadonlySet<string> = new Set(['Transpose', 'Gather', 'GatherND', 'Identity'])

class Importer implements ImportContext {
  readonly opset: number
  private readonly nodes: GraphNode[] = []
  private readonly names = new Set<string>()
  private readonly values = new Map<string, number>()
  private readonly merged = new Set<number>()
  private readonly producers = new Map<string, OnnxNode>()
  /** where the batch is among the axes of values that have it elsewhere than first */
  private readonly batchAxes = new Map<string, number>()
  private readonly constants: Constants

  readonly quantised = new Map<number, OnnxNode>()

  constructor(
    private readonly model: OnnxModel,
    readonly replace: Replacements
  ) {
    this.opset = model.opset
    for (const node of model.nodes) {
      for (const output of node.outputs) {
        if (output === '') continue
        if (this.producers.has(output)) throw new MalformedModelError(`value '${output}' is written twice, by node '${node.name}' too`)
        this.producers.set(output, node)
      }
      if (node.operator === 'LinearClassifier') this.producers.set(rawScores(node), node)
    }
    this.constants = new Constants(model, this.producers, name => {
      const value = this.values.get(name)
      return value === undefined || this.merged.has(value) ? undefined : this.shape(value)
    })
  }

  run(options: ImportOptions): NetworkGraph {
    const names = this.model.outputs.map(output => output.name)
    const outputs = names.filter(name => options.output === undefined || name === options.output || !names.includes(options.output))
    refuseHopeless(
      [...leadingTo(this.producers, outputs)].filter(node => !this.constants.folds(node)),
      this.replace
    )
    const inputs = this.read(this.inputs(outputs), options)
    const tails = findTails(this.model, this.producers, this.constants, options.output)
    for (const node of inOrder(
      this.model.nodes,
      this.producers,
      tails.map(({ logits }) => logits)
    )) {
      if (this.constants.folds(node)) continue
      const operator = operatorFor(node.domain, node.operator)
      if (!operator) throw new UnsupportedOperatorError(node.name, qualifiedName(node.domain, node.operator), remedyFor(node.operator))
      operator(this, node)
    }
    const results = tails.map(tail => this.result(tail))
    const meanings = tails.map(({ output: name, final, labels, regressor }, k) => {
      const features = sizeOf(this.shape(results[k]!))
      return { name, features, final, task: taskOf(final, features, { labels, regressor }, tails.length === 1 ? options.task : {}) }
    })
    if (tails.length > 1) this.checkWishes(options, meanings)
    const result = tails.length === 1 ? results[0]! : this.joined(results)
    const recognised = recogniseExpressions(recogniseActivations(this.nodes), result)
    const { nodes, output: last } = prune(recognised, result)
    return {
      name: options.name ?? this.model.name,
      nodes: uniquelyNamed(nodes),
      output: last,
      inputName: inputs.map(({ name }) => name).join(', '),
      outputName: meanings.map(({ name }) => name).join(', '),
      ...(tails.length === 1
        ? { final: meanings[0]!.final, task: meanings[0]!.task }
        : { final: [], task: { kind: 'regression' as const }, parts: meanings }),
      ...(inputs.length === 1 ? {} : { inputs })
    }
  }

  /** The graph's input: the file's own, or one row of all where it has several, which slices take apart again. */
  private read(values: readonly OnnxValue[], options: ImportOptions): InputPart[] {
    if (values.length > 1 && options.inputShape !== undefined)
      throw new UnsupportedTopologyError(
        this.model.name,
        `one input shape for ${values.length} inputs (${values.map(({ name }) => name).join(', ')})`,
        'export the model with fixed shapes behind the batch'
      )
    const inputs = values.map(value => ({ name: value.name, shape: this.inputShape(value, options) }))
    if (inputs.length === 1) {
      const [{ name, shape }] = inputs as [InputPart]
      this.values.set(name, this.append({ name, operator: { kind: 'input' }, inputs: [], shape }))
      return inputs
    }
    const total = inputsSize(inputs)
    this.append({ name: 'inputs', operator: { kind: 'input' }, inputs: [], shape: [total] })
    let start = 0
    for (const { name, shape } of inputs) {
      const size = sizeOf(shape)
      const first = start
      const indices = Array.from({ length: size }, (_, index) => first + index)
      const own = this.append({ name, operator: { kind: 'take', shape: [total], axis: 0, indices }, inputs: [0], shape: [size] })
      this.values.set(name, this.append({ name, operator: { kind: 'reshape' }, inputs: [own], shape }))
      start += size
    }
    return inputs
  }

  /** The value that holds the logits of an output. */
  private result({ output, logits, axisNodes }: OutputTail): number {
    const result = this.values.get(logits)
    if (result === undefined) throw new MissingInitializerError(this.model.name, logits)
    if (this.batchAxes.has(logits))
      throw new UnsupportedTopologyError(
        this.producers.get(logits)?.name ?? this.model.name,
        `'${logits}' has the batch in another axis than the first`,
        'keep the batch dimension first'
      )
    if (this.merged.has(result) && !this.comesBack(output, logits, sizeOf(this.shape(result)))) {
      throw new UnsupportedTopologyError(
        this.model.name,
        `the rows of '${logits}' are part of the batch`,
        'export a model with one row of outputs for every sample'
      )
    }
    checkAxes(axisNodes, this.shape(result), this.opset)
    return result
  }

  /** Logits of several outputs next to each other: each padded with zeros to the whole, and added. */
  private joined(results: readonly number[]): number {
    const sizes = results.map(result => sizeOf(this.shape(result)))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    let start = 0
    const padded = results.map((result, k) => {
      const [first, size] = [start, sizes[k]!]
      start += size
      const { name } = this.nodes[result]!
      const flat = this.append({ name, operator: { kind: 'reshape' }, inputs: [result], shape: [size] })
      const indices = Array.from({ length: total }, (_, index) => (index >= first && index < first + size ? index - first : -1))
      return this.append({ name, operator: { kind: 'take', shape: [size], axis: 0, indices }, inputs: [flat], shape: [total] })
    })
    return padded.reduce((left, right) =>
      this.append({ name: 'outputs', operator: { kind: 'add' }, inputs: [left, right], shape: [total] })
    )
  }

  private checkWishes({ task }: ImportOptions, parts: readonly OutputPart[]): void {
    if (task?.kind === undefined && task?.threshold === undefined) return
    throw new UnsupportedTopologyError(
      this.model.name,
      `one task for ${parts.length} outputs (${parts.map(({ name }) => name).join(', ')})`,
      "name the output you want in the option 'output' (--output), or leave the task out"
    )
  }

  /** The inputs on which the outputs depend, in the order of the file. */
  private inputs(outputs: readonly string[]): readonly OnnxValue[] {
    const read = new Set([...outputs, ...[...leadingTo(this.producers, outputs)].flatMap(node => node.inputs)])
    // an only input that nothing reads is left to what is wrong with its readers
    const inputs = this.model.inputs.filter(input => read.has(input.name) || this.model.inputs.length === 1)
    if (inputs.length === 0) {
      const list = this.model.inputs.map(input => input.name).join(', ') || 'none'
      throw new UnsupportedTopologyError(this.model.name, `no input leads to the output (inputs: ${list})`, 'export a model with an input')
    }
    return inputs
  }

  private inputShape({ name, shape }: OnnxValue, { inputShape }: ImportOptions): readonly number[] {
    const open = !shape || shape.length < 2 || shape.slice(1).some(dimension => dimension < 1)
    const sample = inputShape ?? (open ? undefined : shape.slice(1))
    if (!sample || sample.length === 0 || sample.some(dimension => !Number.isInteger(dimension) || dimension < 1)) {
      throw new ShapeMismatchError(
        name,
        "an input of batch × fixed dimensions (or the option 'inputShape', --input-shape)",
        shape ? shape.map(dimension => (dimension < 1 ? '?' : dimension)).join('×') : 'no shape'
      )
    }
    if (
      inputShape &&
      shape &&
      (shape.length !== sample.length + 1 || shape.slice(1).some((dimension, axis) => dimension > 0 && dimension !== sample[axis]))
    ) {
      throw new ShapeMismatchError(name, `an input of batch × ${sample.join('×')}, as asked for`, shape.join('×'))
    }
    return sample
  }

  isConstant(name: string | undefined): boolean {
    return this.constants.has(name)
  }

  constant(node: OnnxNode, input: number): ConstantTensor {
    return this.constants.numbers(node, node.inputs[input] ?? '', input)
  }

  shapeConstant(node: OnnxNode, input: number): ConstantTensor {
    return this.constants.read(node, node.inputs[input] ?? '', input)
  }

  value(node: OnnxNode, input: number): number {
    const name = node.inputs[input] ?? ''
    const value = this.values.get(name)
    if (value !== undefined && this.merged.has(value) && !ROWWISE.has(node.operator)) {
      throw new UnsupportedTopologyError(
        node.name,
        `${node.operator} of a value whose rows are part of the batch`,
        'reshape it to [batch, rows, features] first'
      )
    }
    if (this.batchAxes.has(name) && !ANY_BATCH_AXIS.has(node.operator))
      throw new UnsupportedTopologyError(
        node.name,
        `${node.operator} of a value whose first axis is not the batch`,
        'keep the batch dimension first'
      )
    if (value !== undefined) return value
    if (this.isConstant(name)) {
      throw new UnsupportedTopologyError(
        node.name,
        `input ${input} ('${name}') is a constant where a computed value is expected`,
        'swap the operands'
      )
    }
    const source = this.producers.get(name)
    if (source?.operator === 'LinearClassifier') {
      throw new UnsupportedTopologyError(
        node.name,
        `${source.outputs[0] === name ? 'classes' : 'scores after the post_transform'} of classifier '${source.name}' in the middle of a network`,
        'end with the classifier, or use post_transform NONE or LOGISTIC'
      )
    }
    if (source && source.outputs.indexOf(name) > 0) {
      throw new UnsupportedTopologyError(
        node.name,
        `output ${source.outputs.indexOf(name)} of node '${source.name}' (${source.operator}) is used`,
        'use its first output only'
      )
    }
    throw new MissingInitializerError(node.name, name || `input ${input}`)
  }

  batchAxis(node: OnnxNode, input: number): number {
    return this.batchAxes.get(node.inputs[input] ?? '') ?? 0
  }

  placeBatch(node: OnnxNode, axis: number): void {
    if (axis !== 0) this.batchAxes.set(node.outputs[0] ?? '', axis)
  }

  boundConstant(node: OnnxNode, input: number): ConstantTensor {
    return this.constants.bounds(node, node.inputs[input] ?? '', input)
  }

  node(value: number): GraphNode {
    return this.nodes[value]!
  }

  bind(node: OnnxNode, output: number, value: number): void {
    const name = node.outputs[output] ?? ''
    if (name !== '') this.values.set(name, value)
  }

  shape(value: number): readonly number[] {
    return this.nodes[value]!.shape
  }

  push(node: OnnxNode, operator: GraphOperator, inputs: readonly number[], shape: readonly number[]): number {
    const index = this.append({ name: node.name, operator, inputs, shape })
    if (node.operator !== 'Reshape' && inputs.some(input => this.merged.has(input))) this.merged.add(index)
    this.alias(node, index)
    return index
  }

  /** Whether what was taken off behind the logits reshapes them to one row for every sample. */
  private comesBack(output: string, logits: string, size: number): boolean {
    for (let name = output; name !== logits; ) {
      const node = this.producers.get(name)
      if (!node) return false
      if (node.operator === 'Reshape') {
        const [, ...rest] = this.shapeConstant(node, 1).values
        if (sizeOf(rest) === size) return true
      }
      name = node.inputs[0] ?? ''
    }
    return false
  }

  isMerged(value: number): boolean {
    return this.merged.has(value)
  }

  merge(value: number): void {
    this.merged.add(value)
  }

  name(name: string, value: number): void {
    this.values.set(name, value)
  }

  /** The first output is the one that counts; a classifier's is classes, which are no value. */
  alias(node: OnnxNode, value: number): void {
    const [output = ''] = node.outputs
    if (output !== '' && node.operator !== 'LinearClassifier') this.values.set(output, value)
  }

  /** Names are made unique, so that reports and ranges can refer to them. */
  private append(node: GraphNode): number {
    if (!(sizeOf(node.shape) <= MAXIMUM_ELEMENTS)) {
      throw new ShapeMismatchError(node.name, `at most ${MAXIMUM_ELEMENTS} elements per sample`, node.shape.join('×'))
    }
    let { name } = node
    for (let copy = 2; this.names.has(name); copy++) name = `${node.name}#${copy}`
    this.names.add(name)
    this.nodes.push(name === node.name ? node : { ...node, name })
    return this.nodes.length - 1
  }
}

/**
 * The deepest reason comes first: a model of trees, kernels or recurrence is not helped by another choice of outputs or by other shapes.
 * @throws UnsupportedOperatorError
 */
function refuseHopeless(nodes: readonly OnnxNode[], replace: Replacements): void {
  const worst = nodes.reduce<OnnxNode | undefined>(
    (a, b) => (hopelessness(b.operator, replace) > (a ? hopelessness(a.operator, replace) : 0) ? b : a),
    undefined
  )
  if (worst) throw new UnsupportedOperatorError(worst.name, qualifiedName(worst.domain, worst.operator), remedyFor(worst.operator))
}

/** What several nodes make is called by what their names have in common, which others may have, too. */
function uniquelyNamed(nodes: readonly GraphNode[]): GraphNode[] {
  const names = new Set<string>()
  return nodes.map(node => {
    let { name } = node
    for (let copy = 2; names.has(name); copy++) name = `${node.name}#${copy}`
    names.add(name)
    return name === node.name ? node : { ...node, name }
  })
}

/** Only the nodes that lead to the output, and the input. */
function prune(nodes: readonly GraphNode[], output: number): { nodes: GraphNode[]; output: number } {
  const used = new Set<number>([0, output])
  for (let index = output; index > 0; index--) if (used.has(index)) for (const input of nodes[index]!.inputs) used.add(input)
  const kept = nodes.map((_, index) => index).filter(index => used.has(index))
  const moved = new Map(kept.map((index, position) => [index, position]))
  return {
    nodes: kept.map(index => ({ ...nodes[index]!, inputs: nodes[index]!.inputs.map(input => moved.get(input)!) })),
    output: moved.get(output)!
  }
}
