/**
 * The end of an ONNX graph: what stands between the logits and the file's outputs. Softmax, LogSoftmax, a last Sigmoid, ArgMax and the bookkeeping of classifiers
 * (labels, dictionaries, normalised scores, 1 - p beside p) are not evaluated under encryption: they are recorded, and the querier applies them after decryption.
 */
import { UnsupportedAttributeError, UnsupportedTopologyError } from '../errors.js'
import type { FinalOperator } from '../graph/graph.js'
import type { Constants, Producers } from './constants.js'
import type { OnnxModel, OnnxNode } from './decode.js'

export interface OutputTail {
  /** the file's output */
  readonly output: string
  /** name of the value that holds the logits */
  readonly logits: string
  readonly final: FinalOperator
  /** nodes with an axis, to be checked when the shape of the logits is known */
  readonly axisNodes: readonly OnnxNode[]
}

/**
 * @param wanted name of the output to follow; with several outputs and none named, they must end in the same logits
 * @throws UnsupportedTopologyError when the outputs differ, or none has the wanted name
 */
export function findTail(model: OnnxModel, producers: Producers, constants: Constants, wanted: string | undefined): OutputTail {
  const names = model.outputs.map(output => output.name)
  const list = names.join(', ') || 'none'
  if (wanted !== undefined) {
    if (!names.includes(wanted)) {
      throw new UnsupportedTopologyError(
        model.name,
        `the graph has no output '${wanted}' (it has ${list})`,
        "name one of them in the option 'output'"
      )
    }
    return new TailWalk(wanted, producers, constants).run()
  }
  const tails = names.map(name => new TailWalk(name, producers, constants).run())
  const [first] = tails
  if (!first || tails.some(tail => tail.logits !== first.logits)) {
    throw new UnsupportedTopologyError(
      model.name,
      `the graph has ${names.length} outputs (${list})`,
      "export a model with one output, or name the one you want in the option 'output'"
    )
  }
  return tails.find(tail => tail.final !== 'argmax') ?? first
}

class TailWalk {
  private final: FinalOperator = 'none'
  private normalized = false
  private readonly axisNodes: OnnxNode[] = []

  constructor(
    private readonly output: string,
    private readonly producers: Producers,
    private readonly constants: Constants
  ) {}

  run(): OutputTail {
    let logits = this.output
    const seen = new Set<string>()
    while (!seen.has(logits)) {
      seen.add(logits)
      const node = this.producers.get(logits)
      const next = node && this.before(node, logits)
      if (next === undefined) {
        // labels and scores of a classifier stand for the same logits
        if (node?.operator === 'LinearClassifier') logits = node.outputs.find(name => name !== '') ?? logits
        break
      }
      logits = next
    }
    return { output: this.output, logits, final: this.final, axisNodes: this.axisNodes }
  }

  /** Name of the value before a node of the tail; undefined when the node belongs to the network. */
  private before(node: OnnxNode, output: string): string | undefined {
    const [input] = node.inputs
    switch (node.operator) {
      case 'Identity':
      case 'ZipMap':
        return input
      case 'Cast':
        return this.final === 'none' && !isLabel(node, this.producers) ? undefined : input
      case 'Reshape':
      case 'Flatten':
      case 'Squeeze':
      case 'Unsqueeze':
        return isLabel(node, this.producers) ? input : undefined
      case 'ArrayFeatureExtractor':
        return this.constants.has(input) ? node.inputs[1] : undefined
      case 'ArgMax':
        return this.step(node, 'argmax')
      case 'Softmax':
        return this.step(node, 'softmax')
      case 'LogSoftmax':
        return this.step(node, 'logSoftmax')
      case 'Sigmoid':
        if (this.normalized) return undefined
        this.record('sigmoid')
        return input
      case 'Normalizer': {
        const norm = node.attributes.get('norm')?.text ?? 'MAX'
        if (norm !== 'L1')
          throw new UnsupportedAttributeError(node.name, node.operator, 'norm', norm, 'only scores of a classifier, with norm L1')
        const source = this.producers.get(input ?? '')
        if (source?.operator !== 'LinearClassifier') return undefined
        this.normalized = true
        return input
      }
      case 'Concat':
        return this.complement(node)
      case 'LinearClassifier':
        this.classifier(node, output)
        return undefined
      default:
        return undefined
    }
  }

  private step(node: OnnxNode, final: FinalOperator): string | undefined {
    if (this.final !== 'none' && this.final !== 'argmax') return undefined
    this.record(final)
    this.axisNodes.push(node)
    return node.inputs[0]
  }

  /** Nothing before an ArgMax changes which logit is largest. */
  private record(final: FinalOperator): void {
    if (this.final === 'none') this.final = final
  }

  /** [1 - p, p] with p a sigmoid: scores of a binary classifier. */
  private complement(node: OnnxNode): string | undefined {
    const [negative, positive] = node.inputs
    const source = this.producers.get(negative ?? '')
    const ones =
      source?.operator === 'Sub' && this.constants.has(source.inputs[0]) && this.constants.numbers(source, source.inputs[0]!, 0).values
    const binary = node.inputs.length === 2 && ones && ones.every(value => value === 1) && source.inputs[1] === positive
    const sigmoid = this.producers.get(positive ?? '')
    if (!binary || sigmoid?.operator !== 'Sigmoid' || (this.final !== 'none' && this.final !== 'argmax')) return undefined
    this.final = 'sigmoid'
    return sigmoid.inputs[0]
  }

  private classifier(node: OnnxNode, output: string): void {
    const transform = node.attributes.get('post_transform')?.text ?? 'NONE'
    if (output === node.outputs[0]) this.record('argmax')
    if (transform === 'SOFTMAX') this.record('softmax')
    else if (transform === 'LOGISTIC') this.record(this.normalized ? 'normalizedSigmoid' : 'sigmoid')
    else if (transform !== 'NONE') {
      throw new UnsupportedAttributeError(node.name, node.operator, 'post_transform', transform, 'use NONE, SOFTMAX or LOGISTIC')
    }
  }
}

/** Whether a node renames or reshapes class labels, which follow from the scores. */
function isLabel(node: OnnxNode, producers: Producers): boolean {
  const seen = new Set<string>()
  for (let name = node.inputs[0]; name !== undefined && !seen.has(name); ) {
    seen.add(name)
    const source = producers.get(name)
    if (!source) return false
    if (source.operator === 'ArgMax' || source.operator === 'ArrayFeatureExtractor') return true
    if (source.operator === 'LinearClassifier') return name === source.outputs[0]
    if (!['Identity', 'Cast', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'].includes(source.operator)) return false
    name = source.inputs[0]
  }
  return false
}

/**
 * Checks that final operators work along the logits of a sample.
 * @param shape of the logits of one sample
 */
export function checkAxes(nodes: readonly OnnxNode[], shape: readonly number[], opset: number): void {
  for (const node of nodes) {
    const axis = node.attributes.get('axis')?.integer ?? (node.operator === 'ArgMax' ? 0 : opset < 13 ? 1 : -1)
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
}
