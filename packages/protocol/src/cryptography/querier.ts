/** What the flows ask of a querier's cryptography. */
import type { PlanParameters } from '../terms/plan.js'

/** What a querier computes: the key that its results are switched to, and the results read with it. */
export interface QuerierCryptography {
  /** Makes the querier's own key pair (once per session; asked before the session is open) and returns the serialized public key. */
  resultKey(parameters: PlanParameters): Promise<Uint8Array>
  /** Logits per sample of the batch, padding included; results are under the key of this querier, or under the whole key where it alone holds that. */
  decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]>
}
