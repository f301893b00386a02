/**
 * What the flows ask of a key holder's cryptography. Every share is deterministic in (share key, session, protocol, instance, input) and recorded in the ledger
 * before it is given; which keys there are and for which levels is the plan's.
 */
import type { EncryptionCheck } from './proofs.js'

/** What a key holder is asked for a collective refresh (interactive bootstrapping) of ciphertexts: their second components, and the state they are in. */
export interface RefreshRequest {
  /** Unique in the session; never used for two inputs. */
  instance: string
  /** Of the plan. */
  step: number
  /** Of the ciphertexts before the refresh; primes left are one more. */
  level: number
  /** Of the ciphertexts that are refreshed. */
  scale: number
  /** Bound on the absolute value of what is encrypted; the masks of the shares are sized by it. */
  magnitude: number
  /** Second component of every ciphertext. */
  c1: Uint8Array[]
}

/** To a key holder that is the only one. */
export interface RefreshWholeRequest extends RefreshRequest {
  /** First component of every ciphertext, under the evaluator's mask. */
  masked: Uint8Array[]
}

/** What a key holder is asked for a collective switch of result ciphertexts to a querier's key: their second components, and how much noise they carry. */
export interface SwitchRequest {
  /** Unique in the session; never used for two inputs. */
  instance: string
  /** Of the ciphertexts. */
  level: number
  /** log2 of the tracked noise's standard deviation per coefficient. */
  noise: number
  /** Second component of every ciphertext. */
  c1: Uint8Array[]
}

/** Everything that is computed with a share of the collective secret. Shares are serialized (mhe's share format). */
export interface KeyHolderCryptography {
  /** This party's share of the collective public key. */
  publicKeyShare(): Promise<Uint8Array>
  /** This party's share of round one of the relinearisation key. */
  relinearizationShareOne(): Promise<Uint8Array>
  /** Checks a share of round one, this party's own included, and adds it to this party's sum of them. @throws DuplicateShareError for another one of a party */
  addRelinearizationShareOne(party: number, share: Uint8Array): Promise<void>
  /** For the sum of round one that was made here. @throws MissingShareError before everybody's share is in it */
  relinearizationShareTwo(): Promise<Uint8Array>
  /** This party's share of the Galois key of an element of the plan (`galoisElements`). */
  galoisShare(element: number): Promise<Uint8Array>
  /** Checks a proof of encryptions that others have made. @throws UnprovenEncryptionError, MalformedProofError */
  verifyEncryptions(check: EncryptionCheck): Promise<void>
  /** One share per ciphertext. @throws ShareAlreadyGivenError for another input of an instance */
  refreshShare(request: RefreshRequest): Promise<Uint8Array[]>
  /** One share per ciphertext. @throws ShareAlreadyGivenError for another input of an instance */
  switchShare(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]>
  /** Where this party holds the whole key: a fresh encryption of each masked message. @throws ShareAlreadyGivenError for another input of an instance */
  refreshWhole(request: RefreshWholeRequest): Promise<Uint8Array[]>
  /** Where this party holds the whole key of somebody else's results. @throws ShareAlreadyGivenError for another input of an instance */
  switchWhole(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]>
}
