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
import { CiphertextAlreadyAnsweredError } from './errors.js'

/** The ledger as one request for a share of one ciphertext sees it. */
export class CiphertextLedger implements ShareLedger {
  readonly #component: string

  /** @param c1 the ciphertext's second component, as the bytes that travelled */
  constructor(
    readonly ledger: ShareLedger,
    c1: Uint8Array
  ) {
    this.#component = hex(hashParts(c1))
  }

  /** @throws CiphertextAlreadyAnsweredError, ShareAlreadyGivenError */
  claim(entry: ShareLedgerEntry): 'first' | 'again' {
    const { session, protocol, instance, inputHash } = entry
    const request = hex(hashParts(instance, inputHash))
    try {
      this.ledger.claim({ session, protocol: `${protocol} of`, instance: this.#component, inputHash: request })
    } catch (error) {
      if (error instanceof ShareAlreadyGivenError) throw new CiphertextAlreadyAnsweredError(session, protocol, instance, this.#component)
      throw error
    }
    return this.ledger.claim(entry)
  }

  instances(session: string, protocol: string): Iterable<string> {
    return this.ledger.instances?.(session, protocol) ?? []
  }
}
