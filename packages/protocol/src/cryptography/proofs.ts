/** What a proof of well-formed encryption is said to be for, and what a key holder is asked to check. */

export interface Provenance {
  /** Who has encrypted, as the session names it. */
  readonly sender: string
  /** The query whose inputs these are; null for the encrypted model. */
  readonly query: string | null
  /** Nonce of the release that they are for; absent in a session, which has one model. */
  readonly release?: string
}

export interface EncryptionCheck extends Provenance {
  /** Number of the batch among the sender's of this purpose (terms/proof-batches.ts). */
  readonly batch: number
  /** C1 of every ciphertext of the batch, in order. */
  readonly undivided: Uint8Array[]
  readonly proof: Uint8Array
}
