/**
 * The rule that one ciphertext is answered under one request only: unique on (epoch, protocol, H(c1)), identical requests excepted.
 *
 * Two answers for one c1 under two active sets are λ·x + f and λ'·x + f' for the same x = s̃_j·c1; two under two attempts average the flooding away. So the rule
 * stands beside the one on instances. It is kept in the same ledger, as entries of a protocol of its own (`switch of`), and so has its durability.
 *
 * It holds against mistakes, retries and lost ledger entries of an evaluator that re-randomises when it should. One that deviates can ask for another c1 that it
 * *knows* the relation of (2^k·c1, say): what stops that are witnesses and proofs, not this.
 */
import { ShareAlreadyGivenError } from '../errors.js'
import { hashParts, hex } from '../hash.js'
import type { ShareLedger, ShareLedgerEntry } from '../ledger.js'
import { CiphertextAlreadyAnsweredError, InvalidSharingError } from './errors.js'

/** A ledger as requests for shares of ciphertexts see it. */
export class CiphertextLedger implements ShareLedger {
  #component = ''

  constructor(readonly ledger: ShareLedger) {}

  /** Runs a request: what it claims, it claims for this ciphertext. @param c1 the second component, as the bytes that travelled */
  about<T>(c1: Uint8Array, request: () => T): T {
    this.#component = hex(hashParts(c1))
    try {
      return request()
    } finally {
      this.#component = ''
    }
  }

  /** @throws CiphertextAlreadyAnsweredError, ShareAlreadyGivenError; InvalidSharingError outside of `about` */
  claim(entry: ShareLedgerEntry): 'first' | 'again' {
    const { session, protocol, instance, inputHash } = entry
    const component = this.#component
    if (component === '') throw new InvalidSharingError('claim', 'about a ciphertext', 'none')
    const request = hex(hashParts(instance, inputHash))
    try {
      this.ledger.claim({ session, protocol: `${protocol} of`, instance: component, inputHash: request })
    } catch (error) {
      if (error instanceof ShareAlreadyGivenError) throw new CiphertextAlreadyAnsweredError(session, protocol, instance, component)
      throw error
    }
    return this.ledger.claim(entry)
  }

  count(session: string, protocol: string): number {
    return this.ledger.count(session, protocol)
  }

  has(session: string, protocol: string, instance: string): boolean {
    return this.ledger.has(session, protocol, instance)
  }
}
