/**
 * Networks without a file: the same layer graph that `importOnnx` gives, from a few lines.
 *
 * ```ts
 * const graph = network({ input: [1, 28, 28], name: 'digits' })
 *   .conv({ outputChannels: 5, kernel: 5, strides: 2, weights: kernel, bias })
 *   .activation('square').averagePool({ kernel: 2 })
 *   .dense({ outputs: 10, weights })
 *   .softmax().build()
 * ```
 *
 * A builder never changes: every method returns a new one, so that a common trunk can have several heads. Branches start from one value and meet again:
 *
 * ```ts
 * const block = (x: NetworkBuilder) => x.branch(x => x, x => x.conv(first).activation('relu').conv(second)).add().activation('relu')
 * ```
 *
 * Several inputs and outputs have names:
 *
 * ```ts
 * network({ inputs: { image: [1, 28, 28], table: [6] } })
 *   .branch(x => x.input('image').conv(kernel).activation('relu').flatten(), x => x.input('table').dense(columns)).concat()
 *   .heads({ kind: x => x.dense(classes).softmax(), age: x => x.dense(number) })
 * ```
 *
 * Weights are row-major, in the order of ONNX.
 */

import { InvalidInputError, ShapeMismatchError } from '../errors.js'
import type { ActivationFunction } from '../numeric/activation-functions.js'
import { Branches, sliceOf } from './branches.js'
import type {
  ActivationDefinition,
  AveragePoolDefinition,
  BatchNormalizationDefinition,
  ConvolutionDefinition,
  DenseDefinition,
  NetworkDefinition,
  Values,
  WindowDefinition
} from './definitions.js'
import { describeFinal, type FinalOperator } from './final.js'
import {
  type ConvolutionGeometry,
  outputSize,
  type PoolGeometry,
  poolWindow,
  sizeOf,
  transposeSource,
  type WindowGeometry
} from './geometry.js'
import type { GraphNode, GraphOperator, NetworkGraph } from './graph.js'
import { normalization } from './normalization.js'
import { type InputPart, inputsSize } from './parts.js'
import { type Label, type OutputPart, type TaskChoice, taskOf } from './task.js'

/** A branch: what is built on a value. */
export type Path = (from: NetworkBuilder) => NetworkBuilder

const DEFAULT_SLOPE = 0.01
const DEFAULT_EPSILON = 1e-5

/** @throws InvalidInputError unless the shape is whole and positive */
export function network({ input: one, inputs, name = 'network' }: NetworkDefinition): NetworkBuilder {
  const parts = Object.entries(inputs ?? {}).map(([part, shape]) => ({ name: part, shape: [...shape] }))
  if (one === undefined && parts.length < 2) throw new InvalidInputError(`inputs of '${name}'`, 'two or more by name', String(parts.length))
  for (const part of parts) checkShape(`input '${part.name}' of '${name}'`, part.shape)
  const input = one ?? [inputsSize(parts)]
  checkShape(`input shape of '${name}'`, input)
  const nodes: readonly GraphNode[] = [{ name: 'input', operator: { kind: 'input' }, inputs: [], shape: [...input] }]
  return new NetworkBuilder(name, nodes, [], one === undefined ? { inputs: parts } : {})
}

/** @throws InvalidInputError unless it is whole and positive */
function checkShape(what: string, shape: readonly number[]): void {
  if (shape.length === 0 || shape.some(dimension => !Number.isInteger(dimension) || dimension < 1))
    throw new InvalidInputError(what, 'whole dimensions of at least 1', shape.join('×') || 'none')
}

/** What has names besides layers. */
interface Named {
  readonly inputs?: readonly InputPart[]
  readonly parts?: readonly OutputPart[]
}

/** A graph layer by layer; every call gives a new builder, and `build` the graph. */
export class NetworkBuilder {
  /** Made by `network`. */
  constructor(
    private readonly networkName: string,
    private readonly nodes: readonly GraphNode[],
    private readonly final: readonly FinalOperator[],
    private readonly named: Named = {}
  ) {}

  /** Shape of one sample after the last layer. */
  get shape(): readonly number[] {
    return this.nodes.at(-1)!.shape
  }

  /** @throws ShapeMismatchError when kernel, groups or numbers of weights do not fit; InvalidInputError for weights that are not finite */
  conv(definition: ConvolutionDefinition): NetworkBuilder {
    const name = this.layerName(definition, 'conv')
    const { outputChannels, groups = 1 } = definition
    const geometry: ConvolutionGeometry = { ...this.window(name, definition, 1), outputChannels, groups }
    const whole = [outputChannels, groups].every(value => Number.isInteger(value) && value >= 1)
    if (!whole || geometry.channels % groups !== 0 || outputChannels % groups !== 0) {
      throw new ShapeMismatchError(
        name,
        `groups that divide ${geometry.channels} input and ${outputChannels} output channels`,
        String(groups)
      )
    }
    const taps = (geometry.channels / groups) * geometry.kernel[0] * geometry.kernel[1]
    const kernel = numbers(name, 'weights', definition.weights, outputChannels * taps)
    const bias = numbers(name, 'bias', definition.bias, outputChannels)
    return this.append(name, { kind: 'convolution', geometry, kernel, bias }, [outputChannels, ...outputSize(geometry)])
  }

  /** Flattens first when its input has several dimensions. */
  dense(definition: DenseDefinition): NetworkBuilder {
    if (this.shape.length !== 1) return this.flatten().dense(definition)
    const name = this.layerName(definition, 'dense')
    const { outputs } = definition
    const inputs = this.shape[0]!
    if (!Number.isInteger(outputs) || outputs < 1)
      throw new InvalidInputError(`outputs of layer '${name}'`, 'a whole number of at least 1', String(outputs))
    const weight = numbers(name, 'weights', definition.weights, outputs * inputs)
    const bias = numbers(name, 'bias', definition.bias, outputs)
    return this.append(name, { kind: 'dense', inputs, outputs, weight, bias }, [outputs])
  }

  /** @throws ShapeMismatchError */
  averagePool(definition: AveragePoolDefinition): NetworkBuilder {
    const name = this.layerName(definition, 'pool')
    const geometry: PoolGeometry = { ...this.window(name, definition, definition.kernel), countPadding: definition.countPadding ?? false }
    for (let position = 0; position < sizeOf(outputSize(geometry)); position++) {
      if (poolWindow(geometry, 0, position).sources.length === 0)
        throw new ShapeMismatchError(name, 'windows that meet the input', `pads ${geometry.pads.join(', ')}`)
    }
    return this.append(name, { kind: 'averagePool', geometry }, [geometry.channels, ...outputSize(geometry)])
  }

  /** The mean of every channel. */
  globalAveragePool(definition: { readonly name?: string } = {}): NetworkBuilder {
    const [, height, width] = this.image(definition.name ?? 'global average pool')
    return this.averagePool({ ...definition, kernel: [height, width] })
  }

  /** @throws ShapeMismatchError */
  batchNormalization(definition: BatchNormalizationDefinition): NetworkBuilder {
    const name = this.layerName(definition, 'norm')
    const channels = this.shape[0]!
    const read = (what: 'gamma' | 'beta' | 'mean' | 'variance', fallback: number) =>
      numbers(name, what, definition[what], channels, fallback)
    const statistics = { gamma: read('gamma', 1), beta: read('beta', 0), mean: read('mean', 0), variance: read('variance', 1) }
    const epsilon = definition.epsilon ?? DEFAULT_EPSILON
    return this.append(name, { kind: 'scaleShift', ...normalization(name, { ...statistics, epsilon }, sizeOf(this.shape)) }, this.shape)
  }

  /** scale·x + shift, for instance to normalise pixels; a vector has one value per element. */
  scaleShift(definition: { readonly name?: string; readonly scale?: number | Values; readonly shift?: number | Values }): NetworkBuilder {
    const name = this.layerName(definition, 'scale')
    const read = (what: 'scale' | 'shift', fallback: number): number | Float64Array => {
      const value = definition[what] ?? fallback
      if (typeof value !== 'number') return numbers(name, what, value, sizeOf(this.shape))
      return numbers(name, what, [value], 1)[0]!
    }
    return this.append(name, { kind: 'scaleShift', scale: read('scale', 1), shift: read('shift', 0) }, this.shape)
  }

  /** Functions other than polynomials must be approximated before the network is fused (`approximateActivations`). */
  activation(activation: ActivationDefinition, definition: { readonly name?: string } = {}): NetworkBuilder {
    const name = this.layerName(definition, 'act')
    return this.append(name, activationOperator(name, activation), this.shape)
  }

  /** Maps become one row of features. */
  flatten(): NetworkBuilder {
    return this.reshape([sizeOf(this.shape)])
  }

  /** The same elements in the same order under another shape. */
  reshape(shape: readonly number[]): NetworkBuilder {
    const valid = shape.length > 0 && shape.every(dimension => Number.isInteger(dimension) && dimension >= 1)
    const name = this.layerName({}, 'shape')
    if (!valid || sizeOf(shape) !== sizeOf(this.shape))
      throw new ShapeMismatchError(name, `${sizeOf(this.shape)} elements`, shape.join('×') || 'none')
    return this.append(name, { kind: 'reshape' }, shape)
  }

  /** Axis k of the result is axis permutation[k] of the input, counted without the batch. */
  transpose(permutation: readonly number[]): NetworkBuilder {
    const name = this.layerName({}, 'transpose')
    const sorted = [...permutation].sort((a, b) => a - b)
    if (sorted.length !== this.shape.length || sorted.some((axis, index) => axis !== index)) {
      throw new ShapeMismatchError(name, `a permutation of ${this.shape.length} axes`, permutation.join(', '))
    }
    const shape = permutation.map(axis => this.shape[axis]!)
    return this.append(name, { kind: 'permute', source: transposeSource(this.shape, permutation), permutation: [...permutation] }, shape)
  }

  /** Elements from..to-1 of an axis of a sample, counted without the batch. @throws ShapeMismatchError when there are none */
  slice(definition: { readonly name?: string; readonly axis?: number; readonly from: number; readonly to: number }): NetworkBuilder {
    const name = this.layerName(definition, 'slice')
    const { axis = 0, from, to } = definition
    const operator = sliceOf(name, this.shape, axis, from, to)
    return this.append(
      name,
      operator,
      this.shape.map((size, k) => (k === axis ? to - from : size))
    )
  }

  /** Branches from here, to be added, multiplied or put next to each other. One that returns what it was given is a shortcut. */
  branch(...paths: readonly [Path, Path, ...Path[]]): Branches<NetworkBuilder> {
    const { networkName, nodes, named } = this
    const built = paths.map(path => path(this))
    const open = built.find(({ final }) => final.length > 0)
    if (open) throw new ShapeMismatchError(networkName, 'branches that do not end the network', describeFinal(open.final))
    return new Branches(
      nodes,
      built.map(path => path.nodes),
      all => new NetworkBuilder(networkName, all, [], named)
    )
  }

  /** The input of this name, for a branch to begin with. @throws InvalidInputError when there is none */
  input(name: string): NetworkBuilder {
    const { inputs = [] } = this.named
    const index = inputs.findIndex(part => part.name === name)
    if (index < 0)
      throw new InvalidInputError(
        `input of '${this.networkName}'`,
        `one of ${inputs.map(part => part.name).join(', ') || 'none by name'}`,
        name
      )
    const { shape } = inputs[index]!
    const from = inputsSize(inputs.slice(0, index))
    const size = sizeOf(shape)
    const layer = this.layerName({}, `${name} `)
    const operator = sliceOf(layer, this.nodes[0]!.shape, 0, from, from + size)
    const node: GraphNode = { name: layer, operator, inputs: [0], shape: [size] }
    return new NetworkBuilder(this.networkName, [...this.nodes, node], [], this.named).reshape(shape)
  }

  /**
   * Several outputs by name, each built from here and with an end of its own; nothing follows them.
   * @param labels names of the classes of outputs that have some
   */
  heads(paths: Readonly<Record<string, Path>>, labels: Readonly<Record<string, readonly Label[]>> = {}): NetworkBuilder {
    const built = Object.entries(paths).map(([name, path]) => ({ name, end: path(this) }))
    if (built.length < 2) throw new InvalidInputError(`heads of '${this.networkName}'`, 'two or more by name', String(built.length))
    const parts = built.map(({ name, end }) => {
      const features = sizeOf(end.shape)
      return { name, features, final: end.final, task: taskOf(end.final, features, { labels: labels[name] }) }
    })
    const flat = built.map(({ end }) => new NetworkBuilder(end.networkName, end.nodes, [], this.named).flatten())
    const branches = new Branches(
      this.nodes,
      flat.map(({ nodes }) => nodes),
      nodes => new NetworkBuilder(this.networkName, nodes, [], { ...this.named, parts })
    )
    return branches.concat({ name: 'heads' })
  }

  /** What the querier applies to the logits: class probabilities. */
  softmax(): NetworkBuilder {
    return this.ending({ kind: 'softmax' })
  }

  /** What the querier applies to the logits: one probability each. */
  sigmoid(): NetworkBuilder {
    return this.ending({ kind: 'sigmoid' })
  }

  /** What the querier applies to the logits: the index of the largest. */
  argmax(): NetworkBuilder {
    return this.ending({ kind: 'argmax' })
  }

  /**
   * @param meaning what the outputs mean where it does not follow from how the network ends, and names of the classes
   * @throws InvalidInputError when no layer was added, or the outputs are not what the task needs
   */
  build({ labels, ...task }: TaskChoice & { readonly labels?: readonly Label[] } = {}): NetworkGraph {
    if (this.nodes.length < 2) throw new InvalidInputError(`network '${this.networkName}'`, 'at least one layer', 'none')
    return {
      name: this.networkName,
      nodes: this.nodes,
      output: this.nodes.length - 1,
      inputName: 'input',
      outputName: 'logits',
      final: this.final,
      task: this.named.parts ? { kind: 'regression' } : taskOf(this.final, sizeOf(this.shape), { labels }, task),
      ...this.named
    }
  }

  private ending(operator: FinalOperator): NetworkBuilder {
    if (this.named.parts) throw new ShapeMismatchError(this.networkName, 'heads that end by themselves', operator.kind)
    return new NetworkBuilder(this.networkName, this.nodes, [...this.final, operator], this.named)
  }

  private append(name: string, operator: GraphOperator, shape: readonly number[]): NetworkBuilder {
    if (this.named.parts) throw new ShapeMismatchError(name, 'no layer after the heads', 'one')
    if (this.final.length > 0) throw new ShapeMismatchError(name, `no layer after the final ${describeFinal(this.final)}`, 'one')
    if (this.nodes.some(node => node.name === name))
      throw new InvalidInputError(`name of a layer of '${this.networkName}'`, 'a name of its own', name)
    const inputs = [this.nodes.length - 1]
    return new NetworkBuilder(this.networkName, [...this.nodes, { name, operator, inputs, shape: [...shape] }], [], this.named)
  }

  private layerName(definition: { readonly name?: string }, kind: string): string {
    if (definition.name !== undefined) return definition.name
    const names = new Set(this.nodes.map(node => node.name))
    let count = 1
    while (names.has(`${kind}${count}`)) count++
    return `${kind}${count}`
  }

  private image(name: string): readonly [number, number, number] {
    if (this.shape.length !== 3) throw new ShapeMismatchError(name, 'an input of channels × rows × columns', this.shape.join('×'))
    return this.shape as readonly [number, number, number]
  }

  private window(name: string, definition: WindowDefinition, defaultStrides: number | readonly [number, number]): WindowGeometry {
    const [channels, height, width] = this.image(name)
    const pads = definition.pads ?? 0
    const window: WindowGeometry = {
      channels,
      height,
      width,
      kernel: pair(name, 'kernel', definition.kernel),
      strides: pair(name, 'strides', definition.strides ?? defaultStrides),
      dilations: pair(name, 'dilations', definition.dilations ?? 1),
      pads: typeof pads === 'number' ? [pads, pads, pads, pads] : pads
    }
    if (window.pads.length !== 4 || window.pads.some(pad => !Number.isInteger(pad) || pad < 0)) {
      throw new InvalidInputError(`pads of layer '${name}'`, 'one or four whole numbers of at least 0', window.pads.join(', '))
    }
    if (outputSize(window).some(dimension => dimension < 1)) {
      throw new ShapeMismatchError(name, 'a window that fits its input', `${window.kernel.join('×')} on ${height}×${width}`)
    }
    return window
  }
}

function pair(name: string, what: string, value: number | readonly [number, number]): readonly [number, number] {
  const both: readonly number[] = typeof value === 'number' ? [value, value] : value
  if (both.length !== 2 || both.some(number => !Number.isInteger(number) || number < 1)) {
    throw new InvalidInputError(`${what} of layer '${name}'`, 'one or two whole numbers of at least 1', both.join(', '))
  }
  return [both[0]!, both[1]!]
}

function numbers(name: string, what: string, values: Values | undefined, length: number, fallback = 0): Float64Array {
  if (values === undefined) return new Float64Array(length).fill(fallback)
  if (values.length !== length) throw new ShapeMismatchError(name, `${length} values in ${what}`, String(values.length))
  const out = Float64Array.from(values)
  const broken = out.findIndex(value => !Number.isFinite(value))
  if (broken >= 0) throw new InvalidInputError(`${what} of layer '${name}'`, 'finite numbers', `${out[broken]} at ${broken}`)
  return out
}

function activationOperator(name: string, activation: ActivationDefinition): GraphOperator {
  if (activation === 'square') return { kind: 'power', exponent: 2 }
  if (typeof activation === 'string') return { kind: 'activation', function: byName(activation) }
  if ('name' in activation) return { kind: 'activation', function: activation }
  const { polynomial } = activation
  if (polynomial.length < 2)
    throw new InvalidInputError(`polynomial of layer '${name}'`, 'coefficients of at least degree 1', String(polynomial.length))
  return { kind: 'polynomial', basis: 'power', coefficients: [...numbers(name, 'polynomial', polynomial, polynomial.length)] }
}

function byName(name: Exclude<Extract<ActivationDefinition, string>, 'square'>): ActivationFunction {
  switch (name) {
    case 'leakyRelu':
      return { name, slope: DEFAULT_SLOPE }
    case 'elu':
      return { name, alpha: 1 }
    case 'silu':
      return { name, beta: 1 }
    default:
      return { name }
  }
}
