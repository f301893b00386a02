/**
 * What each operation demands of its operands and what it makes of their level, scale, degree, noise and magnitude. Shared by all evaluators, so that they cannot disagree.
 * Every method checks first and throws before anything is computed.
 */
import type { CiphertextMetadata } from './ciphertext.js'
import {
  DegreeMismatchError,
  EmptySumError,
  InvalidLevelError,
  InvalidScaleError,
  LevelMismatchError,
  ScaleMismatchError,
  ScaleOverflowError
} from './errors.js'
import type { LinearCombination } from './evaluator.js'
import { combineNoise, type NoiseModel } from './noise.js'
import type { Parameters } from './parameters.js'

/** What is known of a plaintext operand. */
export interface PlaintextMetadata {
  readonly level: number
  readonly scale: number
  readonly magnitude: number
}

/** Scales that differ by less count as equal. */
export const SCALE_TOLERANCE = 2 ** -30

/** What each operation demands of its operands, and level, scale, bound and noise of its result: the same for every evaluator. */
export class EvaluationRules {
  constructor(
    private readonly parameters: Parameters,
    private readonly noise: NoiseModel,
    /** How this evaluator's key switching decomposes. */
    private readonly digits: 'centred' | 'positive'
  ) {}

  /** a + b, or a - b. `same`: both are one ciphertext, or one was made from the other in the same operation. */
  add(operation: string, a: CiphertextMetadata, b: CiphertextMetadata, same: boolean): CiphertextMetadata {
    this.sameLevel(operation, a.level, b.level)
    const noise = same ? this.noise.correlatedSum(a.noise, b.noise) : combineNoise(a.noise, b.noise)
    return {
      level: a.level,
      scale: a.scale,
      degree: Math.max(a.degree, b.degree),
      noise: combineNoise(noise, this.scaleDifference(operation, a, b)),
      magnitude: a.magnitude + b.magnitude
    }
  }

  /**
   * State of a ciphertext plus a plaintext: levels equal, scales alike; the plaintext's rounding and the difference of scales count as noise. @throws
   * LevelMismatchError, ScaleMismatchError
   */
  addPlain(operation: string, a: CiphertextMetadata, p: PlaintextMetadata): CiphertextMetadata {
    this.sameLevel(operation, a.level, p.level)
    return {
      ...metadataOf(a),
      noise: combineNoise(a.noise, this.noise.encoding(p.scale, p.magnitude), this.scaleDifference(operation, a, p)),
      magnitude: a.magnitude + p.magnitude
    }
  }

  /**
   * Σ coefficients[t]·operands[t] + constant, coefficients and constant encoded as multiples of 1/scale of theirs.
   *
   * @throws EmptySumError, RangeError when an operand is missing, given twice, or has no coefficient
   */
  linearCombination(
    operation: string,
    operands: readonly CiphertextMetadata[],
    { inputs, coefficients, constant = 0 }: LinearCombination,
    scale: number
  ): CiphertextMetadata {
    if (inputs.length !== coefficients.length) {
      throw new RangeError(`${operation}: expected ${inputs.length} coefficients, got ${coefficients.length}`)
    }
    if (new Set(Array.from(inputs)).size < inputs.length) throw new RangeError(`${operation}: an input is given twice`)
    let sum: CiphertextMetadata | undefined
    for (let t = 0; t < inputs.length; t++) {
      const operand = operands[inputs[t]!]
      if (operand === undefined) throw new RangeError(`${operation}: there is no input ${inputs[t]} among ${operands.length}`)
      const term = this.multiplyPlain(operation, operand, { level: operand.level, scale, magnitude: Math.abs(coefficients[t]!) })
      if (sum !== undefined && sum.degree !== term.degree) throw new DegreeMismatchError(operation, sum.degree, term.degree)
      sum = sum === undefined ? term : this.add(operation, sum, term, false)
    }
    if (sum === undefined) throw new EmptySumError(operation)
    return constant === 0 ? sum : this.addPlain(operation, sum, { level: sum.level, scale: sum.scale, magnitude: Math.abs(constant) })
  }

  /**
   * State of a product, of degree 2 and of the scales' product. @param same whether it is a square, whose error terms are correlated @throws
   * LevelMismatchError, DegreeMismatchError, ScaleOverflowError
   */
  multiply(operation: string, a: CiphertextMetadata, b: CiphertextMetadata, same: boolean): CiphertextMetadata {
    this.sameLevel(operation, a.level, b.level)
    this.degreeOne(operation, a)
    this.degreeOne(operation, b)
    return {
      level: a.level,
      scale: this.productScale(operation, a.level, a.scale, b.scale),
      degree: 2,
      noise: same ? this.noise.square(a) : this.noise.product(a, b),
      magnitude: a.magnitude * b.magnitude
    }
  }

  /** State of a ciphertext times a plaintext. @throws LevelMismatchError, ScaleOverflowError */
  multiplyPlain(operation: string, a: CiphertextMetadata, p: PlaintextMetadata): CiphertextMetadata {
    this.sameLevel(operation, a.level, p.level)
    const plain = { ...p, noise: this.noise.encoding(p.scale, p.magnitude) }
    return {
      level: a.level,
      scale: this.productScale(operation, a.level, a.scale, p.scale),
      degree: a.degree,
      noise: this.noise.product(a, plain),
      magnitude: a.magnitude * p.magnitude
    }
  }

  /**
   * State after c2·s² has been switched to s. @throws DegreeMismatchError unless the degree is 2
   * @param keyNoise log2 σ of the relinearisation key's error, the collective one's when unknown
   */
  relinearize(a: CiphertextMetadata, keyNoise: number | undefined): CiphertextMetadata {
    if (a.degree !== 2) throw new DegreeMismatchError('relinearize', 2, a.degree)
    return { ...this.switched(a, keyNoise ?? this.noise.collectiveRelinearizationKey), degree: 1 }
  }

  /** Rotation or conjugation. @param keyNoise log2 σ of the Galois key's error, the collective one's when unknown */
  automorphism(operation: string, a: CiphertextMetadata, keyNoise: number | undefined): CiphertextMetadata {
    this.degreeOne(operation, a)
    return this.switched(a, keyNoise ?? this.noise.collectiveKey)
  }

  /** State after division by the last prime: one level less, scale divided by the prime, rounding noise added. @throws InvalidLevelError at level 0 */
  rescale(a: CiphertextMetadata): CiphertextMetadata {
    if (a.level < 1) throw new InvalidLevelError('rescale', a.level, this.parameters.maxLevel, 1)
    const prime = this.parameters.primes[a.level]!
    return {
      level: a.level - 1,
      scale: a.scale / prime.number,
      degree: a.degree,
      noise: this.noise.rescale(a.noise, prime.log2, a.degree),
      magnitude: a.magnitude
    }
  }

  /**
   * State after residues above `level` are dropped; scale and noise stay. @throws InvalidLevelError; ScaleOverflowError when the scale does not fit the smaller
   * modulus
   */
  dropLevel(a: CiphertextMetadata, level: number): CiphertextMetadata {
    if (!Number.isInteger(level) || level < 0 || level > a.level) throw new InvalidLevelError('dropLevel', level, a.level)
    if (Math.log2(a.scale) >= this.parameters.logModulus(level)) {
      throw new ScaleOverflowError('dropLevel', Math.log2(a.scale), this.parameters.logModulus(level))
    }
    return { ...metadataOf(a), level }
  }

  /** @throws InvalidScaleError, ScaleOverflowError */
  withScale(a: CiphertextMetadata, scale: number): CiphertextMetadata {
    const read = this.productScale('withScale', a.level, scale, 1)
    return { ...metadataOf(a), scale: read, magnitude: (a.magnitude * a.scale) / read }
  }

  /** @throws RangeError when `bound` is not a magnitude */
  withMagnitude(bound: number): number {
    if (!Number.isFinite(bound) || bound < 0) throw new RangeError(`a magnitude is a finite number not below 0, got ${bound}`)
    return bound
  }

  /** @throws RangeError when `noise` is not one */
  withNoise(a: CiphertextMetadata, noise: number): number {
    return Math.max(a.noise, this.restateNoise(noise))
  }

  /** @throws RangeError when `noise` is not one */
  restateNoise(noise: number): number {
    if (Number.isNaN(noise)) throw new RangeError('a noise is a number, got NaN')
    return noise
  }

  private switched(a: CiphertextMetadata, keyNoise: number): CiphertextMetadata {
    return { ...metadataOf(a), noise: combineNoise(a.noise, this.noise.keySwitch({ level: a.level, keyNoise, digits: this.digits })) }
  }

  private sameLevel(operation: string, a: number, b: number): void {
    if (a !== b) throw new LevelMismatchError(operation, a, b)
  }

  private degreeOne(operation: string, a: CiphertextMetadata): void {
    if (a.degree !== 1) throw new DegreeMismatchError(operation, 1, a.degree)
  }

  /** Noise of adding b as if its scale were a's. @throws ScaleMismatchError beyond the tolerance */
  private scaleDifference(operation: string, a: CiphertextMetadata, b: { scale: number; magnitude: number }): number {
    const difference = Math.abs(a.scale - b.scale)
    if (!(difference <= SCALE_TOLERANCE * Math.max(a.scale, b.scale))) throw new ScaleMismatchError(operation, a.scale, b.scale)
    return difference === 0 ? Number.NEGATIVE_INFINITY : this.noise.scaleDifference(difference, b.magnitude)
  }

  private productScale(operation: string, level: number, a: number, b: number): number {
    const scale = a * b
    if (!Number.isFinite(scale) || scale <= 0) throw new InvalidScaleError(operation, scale)
    const modulusBits = this.parameters.logModulus(level)
    if (Math.log2(scale) >= modulusBits) throw new ScaleOverflowError(operation, Math.log2(scale), modulusBits)
    return scale
  }
}

/** The metadata alone, of an object that carries more. */
export function metadataOf(a: CiphertextMetadata): CiphertextMetadata {
  const { level, scale, degree, noise, magnitude } = a
  return { level, scale, degree, noise, magnitude }
}
