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
  type ShareLedger,
  WholeKeyHolder
} from '@slytherin/mhe'
import type { RefreshRequest, RefreshWholeRequest, SwitchRequest } from '../cryptography/key-holder.js'
import type { EncryptionCheck } from '../cryptography/proofs.js'
import { UnforeseenRequestError } from '../errors/unforeseen-request.js'
import { checkRefresh, checkSwitch, galoisLevelOf, relinearizationLevelOf } from '../terms/share-requests.js'
import { ciphertextInstance } from './instances.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { verifyEncryptions } from './proof-statements.js'
import type { SessionSecrets } from './session-secrets.js'

export class KeyHolder {
  readonly #giver: ShareGiver
  readonly #session: OpenSession
  /** Where this party holds the whole key. */
  readonly #whole: WholeKeyHolder | undefined
  /** This party's own sum of round one of the relinearisation key. */
  #rounds: { readonly protocol: RelinearizationKeyGeneration; readonly sum: ShareAggregation<RelinearizationShareOne> } | undefined
  /** Serialised, once everybody's share is in it. */
  #sumOfOne: Uint8Array | undefined

  /**
   * @param secrets         of this session; wiped here
   * @param allowSoleShares that a holder of the whole key gives shares of refreshes and switches; an attack's alone
   */
  constructor(session: OpenSession, secrets: SessionSecrets, ledger: ShareLedger, allowSoleShares = false) {
    this.#session = session
    const { context, sessionId, floodingBits, maximumDecryptions, maximumRefreshes } = session
    const { secretSeed, shareKey } = secrets
    const flooding = { securityBits: floodingBits, maximumDecryptions }
    const common = { shareKey, ledger, sessionId, flooding, maximumRefreshes }
    const secret = (): SecretKey => SecretKey.fromSeed(context, secretSeed)
    try {
      this.#giver = new ShareGiver(context, { ...common, secret: secret(), allowSoleShares })
      if (context.parties === 1) this.#whole = new WholeKeyHolder(context, { ...common, secret: secret() })
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

  /** @throws UnforeseenRequestError unless the plan has a refresh of that level, scale and magnitude; SessionStateError where the key is shared */
  refreshWhole(request: RefreshWholeRequest): Uint8Array[] {
    const { wholeKey } = this
    checkRefresh(this.#session.plan, request)
    const { instance, level, scale, magnitude, masked, c1 } = request
    if (masked.length !== c1.length) throw new UnforeseenRequestError('refresh', 'masked', `${c1.length}`, `${masked.length}`)
    return c1.map((component, k) =>
      wholeKey.refresh({ instance: ciphertextInstance(instance, k), level, scale, magnitude, masked: masked[k]!, c1: component })
    )
  }

  /** @throws UnforeseenRequestError when the level is not the plan's, or less noise is claimed than the plan expects; SessionStateError where the key is shared */
  switchWhole(request: SwitchRequest & { targetKey: Uint8Array }): Uint8Array[] {
    const { wholeKey } = this
    checkSwitch(this.#session.plan, request)
    const { instance, level, noise, c1, targetKey } = request
    const { scale, magnitude } = this.#session.plan.output
    return c1.map((component, k) =>
      wholeKey.switch({ instance: ciphertextInstance(instance, k), level, noise, scale, magnitude, c1: component, targetKey })
    )
  }

  /** @throws SessionStateError where the key is shared */
  get wholeKey(): WholeKeyHolder {
    if (this.#whole === undefined) throw new SessionStateError('this party does not hold the whole key')
    return this.#whole
  }

  dispose(): void {
    this.#whole?.dispose()
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
