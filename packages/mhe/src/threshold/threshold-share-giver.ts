/**
 * A key holder's hand where t of n suffice: what `ShareGiver` is for n of n, under attempts.
 *
 * The additive secret λ_j·s̃_j is made for one active set at a time, kept while requests are for that set, and wiped when they are for another. The share's
 * randomness is HMAC(share key, epoch ‖ protocol ‖ instance ‖ input hash) with the attempt in the instance, so neither a lost ledger nor another active set ever meets
 * the same randomness. A new generation of the share needs no new share key: the generation is in the instance.
 *
 * n of n is the case t = n. With t = 1 every holder has the whole key, and gives no shares of refreshes and switches, as a sole key holder does not (WholeKeyHolder).
 */
import { SoleKeyShareError } from '../errors.js'
import type { Given } from '../giving.js'
import { equalBytes, hex } from '../hash.js'
import type { ShareLedger } from '../ledger.js'
import {
  type ProvableShare,
  type ProvableShareRequest,
  type RefreshShareRequest,
  ShareGiver,
  type ShareGiverInit,
  type SwitchShareRequest
} from '../share-giver.js'
import type { Attempt } from './attempt.js'
import { CiphertextLedger } from './ciphertext-ledger.js'
import { SharingMismatchError } from './errors.js'
import type { ShamirShare } from './shamir-share.js'

/** As a share giver's; its session is the epoch, its secret the share. */
export type ThresholdShareGiverInit = Omit<ShareGiverInit, 'secret' | 'sessionId' | 'holders' | 'given'> & {
  /** This holder's share. The giver owns it and wipes it on dispose. */
  readonly share: ShamirShare
}

/** Which of the ciphertexts that are asked about under one attempt: each is an instance of its own. */
interface Numbered {
  /** From 0; left out where the attempt is about one alone. */
  readonly ciphertext?: number
}

/** A holder's side where t of n suffice: answers under an `Attempt`. */
export class ThresholdShareGiver implements Disposable {
  readonly #init: ThresholdShareGiverInit
  readonly #shareKey: Uint8Array
  readonly #ledger: CiphertextLedger
  /** Of the epoch's quotas; active sets come and go with queries, and the ledger of an epoch grows long. */
  readonly #given: Given = new Map()
  /** For the active set asked for last. */
  #active: { readonly points: string; readonly giver: ShareGiver } | undefined

  /** @throws as `ShareGiver` */
  constructor(init: ThresholdShareGiverInit) {
    this.#init = init
    this.#shareKey = init.shareKey.slice()
    this.#ledger = new CiphertextLedger(init.ledger)
  }

  /** This holder's point of the sharing. */
  get point(): number {
    return this.#init.share.point
  }

  /** Part of a public key that T makes: after a first dealing, so that no dealer's share and public key can differ. @throws SharingMismatchError, NotActiveError */
  publicKeyShare(attempt: Attempt): Uint8Array {
    return this.#forKey(attempt, giver => giver.publicKeyShare())
  }

  /** @throws as `ShareGiver.relinearizationShareOne`, SharingMismatchError, NotActiveError */
  relinearizationShareOne(attempt: Attempt, level: number): Uint8Array {
    return this.#forKey(attempt, giver => giver.relinearizationShareOne(level))
  }

  /** @throws as `ShareGiver.relinearizationShareTwo`, SharingMismatchError, NotActiveError */
  relinearizationShareTwo(attempt: Attempt, level: number, aggregatedOne: Uint8Array): Uint8Array {
    return this.#forKey(attempt, giver => giver.relinearizationShareTwo(level, aggregatedOne))
  }

  /** @throws as `ShareGiver.galoisShare`, SharingMismatchError, NotActiveError */
  galoisShare(attempt: Attempt, element: number, level: number): Uint8Array {
    return this.#forKey(attempt, giver => giver.galoisShare(element, level))
  }

  /** @throws as `ShareGiver.refreshShare` (SoleKeyShareError where t = 1), CiphertextAlreadyAnsweredError, SharingMismatchError, NotActiveError */
  refreshShare(attempt: Attempt, { ciphertext, ...request }: Omit<RefreshShareRequest, 'instance'> & Numbered): Uint8Array {
    const instance = attempt.instanceOf(ciphertext)
    return this.#forCiphertext(attempt, 'refresh', request.c1, giver => giver.refreshShare({ ...request, instance }))
  }

  /** @throws as `ShareGiver.switchShare` (SoleKeyShareError where t = 1), CiphertextAlreadyAnsweredError, SharingMismatchError, NotActiveError */
  switchShare(attempt: Attempt, { ciphertext, ...request }: Omit<SwitchShareRequest, 'instance'> & Numbered): Uint8Array {
    const instance = attempt.instanceOf(ciphertext)
    return this.#forCiphertext(attempt, 'switch', request.c1, giver => giver.switchShare({ ...request, instance }))
  }

  /** @throws as `switchShare` */
  provableSwitchShare(attempt: Attempt, { ciphertext, ...request }: Omit<ProvableShareRequest, 'instance'> & Numbered): ProvableShare {
    const instance = attempt.instanceOf(ciphertext)
    return this.#forCiphertext(attempt, 'switch', request.c1, giver => giver.provableSwitchShare({ ...request, instance }))
  }

  /** Wipes the share, what was made of it, and the share key. */
  dispose(): void {
    this.#active?.giver.dispose()
    this.#active = undefined
    this.#shareKey.fill(0)
    this.#init.share.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #forKey<T>(attempt: Attempt, body: (giver: ShareGiver) => T): T {
    this.#checkSharing(attempt)
    using giver = this.#makeGiver(attempt, attempt.keySession, this.#init.ledger)
    return body(giver)
  }

  #forCiphertext<T>(attempt: Attempt, protocol: 'refresh' | 'switch', c1: Uint8Array, body: (giver: ShareGiver) => T): T {
    this.#checkSharing(attempt)
    if (attempt.activeSet.access.threshold === 1 && this.#init.allowSoleShares !== true) throw new SoleKeyShareError(protocol)
    const points = attempt.activeSet.points.join()
    if (this.#active?.points !== points) {
      const giver = this.#makeGiver(attempt, attempt.sharing.epoch, this.#ledger, this.#given)
      this.#active?.giver.dispose()
      this.#active = { points, giver }
    }
    const { giver } = this.#active
    return this.#ledger.about(c1, () => body(giver))
  }

  #makeGiver({ activeSet }: Attempt, sessionId: Uint8Array, ledger: ShareLedger, given: Given = new Map()): ShareGiver {
    const { share, ...init } = this.#init
    const secret = share.additiveSecret(activeSet)
    try {
      const holders = activeSet.access.threshold
      // A share giver tells from the number of secrets whether its own is the whole key; here the threshold says it.
      return new ShareGiver(share.context, {
        ...init,
        secret,
        shareKey: this.#shareKey,
        sessionId,
        ledger,
        given,
        holders,
        allowSoleShares: true
      })
    } catch (error) {
      secret.dispose()
      throw error
    }
  }

  #checkSharing({ sharing }: Attempt): void {
    const held = this.#init.share.sharing
    for (const field of ['epoch', 'lineage'] as const) {
      if (!equalBytes(held[field], sharing[field])) throw new SharingMismatchError(field, hex(held[field]), hex(sharing[field]))
    }
    if (held.generation !== sharing.generation) throw new SharingMismatchError('generation', held.generation, sharing.generation)
    const [holders, asked] = [held, sharing].map(({ access }) => `${access.threshold} of ${access.points.join(', ')}`) as [string, string]
    if (holders !== asked) throw new SharingMismatchError('access structure', holders, asked)
  }
}
