/**
 * Two real vectors in one slot vector: z = a + ι·b, where ι stands for the monomial X^(N/2).
 *
 * ι² = X^N = -1, so ι is an imaginary unit; to multiply by it costs neither noise nor level. In the slot order of SEAL (generator 3) it is i in even slots and -i in
 * odd ones. Hence b stands in the imaginary parts with its sign turned in odd slots: additions, products with real vectors and rotations by even steps then act on a and b
 * alike. (A rotation by an odd step turns ι into -ι.) Conjugation turns ι into -ι everywhere.
 *
 * Both vectors are squared with one conjugation and one relinearisation:
 *
 *   a = (z + z̄)/2,  ι·b = (z - z̄)/2,   a² + ι·b² = a² - ι·(ι·b)²
 *
 * The halves are taken by reading z ± z̄ at twice the scale, so the square comes at 4·scale² and no precision is lost.
 */

import type { CiphertextMetadata } from './ciphertext.js'
import type { SlotValues } from './encoder.js'
import type { EvaluationRules } from './evaluation-rules.js'
import { metadataOf } from './evaluation-rules.js'
import type { Evaluator, EvaluatorCiphertext } from './evaluator.js'
import type { ComplexVector } from './fourier.js'

/** Scale of `squarePairs` relative to the square of its operand's. */
export const PAIR_SQUARE_SCALE = 4

/** Bits by which the noise of z ± z̄ is taken above that of z̄: two errors, and the conjugation's counted twice since it enters both halves. */
const SUM_NOISE_BITS = 0.5

/** The slots of a + ι·b. @param a as long as `b` */
export function pairSlots(a: Float64Array, b: Float64Array): { real: Float64Array; imaginary: Float64Array } {
  if (a.length !== b.length) throw new RangeError(`vectors of a pair have one length, got ${a.length} and ${b.length}`)
  return { real: a, imaginary: turnedInOddSlots(b) }
}

/** a and b of the slots of a + ι·b. */
export function unpairSlots({ real, imaginary }: ComplexVector): [a: Float64Array, b: Float64Array] {
  return [real, turnedInOddSlots(imaginary)]
}

/** The slots of (1 + ι)·a: both vectors are a. */
export const doubledSlots = (a: Float64Array): SlotValues => pairSlots(a, a)

function turnedInOddSlots(values: Float64Array): Float64Array {
  const turned = values.slice()
  for (let slot = 1; slot < turned.length; slot += 2) turned[slot] = -turned[slot]!
  return turned
}

/**
 * Squares both vectors of z = a + ι·b.
 * @param bound on |a| and |b|, in every slot
 * @returns a² + ι·b² of degree 2, at scale 4·z.scale²
 * @throws MissingKeyError without the Galois key of conjugation; DegreeMismatchError, ScaleOverflowError
 */
export function squarePairs(evaluator: Evaluator, z: EvaluatorCiphertext, bound: number): EvaluatorCiphertext {
  using stack = new DisposableStack()
  const conjugate = stack.use(evaluator.conjugate(z))
  const half = (sign: 1 | -1): EvaluatorCiphertext =>
    stack.use(evaluator.square(stack.use(sumOfConjugates(evaluator, z, conjugate, sign, bound))))
  const first = half(1)
  const second = half(-1)
  const turned = stack.use(evaluator.multiplyByMonomial(second, evaluator.parameters.N / 2))
  return evaluator.withMagnitude(evaluator.subtract(first, turned), Math.SQRT2 * bound * bound)
}

/** (z ± z̄)/2, read at twice the scale: a, or ι·b. */
export function sumOfConjugates(
  evaluator: Evaluator,
  z: EvaluatorCiphertext,
  conjugate: EvaluatorCiphertext,
  sign: 1 | -1,
  bound: number
): EvaluatorCiphertext {
  const sum = sign === 1 ? evaluator.add(z, conjugate) : evaluator.subtract(z, conjugate)
  evaluator.withScale(sum, 2 * z.scale)
  evaluator.withNoise?.(sum, conjugate.noise + SUM_NOISE_BITS)
  return evaluator.withMagnitude(sum, bound)
}

/**
 * What `squarePairs` makes of an operand's level, scale and noise, by the same rules.
 * @param keyNoise log2 σ of the error of the key of conjugation, the collective one's when unknown
 * @returns the operand after the conjugation, as it enters the square, and the square
 */
export function squarePairsState(
  rules: EvaluationRules,
  z: CiphertextMetadata,
  bound: number,
  keyNoise?: number
): { readonly conjugate: CiphertextMetadata; readonly square: CiphertextMetadata } {
  const conjugate = rules.automorphism('conjugate', z, keyNoise)
  const half = { ...metadataOf(z), scale: 2 * z.scale, magnitude: bound, noise: conjugate.noise + SUM_NOISE_BITS }
  const squared = rules.multiply('square', half, half, true)
  return { conjugate, square: { ...rules.add('subtract', squared, squared, false), magnitude: Math.SQRT2 * bound * bound } }
}
