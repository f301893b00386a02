/** The model owner encrypts one weight item at a time, when the evaluator has room for it. */

import type { ModelOwnerCryptography } from '../cryptography/model-owner.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import { checkIndex } from '../wire/checks.js'

export function modelOwnerHandlers(party: PartyComponents<ModelOwnerCryptography>): Handlers {
  return {
    modelPart: async (body, context) => {
      const session = party.session()
      session.require('keyed', 'modelPart', context)
      const total = session.plan.weights.count
      checkIndex(body.index, total, 'index', 'modelPart', context.peer)
      const ciphertext = await party.cryptography.modelPart(body.index)
      party.progress({ phase: 'model-upload', done: body.index + 1, total, peer: context.peer })
      return { index: body.index, ciphertext }
    }
  }
}
