/**
 * A polynomial of two real vectors in one slot vector (`slot-pairs.ts`), each by itself:
 *
 *   a = (z + z̄)/2,  b = -ι·(z - z̄)/2,  p(a) + ι·p(b)
 *
 * One conjugation more than two evaluations; the halves are taken by reading at twice the scale.
 */
import type { CiphertextMetadata } from './ciphertext.js'
import { type EvaluationRules, metadataOf } from './evaluation-rules.js'
import type { Evaluator, EvaluatorCiphertext } from './evaluator.js'
import { MetadataEvaluator } from './metadata-evaluator.js'
import type { Parameters } from './parameters.js'
import type { BasisPolynomial } from './polynomial-basis.js'
import { evaluatePolynomial, type PolynomialOptions, type PolynomialTrace } from './polynomial-evaluation.js'
import { sumOfConjugates } from './slot-pairs.js'

/** How a polynomial of two packed real vectors is evaluated. */
export interface PairPolynomialOptions extends PolynomialOptions {
  /** Bound on |a| and |b|. */
  readonly bound: number
}

/**
 * @param z a + ι·b, of degree 1
 * @param options as for `evaluatePolynomial`; the scale is z's by default, the magnitude is of p(a) and p(b)
 * @returns p(a) + ι·p(b), at level z.level - polynomialDepth(p)
 * @throws as `evaluatePolynomial`; MissingKeyError without the Galois key of conjugation
 */
export function evaluatePolynomialOfPairs(
  evaluator: Evaluator,
  z: EvaluatorCiphertext,
  polynomial: BasisPolynomial,
  { bound, ...options }: PairPolynomialOptions
): EvaluatorCiphertext {
  const { N } = evaluator.parameters
  using stack = new DisposableStack()
  const conjugate = stack.use(evaluator.conjugate(z))
  const evaluated = (half: EvaluatorCiphertext): EvaluatorCiphertext =>
    stack.use(evaluatePolynomial(evaluator, half, polynomial, { scale: z.scale, ...options }))
  const first = evaluated(stack.use(sumOfConjugates(evaluator, z, conjugate, 1, bound)))
  const turned = stack.use(sumOfConjugates(evaluator, z, conjugate, -1, bound))
  const second = evaluated(stack.use(evaluator.multiplyByMonomial(turned, (3 * N) / 2)))
  const result = evaluator.add(first, stack.use(evaluator.multiplyByMonomial(second, N / 2)))
  return evaluator.withMagnitude(result, Math.SQRT2 * Math.max(first.magnitude, second.magnitude))
}

/** `evaluatePolynomialOfPairs` on metadata alone. @throws as it does */
export function tracePolynomialOfPairs(
  parameters: Parameters,
  rules: EvaluationRules,
  z: CiphertextMetadata,
  polynomial: BasisPolynomial,
  options: PairPolynomialOptions
): PolynomialTrace {
  const evaluator = new MetadataEvaluator(parameters, rules)
  const result = evaluatePolynomialOfPairs(evaluator, evaluator.ciphertext(z), polynomial, options)
  return { result: metadataOf(result), operations: evaluator.operations }
}
