/**
 * An evaluator of metadata alone: level, scale, degree, noise and magnitude as the shared rules make them, and which operations were done at which level. Circuits run
 * on it to learn what they will do before anything is encrypted.
 */
import type { Ciphertext, CiphertextMetadata } from './ciphertext.js'
import type { EncodeOptions, SlotValues } from './encoder.js'
import { EmptySumError, ForeignOperandError } from './errors.js'
import { EvaluationRules, metadataOf } from './evaluation-rules.js'
import type { EvaluationKeys, Evaluator, EvaluatorCiphertext, EvaluatorPair, EvaluatorPlaintext } from './evaluator.js'
import type { KeySwitchKey } from './keys.js'
import { NoiseModel } from './noise.js'
import type { Parameters } from './parameters.js'

/** An operation that would be done, for whoever prices it. */
export interface CountedOperation {
  /** `multiply`: of two ciphertexts, summed or not; `add`: of anything; `constant`: a plaintext made */
  readonly operation:
    | 'add'
    | 'multiply'
    | 'multiplyPlain'
    | 'relinearize'
    | 'rescale'
    | 'dropLevel'
    | 'copy'
    | 'automorphism'
    | 'constant'
    | 'plaintext'
  /** at which it is done */
  readonly level: number
}

class MetadataCiphertext implements EvaluatorCiphertext {
  constructor(private state: CiphertextMetadata) {}

  get level(): number {
    return this.state.level
  }

  get scale(): number {
    return this.state.scale
  }

  get degree(): number {
    return this.state.degree
  }

  get noise(): number {
    return this.state.noise
  }

  get magnitude(): number {
    return this.state.magnitude
  }

  restate(state: CiphertextMetadata): void {
    this.state = state
  }

  dispose(): void {}

  [Symbol.dispose](): void {}
}

class MetadataPlaintext implements EvaluatorPlaintext {
  constructor(
    readonly level: number,
    readonly scale: number,
    readonly magnitude: number
  ) {}

  dispose(): void {}

  [Symbol.dispose](): void {}
}

export class MetadataEvaluator implements Evaluator {
  readonly name = 'metadata'
  readonly slots: number
  /** Nothing of it takes memory. */
  readonly bytesFree = Number.POSITIVE_INFINITY
  readonly operations: CountedOperation[] = []

  constructor(
    readonly parameters: Parameters,
    /** By default those of one secret and positive digits. */
    private readonly rules = new EvaluationRules(parameters, new NoiseModel(parameters, 1), 'positive')
  ) {
    this.slots = parameters.slots
  }

  ciphertext(metadata: CiphertextMetadata): EvaluatorCiphertext {
    return new MetadataCiphertext(metadataOf(metadata))
  }

  setKeys(_keys: EvaluationKeys): void {}

  setRelinearizationKey(_key: KeySwitchKey): void {}

  setGaloisKey(_galoisElement: number, _key: KeySwitchKey): void {}

  /** @throws ForeignOperandError */
  load(_ciphertext: Ciphertext): EvaluatorCiphertext {
    throw new ForeignOperandError('load', 'metadata are made by `ciphertext`')
  }

  /** @throws ForeignOperandError */
  store(_ciphertext: EvaluatorCiphertext): Ciphertext {
    throw new ForeignOperandError('store', 'there is nothing but metadata')
  }

  plaintext(values: SlotValues, options: EncodeOptions): EvaluatorPlaintext {
    const { real, imaginary } = values instanceof Float64Array ? { real: values, imaginary: undefined } : values
    let magnitude = 0
    for (let slot = 0; slot < real.length; slot++) magnitude = Math.max(magnitude, Math.hypot(real[slot]!, imaginary?.[slot] ?? 0))
    this.count('plaintext', options.level)
    return new MetadataPlaintext(options.level, options.scale, options.magnitude ?? magnitude)
  }

  constant(value: number, options: EncodeOptions): EvaluatorPlaintext {
    this.count('constant', options.level)
    return new MetadataPlaintext(options.level, options.scale, options.magnitude ?? Math.abs(value))
  }

  copy(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('copy', a.level, a)
  }

  add(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('add', a.level, this.rules.add('add', a, b, a === b))
  }

  addInPlace(a: EvaluatorCiphertext, b: EvaluatorCiphertext): void {
    this.count('add', a.level)
    own(a).restate(this.rules.add('addInPlace', a, b, a === b))
  }

  subtract(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('add', a.level, this.rules.add('subtract', a, b, a === b))
  }

  addPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext {
    return this.make('add', a.level, this.rules.addPlain('addPlain', a, p))
  }

  multiply(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('multiply', a.level, this.rules.multiply('multiply', a, b, a === b))
  }

  multiplyPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext {
    return this.make('multiplyPlain', a.level, this.rules.multiplyPlain('multiplyPlain', a, p))
  }

  square(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.multiply(a, a)
  }

  multiplyAccumulate(pairs: Iterable<EvaluatorPair>): EvaluatorCiphertext {
    let sum: EvaluatorCiphertext | undefined
    for (const [a, b] of pairs) {
      if (sum) this.multiplyAddInPlace(sum, a, b)
      else sum = b instanceof MetadataPlaintext ? this.multiplyPlain(a, b) : this.multiply(a, own(b))
    }
    if (!sum) throw new EmptySumError('multiplyAccumulate')
    return sum
  }

  multiplyAddInPlace(accumulator: EvaluatorCiphertext, a: EvaluatorCiphertext, b: EvaluatorCiphertext | EvaluatorPlaintext): void {
    const operation = 'multiplyAddInPlace'
    const product =
      b instanceof MetadataPlaintext ? this.rules.multiplyPlain(operation, a, b) : this.rules.multiply(operation, a, own(b), a === b)
    this.count(b instanceof MetadataPlaintext ? 'multiplyPlain' : 'multiply', a.level)
    own(accumulator).restate(this.rules.add(operation, accumulator, product, false))
  }

  relinearize(a: EvaluatorCiphertext): EvaluatorCiphertext {
    if (a.degree === 1) return this.copy(a)
    return this.make('relinearize', a.level, this.rules.relinearize(a, undefined))
  }

  rescale(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('rescale', a.level, this.rules.rescale(a))
  }

  dropLevel(a: EvaluatorCiphertext, level: number): EvaluatorCiphertext {
    return this.make('dropLevel', level, this.rules.dropLevel(a, level))
  }

  rotate(a: EvaluatorCiphertext, _steps: number): EvaluatorCiphertext {
    return this.make('automorphism', a.level, this.rules.automorphism('rotate', a, undefined))
  }

  rotateMany(a: EvaluatorCiphertext, steps: readonly number[]): EvaluatorCiphertext[] {
    return steps.map(step => this.rotate(a, step))
  }

  conjugate(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('automorphism', a.level, this.rules.automorphism('conjugate', a, undefined))
  }

  multiplyByMonomial(a: EvaluatorCiphertext, _exponent: number): EvaluatorCiphertext {
    return this.make('copy', a.level, a)
  }

  withScale(a: EvaluatorCiphertext, scale: number): EvaluatorCiphertext {
    own(a).restate(this.rules.withScale(a, scale))
    return a
  }

  withMagnitude(a: EvaluatorCiphertext, bound: number): EvaluatorCiphertext {
    own(a).restate({ ...metadataOf(a), magnitude: this.rules.withMagnitude(bound) })
    return a
  }

  withNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
    own(a).restate({ ...metadataOf(a), noise: this.rules.withNoise(a, noise) })
    return a
  }

  restateNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
    own(a).restate({ ...metadataOf(a), noise: this.rules.restateNoise(noise) })
    return a
  }

  [Symbol.dispose](): void {}

  private make(operation: CountedOperation['operation'], level: number, metadata: CiphertextMetadata): EvaluatorCiphertext {
    this.count(operation, level)
    return new MetadataCiphertext(metadataOf(metadata))
  }

  private count(operation: CountedOperation['operation'], level: number): void {
    this.operations.push({ operation, level })
  }
}

/** @throws ForeignOperandError */
function own(operand: EvaluatorCiphertext | EvaluatorPlaintext): MetadataCiphertext {
  if (operand instanceof MetadataCiphertext) return operand
  throw new ForeignOperandError('metadata')
}
