/** One query of a release at the evaluator. Its inputs lie in the content store; nothing of it outlives it here. */
import type { Evaluator, EvaluatorCiphertext } from '@slytherin/ckks'
import { clearInputs, type InputSource, type RunOptions, run } from '@slytherin/engine'
import type { EvaluationProgress } from '../../cryptography/evaluator.js'
import { type CoinedQuery, coinedInput } from '../../local/coined.js'
import { type OpenSession, SessionStateError } from '../../local/open-session.js'
import { paced } from '../../local/paced.js'
import { MissingPartError } from '../../local/part-store.js'
import type { BlockRunner } from '../cryptography/blocks.js'
import type { EvaluationTerms, ReleaseCallbacks, ReleaseEvaluation } from '../cryptography/release.js'
import { AttemptedAssistance } from './attempted-assistance.js'
import { evaluateInBlocks } from './block-evaluation.js'
import type { ReleaseParts } from './release-parts.js'
import type { SharedRelease } from './shared-release.js'

/** How often an evaluation says how far it is. */
const PROGRESS_MILLISECONDS = 200

export interface EvaluationMeans {
  readonly session: OpenSession
  readonly evaluator: Evaluator
  readonly parts: ReleaseParts
  /** Fires when the release is closed. */
  readonly closing: AbortSignal
  /** What coins of its inputs depend on besides the query. */
  readonly coined: Omit<CoinedQuery, 'query'>
  weights(): Pick<RunOptions, 'weights' | 'scalars' | 'retainWeights'>
  /** Has parts done, on other machines too. */
  readonly blocks?: BlockRunner
  /** The release as other machines know it; absent where they cannot evaluate it. */
  readonly shared?: SharedRelease
}

export class LocalReleaseEvaluation implements ReleaseEvaluation {
  readonly #means: EvaluationMeans
  readonly #terms: EvaluationTerms
  readonly #secret: Uint8Array
  readonly #onDisposed: () => void
  #disposed = false

  constructor(means: EvaluationMeans, terms: EvaluationTerms, onDisposed: () => void) {
    this.#means = means
    this.#terms = terms
    this.#secret = terms.seed.slice()
    this.#onDisposed = onDisposed
  }

  async evaluate(callbacks: ReleaseCallbacks, signal?: AbortSignal): Promise<Uint8Array[]> {
    if (this.#disposed) throw new SessionStateError(`query ${this.#terms.query} was forgotten`)
    const { session, evaluator, closing } = this.#means
    const stop = signal === undefined ? closing : AbortSignal.any([closing, signal])
    stop.throwIfAborted()
    const assistance = new AttemptedAssistance(session, evaluator)
    const query = { callbacks, secret: this.#secret, querierHoldsKey: this.#terms.querierHoldsKey, signal: stop }
    const tell = paced((progress: EvaluationProgress) => callbacks.progress(progress), PROGRESS_MILLISECONDS)
    const { blocks, shared } = this.#means
    if (blocks !== undefined && shared !== undefined) {
      const outputs = await evaluateInBlocks({ ...this.#means, blocks, shared, assistance, query, terms: this.#terms, tell })
      return await assistance.result(query, outputs)
    }
    const whole = async (): Promise<EvaluatorCiphertext[]> =>
      await run(session.plan, {
        evaluator,
        inputs: this.#inputs(),
        ...this.#means.weights(),
        ...assistance.refresher(query),
        signal: stop,
        onProgress: ({ layer, done, total }) => tell({ done, total, step: layer }),
        onStep: report => callbacks.step?.(report)
      })
    const outputs = await (blocks === undefined ? whole() : blocks.alone(whole, stop))
    return await assistance.result(query, outputs)
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#secret.fill(0)
    this.#onDisposed()
  }

  #inputs(): InputSource {
    const { session, evaluator, parts } = this.#means
    const { samples, inputs, space, proved, query } = this.#terms
    if (session.plan.operands.data === 'clear') {
      if (samples === undefined) throw new MissingPartError(`samples of query ${query}`)
      return clearInputs(session.plan, samples, evaluator)
    }
    const of = { query, ...this.#means.coined }
    return async index => {
      using ciphertext = await parts.load('input', index, space, inputs[index] ?? '', proved)
      return coinedInput(session, evaluator, of, index, ciphertext)
    }
  }
}
