/**
 * What a key holder does for a query: shares of refreshes and of switches.
 *
 * - only for queries that their owners have signed, and under the names that the plan gives (announced.ts); request and shares are signed;
 * - level, scale, magnitude and noise are checked against the signed plan where shares are made (terms/share-requests.ts), their number and length here;
 * - one input per instance: the same request again gets the same bytes (from the ledger inside the cryptography), another one is refused;
 * - a switch goes to the result key that the querier's acceptance bound, and counts against that querier's quota.
 */

import type { KeyHolderCryptography } from '../cryptography/key-holder.js'
import { Given } from '../session/given.js'
import { Once } from '../session/once.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { SwitchQuota } from '../session/quota.js'
import { switchStep } from '../terms/instances.js'
import type { Assisted } from '../terms/statements.js'
import { checkList, checkText } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { type AnnouncedQueries, checkRefreshInstance, checkSwitchInstance } from './announced.js'
import { checkAsked, inputHash, type Permit, resultKeyOf, signGiven, switchTo } from './asked.js'
import { CheckedProofs } from './checked-proofs.js'
import { checkEndorsements } from './endorsements.js'
import { demandSharedKey } from './key-mode.js'

export class KeyHolderDuty {
  readonly #party: PartyComponents<KeyHolderCryptography>
  readonly #resultKeys: ReadonlyMap<string, Uint8Array>
  readonly handlers: Handlers
  readonly #once = new Once()
  readonly #given: Given
  readonly #quota = new SwitchQuota()
  readonly #announced: AnnouncedQueries
  readonly #proofs: CheckedProofs
  readonly #hasEndorsed: (assisted: Assisted) => boolean

  /**
   * @param resultKeys by querier, as they were bound when the session opened
   * @param hasEndorsed whether this process, as a witness, has come to the same
   */
  constructor(
    party: PartyComponents<KeyHolderCryptography>,
    resultKeys: ReadonlyMap<string, Uint8Array>,
    announced: AnnouncedQueries,
    hasEndorsed: (assisted: Assisted) => boolean
  ) {
    this.#party = party
    this.#given = new Given(party)
    this.#announced = announced
    this.#hasEndorsed = hasEndorsed
    this.#resultKeys = resultKeys
    this.#proofs = new CheckedProofs(party)
    this.handlers = { ...this.#proofs.handlers, ...this.#assistance }
  }

  /** A new session begins. */
  reset(): void {
    this.#once.reset()
    this.#quota.reset()
    this.#given.reset()
    this.#proofs.reset()
  }

  /** Whether a query is one that its owner has signed, and its inputs and the model are proved where that is asked for. @throws typed errors of both */
  readonly permit: Permit = ({ query, querier }, kind, context) => {
    const signed = this.#announced.require(query, querier, kind, context)
    this.#proofs.require(query, signed.signer, kind, context)
    return signed
  }

  readonly #assistance: Handlers = {
    refresh: async (body, context) => {
      const kind = 'refresh'
      const session = this.#session(kind, context)
      demandSharedKey(this.#party, session, kind, context)
      const { record } = session
      checkText(body.instance, 'instance', kind, context.peer)
      checkList(body.c1, record.sizes.refreshCount, record.sizes.refreshC1, 'c1', kind, context.peer)
      const of = this.#announced.require(body.query, body.querier, kind, context)
      checkRefreshInstance(session, body, context)
      const assisted = await checkAsked(this.#party, session, { kind, body, of, components: body.c1, step: body.step }, context)
      this.#proofs.require(body.query, of.signer, kind, context)
      await this.#endorsed(session, assisted, body, context)
      const input = await inputHash([body.level, body.scale, body.magnitude], body.c1)
      const shares = await this.#once.answer(
        kind,
        body.instance,
        input,
        context,
        async () => await this.#party.cryptography.refreshShare(body)
      )
      session.refreshes.add(body.instance)
      return await this.#signed(session, assisted, shares, context)
    },

    switch: async (body, context) => {
      const kind = 'switch'
      const session = this.#session(kind, context)
      demandSharedKey(this.#party, session, kind, context)
      const { record, descriptor } = session
      checkText(body.instance, 'instance', kind, context.peer)
      checkText(body.query, 'query', kind, context.peer)
      checkList(body.c1, record.sizes.switchCount, record.sizes.switchC1, 'c1', kind, context.peer)
      const targetKey = resultKeyOf(this.#resultKeys, body.querier, kind, context)
      const of = this.#announced.require(body.query, body.querier, kind, context)
      checkSwitchInstance(body, context)
      const step = switchStep(session.plan)
      const assisted = await checkAsked(this.#party, session, { kind, body, of, components: body.c1, step }, context)
      this.#proofs.require(body.query, of.signer, kind, context)
      await this.#endorsed(session, assisted, body, context)
      const input = await inputHash([body.query, body.querier, body.level, body.noise], body.c1)
      const { instance, level, noise, c1 } = body
      const shares = await this.#once.answer(kind, instance, input, context, async again => {
        const give = async (): Promise<Uint8Array[]> =>
          await this.#party.cryptography.switchShare({ instance, level, noise, c1, targetKey })
        const quota = { querier: body.querier, count: c1.length, allowed: descriptor.switchesPerQuerier }
        return await switchTo(again ? undefined : this.#quota, quota, kind, context, give)
      })
      return await this.#signed(session, assisted, shares, context)
    }
  }

  /** @throws NotEndorsedError unless as many witnesses have come to the same as this party demands */
  async #endorsed(
    session: PartySession,
    assisted: Assisted,
    { endorsements }: Pick<Bodies['switch'], 'endorsements'>,
    { peer }: HandlerContext
  ): Promise<void> {
    await checkEndorsements(this.#party, session, assisted, endorsements, this.#hasEndorsed(assisted), peer)
  }

  async #signed(session: PartySession, assisted: Assisted, shares: Uint8Array[], context: HandlerContext): Promise<Bodies['shares']> {
    const signature = await signGiven(this.#party, session, assisted, shares)
    return { ...this.#given.reply(assisted.assist, 0, context, shares), signature }
  }

  #session(kind: string, context: HandlerContext): PartySession {
    const session = this.#party.session()
    session.require('keyed', kind, context)
    return session
  }
}
