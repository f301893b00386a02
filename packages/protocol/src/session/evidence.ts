/** Where a party's statements, and those that it was given, are kept. */
import type { SignedStatement } from '../terms/statements.js'

export interface Evidence {
  /** Told of every statement once its signature is made or has been verified. Must not throw. */
  keep(signed: SignedStatement): void
}
