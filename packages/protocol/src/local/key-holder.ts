/**
 * Key holder: gives its shares, each once (the ledger decides), for the session that is open.
 *
 * The secret of a session is derived from the party's long-lived seed and the session identifier, so no two sessions share a secret and a
 * party that comes back after a crash has the same one again.
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
import { deriveSeed } from '@slytherin/ring'
import type { RefreshRequest, SwitchRequest } from '../cryptography/key-holder.js'
import { checkRefresh, checkSwitch, galoisLevelOf, relinearizationLevelOf } from '../terms/share-requests.js'
import { ciphertextInstance } from './instances.js'
import type { OpenSession } from './open-session.js'

/** Long-lived secrets of a key holder; 32 bytes each, from the platform's generator, kept encrypted at rest. */
export interface KeyHolderSecrets {
  readonly secretSeed: Uint8Array
  readonly shareKey: Uint8Array
}

export class KeyHolder {
  readonly #giver: ShareGiver
  readonly #session: OpenSession
  /** This party's own sum of round one of the relinearisation key. */
  #rounds: { readonly protocol: RelinearizationKeyGeneration; readonly sum: ShareAggregation<RelinearizationShareOne> } | undefined
  /** Serialised, once everybody's share is in it. */
  #sumOfOne: Uint8Array | undefined

  constructor(session: OpenSession, secrets: KeyHolderSecrets, ledger: ShareLedger) {
    this.#session = session
    const seed = deriveSeed(secrets.secretSeed, 'session secret', session.sessionId)
    const shareKey = deriveSeed(secrets.shareKey, 'session share key', session.sessionId)
    try {
      this.#giver = new ShareGiver(session.context, {
        secret: SecretKey.fromSeed(session.context, seed),
        shareKey,
        ledger,
        sessionId: session.sessionId,
        flooding: { statisticalBits: session.floodingBits, maximumDecryptions: session.maximumDecryptions }
      })
    } finally {
      seed.fill(0)
      shareKey.fill(0)
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
