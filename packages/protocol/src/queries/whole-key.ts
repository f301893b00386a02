/**
 * What a key holder that is the only one does for a query: it re-encrypts, and gives no shares.
 *
 * The checks are those of key-holder.ts: queries that their owners have signed, requests that the evaluator has, level, scale, magnitude and noise against the signed plan beside the secret, one input per instance, results to the key that the
 * querier's acceptance bound and within its quota. A querier that holds the key itself is not asked for results: it decrypts them (local/whole-key-assistance.ts).
 */
import type { KeyHolderCryptography } from '../cryptography/key-holder.js'
import { MalformedMessageError } from '../errors/errors.js'
import { Once } from '../session/once.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { SwitchQuota } from '../session/quota.js'
import { switchStep } from '../terms/instances.js'
import type { Assisted } from '../terms/statements.js'
import { checkList, checkText } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { checkRefreshInstance, checkSwitchInstance } from './announced.js'
import { checkAsked, inputHash, type Permit, resultKeyOf, signGiven, switchTo } from './asked.js'
import { demandWholeKey } from './key-mode.js'

export class WholeKeyDuty {
  readonly #party: PartyComponents<KeyHolderCryptography>
  readonly #resultKeys: ReadonlyMap<string, Uint8Array>
  readonly #permit: Permit
  readonly #once = new Once()
  readonly #quota = new SwitchQuota()
  #answered = { refresh: 0, switch: 0 }

  /**
   * @param resultKeys by querier, as they were bound when the session opened
   * @param permit     whether a query may be helped with (key-holder.ts)
   */
  constructor(party: PartyComponents<KeyHolderCryptography>, resultKeys: ReadonlyMap<string, Uint8Array>, permit: Permit) {
    this.#party = party
    this.#resultKeys = resultKeys
    this.#permit = permit
  }

  /** A new session begins. */
  reset(): void {
    this.#once.reset()
    this.#quota.reset()
    this.#answered = { refresh: 0, switch: 0 }
  }

  readonly handlers: Handlers = {
    refreshWhole: async (body, context) => {
      const kind = 'refreshWhole'
      const { peer } = context
      const session = this.#party.session()
      session.require('keyed', kind, context)
      demandWholeKey(session, kind, context)
      const { sizes } = session.record
      checkText(body.instance, 'instance', kind, peer)
      checkList(body.masked, sizes.refreshCount, sizes.refreshC1, 'masked', kind, peer)
      checkList(body.c1, sizes.refreshCount, sizes.refreshC1, 'c1', kind, peer)
      if (body.masked.length !== body.c1.length) {
        const [expected, actual] = [body.c1, body.masked].map(list => `${list.length} elements`) as [string, string]
        throw new MalformedMessageError({ peer, kind, field: 'masked', expected, actual })
      }
      const of = this.#permit(body, kind, context)
      checkRefreshInstance(session, body, context, kind)
      const components = [...body.c1, ...body.masked]
      const assisted = await checkAsked(this.#party, session, { kind, body, of, components, step: body.step }, context)
      const input = await inputHash([body.level, body.scale, body.magnitude], components)
      const give = async (): Promise<Uint8Array[]> => await this.#party.cryptography.refreshWhole(body)
      const ciphertexts = await this.#once.answer(kind, body.instance, input, context, give)
      session.refreshes.add(body.instance)
      return await this.#reply(session, assisted, ciphertexts, context)
    },

    switchWhole: async (body, context) => {
      const kind = 'switchWhole'
      const { peer } = context
      const session = this.#party.session()
      session.require('keyed', kind, context)
      demandWholeKey(session, kind, context)
      const { sizes } = session.record
      checkText(body.instance, 'instance', kind, peer)
      checkText(body.query, 'query', kind, peer)
      checkList(body.c1, sizes.switchCount, sizes.switchC1, 'c1', kind, peer)
      const targetKey = resultKeyOf(this.#resultKeys, body.querier, kind, context)
      const of = this.#permit(body, kind, context)
      checkSwitchInstance(body, context, kind)
      const step = switchStep(session.plan)
      const assisted = await checkAsked(this.#party, session, { kind, body, of, components: body.c1, step }, context)
      const input = await inputHash([body.query, body.querier, body.level, body.noise], body.c1)
      const { querier, instance, level, noise, c1 } = body
      const ciphertexts = await this.#once.answer(kind, instance, input, context, async again => {
        const give = async (): Promise<Uint8Array[]> =>
          await this.#party.cryptography.switchWhole({ instance, level, noise, c1, targetKey })
        const quota = { querier, count: c1.length, allowed: session.descriptor.switchesPerQuerier }
        return await switchTo(again ? undefined : this.#quota, quota, kind, context, give)
      })
      return await this.#reply(session, assisted, ciphertexts, context)
    }
  }

  async #reply(
    session: PartySession,
    assisted: Assisted,
    ciphertexts: Uint8Array[],
    { peer }: HandlerContext
  ): Promise<Bodies['reencrypted']> {
    const { assist: phase } = assisted
    const signature = await signGiven(this.#party, session, assisted, ciphertexts)
    const done = ++this.#answered[phase]
    this.#party.progress({ phase, done, total: done, peer })
    return { ciphertexts, signature }
  }
}
