/** A key holder's shares of the evaluation keys: only keys that the plan names, each for the level it names (no message carries one). */
import { hash } from '../base/digest.js'
import type { KeyHolderCryptography } from '../cryptography/key-holder.js'
import { MalformedMessageError } from '../errors/errors.js'
import { Given } from '../session/given.js'
import { Once } from '../session/once.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { galoisElements } from '../terms/plan.js'
import { checkBytes, checkOneOf } from '../wire/checks.js'
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
      demandRelinearization(this.#session('relinearizationOne', context), 'relinearizationOne', context)
      return this.#given.reply('relinearization-key', 2, context, [await this.#party.cryptography.relinearizationShareOne()])
    },

    relinearizationTwo: async (body, context) => {
      const kind = 'relinearizationTwo'
      const session = this.#session(kind, context)
      demandRelinearization(session, kind, context)
      checkBytes(body.aggregate, session.record.sizes.relinearizationShare, 'aggregate', kind, context.peer)
      const share = await this.#once.answer(kind, '', await hash(body.aggregate), context, async () => {
        return await this.#party.cryptography.relinearizationShareTwo(body.aggregate)
      })
      return this.#given.reply('relinearization-key', 2, context, [share])
    },

    galois: async (body, context) => {
      const elements = galoisElements(this.#session('galois', context).plan)
      checkOneOf(body.element, elements, 'element', 'galois', context.peer)
      return this.#given.reply('galois-keys', elements.length, context, [await this.#party.cryptography.galoisShare(body.element)])
    }
  }

  #session(kind: string, context: HandlerContext): PartySession {
    const session = this.#party.session()
    session.require('keyed', kind, context)
    return session
  }
}

/** @throws MalformedMessageError when the plan has no relinearisation key */
function demandRelinearization({ plan }: PartySession, kind: string, { peer }: HandlerContext): void {
  if (plan.relinearizationLevel !== null) return
  throw new MalformedMessageError({ peer, kind, field: 'kind', expected: 'a key that the plan names', actual: kind })
}
