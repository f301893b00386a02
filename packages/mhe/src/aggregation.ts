/**
 * Summing the shares of a cohort as they arrive, knowing who has contributed.
 *
 * A share that arrives twice with the same bytes changes nothing; twice with different bytes is refused, naming the party. What was added
 * for a party that later disappears is discarded with the whole aggregation: shares are never carried over to another attempt.
 */
import { DuplicateShareError, MissingShareError, ShareMismatchError, UnknownPartyError } from './errors.js'
import { equalBytes, hashParts } from './hash.js'
import type { ShareFormat, ShareIdentity } from './share-format.js'

/** The sum of one share per party, as they arrive. Owns what it has summed until `take`. */
export class ShareAggregation<S> implements Disposable {
  private readonly hashes = new Map<number, Uint8Array>()
  private total: S | undefined
  private taken = false

  /**
   * @param parties number of cohort members; their indices are 0 … parties - 1
   */
  constructor(
    private readonly format: ShareFormat<S>,
    readonly identity: ShareIdentity,
    readonly parties: number
  ) {}

  /**
   * Checks and adds one party's serialised share.
   *
   * @returns `added`, or `repeated` when the very same bytes had been added before
   * @throws UnknownPartyError, DuplicateShareError, MalformedShareError, ShareMismatchError (after `take` or `dispose`)
   */
  add(party: number, bytes: Uint8Array): 'added' | 'repeated' {
    const { protocol } = this.format
    const { instance } = this.identity
    if (!Number.isInteger(party) || party < 0 || party >= this.parties) throw new UnknownPartyError(protocol, instance, party, this.parties)
    const hash = hashParts(bytes)
    const recorded = this.hashes.get(party)
    if (recorded !== undefined) {
      if (equalBytes(recorded, hash)) return 'repeated'
      throw new DuplicateShareError(protocol, instance, party)
    }
    if (this.taken) throw new ShareMismatchError(protocol, 'aggregation', 'open', 'closed')
    const share = this.format.deserialize(bytes, this.identity)
    if (this.total === undefined) {
      this.total = share
    } else {
      try {
        this.format.addInPlace(this.total, share)
      } finally {
        this.format.dispose(share)
      }
    }
    this.hashes.set(party, hash)
    return 'added'
  }

  /** Parties that have not contributed yet. */
  get missing(): number[] {
    return Array.from({ length: this.parties }, (_, party) => party).filter(party => !this.hashes.has(party))
  }

  /** Whether every party has contributed. */
  get complete(): boolean {
    return this.hashes.size === this.parties
  }

  /** The sum, once everybody has contributed; the caller owns it from then on. @throws MissingShareError, ShareMismatchError */
  take(): S {
    const { protocol } = this.format
    if (!this.complete) throw new MissingShareError(protocol, this.identity.instance, this.missing)
    const total = this.total
    if (total === undefined) throw new ShareMismatchError(protocol, 'aggregation', 'open', 'closed')
    this.close()
    return total
  }

  /** Discards what was added. */
  dispose(): void {
    if (this.total !== undefined) this.format.dispose(this.total)
    this.close()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private close(): void {
    this.total = undefined
    this.taken = true
  }
}
