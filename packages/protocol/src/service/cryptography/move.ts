/** What moving a release to another key asks of cryptography: shares and proofs at holders, checks and sums at who computes, and at whoever looks it over. */
import type { Plan } from '../../terms/plan.js'
import type { AttemptName } from './epoch.js'

/** Which release is moved, to which key, in which attempt. */
export interface MoveCryptographyTerms {
  /** Of the release; its weights are what is moved. */
  readonly plan: Plan
  /** Peer id of the model's owner. */
  readonly owner: string
  /** Of the release that comes of it. */
  readonly nonce: string
  readonly attempt: AttemptName
  /** The key that is moved to: identifier of its epoch, and the serialised key. */
  readonly target: { readonly epoch: string; readonly publicKey: Uint8Array }
}

/** One attempt at moving a release. Parts, before and after, are as they travel. */
export interface MoveCryptography {
  /** This holder's share of the switch of part `index`; the same bytes again. @throws mhe's typed errors (given before, another sharing, quota) */
  share(index: number, part: Uint8Array): Promise<Uint8Array>
  /** Proof that this holder's shares of a batch are encryptions. @throws SessionStateError unless all of them were given since this was opened */
  prove(batch: number): Promise<Uint8Array>
  /** Whether a share is one, in form and residues. @throws MalformedCiphertextError and the like */
  check(index: number, share: Uint8Array): Promise<void>
  /** @param shares of the batch, in order. @throws mhe's typed errors when the proof does not hold */
  verify(holder: string, batch: number, shares: Uint8Array[], proof: Uint8Array): Promise<void>
  /** Part `index` under the new key. @param shares of the active holders, in the order of their points; checked before */
  combine(index: number, part: Uint8Array, shares: Uint8Array[]): Promise<Uint8Array>
  /** Lets go of the attempt's polynomials and keys; may be repeated. */
  dispose(): Promise<void>
}
