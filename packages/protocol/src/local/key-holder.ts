/**
 * Key holder: gives its shares, each once (the ledger decides), for the session that is open.
 *
 * What its secret and the randomness of its shares are made from is fresh in every session (session-secrets.ts).
 */
import { SecretKey } from '@slytherin/ckks'
import {
  MissingShareError,
  RelinearizationKeyGeneration,
  type RelinearizationShareOne,
  type ShareAggregation,
  ShareGiver,
  type ShareLedger
} from '@slytherin/mhe'
import type { RefreshRequest, SwitchRequest } from '../cryptography/key-holder.js'
import type { EncryptionCheck } from '../cryptography/proofs.js'
import { checkRefresh, checkSwitch, galoisLevelOf, relinearizationLevelOf } from '../terms/share-requests.js'
import { ciphertextInstance } from './instances.js'
import type { OpenSession } from './open-session.js'
import { verifyEncryptions } from './proof-statements.js'
import type { SessionSecrets } from './session-secrets.js'

export class KeyHolder {
  readonly #giver: ShareGiver
  readonly #session: OpenSession
  /** This party's own sum of round one of the relinearisation key. */
  #rounds: { readonly protocol: RelinearizationKeyGeneration; readonly sum: ShareAggregation<RelinearizationShareOne> } | undefined
  /** Serialised, once everybody's share is in it. */
  #sumOfOne: Uint8Array | undefined

  /** @param secrets of this session; wiped here */
  constructor(session: OpenSession, secrets: SessionSecrets, ledger: ShareLedger) {
    this.#session = session
    try {
      this.#giver = new ShareGiver(session.context, {
        secret: SecretKey.fromSeed(session.context, secrets.secretSeed),
        shareKey: secrets.shareKey,
        ledger,
        sessionId: session.sessionId,
        flooding: { securityBits: session.floodingBits, maximumDecryptions: session.maximumDecryptions },
        maximumRefreshes: session.maximumRefreshes
      })
    } finally {
      secrets.secretSeed.fill(0)
      secrets.shareKey.fill(0)
    }
  }

  publicKeyShare(): Uint8Array {
    return this.#giver.publicKeyShare()
  }

  /** @throws UnforeseenRequestError when the plan has no relinearisation key */
  relinearizationShareOne(): Uint8Array {
    return this.#giver.relinearizationShareOne(relinearizationLevelOf(this.#session.plan))
  }

  /** @throws UnforeseenRequestError when the plan has no relinearisation key; mhe's typed errors (malformed, duplicate with other bytes, not a member) */
  addRelinearizationShareOne(party: number, share: Uint8Array): void {
    this.#roundOne.add(party, share)
  }

  /** @throws UnforeseenRequestError when the plan has no relinearisation key; MissingShareError before the sum of round one is complete */
  relinearizationShareTwo(): Uint8Array {
    const roundOne = this.#roundOne
    if (roundOne.complete && this.#sumOfOne === undefined) {
      const sum = roundOne.take()
      this.#sumOfOne = this.#rounds!.protocol.serializeOne(sum, 'aggregate')
      this.#rounds!.protocol.formatOne.dispose(sum)
    }
    if (this.#sumOfOne === undefined) throw new MissingShareError('relinearization-1', roundOne.identity.instance, roundOne.missing)
    return this.#giver.relinearizationShareTwo(relinearizationLevelOf(this.#session.plan), this.#sumOfOne)
  }

  /** At the plan's level. @throws UnforeseenRequestError when the plan has no such key */
  galoisShare(element: number): Uint8Array {
    return this.#giver.galoisShare(element, galoisLevelOf(this.#session.plan, element))
  }

  /** @throws SessionStateError when there is no such batch; mhe's typed errors when the proof does not hold */
  verifyEncryptions(check: EncryptionCheck): void {
    verifyEncryptions(this.#session, check)
  }

  /** @throws UnforeseenRequestError unless the plan has a refresh of that level, scale and magnitude */
  refreshShare(request: RefreshRequest): Uint8Array[] {
    checkRefresh(this.#session.plan, request)
    const { instance, level, scale, magnitude, c1 } = request
    return c1.map((component, k) =>
      this.#giver.refreshShare({ instance: ciphertextInstance(instance, k), level, scale, magnitude, c1: component })
    )
  }

  /** @throws UnforeseenRequestError when the level is not the plan's, or less noise is claimed than the plan expects */
  switchShare(request: SwitchRequest & { targetKey: Uint8Array }): Uint8Array[] {
    checkSwitch(this.#session.plan, request)
    const { instance, level, noise, c1, targetKey } = request
    const { scale, magnitude } = this.#session.plan.output
    return c1.map((component, k) =>
      this.#giver.switchShare({ instance: ciphertextInstance(instance, k), level, noise, scale, magnitude, c1: component, targetKey })
    )
  }

  dispose(): void {
    this.#rounds?.sum.dispose()
    this.#giver.dispose()
  }

  get #roundOne(): ShareAggregation<RelinearizationShareOne> {
    const { context, sessionId, parties, plan } = this.#session
    if (this.#rounds === undefined) {
      const protocol = new RelinearizationKeyGeneration(context, sessionId, relinearizationLevelOf(plan))
      this.#rounds = { protocol, sum: protocol.aggregationOne(parties) }
    }
    return this.#rounds.sum
  }
}
