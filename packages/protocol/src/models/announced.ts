/** Everybody hears which encrypted model its owner has signed: what help is asked for, and what a result comes from, names it. */
import { toHex } from '../base/digest.js'
import { OutOfOrderMessageError } from '../errors/errors.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import { checkStatement } from '../session/statements.js'
import { peersWith } from '../terms/roster.js'
import { checkHash } from '../wire/checks.js'
import type { WitnessModel } from './witness.js'

/** @param held the parts that a witness has, which it holds the announcement against */
export function announcedModelHandlers(
  party: Pick<PartyComponents, 'shareChecks' | 'evidence' | 'roles' | 'session'>,
  held: Pick<WitnessModel, 'check' | 'confirm'>
): Handlers {
  return {
    modelAnnounce: async (body, context) => {
      const kind = 'modelAnnounce'
      const { peer } = context
      const session = party.session()
      session.require('keyed', kind, context)
      checkHash(body.hash, 'hash', kind, peer)
      const { plan, descriptor } = session
      if (plan.operands.weights === 'clear') {
        throw new OutOfOrderMessageError({ peer, kind, field: 'stage', expected: 'no model, for weights are clear', actual: 'one' })
      }
      const witness = party.roles.includes('witness')
      if (witness) held.check(session, body.hash, kind, context)
      const [owner] = peersWith(descriptor.roster, 'model-owner')
      const statement = { kind: 'model', parts: plan.weights.count, hash: toHex(body.hash) } as const
      await checkStatement(party, session, { signer: owner!, statement, signature: body.signature }, { peer, kind, field: 'signature' })
      session.learnModel(statement.hash, kind, context)
      if (witness) held.confirm()
      return {}
    }
  }
}
