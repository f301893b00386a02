/** An evaluator proposes itself as the only key holder of "encrypted" data, and reads what it is sent. */
import { SecretKey } from '@slytherin/ckks'
import { MemorySessionSecrets, type SessionSecrets } from '@slytherin/protocol'
import type { Attack } from './attack.js'
import { cast, readsSample } from './parties.js'

class SeenSecrets extends MemorySessionSecrets {
  seed: Uint8Array | undefined

  override async take(sessionId: Uint8Array): Promise<SessionSecrets> {
    const secrets = await super.take(sessionId)
    this.seed = secrets.secretSeed.slice()
    return secrets
  }
}

export const soleKeyEvaluator: Attack = {
  name: 'sole-key-evaluator',
  layer: 'no evaluator holds the whole key of what others encrypt',
  stoppedBy: /descriptor rejected .*field plan\.operands\.data/,
  networked: true,
  fast: true,
  mount: async ({ layerOn, sockets }) => {
    const secrets = new SeenSecrets()
    const parties = await cast({
      sockets,
      roles: { clinic: ['evaluator', 'key-holder', 'model-owner'], patient: ['data-owner', 'querier'] },
      operands: { data: 'encrypted', weights: 'encrypted' },
      party: peer =>
        peer === 'patient' && layerOn ? {} : { policy: { data: 'encrypted', weights: 'encrypted', allowSoleKeyEvaluator: true } },
      secrets: () => secrets
    })
    const input = Promise.withResolvers<Uint8Array>()
    parties.watch(message => {
      if (message.from === 'patient' && message.header.kind === 'queryInput') input.resolve(message.body('queryInput').ciphertext)
      return undefined
    })
    const run = parties.coordinator.run()
    parties
      .member('patient')
      .query(parties.samples)
      .catch(() => undefined)
    try {
      const bytes = await Promise.race([input.promise, run.then(() => undefined)])
      if (bytes === undefined) return { succeeded: false, detail: 'the session ended without an input' }
      const context = await parties.context()
      using secret = SecretKey.fromSeed(context, secrets.seed!)
      const succeeded = readsSample(context, secret, parties.plan(), bytes, parties.samples[0]!)
      return { succeeded, detail: succeeded ? 'the evaluator read the patient’s sample' : 'the sample stayed unread' }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      run.catch(() => undefined)
      await parties.stop()
    }
  }
}
