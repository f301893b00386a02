/**
 * One try of one step of one query, by one active set.
 *
 *   instance = query / step / number / generation / lineage / points of T
 *
 * The instance is in everything that a share comes from: the ledger's key, the tag in the share's bytes, the seed of its randomness and (refresh) the reference
 * polynomial. A lost holder means another number, or another T, or both: another instance, with another of each.
 *
 * Keys that are made later (a Galois element that a release needs) have one fixed instance per session in their protocols, so there the attempt becomes a session
 * of its own, `keySession`: with one reference polynomial, one u or one a_j for two active sets, the difference of two shares is (λ - λ')·s̃_j times something
 * known.
 */
import { hashParts, hex } from '../hash.js'
import { ActiveSet } from './active-set.js'
import { InvalidSharingError } from './errors.js'
import type { Sharing } from './shamir-share.js'

const KEY_SESSION_DOMAIN = 'slytherin threshold key session'
const NAME = /^[\w.:@-]{1,200}$/
const LINEAGE_DIGITS = 32

/** What tells an attempt from every other. */
export interface AttemptInit {
  /** The query's identifier, unique in the epoch, model included where there are several; `keys` for keys. 1 to 200 of A-Z a-z 0-9 _ . : @ - */
  readonly query: string
  /** Which of the query's shares: same alphabet. */
  readonly step: string
  /** Counts the tries of the step, from 0. */
  readonly number: number
  /** The points of T, ascending. */
  readonly active: readonly number[]
}

/** One try of one step of a query by one active set: it is in the ledger's key and in the randomness of every share. */
export class Attempt {
  readonly query: string
  readonly step: string
  readonly number: number
  readonly activeSet: ActiveSet
  readonly instance: string

  /** @param sharing that the holders have. @throws InvalidSharingError */
  constructor(
    readonly sharing: Sharing,
    { query, step, number, active }: AttemptInit
  ) {
    for (const [field, name] of [
      ['query', query],
      ['step', step]
    ] as const) {
      if (typeof name !== 'string' || !NAME.test(name))
        throw new InvalidSharingError(field, 'a name of 1 to 200 of A-Z a-z 0-9 _ . : @ -', String(name))
    }
    if (!Number.isSafeInteger(number) || number < 0) throw new InvalidSharingError('attempt', 'a natural number', number)
    this.query = query
    this.step = step
    this.number = number
    this.activeSet = new ActiveSet(sharing.access, active)
    const lineage = hex(sharing.lineage).slice(0, LINEAGE_DIGITS)
    this.instance = [query, step, number, sharing.generation, lineage, this.activeSet.points.join('.')].join('/')
  }

  /** The instance of one of several ciphertexts that the attempt is about. @param ciphertext its number, from 0; the attempt's own where left out */
  instanceOf(ciphertext?: number): string {
    return ciphertext === undefined ? this.instance : `${this.instance}/${ciphertext}`
  }

  /** The session identifier of a key's generation under this attempt, 32 bytes. */
  get keySession(): Uint8Array {
    return hashParts(KEY_SESSION_DOMAIN, this.sharing.epoch, this.instance)
  }
}
