/**
 * The way from an output of a file back to its logits. Operators that encryption need not evaluate are taken off, last first, for as long as everything behind them is
 * taken off, too: what is left to the querier is a list that gives exactly the file's output. The first one that cannot be taken off belongs to the network.
 */
import { TensorProto_DataType as DataType } from 'onnx-buf'
import { UnsupportedAttributeError } from '../errors.js'
import { type FinalOperator, isElementwise } from '../graph/final.js'
import type { Label } from '../graph/task.js'
import { floatAttribute } from './attributes.js'
import type { Constants, Producers } from './constants.js'
import type { OnnxModel, OnnxNode } from './decode.js'
import { attributeLabels, constantLabels, encodedLabels } from './labels.js'
import { rawScores } from './operators/learning.js'

export interface OutputTail {
  /** the file's output */
  readonly output: string
  /** name of the value that holds the logits */
  readonly logits: string
  /** in the order of the file */
  readonly final: readonly FinalOperator[]
  /** Whether the output is a class; otherwise it is scores. */
  readonly isLabel: boolean
  readonly labels: readonly Label[] | undefined
  readonly regressor: boolean
  /** nodes with an axis, to be checked when the shape of the logits is known */
  readonly axisNodes: readonly OnnxNode[]
}

/** What a step back found: the value before, and what the node does, first applied first. */
interface Step {
  readonly before: string
  readonly operators: readonly FinalOperator[]
  readonly axisNode?: OnnxNode
}

const SELU = { alpha: 1.6732631921768188, gamma: 1.0507010221481323 }
/** Operators whose values are not negative, so that their sum is that of their magnitudes. */
const POSITIVE: ReadonlySet<string> = new Set(['Sigmoid', 'Softmax', 'Exp', 'Relu', 'HardSigmoid'])
const RESHAPES = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']
const FLOAT_TYPES: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16])

export class TailWalk {
  /** last applied first */
  private readonly steps: Step[] = []
  private labelled = false
  private labelSteps: ((labels: readonly Label[]) => readonly Label[])[] = []
  private labels: readonly Label[] | undefined
  private regressor = false
  private logits: string

  constructor(
    private readonly model: OnnxModel,
    private readonly output: string,
    private readonly producers: Producers,
    private readonly constants: Constants
  ) {
    this.logits = output
  }

  run(): OutputTail {
    this.labelled = this.leadsToLabel(this.output)
    const seen = new Set<string>()
    while (!seen.has(this.logits)) {
      seen.add(this.logits)
      const node = this.producers.get(this.logits)
      const step = node && this.before(node, this.logits)
      if (step === undefined) break
      this.steps.push(step)
      this.logits = step.before
    }
    this.classifier()
    this.giveBack()
    const labels = this.labels && this.labelSteps.reduceRight((list, apply) => apply(list), this.labels)
    return {
      output: this.output,
      logits: this.logits,
      final: this.steps.toReversed().flatMap(step => step.operators),
      isLabel: this.labelled,
      labels,
      regressor: this.regressor,
      axisNodes: this.steps.flatMap(step => step.axisNode ?? [])
    }
  }

  /** What stands nearest to the logits must be worth taking off: scales and shifts cost the network nothing, and a network that does nothing is none. */
  private giveBack(): void {
    const back = (): readonly FinalOperator[] => {
      const { operators } = this.steps.pop()!
      this.logits = this.steps.at(-1)?.before ?? this.output
      return operators
    }
    const last = (): readonly FinalOperator[] | undefined => this.steps.at(-1)?.operators
    if (this.model.inputs.some(({ name }) => name === this.logits)) {
      let found = false
      while (!found && last()?.every(isElementwise)) found = back().some(({ kind }) => kind !== 'affine')
    }
    for (;;) {
      const nearest = this.steps.findLastIndex(({ operators }) => operators.length > 0)
      if (nearest < 0 || !this.steps[nearest]!.operators.every(({ kind }) => kind === 'affine')) return
      while (this.steps.length > nearest) back()
    }
  }

  private before(node: OnnxNode, output: string): Step | undefined {
    const [input = ''] = node.inputs
    const through: Step = { before: input, operators: [] }
    const local = (...operators: FinalOperator[]): Step => ({ before: input, operators })
    const joint = (operator: FinalOperator): Step => ({ before: input, operators: [operator], axisNode: node })
    const aligned = this.steps.every(step => step.axisNode === undefined && step.operators.every(isElementwise))
    switch (node.operator) {
      case 'Identity':
        return through
      case 'Dropout':
        return output === node.outputs[0] ? through : undefined
      case 'Cast':
        return this.isLabel(output) || FLOAT_TYPES.has(node.attributes.get('to')?.integer ?? 0) ? through : undefined
      case 'Reshape':
      case 'Flatten':
      case 'Squeeze':
      case 'Unsqueeze':
        // the elements stay in order, which is all that matters behind the last operator that looks at several
        return aligned || this.isLabel(output) ? through : undefined
      case 'ZipMap':
        this.labels ??= attributeLabels(node)
        return through
      case 'ArrayFeatureExtractor':
        return this.extracted(node)
      case 'LabelEncoder':
        if (!this.isLabel(output)) return undefined
        this.labelSteps.push(labels => encodedLabels(node, labels))
        return through
      case 'Binarizer':
        return this.isLabel(output) ? through : undefined
      case 'ArgMax':
        return joint({ kind: 'argmax' })
      case 'Softmax':
        return joint({ kind: 'softmax' })
      case 'LogSoftmax':
        return joint({ kind: 'logSoftmax' })
      case 'Normalizer':
        return this.normalizer(node)
      case 'Concat':
        return this.complement(node)
      case 'Slice':
        return this.column(node)
      case 'Sigmoid':
        return local({ kind: 'sigmoid' })
      case 'Tanh':
        return local({ kind: 'tanh' })
      case 'Exp':
        return local({ kind: 'exp' })
      case 'Softplus':
        return local({ kind: 'softplus' })
      case 'Softsign':
        return local({ kind: 'softsign' })
      case 'Relu':
        return local({ kind: 'relu' })
      case 'Abs':
        return local({ kind: 'abs' })
      case 'LeakyRelu':
        return local({ kind: 'leakyRelu', slope: floatAttribute(node, 'alpha', 0.01) })
      case 'Elu':
        return local({ kind: 'elu', alpha: floatAttribute(node, 'alpha', 1) })
      case 'Celu':
        return local({ kind: 'celu', alpha: floatAttribute(node, 'alpha', 1) })
      case 'Selu':
        return local({ kind: 'selu', alpha: floatAttribute(node, 'alpha', SELU.alpha), gamma: floatAttribute(node, 'gamma', SELU.gamma) })
      case 'HardSigmoid':
        return local({ kind: 'hardSigmoid', alpha: floatAttribute(node, 'alpha', 0.2), beta: floatAttribute(node, 'beta', 0.5) })
      case 'Clip':
        return this.clip(node)
      case 'Div':
        return this.shares(node) ?? this.affine(node)
      case 'Sub':
        return this.logarithms(node) ?? this.affine(node)
      case 'Add':
      case 'Mul':
      case 'Neg':
        return this.affine(node)
      default:
        return undefined
    }
  }

  /** x / Σ x, as several classifiers of two classes become one of many. */
  private shares(node: OnnxNode): Step | undefined {
    const [values = '', total = ''] = node.inputs
    const source = this.producers.get(total)
    if (source?.operator !== 'ReduceSum' || source.inputs[0] !== values || !this.isPositive(values)) return undefined
    return this.isReducedAlongLogits(source) ? { before: values, operators: [{ kind: 'normalize' }] } : undefined
  }

  /** x - ln Σ eˣ, as naive Bayes has its probabilities. */
  private logarithms(node: OnnxNode): Step | undefined {
    const [values = '', total = ''] = node.inputs
    let source = this.producers.get(total)
    while (source && ['Reshape', 'Identity', 'Unsqueeze'].includes(source.operator)) source = this.producers.get(source.inputs[0] ?? '')
    if (source?.operator !== 'ReduceLogSumExp' || source.inputs[0] !== values) return undefined
    return this.isReducedAlongLogits(source, false) ? { before: values, operators: [{ kind: 'logSoftmax' }] } : undefined
  }

  private isReducedAlongLogits(source: OnnxNode, kept = true): boolean {
    const axes =
      source.attributes.get('axes')?.integers ??
      (this.constants.has(source.inputs[1]) ? [...this.constants.read(source, source.inputs[1]!, 1).values] : [])
    const last = axes.length === 1 && (axes[0] === 1 || axes[0] === -1)
    return last && (!kept || (source.attributes.get('keepdims')?.integer ?? 1) === 1)
  }

  /** Whether a value is not negative by what makes it, seen through what renames, cuts and joins. */
  private isPositive(name: string, depth = 0): boolean {
    const node = this.producers.get(name)
    if (node === undefined || depth > 64) return false
    const logistic = node.operator === 'LinearClassifier' && node.attributes.get('post_transform')?.text === 'LOGISTIC'
    if (logistic || POSITIVE.has(node.operator)) return true
    if (node.operator === 'Concat') return node.inputs.every(input => this.isPositive(input, depth + 1))
    const through = ['Identity', 'Cast', 'Slice', 'Squeeze', 'Unsqueeze', 'Reshape', 'ArrayFeatureExtractor']
    return through.includes(node.operator) && this.isPositive(node.inputs[0] ?? '', depth + 1)
  }

  /** Limits as attributes (before opset 11) or as inputs. */
  private clip(node: OnnxNode): Step | undefined {
    const limit = (name: string, input: number): number | undefined | null => {
      const given = node.inputs[input] ?? ''
      return given === '' ? node.attributes.get(name)?.float : this.scalar(node, input)
    }
    const [minimum, maximum] = [limit('min', 1), limit('max', 2)]
    if (minimum === null || maximum === null) return undefined
    const within = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value)
    return {
      before: node.inputs[0] ?? '',
      operators: [{ kind: 'clip', ...(within(minimum) ? { minimum } : {}), ...(within(maximum) ? { maximum } : {}) }]
    }
  }

  /** scale·x + shift with one constant for all values. */
  private affine(node: OnnxNode): Step | undefined {
    const give = (before: string, scale: number, shift: number): Step | undefined =>
      Number.isFinite(scale) && Number.isFinite(shift) ? { before, operators: [{ kind: 'affine', scale, shift }] } : undefined
    const [left = '', right = ''] = node.inputs
    if (node.operator === 'Neg') return give(left, -1, 0)
    const constantLeft = this.constants.has(left)
    if (constantLeft === this.constants.has(right)) return undefined
    const value = this.scalar(node, constantLeft ? 0 : 1)
    if (value === null) return undefined
    const before = constantLeft ? right : left
    if (node.operator === 'Add') return give(before, 1, value)
    if (node.operator === 'Mul') return give(before, value, 0)
    if (node.operator === 'Sub') return constantLeft ? give(before, -1, value) : give(before, 1, -value)
    return constantLeft ? undefined : give(before, 1 / value, 0)
  }

  /** A constant that is one number, null when it is none or several. */
  private scalar(node: OnnxNode, input: number): number | null {
    const name = node.inputs[input] ?? ''
    if (!this.constants.has(name)) return null
    const { values } = this.constants.read(node, name, input)
    return values.length > 0 && values.every(value => value === values[0]) ? values[0]! : null
  }

  /** Class labels by their index, or one column of scores. */
  private extracted(node: OnnxNode): Step | undefined {
    const [data = '', index = ''] = node.inputs
    if (this.isConstant(data)) {
      this.labels ??= constantLabels(this.model, this.producers, this.constants, node, data)
      return { before: index, operators: [] }
    }
    const column = this.scalar(node, 1)
    if (column === null || !Number.isInteger(column) || column < 0) return undefined
    return { before: data, operators: [{ kind: 'select', index: column }] }
  }

  /** Strings are constants that the importer does not read as numbers. */
  private isConstant(name: string): boolean {
    return this.constants.has(name) || this.model.initializers.has(name) || this.producers.get(name)?.operator === 'Constant'
  }

  /** One column of scores, as dictionaries are written that became columns. */
  private column(node: OnnxNode): Step | undefined {
    const [start, end, axis, step] = [1, 2, 3, 4].map(input => ((node.inputs[input] ?? '') === '' ? undefined : this.scalar(node, input)))
    if (typeof start !== 'number' || start < 0 || end !== start + 1 || axis !== 1 || !(step === undefined || step === 1)) return undefined
    return { before: node.inputs[0] ?? '', operators: [{ kind: 'select', index: start }] }
  }

  private normalizer(node: OnnxNode): Step | undefined {
    const norm = node.attributes.get('norm')?.text ?? 'MAX'
    if (norm !== 'L1')
      throw new UnsupportedAttributeError(node.name, node.operator, 'norm', norm, 'only scores of a classifier, with norm L1')
    return { before: node.inputs[0] ?? '', operators: [{ kind: 'normalize' }] }
  }

  /** [1 - p, p]: scores of a binary classifier. */
  private complement(node: OnnxNode): Step | undefined {
    const [negative = '', positive = ''] = node.inputs
    const source = this.producers.get(negative)
    if (node.inputs.length !== 2 || source?.operator !== 'Sub' || source.inputs[1] !== positive || this.scalar(source, 0) !== 1)
      return undefined
    return { before: positive, operators: [{ kind: 'complement' }] }
  }

  /** Labels and scores of a classifier both stand for its logits. */
  private classifier(): void {
    const node = this.producers.get(this.logits)
    if (node?.domain !== 'ai.onnx.ml') return
    if (node.operator.endsWith('Regressor')) this.regressor = true
    if (!node.operator.endsWith('Classifier')) return
    this.labels = attributeLabels(node) ?? this.labels
    const isScores = this.logits !== node.outputs[0]
    if (node.operator !== 'LinearClassifier') {
      this.logits = node.outputs.find(name => name !== '') ?? this.logits
      return
    }
    this.logits = rawScores(node)
    const transform = node.attributes.get('post_transform')?.text ?? 'NONE'
    const operators: Record<string, readonly FinalOperator[]> = {
      NONE: [],
      SOFTMAX: [{ kind: 'softmax' }],
      LOGISTIC: [{ kind: 'sigmoid' }]
    }
    const own = operators[transform]
    if (own === undefined) {
      throw new UnsupportedAttributeError(node.name, node.operator, 'post_transform', transform, 'use NONE, SOFTMAX or LOGISTIC')
    }
    const single = Math.max(node.attributes.get('intercepts')?.floats?.length ?? 0, 1) === 1 && (this.labels?.length ?? 0) === 2
    // with one score for two classes the second one's is written beside it
    const both: readonly FinalOperator[] = single && transform === 'LOGISTIC' ? [{ kind: 'complement' }] : []
    this.steps.push({ before: this.logits, operators: isScores ? [...own, ...both] : single ? [...own, ...both] : [{ kind: 'argmax' }] })
  }

  /** Whether a value is a class, seen through what renames and reshapes classes. */
  private isLabel(name: string): boolean {
    return this.labelled && this.leadsToLabel(name)
  }

  /** Whether the output is a class by its own look. */
  get namesClasses(): boolean {
    return this.leadsToLabel(this.output)
  }

  private leadsToLabel(output: string): boolean {
    const seen = new Set<string>()
    for (let name: string | undefined = output; name !== undefined && !seen.has(name); ) {
      seen.add(name)
      const source = this.producers.get(name)
      if (!source) return false
      if (source.operator === 'ArgMax' || source.operator === 'Binarizer') return true
      if (source.operator === 'ArrayFeatureExtractor') return this.isConstant(source.inputs[0] ?? '')
      if (source.domain === 'ai.onnx.ml' && source.operator.endsWith('Classifier')) return name === source.outputs[0]
      if (!['Identity', 'Cast', 'LabelEncoder', ...RESHAPES].includes(source.operator)) return false
      name = source.inputs[0]
    }
    return false
  }
}
