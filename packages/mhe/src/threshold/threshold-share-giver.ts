/**
 * A key holder's hand where t of n suffice: what `ShareGiver` is for n of n, under attempts.
 *
 * For each request the additive secret λ_j·s̃_j is made, used and wiped. The share's randomness is HMAC(share key, epoch ‖ protocol ‖ instance ‖ input hash) with the
 * attempt in the instance, so neither a lost ledger nor another active set ever meets the same randomness.
 *
 * n of n is the case t = n. A new generation of the share needs no new share key: the generation is in the instance.
 */
import type { SecretKey } from '@slytherin/ckks'
import { equalBytes, hex } from '../hash.js'
import type { ShareLedger } from '../ledger.js'
import { type RefreshShareRequest, ShareGiver, type ShareGiverInit, type SwitchShareRequest } from '../share-giver.js'
import type { Attempt } from './attempt.js'
import { CiphertextLedger } from './ciphertext-ledger.js'
import { SharingMismatchError } from './errors.js'
import type { ShamirShare } from './shamir-share.js'

/** As a share giver's; its session is the epoch, its secret the share. */
export type ThresholdShareGiverInit = Omit<ShareGiverInit, 'secret' | 'sessionId'> & {
  /** This holder's share. The giver owns it and wipes it on dispose. */
  readonly share: ShamirShare
}

export class ThresholdShareGiver implements Disposable {
  readonly #init: ThresholdShareGiverInit
  readonly #shareKey: Uint8Array

  /** @throws as `ShareGiver` */
  constructor(init: ThresholdShareGiverInit) {
    this.#init = init
    this.#shareKey = init.shareKey.slice()
  }

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

  /** @throws as `ShareGiver.refreshShare`, CiphertextAlreadyAnsweredError, SharingMismatchError, NotActiveError */
  refreshShare(attempt: Attempt, request: Omit<RefreshShareRequest, 'instance'>): Uint8Array {
    return this.#forCiphertext(attempt, request.c1, giver => giver.refreshShare({ ...request, instance: attempt.instance }))
  }

  /** @throws as `ShareGiver.switchShare`, CiphertextAlreadyAnsweredError, SharingMismatchError, NotActiveError */
  switchShare(attempt: Attempt, request: Omit<SwitchShareRequest, 'instance'>): Uint8Array {
    return this.#forCiphertext(attempt, request.c1, giver => giver.switchShare({ ...request, instance: attempt.instance }))
  }

  /** Wipes the share and the share key. */
  dispose(): void {
    this.#shareKey.fill(0)
    this.#init.share.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #forKey<T>(attempt: Attempt, body: (giver: ShareGiver) => T): T {
    this.#checkSharing(attempt)
    return this.#withGiver(attempt, attempt.keySession, this.#init.ledger, body)
  }

  #forCiphertext<T>(attempt: Attempt, c1: Uint8Array, body: (giver: ShareGiver) => T): T {
    this.#checkSharing(attempt)
    return this.#withGiver(attempt, attempt.sharing.epoch, new CiphertextLedger(this.#init.ledger, c1), body)
  }

  #withGiver<T>(attempt: Attempt, sessionId: Uint8Array, ledger: ShareLedger, body: (giver: ShareGiver) => T): T {
    const { share, ...init } = this.#init
    const secret: SecretKey = share.additiveSecret(attempt.activeSet)
    let giver: ShareGiver
    try {
      giver = new ShareGiver(share.context, { ...init, secret, shareKey: this.#shareKey, sessionId, ledger })
    } catch (error) {
      secret.dispose()
      throw error
    }
    try {
      return body(giver)
    } finally {
      giver.dispose()
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
