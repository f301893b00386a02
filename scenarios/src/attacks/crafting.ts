/** Requests of something that no computation gave: c1 = ⌊Q_l/3⌋. What is added to s·Q_l/3 in a share is small beside it, and s is read off by rounding. */
import { Context, Parameters as SchemeParameters } from '@slytherin/ckks'
import { encodeComponent } from '@slytherin/mhe'
import { LocalCryptography, type LocalCryptographyOptions, type QueryEvaluation, type SessionParameters } from '@slytherin/protocol'
import { loadKernel, type Polynomial } from '@slytherin/ring'
import type { SeenPublicKey } from './probing.js'
import { constantFraction, isSecretOf, roundToFraction } from './recovery.js'

const DIVISOR = 3n

interface Asked {
  readonly instance: string
  readonly level: number
  readonly c1: readonly Uint8Array[]
}

/** What key holders answered to a crafted request. */
export interface Answered {
  readonly instance: string
  readonly level: number
  /** Per holder. */
  readonly shares: readonly Uint8Array[]
}

/** An evaluator whose program is the one that ships, but for one thing that it asks of key holders. */
export class CraftingEvaluator extends LocalCryptography {
  /** What it asks for ⌊Q_l/3⌋ in place of what it has computed. */
  crafted: 'refresh' | 'switch' = 'refresh'
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
              if (this.crafted !== 'refresh') return await callbacks.refresh(request)
              return this.#keep(request, await callbacks.refresh({ ...request, c1: this.#replaced(request) }))
            },
            switchShares: async request => {
              if (this.crafted !== 'switch') return await callbacks.switchShares(request)
              return this.#keep(request, await callbacks.switchShares({ ...request, c1: this.#replaced(request) }))
            }
          },
          signal
        ),
      dispose: async () => await evaluation.dispose()
    }
  }

  #replaced({ level, c1 }: Asked): Uint8Array[] {
    using crafted = constantFraction(this.#context!, level, DIVISOR)
    const bytes = encodeComponent(this.#context!, crafted)
    return c1.map(() => bytes)
  }

  #keep({ instance, level }: Asked, shares: Uint8Array[][]): Uint8Array[][] {
    this.answered.resolve({ instance: `${instance}/0`, level, shares: shares.map(([first]) => first!) })
    return shares
  }
}

/** Whether this is s·⌊Q_l/3⌋ and little more, for the secret of somebody whose share of the public key was shown. @param h ntt domain */
export function opensHolder(context: Context, level: number, h: Polynomial, { session, byHolder }: SeenPublicKey): boolean {
  const coefficients = roundToFraction(context, level, h, DIVISOR)
  return [...byHolder.values()].some(shown => isSecretOf(context, session!, [shown], coefficients))
}
