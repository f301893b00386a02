/**
 * What every hand that uses a key holder's secret keeps to: written down before it is given, once for an instance, with randomness of its own.
 *
 *   seed = HMAC-SHA-256(share key, session ‖ protocol ‖ instance ‖ input hash)
 *
 * Every random value of what is given is derived from its seed, so the same request gives the same bytes again and never a second answer; a changed input under the same
 * instance is refused by the ledger, which is asked before anything is computed. Because the input enters the seed, even a ledger that was lost or rolled back cannot lead
 * to two inputs under one randomness.
 */
import { InvalidShareRequestError } from './errors.js'
import { authenticateParts, hashParts, hex } from './hash.js'
import type { ShareLedger } from './ledger.js'
import { checkSessionId } from './reference.js'
import type { ShareProtocol } from './share-format.js'

/** Bytes of the key from which the seeds of shares are derived. */
export const SHARE_KEY_BYTES = 32

export interface GivingInit {
  /** 32 secret bytes; copied. */
  readonly shareKey: Uint8Array
  readonly ledger: ShareLedger
  /** 32 bytes. */
  readonly sessionId: Uint8Array
  /** How much has been given in the session, for hands of one session that come one after the other; read from the ledger when left out. */
  readonly given?: Given
}

/** How many instances were given of protocols that have been counted, by protocol. Which they were, the ledger knows: a session may have millions. */
export type Given = Map<ShareProtocol, number>

export class Giving {
  readonly sessionId: Uint8Array
  readonly #shareKey: Uint8Array
  readonly #ledger: ShareLedger
  readonly #session: string
  readonly #given: Given

  /** @throws InvalidShareRequestError for a key or a session identifier of another length */
  constructor({ shareKey, ledger, sessionId, given = new Map() }: GivingInit) {
    checkSessionId(sessionId)
    if (shareKey.length !== SHARE_KEY_BYTES) {
      throw new InvalidShareRequestError('share giver', 'shareKey', `${SHARE_KEY_BYTES} bytes`, `${shareKey.length} bytes`)
    }
    this.sessionId = sessionId.slice()
    this.#shareKey = shareKey.slice()
    this.#ledger = ledger
    this.#given = given
    this.#session = hex(sessionId)
  }

  /**
   * @param input everything besides the secret that the answer depends on
   * @param make  is given the seed, which is wiped after
   * @throws ShareAlreadyGivenError when the instance was used for another input
   */
  give<T>(protocol: ShareProtocol, instance: string, input: readonly (Uint8Array | string)[], make: (seed: Uint8Array) => T): T {
    const inputHash = hashParts(...input)
    const given = this.#given.get(protocol)
    const outcome = this.#ledger.claim({ session: this.#session, protocol, instance, inputHash: hex(inputHash) })
    if (outcome === 'first' && given !== undefined) this.#given.set(protocol, given + 1)
    return this.withSeed([protocol, instance, inputHash], make)
  }

  /** Runs `body` with randomness that is derived for one purpose, wiped after. */
  withSeed<T>(purpose: readonly (Uint8Array | string)[], body: (seed: Uint8Array) => T): T {
    const seed = authenticateParts(this.#shareKey, this.sessionId, ...purpose)
    try {
      return body(seed)
    } finally {
      seed.fill(0)
    }
  }

  /** Whether an instance may be given where `maximum` may be in all; one that was given before may. */
  hasRoom(protocol: ShareProtocol, instance: string, maximum: number): boolean {
    return this.#count(protocol) < maximum || this.#ledger.has(this.#session, protocol, instance)
  }

  /** Wipes the key. */
  dispose(): void {
    this.#shareKey.fill(0)
  }

  #count(protocol: ShareProtocol): number {
    const known = this.#given.get(protocol)
    if (known !== undefined) return known
    const count = this.#ledger.count(this.#session, protocol)
    this.#given.set(protocol, count)
    return count
  }
}
