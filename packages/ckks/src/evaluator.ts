/**
 * The interface of everything that computes on ciphertexts. Implementations: `SealEvaluator` (node-seal, the independent reference), `KernelEvaluator` (the ring
 * kernel), `SimulatorEvaluator` (slots in the clear). One compliance suite runs over all of them.
 *
 * Every operation returns a new ciphertext that the caller disposes, unless its name ends in InPlace. Operands must be at one level; what is added must have one scale
 * (relative tolerance 2^-30).
 */
import type { Ciphertext, CiphertextMetadata } from './ciphertext.js'
import type { EncodedIntegers, EncodeOptions, SlotValues } from './encoder.js'
import type { KeySwitchKey } from './keys.js'
import type { Parameters } from './parameters.js'

/** A ciphertext inside an evaluator. */
export interface EvaluatorCiphertext extends CiphertextMetadata, Disposable {
  /** Frees what the evaluator holds of it. */
  dispose(): void
}

/** An encoded plaintext inside an evaluator. */
export interface EvaluatorPlaintext extends Disposable {
  readonly level: number
  readonly scale: number
  /** Bound on |slot|. */
  readonly magnitude: number
  /** Frees what the evaluator holds of it. */
  dispose(): void
}

/** What an evaluator needs beside ciphertexts. */
export interface EvaluationKeys {
  relinearizationKey?: KeySwitchKey
  /** By Galois element; each serves ciphertexts up to its own level. */
  galoisKeys: ReadonlyMap<number, KeySwitchKey>
}

/** Tells a ciphertext from an encoded plaintext. */
export const isCiphertext = (operand: EvaluatorCiphertext | EvaluatorPlaintext): operand is EvaluatorCiphertext => 'degree' in operand

/** Two factors: a ciphertext, and a ciphertext or plaintext. */
export type EvaluatorPair = readonly [EvaluatorCiphertext, EvaluatorCiphertext | EvaluatorPlaintext]

/** One of many sums Σ coefficients[t]·ciphertexts[inputs[t]] + constant. */
export interface LinearCombination {
  /** Positions among the ciphertexts, none twice, at least one. */
  readonly inputs: ArrayLike<number>
  /** As many as inputs. */
  readonly coefficients: ArrayLike<number>
  /** Added to every slot; 0 when absent. */
  readonly constant?: number
}

/** What an evaluator may offer where a clear weight is one number for all slots. */
export interface LinearCombiner {
  /**
   * A matrix of real numbers times a vector of ciphertexts of one level, scale and degree: one result per row, at that level, of scale ciphertext.scale·scale, every
   * coefficient rounded to a multiple of 1/scale. Rows with the same inputs are computed together where the evaluator can.
   *
   * @throws EmptySumError, LevelMismatchError, DegreeMismatchError, ScaleMismatchError, ScaleOverflowError, EncodingError, RangeError
   */
  linearCombinations(
    ciphertexts: readonly EvaluatorCiphertext[],
    rows: readonly LinearCombination[],
    options: { readonly scale: number }
  ): EvaluatorCiphertext[]
}

/** Whether an evaluator multiplies matrices of numbers by ciphertexts. */
export const isCombiner = (evaluator: Evaluator): evaluator is Evaluator & LinearCombiner => 'linearCombinations' in evaluator

/** A sum of products, and what it is added to. */
export interface ProductSum {
  /** At least one. */
  readonly pairs: readonly EvaluatorPair[]
  /** Takes the products in place; a new ciphertext when absent. */
  readonly sum?: EvaluatorCiphertext | undefined
}

/** What an evaluator may offer that computes sums with factors in common faster together. */
export interface ProductSummer {
  /**
   * What `multiplyAccumulate` makes of each, or `multiplyAddInPlace` of its sum pair by pair: the sums that were given, and new ciphertexts for the others. No sum is a factor or another sum.
   *
   * @throws as those; EmptySumError where there are no pairs
   */
  multiplyAddMany(sums: readonly ProductSum[]): EvaluatorCiphertext[]
}

/** Whether an evaluator computes many sums of products together. */
export const isProductSummer = (evaluator: Evaluator): evaluator is Evaluator & ProductSummer => 'multiplyAddMany' in evaluator

/**
 * What an evaluator may offer whose memory is smaller than the machine's: encoded vectors wait outside, from where they come back in a fraction of the time that encoding takes. They
 * wait as coefficients, which are the same for all primes: in a fraction of the bytes, too.
 */
export interface PlaintextStorage {
  /** What `plaintext` would encode, outside. @throws as `plaintext`; RangeError where there is no memory for it */
  encodeOutside(values: SlotValues, options: EncodeOptions): EncodedIntegers
  /** The vector that `plaintext` would have made of it, to be disposed by the caller. @throws InvalidLevelError, EncodingError */
  bringIn(encoded: EncodedIntegers): EvaluatorPlaintext
}

/** Whether an evaluator lets encoded vectors wait outside its memory. */
export const storesPlaintexts = (evaluator: Evaluator): evaluator is Evaluator & PlaintextStorage => 'encodeOutside' in evaluator

/** Computes on ciphertexts. */
export interface Evaluator extends Disposable {
  readonly name: string
  readonly parameters: Parameters
  readonly slots: number
  /**
   * Bytes that operands may still take of the memory in which it keeps them; 0 where it cannot tell, so that callers leave nothing there that they can load again.
   */
  readonly bytesFree: number
  /** Has the system give it so many bytes of memory more, in steps of some milliseconds, where it has memory of its own that a first use would wait for. */
  touchMemory?(bytes: number): Iterable<void>

  /** Takes a copy of the keys, in place of those it had. @throws KeyMismatchError, UnsupportedParametersError, InvalidGaloisElementError */
  setKeys(keys: EvaluationKeys): void
  /** Takes a copy of one key, in place of the one it had, so that a caller need not hold all of them at a time. @throws as `setKeys` */
  setRelinearizationKey(key: KeySwitchKey): void
  /** The same for the key of one automorphism; those of others stay. @throws as `setKeys` */
  setGaloisKey(galoisElement: number, key: KeySwitchKey): void

  /** Copies in; the caller still owns its ciphertext. */
  load(ciphertext: Ciphertext): EvaluatorCiphertext
  /** Copies out. */
  store(ciphertext: EvaluatorCiphertext): Ciphertext
  /** Encodes for this evaluator. */
  plaintext(values: SlotValues, options: EncodeOptions): EvaluatorPlaintext
  /** The plaintext of one real number in every slot, where an evaluator has a shorter way to it. */
  constant?(value: number, options: EncodeOptions): EvaluatorPlaintext

  /** A copy of its own. */
  copy(a: EvaluatorCiphertext): EvaluatorCiphertext
  /** @throws LevelMismatchError, ScaleMismatchError */
  add(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext
  /** a += b. @throws LevelMismatchError, ScaleMismatchError */
  addInPlace(a: EvaluatorCiphertext, b: EvaluatorCiphertext): void
  /** @throws LevelMismatchError, ScaleMismatchError */
  subtract(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext
  /** @throws LevelMismatchError, ScaleMismatchError */
  addPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext
  /** Degree 2 out of two of degree 1. @throws LevelMismatchError, DegreeMismatchError, ScaleOverflowError */
  multiply(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext
  /** @throws LevelMismatchError, ScaleOverflowError */
  multiplyPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext
  /** Degree 2 out of degree 1. @throws DegreeMismatchError, ScaleOverflowError */
  square(a: EvaluatorCiphertext): EvaluatorCiphertext
  /** Σ a_k·b_k without relinearisation; all pairs ciphertext × ciphertext, or all ciphertext × plaintext, at one level. @throws EmptySumError */
  multiplyAccumulate(pairs: Iterable<EvaluatorPair>): EvaluatorCiphertext
  /** accumulator += a·b */
  multiplyAddInPlace(accumulator: EvaluatorCiphertext, a: EvaluatorCiphertext, b: EvaluatorCiphertext | EvaluatorPlaintext): void

  /** Degree 2 → 1. A ciphertext of degree 1 is copied. @throws MissingKeyError; KeyMismatchError above the key's level */
  relinearize(a: EvaluatorCiphertext): EvaluatorCiphertext
  /** Divides by the last prime of the level: level - 1, scale / q_level. @throws InvalidLevelError at level 0 */
  rescale(a: EvaluatorCiphertext): EvaluatorCiphertext
  /** Forgets primes; scale and message stay. @throws InvalidLevelError when `level` is above the ciphertext's */
  dropLevel(a: EvaluatorCiphertext, level: number): EvaluatorCiphertext

  /** Rotates the slots left by `steps` (taken modulo N / 2). @throws MissingKeyError, DegreeMismatchError; KeyMismatchError above the key's level */
  rotate(a: EvaluatorCiphertext, steps: number): EvaluatorCiphertext
  /** The same rotations, sharing work where the evaluator can. */
  rotateMany(a: EvaluatorCiphertext, steps: readonly number[]): EvaluatorCiphertext[]
  /** Complex conjugates of the slots. @throws MissingKeyError, DegreeMismatchError */
  conjugate(a: EvaluatorCiphertext): EvaluatorCiphertext

  /**
   * X^exponent · a, of any degree: exact, without noise or level. X^(N/2) is an imaginary unit: i in even slots and -i in odd ones.
   * @throws RangeError unless 0 ≤ exponent < 2N
   */
  multiplyByMonomial(a: EvaluatorCiphertext, exponent: number): EvaluatorCiphertext

  /** In place, returns `a`: reads the same polynomials at another scale, so that slots and magnitude are a.scale/scale of what they were. @throws InvalidScaleError, ScaleOverflowError */
  withScale(a: EvaluatorCiphertext, scale: number): EvaluatorCiphertext
  /** In place, returns `a`: the caller knows a better bound on |slot|. */
  withMagnitude(a: EvaluatorCiphertext, bound: number): EvaluatorCiphertext
  /** In place, returns `a`: raises the tracked noise to this log2 σ. For callers who know that errors counted as independent are not. */
  withNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext
  /**
   * In place, returns `a`: the tracked noise becomes this log2 σ, also where it was more. For callers who know a better bound than operation by operation gives.
   * @throws RangeError when `noise` is not a number
   */
  restateNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext
}
