/**
 * The evaluator asks for one refresh of something that no computation gave: c1 = ⌊Q_l/3⌋. A share's mask is small beside s·Q_l/3, and the whole secret of every key holder
 * that answers is read off by rounding.
 */
import { Context, Parameters as SchemeParameters } from '@slytherin/ckks'
import { encodeComponent, Refresh } from '@slytherin/mhe'
import { LocalCryptography, type LocalCryptographyOptions, type QueryEvaluation, type SessionParameters } from '@slytherin/protocol'
import { loadKernel } from '@slytherin/ring'
import type { Attack } from './attack.js'
import { cast } from './parties.js'
import { watchPublicKey } from './probing.js'
import { constantFraction, isSecretOf, roundToFraction } from './recovery.js'

const DIVISOR = 3n
const HOLDERS = 2

/** What key holders answered to a crafted request. */
interface Answered {
  readonly instance: string
  readonly level: number
  /** Per holder. */
  readonly shares: readonly Uint8Array[]
}

/** An evaluator whose program is the one that ships, but for what it asks to be refreshed. */
class CraftingEvaluator extends LocalCryptography {
  readonly answered = Promise.withResolvers<Answered>()
  #context: Context | undefined

  static override async create(options: LocalCryptographyOptions): Promise<CraftingEvaluator> {
    return new CraftingEvaluator(options, await LocalCryptography.loadKernel(options))
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
      evaluate: async (callbacks, signal) =>
        await evaluation.evaluate(
          {
            ...callbacks,
            refresh: async request => {
              using crafted = constantFraction(this.#context!, request.level, DIVISOR)
              const c1 = request.c1.map(() => encodeComponent(this.#context!, crafted))
              const shares = await callbacks.refresh({ ...request, c1 })
              const { instance, level } = request
              this.answered.resolve({ instance: `${instance}/0`, level, shares: shares.map(([first]) => first!) })
              return shares
            }
          },
          signal
        ),
      dispose: async () => await evaluation.dispose()
    }
  }
}

export const craftedRefresh: Attack = {
  name: 'crafted-refresh',
  layer: 'witnesses',
  stoppedBy: /endorsement/,
  networked: true,
  mount: async ({ sockets }) => {
    let evaluator: CraftingEvaluator | undefined
    const parties = await cast({
      sockets,
      roles: {
        clinic: ['evaluator'],
        first: ['key-holder'],
        second: ['key-holder', 'model-owner'],
        patient: ['data-owner', 'querier']
      },
      operands: { data: 'encrypted', weights: 'encrypted' },
      cryptography: (name, options) => (name === 'clinic' ? CraftingEvaluator.create(options).then(made => (evaluator = made)) : undefined)
    })
    const publicKey = watchPublicKey(parties)
    const run = parties.coordinator.run()
    const asked = parties.member('patient').query(parties.samples)
    for (const promise of [run, asked]) promise.catch(() => undefined)
    try {
      const answered = await Promise.race([evaluator!.answered.promise, run.then(() => undefined), asked.then(() => undefined)])
      if (answered === undefined) return { succeeded: false, detail: 'no share of the crafted request' }
      const context = await parties.context()
      const { instance, level, shares } = answered
      const protocol = new Refresh(context, publicKey.session!)
      const opened = shares.filter(share => {
        const { h0 } = protocol.deserialize(share, instance, level)
        const coefficients = roundToFraction(context, level, h0, DIVISOR)
        return [...publicKey.byHolder.values()].some(shown => isSecretOf(context, publicKey.session!, [shown], coefficients))
      }).length
      return { succeeded: opened === HOLDERS, detail: `the whole secret of ${opened} of ${HOLDERS} key holders, from one share of each` }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      await parties.stop()
    }
  }
}
