/** What a compliance suite of a party's cryptography is given. */
import type { PartyCryptography } from '../cryptography/party-cryptography.js'
import type { Plan } from '../terms/plan.js'

/** An implementation under test. */
export interface CryptographyHarness {
  /** A plan for so many key holders, all operands encrypted, with a refresh, for two samples or more. */
  plan(parties: number): Promise<Plan>
  /** Cryptography that may play every role: with secrets, a ledger and the model. */
  create(): Promise<PartyCryptography>
  /** At the end: everything that was created. */
  dispose(): Promise<void>
  /** Two samples, and what the model answers to a sample in the clear. */
  readonly samples: readonly [Float64Array, Float64Array]
  answer(sample: Float64Array): ArrayLike<number>
  /** Largest error of an answer. */
  readonly tolerance: number
}
