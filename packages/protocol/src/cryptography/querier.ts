/** What the flows ask of a querier's cryptography. */
import type { PlanParameters } from '../terms/plan.js'

export interface QuerierCryptography {
  /** Makes the querier's own key pair (once per session; asked before the session is open) and returns the serialized public key. */
  resultKey(parameters: PlanParameters): Promise<Uint8Array>
  /** Logits per sample of the batch, padding included. */
  decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]>
}
