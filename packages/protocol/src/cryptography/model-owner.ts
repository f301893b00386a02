/** What the flows ask of a model owner's cryptography. */
import type { Architecture } from '../terms/plan.js'

/** What a model owner computes: its public architecture, and its weights under the collective key. */
export interface ModelOwnerCryptography {
  /** Public shape of the model; asked before a session is open. */
  architecture(): Promise<Architecture>
  /** Encrypted weight item `index` of the plan. */
  modelPart(index: number): Promise<Uint8Array>
  /** Proof that the weights of a batch are encryptions, once they have all been encrypted (terms/proof-batches.ts). */
  proveModel(batch: number): Promise<Uint8Array>
}
