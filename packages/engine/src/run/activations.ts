/** Squares, polynomials and products of two values, every ciphertext by itself. */
import { type EvaluatorCiphertext, evaluatePolynomial, evaluatePolynomialOfPairs, squarePairs } from '@slytherin/ckks'
import type { CompiledPolynomial } from '../steps/polynomial.js'
import type { CompiledProduct } from '../steps/product.js'
import type { CompiledSquare } from '../steps/square.js'
import type { Workbench } from './workbench.js'

export async function runSquare(bench: Workbench, step: CompiledSquare, values: EvaluatorCiphertext[][]): Promise<EvaluatorCiphertext[][]> {
  const results: EvaluatorCiphertext[][] = []
  for (const ciphertexts of values) {
    const squares: EvaluatorCiphertext[] = []
    for (const ciphertext of ciphertexts) {
      const operand = bench.atLevel(ciphertext, step.step.level)
      const square = bench.replace(operand, squared(bench, step, operand))
      squares.push(bench.rescaled(bench.linear(square), step))
      bench.progress(step)
      await bench.breathe()
    }
    results.push(squares)
  }
  return results
}

export async function runPolynomial(
  bench: Workbench,
  step: CompiledPolynomial,
  values: EvaluatorCiphertext[][]
): Promise<EvaluatorCiphertext[][]> {
  const { level, magnitude } = step.step
  const results: EvaluatorCiphertext[][] = []
  for (const ciphertexts of values) {
    const made: EvaluatorCiphertext[] = []
    for (const ciphertext of ciphertexts) {
      const operand = bench.atLevel(ciphertext, level)
      const result = bench.evaluator.withMagnitude(evaluated(bench, step, operand), magnitude)
      made.push(bench.claimed(bench.replace(operand, result), step))
      bench.progress(step)
      await bench.breathe()
    }
    results.push(made)
  }
  return results
}

export async function runProduct(
  bench: Workbench,
  step: CompiledProduct,
  left: EvaluatorCiphertext[][],
  right: EvaluatorCiphertext[][]
): Promise<EvaluatorCiphertext[][]> {
  const results: EvaluatorCiphertext[][] = []
  for (const [block, ciphertexts] of left.entries()) {
    const products: EvaluatorCiphertext[] = []
    for (const [k, ciphertext] of ciphertexts.entries()) {
      const a = bench.atLevel(ciphertext, step.step.level)
      const b = bench.atLevel(right[block]![k]!, step.step.level)
      const product = bench.replace(a, bench.evaluator.multiply(a, b))
      bench.scope.drop(b)
      products.push(bench.claimed(bench.rescaled(bench.linear(product), step), step))
      bench.progress(step)
      await bench.breathe()
    }
    results.push(products)
  }
  return results
}

function evaluated(bench: Workbench, step: CompiledPolynomial, operand: EvaluatorCiphertext): EvaluatorCiphertext {
  const { packing, slotFactor } = bench.program
  const options = { scale: step.step.target, magnitude: step.step.magnitude / slotFactor }
  if (packing === 'real') return evaluatePolynomial(bench.evaluator, operand, step.layer, options)
  return evaluatePolynomialOfPairs(bench.evaluator, operand, step.layer, { ...options, bound: step.magnitudeIn / slotFactor })
}

/** Degree 2. */
function squared(bench: Workbench, step: CompiledSquare, operand: EvaluatorCiphertext): EvaluatorCiphertext {
  const { packing, slotFactor } = bench.program
  if (packing === 'complex') return squarePairs(bench.evaluator, operand, step.magnitudeIn / slotFactor)
  return bench.evaluator.square(operand)
}
