/**
 * Who encrypts what: data and weights are each clear or encrypted, and at least one of them is encrypted.
 *
 * | data | weights | evaluator | key |
 * |---|---|---|---|
 * | encrypted | encrypted | anybody | a cohort |
 * | encrypted | clear | the model owner | the querier |
 * | clear | encrypted | the data owner | the model owner |
 */
export type OperandKind = 'clear' | 'encrypted'

/** Who encrypts what. */
export interface Operands {
  readonly data: OperandKind
  readonly weights: OperandKind
}

/** Who encrypts what, and how. */
export interface Encrypting extends Operands {
  /** inputs are encrypted with the secret key */
  readonly seededInputs: boolean
}

/** Kinds of the two factors of a step's products: everything that flows behind the input is encrypted. */
export interface Factors {
  readonly input: OperandKind
  readonly weights: OperandKind
}

/** @param reads values that the step's layer reads; a clear input that meets others counts by itself (`DiagonalsPacking.clear`) */
export const factorsOf = (operands: Operands, reads: readonly number[]): Factors => ({
  input: reads.length === 1 && reads[0] === 0 ? operands.data : 'encrypted',
  weights: operands.weights
})

export const bothEncrypted = (factors: Factors): boolean => factors.input === 'encrypted' && factors.weights === 'encrypted'

/**
 * Shares that are added in one refresh: one of each of t key holders and, when the model is clear at the evaluator, a mask of the evaluator's own, so that the key holder
 * learns no intermediate value of somebody else's model.
 * @param threshold t, the key holders that it takes
 */
export const refreshShares = (threshold: number, operands: Operands): number => threshold + (operands.weights === 'clear' ? 1 : 0)

/**
 * Shares that are added, each with its flooding, in the switch of a result: one of each of t key holders and, when the model is clear at the evaluator, one of the
 * evaluator's, so that a querier who holds the key (and knows its own flooding) does not see the exact error, which depends on the weights.
 */
export const switchShares = refreshShares

/**
 * Whether the evaluator adds a fresh encryption of zero before it sends second components to key holders: where an operand is clear they are combinations of what others
 * have encrypted, and whoever holds the whole key (t = 1) could take them apart in any case.
 */
export const rerandomizes = (threshold: number, operands: Operands): boolean =>
  threshold === 1 || operands.data === 'clear' || operands.weights === 'clear'

/**
 * Whether encrypted inputs and refreshed ciphertexts are re-randomised with public coins (mhe/public-coins.ts) before they are computed with: where both operands are
 * encrypted and t >= 2 key holders give shares. There a sender, or a holder that gives its share of a refresh last, could choose a first component with the other
 * factor of a product in view. Weights are fixed before inputs are seen, whose coins depend on them.
 *
 * Nowhere else: with a clear operand nobody can follow the evaluator, which re-randomises with coins of its own; and one party that holds the whole key has no secret
 * but its own, and gives no shares.
 */
export const publicCoins = (threshold: number, operands: Operands): boolean => threshold > 1 && !rerandomizes(threshold, operands)
