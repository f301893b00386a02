/**
 * The evaluator asks the only key holder for one refresh of c1 = ⌊Q_l/3⌋. In a share s·c1 outgrows the mask, and is the whole secret; from a holder that re-encrypts comes a
 * fresh encryption, of which nothing can be told.
 */
import { Context, Parameters as SchemeParameters } from '@slytherin/ckks'
import { encodeComponent, Refresh, WholeKeyRefresh } from '@slytherin/mhe'
import { LocalCryptography, type LocalCryptographyOptions, type QueryEvaluation, type SessionParameters } from '@slytherin/protocol'
import { loadKernel } from '@slytherin/ring'
import type { Attack } from './attack.js'
import { cast } from './parties.js'
import { watchPublicKey } from './probing.js'
import { constantFraction, isSecretOf, roundToFraction } from './recovery.js'

const DIVISOR = 3n

interface Answered {
  readonly instance: string
  readonly level: number
  /** To the request for a share, or why there is none. */
  readonly share: Uint8Array | Error
  /** To the request for a re-encryption, where no share was given. */
  readonly reencrypted?: Uint8Array
}

/** An evaluator whose program is the one that ships, but for what it asks first. */
class CraftingWholeKey extends LocalCryptography {
  readonly answered = Promise.withResolvers<Answered>()
  #context: Context | undefined

  static override async create(options: LocalCryptographyOptions): Promise<CraftingWholeKey> {
    return new CraftingWholeKey(options, await LocalCryptography.loadKernel(options))
  }

  override async open(session: SessionParameters): Promise<void> {
    const { plan, parties } = session
    this.#context = Context.create(SchemeParameters.fromJSON(plan.parameters), await loadKernel(), { parties })
    await super.open(session)
  }

  override async openEvaluation(...given: Parameters<LocalCryptography['openEvaluation']>): Promise<QueryEvaluation> {
    const evaluation = await super.openEvaluation(...given)
    return {
      storeInput: async (index, bytes) => await evaluation.storeInput(index, bytes),
      verifyInputs: async (...check) => await evaluation.verifyInputs(...check),
      evaluate: async (callbacks, signal) => {
        const refreshWhole: typeof callbacks.refreshWhole = async request => {
          const context = this.#context!
          const { ring, parameters } = context
          const { level, instance, masked } = request
          using crafted = constantFraction(context, level, DIVISOR)
          using nothing = ring.allocate(parameters.ciphertextIndices(level), 'ntt')
          const c1 = request.c1.map(() => encodeComponent(context, crafted))
          const zeros = masked.map(() => encodeComponent(context, nothing))
          const share = await callbacks.refresh({ ...request, c1 }).then(
            ([ofHolder]) => ofHolder![0]!,
            (error: Error) => error
          )
          const about = { instance: `${instance}/0`, level, share }
          if (share instanceof Error) {
            const [reencrypted] = await callbacks.refreshWhole({ ...request, c1, masked: zeros })
            this.answered.resolve({ ...about, reencrypted: reencrypted! })
          } else this.answered.resolve(about)
          throw new Error('the attacker has what it came for')
        }
        return await evaluation.evaluate({ ...callbacks, refreshWhole }, signal)
      },
      dispose: async () => await evaluation.dispose()
    }
  }
}

export const craftedRefreshWholeKey: Attack = {
  name: 'crafted-refresh-whole-key',
  layer: 'a party that holds the whole key gives no shares',
  stoppedBy: /a holder of the whole key gives no shares.*; re-encrypted, nothing of the secret/,
  // Its plan has no level at which a share could be masked: a re-encryption needs fewer primes.
  alsoStoppedBy: /no level of these parameters holds 1 masks/,
  networked: true,
  fast: true,
  mount: async ({ layerOn, sockets }) => {
    let evaluator: CraftingWholeKey | undefined
    const operands = { data: 'encrypted', weights: 'clear' } as const
    const parties = await cast({
      sockets,
      roles: { company: ['evaluator', 'model-owner'], hospital: ['key-holder', 'data-owner', 'querier'] },
      operands,
      party: name => (layerOn || name !== 'hospital' ? {} : { policy: { ...operands, allowSoleShares: true } }),
      cryptography: (name, options) => {
        if (name === 'company') return CraftingWholeKey.create(options).then(made => (evaluator = made))
        return layerOn ? undefined : LocalCryptography.create({ ...options, allowSoleShares: true })
      }
    })
    const publicKey = watchPublicKey(parties)
    const run = parties.coordinator.run()
    const asked = parties.member('hospital').query(parties.samples)
    for (const promise of [run, asked]) promise.catch(() => undefined)
    try {
      const answered = await Promise.race([evaluator!.answered.promise, run.then(() => undefined), asked.then(() => undefined)])
      if (answered === undefined) return { succeeded: false, detail: 'the crafted request was never asked' }
      const context = await parties.context()
      const { instance, level, share, reencrypted } = answered
      const session = publicKey.session!
      const isSecret = (coefficients: Float64Array): boolean => isSecretOf(context, session, [...publicKey.byHolder.values()], coefficients)
      if (!(share instanceof Error)) {
        const { h0 } = new Refresh(context, session).deserialize(share, instance, level)
        const succeeded = isSecret(roundToFraction(context, level, h0, DIVISOR))
        return { succeeded, detail: succeeded ? 'the whole secret of the only key holder, from one share' : 'the share gave nothing away' }
      }
      const { c0 } = new WholeKeyRefresh(context, session).deserialize(reencrypted!, instance, level)
      const succeeded = isSecret(roundToFraction(context, context.parameters.maxLevel, c0, DIVISOR))
      return { succeeded, detail: `${parties.reasonOf(share)}; re-encrypted, ${succeeded ? 'all' : 'nothing'} of the secret` }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      await parties.stop()
    }
  }
}
