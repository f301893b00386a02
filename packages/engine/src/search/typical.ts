/** A level and primes to compare packings at, before levels are known. */
import { type OperationCosts, PROOF_BATCH } from '../costs/operation-costs.js'
import { Sizes } from '../costs/sizes.js'
import type { OperandKind } from '../steps/operands.js'
import { SENDING_WEIGHT } from '../steps/price.js'

/** Level whose costs decide how many baby steps there are. */
export const TYPICAL_LEVEL = 3
const TYPICAL_PRIME_BITS = 45

/** One input ciphertext (or clear slot vector), from its owner to the evaluation, with its share of a proof. @param seeded encrypted with the secret key, and not proved */
export function inputSeconds(costs: OperationCosts, input: OperandKind, seeded: boolean): number {
  if (input === 'clear') return costs.encoding(TYPICAL_LEVEL)
  const proof = seeded ? 0 : costs.proofs(TYPICAL_LEVEL, PROOF_BATCH) / PROOF_BATCH
  const sending = costs.inputEncryption(TYPICAL_LEVEL, seeded) + proof + costs.transfer(typicalSizes(costs).input(TYPICAL_LEVEL, seeded))
  // what waits in the evaluator's memory is loaded as it comes
  return SENDING_WEIGHT * sending + (costs.model.retaining ? 0 : costs.loading(TYPICAL_LEVEL))
}

export const typicalSizes = (costs: OperationCosts): Sizes =>
  new Sizes(costs.logN, new Array<number>(TYPICAL_LEVEL + 1).fill(TYPICAL_PRIME_BITS), TYPICAL_PRIME_BITS, costs.specialPrimes)
