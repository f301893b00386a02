/**
 * What parties sign while a session lives, beside its descriptor and the shares of its public key: one encoding for all of it, so that whoever holds a
 * statement and its signature can check it, then and later.
 *
 *   signature over H("slytherin statement" ‖ session ‖ signer ‖ canonical JSON of the statement)
 *
 * Hashes are SHA-256, in hexadecimal. A statement names its kind, and its signer is in what is signed, so that none stands for another.
 */
import { canonicalBytes } from '../base/canonical.js'
import { digest } from '../base/digest.js'

/** One query, by what was signed of it: what is said of it is said of no other one of its name. */
export interface Computed {
  /** Its name. */
  readonly query: string
  /** Peer id of who reads the result. */
  readonly querier: string
  /** Of the query's statement. */
  readonly inputs: string
  /** Of the model's statement; `componentsHash` of nothing where weights are clear. In a standing service, the identifier of the release. */
  readonly model: string
}

/** The help that is asked of key holders, for one refresh or one switch. */
export interface Assisted extends Computed {
  /** Whether ciphertexts are to be made fresh, or switched to the querier's key. */
  readonly assist: 'refresh' | 'switch'
  /** Step of the plan; the number of its steps for the switch of the result. */
  readonly step: number
  /** Unique in the session. */
  readonly instance: string
  /** Over the second components, in order: `componentsHash`. Where one party holds the whole key, a refresh has the masked first ones behind them. */
  readonly c1: string
}

/** Signed by a key holder: its share of an evaluation key. */
export interface KeyShareStatement {
  readonly kind: 'key-share'
  /** Round two of the relinearisation key, or a Galois key. */
  readonly protocol: 'relinearization-2' | 'galois'
  /** Which key: the Galois element as text, or what the relinearisation key is called. */
  readonly instance: string
  /** SHA-256 of the share. */
  readonly share: string
}

/** Signed by the model owner: the encrypted weights that it has sent, `componentsHash` of all parts in order. */
export interface ModelStatement {
  readonly kind: 'model'
  /** How many. */
  readonly parts: number
  /** `componentsHash` of them. */
  readonly hash: string
}

/** Signed by whoever asks: what is asked, and for whom. */
export interface QueryStatement {
  readonly kind: 'query'
  /** Its name, unique in the session. */
  readonly query: string
  /** Peer id of who reads the result. */
  readonly querier: string
  /** At most the plan's batch. */
  readonly samples: number
  /** `componentsHash` of the inputs in order, as they were sent. */
  readonly inputs: string
}

/** Signed by the evaluator: what it asks of the key holders. */
export interface RequestStatement extends Assisted {
  readonly kind: 'request'
}

/** Signed by a witness: that it came to these second components itself. */
export interface EndorsementStatement extends Assisted {
  readonly kind: 'endorsement'
}

/** Signed by a key holder: the shares that it gave, or what it re-encrypted, `componentsHash` of them in order. */
export interface SharesStatement extends Assisted {
  readonly kind: 'shares'
  /** `componentsHash` of them. */
  readonly shares: string
}

/** Signed by the evaluator: what it hands to the querier, `componentsHash` of the ciphertexts in order. */
export interface ResultStatement extends Computed {
  readonly kind: 'result'
  /** `componentsHash` of the ciphertexts. */
  readonly result: string
}

/** Everything that is signed while a session lives, discriminated by `kind`. */
export type Statement =
  | KeyShareStatement
  | ModelStatement
  | QueryStatement
  | RequestStatement
  | EndorsementStatement
  | SharesStatement
  | ResultStatement

/** A statement with its signature over `statementDigest`. */
export interface SignedStatement<S extends Statement = Statement> {
  /** Peer id. */
  readonly signer: string
  readonly statement: S
  /** Over `statementDigest`. */
  readonly signature: Uint8Array
}

/** What is signed. */
export function statementDigest(sessionId: Uint8Array, signer: string, statement: Statement): Uint8Array {
  return digest('slytherin statement', sessionId, signer, canonicalBytes(statement))
}

/** One hash for byte strings in order, given the hash of each. */
export function componentsHash(hashes: readonly Uint8Array[]): Uint8Array {
  return digest('slytherin components', ...hashes)
}
