/** Where a party's statements, and those that it was given, are kept. */
import type { SignedStatement } from '../terms/statements.js'
import type { Bodies } from '../wire/kinds.js'

/** Is handed what parties sign while a session lives. */
export interface Evidence {
  /** Told of every statement once its signature is made or has been verified. Must not throw. */
  keep(signed: SignedStatement): void
  /** Every key holder's commitment to a share, checked. */
  committed?(protocol: 'public key' | 'relinearization', entries: Bodies['publicKeyCommitments']['entries']): void
  /** A share that opens its holder's commitment. */
  revealed?(protocol: 'public key' | 'relinearization', part: Bodies['publicKeyPart']): void
}
