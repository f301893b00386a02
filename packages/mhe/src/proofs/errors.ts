/** What a proof, its making or its checking can be refused for. None carries secret material. */
import { MultipartyError } from '../errors.js'

/** Bytes that claim to be a proof of well-formed encryption have not its one form. */
export class MalformedProofError extends MultipartyError {
  constructor(
    readonly field: string,
    readonly expected: string | number,
    readonly actual: string | number
  ) {
    super(`malformed proof of encryption: ${field} is ${actual}, expected ${expected}; refuse the ciphertexts it came with`)
  }
}

/** A proof has the right form and does not prove this statement: the ciphertexts, or whom and what they are said to be for, are others. */
export class UnprovenEncryptionError extends MultipartyError {
  /**
   * @param sender  who is said to have encrypted
   * @param purpose what for
   * @param first   index of the first ciphertext of the batch
   * @param count   number of ciphertexts
   * @param field   where the proof fails
   */
  constructor(
    readonly sender: string,
    readonly purpose: string,
    readonly first: number,
    readonly count: number,
    readonly field: string
  ) {
    super(
      `the proof of ${sender} for ${purpose} ciphertexts ${first} to ${first + count - 1} does not hold: its ${field} is not that of these ciphertexts under this ` +
        'statement; use none of them, and ask for ones that were encrypted provably'
    )
  }
}

/** What is to be proved or checked makes no sense. */
export class InvalidProofRequestError extends MultipartyError {
  constructor(
    readonly field: string,
    readonly expected: string,
    readonly actual: string | number
  ) {
    super(`proof of encryption: ${field} must be ${expected}, got ${actual}`)
  }
}

/** Every attempt at a proof was rejected, which does not happen by chance: the random generator repeats itself. */
export class ProofAttemptsError extends MultipartyError {
  constructor(readonly attempts: number) {
    super(`no proof of encryption after ${attempts} attempts: the source of randomness is broken; do not encrypt with it`)
  }
}
