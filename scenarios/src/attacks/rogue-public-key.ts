/**
 * A key holder that speaks last, with an evaluator that shows it the others' shares first, sends b* − Σ b_i: the "collective" public key is then b*, whose
 * secret it holds alone, and what data owners encrypt is encrypted for it.
 */
import { Context, Parameters, SecretKey } from '@slytherin/ckks'
import { PublicKeyGeneration } from '@slytherin/mhe'
import { LocalCryptography, type LocalCryptographyOptions, type SessionParameters } from '@slytherin/protocol'
import { loadKernel } from '@slytherin/ring'
import type { Attack } from './attack.js'
import { cast, NO_SHARE_CHECKS, readsSample } from './parties.js'

class RogueHolder extends LocalCryptography {
  /** The other holder's share, once the evaluator has shown it. */
  readonly shown = Promise.withResolvers<Uint8Array>()
  readonly #seed = crypto.getRandomValues(new Uint8Array(32))
  #session: SessionParameters | undefined
  #committed = false

  static override async create(options: LocalCryptographyOptions): Promise<RogueHolder> {
    return new RogueHolder(options, await LocalCryptography.loadKernel(options))
  }

  override async open(session: SessionParameters): Promise<void> {
    this.#session = session
    await super.open(session)
  }

  /** Something to commit to first; then what makes the sum its own. */
  override async publicKeyShare(): Promise<Uint8Array> {
    if (!this.#committed) {
      this.#committed = true
      return await super.publicKeyShare()
    }
    const { plan, sessionId, parties } = this.#session!
    const context = Context.create(Parameters.fromJSON(plan.parameters), await loadKernel(), { parties })
    const generation = new PublicKeyGeneration(context, sessionId)
    const wanted = generation.share(this.secret(context), crypto.getRandomValues(new Uint8Array(32)))
    context.ring.subtract(wanted, wanted, generation.deserialize(await this.shown.promise))
    const share = generation.serialize(wanted)
    context.dispose()
    return share
  }

  /** s*, which no other holder has a part in. */
  secret(context: Context): SecretKey {
    return SecretKey.fromSeed(context, this.#seed)
  }
}

export const roguePublicKey: Attack = {
  name: 'rogue-public-key',
  layer: 'commit, then reveal',
  stoppedBy: /signature or commitment does not verify .*publicKeyPart, field share.*caused by rogue/,
  networked: true,
  fast: true,
  mount: async ({ layerOn, sockets }) => {
    let rogue: RogueHolder | undefined
    const parties = await cast({
      sockets,
      roles: {
        clinic: ['evaluator'],
        honest: ['key-holder'],
        rogue: ['key-holder', 'model-owner'],
        patient: ['data-owner', 'querier']
      },
      operands: { data: 'encrypted', weights: 'encrypted' },
      // One layer: what is attacked is over before anything is evaluated.
      model: 'breast-cancer-wdbc-logreg',
      party: peer => (layerOn && (peer === 'honest' || peer === 'patient') ? {} : { shareChecks: NO_SHARE_CHECKS }),
      cryptography: (peer, options) => (peer === 'rogue' ? RogueHolder.create(options).then(made => (rogue = made)) : undefined)
    })
    const input = Promise.withResolvers<Uint8Array>()
    parties.watch(message => {
      if (message.from === 'honest' && message.header.kind === 'revealedShare') rogue!.shown.resolve(message.body('revealedShare').share)
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
      const succeeded = readsSample(context, rogue!.secret(context), parties.plan(), bytes, parties.samples[0]!)
      return { succeeded, detail: succeeded ? 'the rogue holder alone read the patient’s sample' : 'the sample stayed unread' }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      run.catch(() => undefined)
      await parties.stop()
    }
  }
}
