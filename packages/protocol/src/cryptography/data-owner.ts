/** What the flows ask of a data owner's cryptography. */

/** The samples of one query, to be encrypted. Several may be open at a time; each has its own. */
export interface QueryInputs {
  /** Input ciphertext `index`, block-major; any number of them at a time. */
  encryptInput(index: number): Promise<Uint8Array>
  /** Proof that the inputs of a batch are encryptions, once they have all been encrypted (terms/proof-batches.ts). */
  proveInputs(batch: number): Promise<Uint8Array>
  /** Lets go of the samples; may be repeated. */
  dispose(): Promise<void>
}

/** Encrypts a data owner's samples under the collective key of the open session. */
export interface DataOwnerCryptography {
  /**
   * @param query its name, which proofs are made for
   * @throws when there are more samples than the plan's batch, or one has the wrong number of features
   */
  openQuery(samples: Float64Array[], query: string): Promise<QueryInputs>
}
