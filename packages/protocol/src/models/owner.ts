/** The model owner encrypts one weight item at a time, when the evaluator has room for it, and signs them all when it has sent them. */

import { hash, toHex } from '../base/digest.js'
import type { ModelOwnerCryptography } from '../cryptography/model-owner.js'
import { OutOfOrderMessageError } from '../errors/errors.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { signStatement } from '../session/statements.js'
import { modelBatches } from '../terms/proof-batches.js'
import { componentsHash } from '../terms/statements.js'
import { checkIndex } from '../wire/checks.js'

export function modelOwnerHandlers(party: PartyComponents<ModelOwnerCryptography>): Handlers {
  /** Hashes of the parts that were sent, the latest of each. */
  const sent = new WeakMap<PartySession, Map<number, Uint8Array>>()
  return {
    modelPart: async (body, context) => {
      const session = party.session()
      session.require('keyed', 'modelPart', context)
      const total = session.plan.weights.count
      checkIndex(body.index, total, 'index', 'modelPart', context.peer)
      const ciphertext = await party.cryptography.modelPart(body.index)
      const hashes = sent.get(session) ?? new Map<number, Uint8Array>()
      sent.set(session, hashes)
      hashes.set(body.index, await hash(ciphertext))
      party.progress({ phase: 'model-upload', done: body.index + 1, total, peer: context.peer })
      return { index: body.index, ciphertext }
    },

    modelSign: async (_body, context) => {
      const kind = 'modelSign'
      const session = party.session()
      session.require('keyed', kind, context)
      const { count } = session.plan.weights
      const hashes = sent.get(session) ?? new Map<number, Uint8Array>()
      if (hashes.size !== count) {
        const actual = `${hashes.size} of ${count} parts sent`
        throw new OutOfOrderMessageError({ peer: context.peer, kind, field: 'stage', expected: 'all parts of the model sent', actual })
      }
      const total = componentsHash(Array.from({ length: count }, (_, index) => hashes.get(index)!))
      return { hash: total, signature: await signStatement(party, session, { kind: 'model', parts: count, hash: toHex(total) }) }
    },

    modelProof: async (body, context) => {
      const kind = 'modelProof'
      const session = party.session()
      session.require('keyed', kind, context)
      const batches = modelBatches(session.plan).length
      checkIndex(body.batch, batches, 'batch', kind, context.peer)
      const proof = await session.record.meter.measure('proofs', async () => await party.cryptography.proveModel(body.batch))
      party.progress({ phase: 'proofs', done: body.batch + 1, total: batches, peer: context.peer })
      return { batch: body.batch, proof }
    }
  }
}
