/** A key holder's shares of the evaluation keys. Which keys the plan names, and for which levels (no message carries one), is checked where they are made. */
import { hash } from '../base/digest.js'
import type { KeyHolderCryptography } from '../cryptography/key-holder.js'
import { Given } from '../session/given.js'
import { Once } from '../session/once.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checkBytes } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'

export class EvaluationKeyDuty {
  readonly #party: PartyComponents<KeyHolderCryptography>
  readonly #once = new Once()
  readonly #given: Given

  constructor(party: PartyComponents<KeyHolderCryptography>) {
    this.#party = party
    this.#given = new Given(party)
  }

  /** A new session begins. */
  reset(): void {
    this.#once.reset()
    this.#given.reset()
  }

  readonly handlers: Handlers = {
    relinearizationOne: async (_body, context) => {
      this.#session('relinearizationOne', context)
      return this.#given.reply('relinearization-key', 2, context, [await this.#party.cryptography.relinearizationShareOne()])
    },

    relinearizationTwo: async (body, context) => {
      const kind = 'relinearizationTwo'
      const session = this.#session(kind, context)
      checkBytes(body.aggregate, session.record.sizes.relinearizationShare, 'aggregate', kind, context.peer)
      const share = await this.#once.answer(kind, '', await hash(body.aggregate), context, async () => {
        return await this.#party.cryptography.relinearizationShareTwo(body.aggregate)
      })
      return this.#given.reply('relinearization-key', 2, context, [share])
    },

    galois: async (body, context) => {
      const { plan } = this.#session('galois', context)
      return this.#given.reply('galois-keys', plan.galoisKeys.length, context, [await this.#party.cryptography.galoisShare(body.element)])
    }
  }

  #session(kind: string, context: HandlerContext): PartySession {
    const session = this.#party.session()
    session.require('keyed', kind, context)
    return session
  }
}
