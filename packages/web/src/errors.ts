/** Results that came back are not those of a query: nothing was decrypted. */
export class EncryptedResultsError extends Error {
  override name = 'EncryptedResultsError'

  constructor(
    /** How many ciphertexts the plan has for a batch. */
    readonly expected: number,
    readonly actual: number
  ) {
    super(`results: ${expected} ciphertext(s) were expected, ${actual} came`)
  }
}
