/**
 * The model owner does with its weights what probing-querier.ts does with inputs, and a querier in league with it asks ordinary questions: the "weights" are slots of the
 * collective secret, and the predictions for samples of one feature alone are that feature's.
 */
import { Context, Encryptor, Parameters, serializeCiphertext } from '@slytherin/ckks'
import { PublicKeyGeneration } from '@slytherin/mhe'
import { LocalCryptography, type LocalCryptographyOptions, type SessionParameters } from '@slytherin/protocol'
import { loadKernel } from '@slytherin/ring'
import type { Attack } from './attack.js'
import { cast } from './parties.js'
import { GAIN, ProbingQuerier, slotsOfFeature, watchPublicKey, withSecretMessage, withUnprovenMessage } from './probing.js'
import { isSecretOf, noSlots, wholeNumbers } from './recovery.js'

const FEATURES = 30
const BATCH = 128

/** A model owner whose model is zero, but for its first part, which is g·s. */
class ProbingOwner extends LocalCryptography {
  #session: { readonly parameters: SessionParameters; readonly context: Context } | undefined
  #encryptor: Encryptor | undefined

  static override async create(options: LocalCryptographyOptions): Promise<ProbingOwner> {
    return new ProbingOwner(options, await LocalCryptography.loadKernel(options))
  }

  override async open(session: SessionParameters): Promise<void> {
    const { plan, parties } = session
    this.#session = { parameters: session, context: Context.create(Parameters.fromJSON(plan.parameters), await loadKernel(), { parties }) }
    await super.open(session)
  }

  override async setPublicKey(shares: Uint8Array[]): Promise<Uint8Array> {
    const { parameters, context } = this.#session!
    const generation = new PublicKeyGeneration(context, parameters.sessionId)
    const key = generation.finalize(generation.aggregate(shares.map(share => generation.deserialize(share))))
    this.#encryptor = new Encryptor(context, key)
    return await super.setPublicKey(shares)
  }

  override async modelPart(index: number): Promise<Uint8Array> {
    const { parameters, context } = this.#session!
    const item = parameters.plan.weights.items[index]!
    const mask = new Float64Array(context.parameters.slots).fill(GAIN)
    // Where everything is proved the weights stay what they are: it is the proof of g·s that fails.
    if (parameters.proofs !== undefined) {
      const honest = await super.modelPart(index)
      return index === 0 ? withUnprovenMessage(context, honest, item, mask) : honest
    }
    using nothing = context.encoder.encode(new Float64Array(1), { ...item, magnitude: 1 })
    using ciphertext = this.#encryptor!.encrypt(nothing)
    const zero = serializeCiphertext(ciphertext)
    return index === 0 ? withSecretMessage(context, zero, item, mask) : zero
  }
}

export const probingModelOwner: Attack = {
  name: 'probing-model-owner',
  layer: 'proofs of encryption',
  stoppedBy: /proof of encryption does not hold .*message modelProofReply, field challenge, caused by owner/,
  networked: true,
  mount: async ({ layerOn, sockets }) => {
    let prober: ProbingQuerier | undefined
    const parties = await cast({
      sockets,
      roles: {
        clinic: ['evaluator'],
        first: ['key-holder'],
        second: ['key-holder'],
        owner: ['model-owner'],
        patient: ['data-owner', 'querier']
      },
      operands: { data: 'encrypted', weights: 'encrypted' },
      model: 'breast-cancer-wdbc-logreg',
      batch: BATCH,
      queries: undefined,
      proofs: layerOn,
      cryptography: (name, options) => {
        if (name === 'owner') return ProbingOwner.create(options)
        return name === 'patient' ? ProbingQuerier.create(options).then(made => (prober = made)) : undefined
      }
    })
    const shares = watchPublicKey(parties)
    const run = parties.coordinator.run()
    run.catch(() => undefined)
    try {
      const patient = parties.member('patient')
      await patient.ready()
      const { N } = Parameters.fromJSON(parties.plan().parameters)
      const slots = noSlots(N)
      for (let feature = 0; feature < FEATURES; feature++) {
        const samples = Array.from({ length: BATCH }, () => new Float64Array(FEATURES).fill(1, feature, feature + 1))
        const answered = await Promise.race([patient.query(samples), run.then(() => undefined)])
        if (answered === undefined) throw new Error('the session ended')
        const { real, imaginary } = prober!.read!
        for (const [i, slot] of slotsOfFeature(parties.plan(), FEATURES, feature).entries()) {
          slots.real[slot] = real[i]! / GAIN
          slots.imaginary[slot] = imaginary[i]! / GAIN
          slots.has[slot] = 1
        }
      }
      const succeeded = isSecretOf(await parties.context(), shares.session!, [...shares.byHolder.values()], wholeNumbers(N, slots))
      return {
        succeeded,
        detail: succeeded ? `${N} of ${N} coefficients of the collective secret, with ${FEATURES} queries` : 'no secret of this session'
      }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      await parties.stop()
    }
  }
}
