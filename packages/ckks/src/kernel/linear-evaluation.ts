/** A linear map of the slots by any evaluator: the baby and giant steps of `diagonals.ts` in the operations of the interface. */
import type { Evaluator, EvaluatorCiphertext, EvaluatorPair } from '../evaluator.js'
import type { Diagonals } from './diagonals.js'

/**
 * @param scale scale of the encoded diagonals, the last prime of the level by default
 * @returns the image at scale a.scale·scale, not rescaled
 * @throws what rotateMany, plaintext and multiplyAccumulate throw
 */
export function evaluateDiagonals(evaluator: Evaluator, a: EvaluatorCiphertext, diagonals: Diagonals, scale?: number): EvaluatorCiphertext {
  const options = { level: a.level, scale: scale ?? evaluator.parameters.primes[a.level]!.number }
  using stack = new DisposableStack()
  const steps = diagonals.babies
  const rotated = evaluator.rotateMany(a, steps)
  for (const ciphertext of rotated) stack.use(ciphertext)
  const babies = new Map(steps.map((step, k) => [step, rotated[k]!]))
  let sum: EvaluatorCiphertext | undefined
  try {
    for (const [giant, terms] of diagonals.giants) {
      const pairs = function* (): Generator<EvaluatorPair> {
        for (const { baby, values } of terms) {
          using plaintext = evaluator.plaintext(values, options)
          yield [babies.get(baby)!, plaintext]
        }
      }
      let inner = evaluator.multiplyAccumulate(pairs())
      if (giant !== 0) {
        using unrotated = inner
        inner = evaluator.rotate(unrotated, giant)
      }
      if (sum === undefined) {
        sum = inner
        continue
      }
      using addend = inner
      evaluator.addInPlace(sum, addend)
    }
  } catch (error) {
    sum?.dispose()
    throw error
  }
  return evaluator.withMagnitude(sum!, Math.min(sum!.magnitude, a.magnitude * diagonals.growth))
}
