/**
 * What queries are counted in, at the evaluator and at every key holder. Whoever keeps the books counts an item once, however often it comes.
 */
import type { Grant } from '../objects/grant.js'
import type { Query } from '../objects/query.js'
import type { Release } from '../objects/release.js'

/** The books as a flow of queries sees them; `Books` keeps them. */
export interface QueryBooks {
  /**
   * That this query may be asked under its grant, and counts as one.
   * @throws GrantRefusedError (spent, expired, revoked, not for this model or sender), ReleaseRefusedError (withdrawn), EpochRefusedError (expired)
   */
  admit(query: Query, grant: Grant, release: Release): Promise<void>
  /** A query that no key holder was told of has ended, and is not asked again: it does not count any more. */
  giveBack(query: Pick<Query, 'query' | 'grant'>, grant: Grant): Promise<void>
  /** Before shares of a result are given: ciphertexts that are decrypted in an attempt. @throws GrantRefusedError, EpochRefusedError */
  decrypt(query: Query, grant: Grant, attempt: string, ciphertexts: number): Promise<void>
  /** Before shares of a refresh are given. @throws EpochRefusedError */
  refresh(query: Query, attempt: string, ciphertexts: number): Promise<void>
}
