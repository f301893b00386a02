/** What a proof of well-formed encryption is said to be for, and what a key holder is asked to check. */

/** Whose encryptions a proof is about, and for what: part of what the proof binds, so that none stands for another. */
export interface Provenance {
  /** Who has encrypted, as the session names it. */
  readonly sender: string
  /** The query whose inputs these are; null for the encrypted model. */
  readonly query: string | null
  /** Nonce of the release that they are for; absent in a session, which has one model. */
  readonly release?: string
}

/** A proof of encryption to be checked, with what it is about. */
export interface EncryptionCheck extends Provenance {
  /** Number of the batch among the sender's of this purpose (terms/proof-batches.ts). */
  readonly batch: number
  /** C1 of every ciphertext of the batch, in order. */
  readonly undivided: Uint8Array[]
  /** Serialized; its length and form are checked first. */
  readonly proof: Uint8Array
}
