/**
 * A matrix of real numbers times a vector of ciphertexts. Numbers are one value for all slots, so they are encoded as integers, round(Δ·w), and neither they nor the products
 * need a transform: the ring multiplies its matrix of integers by the components.
 */
import type { CombinationRow, Polynomial } from '@slytherin/ring'
import type { CiphertextMetadata } from '../ciphertext.js'
import type { Context } from '../context.js'
import type { EvaluationRules } from '../evaluation-rules.js'
import type { LinearCombination } from '../evaluator.js'
import type { Constants } from './constants.js'
import type { KernelCiphertext } from './kernel-ciphertext.js'
import { blankLike, disposeAll, mapAll } from './memory.js'

const OPERATION = 'linearCombinations'

/** A sum to be computed: its metadata, and its coefficients as integers. */
export interface EncodedCombination extends CombinationRow {
  readonly state: CiphertextMetadata
}

export class LinearCombinations {
  constructor(
    private readonly context: Context,
    private readonly rules: EvaluationRules,
    private readonly constants: Constants
  ) {}

  /** Everything that can be refused. @throws as `LinearCombiner` says */
  encode(operands: readonly KernelCiphertext[], rows: readonly LinearCombination[], scale: number): EncodedCombination[] {
    return rows.map(row => {
      const state = this.rules.linearCombination(OPERATION, operands, row, scale)
      const { level } = state
      const coefficients = Float64Array.from(row.coefficients, value => this.constants.rounded(value, { level, scale }))
      const constant = this.constants.addend(row.constant ?? 0, { level, scale: state.scale })
      return { inputs: row.inputs, coefficients, constant, state }
    })
  }

  /** The components of every sum. */
  apply(operands: readonly KernelCiphertext[], rows: readonly EncodedCombination[]): Polynomial[][] {
    if (rows.length === 0) return []
    const inputs = operands.map(({ components }) => components)
    const model = operands[rows[0]!.inputs[0]!]!.components
    const polynomials = mapAll(
      rows.flatMap(() => model),
      component => blankLike(component)
    )
    const out = rows.map((_, o) => polynomials.slice(o * model.length, (o + 1) * model.length))
    try {
      this.context.ring.linearCombinations(out, inputs, rows)
      return out
    } catch (error) {
      disposeAll(polynomials)
      throw error
    }
  }
}
