/** One query at the evaluator: keeps its inputs, encrypted or the evaluator's own in the clear, and runs the plan on them. */
import type { Evaluator } from '@slytherin/ckks'
import { clearInputs, type InputSource, type RunOptions, run, type StepReport } from '@slytherin/engine'
import type { EvaluationCallbacks, QueryEvaluation } from '../cryptography/evaluator.js'
import { provesEncryptions } from '../terms/proof-batches.js'
import type { Assistance } from './assistance.js'
import type { CiphertextStore } from './ciphertext-store.js'
import { coinedInput } from './coined.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { paced } from './paced.js'
import { MissingPartError } from './part-store.js'
import { UnprovedParts } from './unproved-parts.js'

/** How often an evaluation says how far it is. */
const PROGRESS_MILLISECONDS = 200

/** What the queries of a session share. */
export interface EvaluationMeans {
  readonly session: OpenSession
  readonly evaluator: Evaluator
  readonly inputs: CiphertextStore
  readonly assistance: Assistance
  /** Fires when the session is closed. */
  readonly closing: AbortSignal
  /** Of all parts of the encrypted model, hexadecimal. @throws MissingPartError while one has not come */
  modelHash(): string
  /** The model, with the keys in place. */
  model(): Pick<RunOptions, 'weights' | 'scalars' | 'retainWeights'>
}

export class Evaluation implements QueryEvaluation {
  readonly #means: EvaluationMeans
  readonly #query: string
  /** Undefined where the owner of the query proves nothing. */
  readonly #unproved: UnprovedParts | undefined
  readonly #onDisposed: () => void
  #samples: InputSource | undefined
  #disposed = false

  constructor(means: EvaluationMeans, query: string, owner: string, onDisposed: () => void) {
    this.#means = means
    this.#query = query
    const { session, inputs } = means
    if (provesEncryptions(session.proofs, owner)) {
      this.#unproved = new UnprovedParts(session, {
        provenance: { sender: owner, query },
        planned: () => session.plan.inputs,
        keep: async (index, ciphertext) => {
          this.#checkOpen()
          await inputs.keep(this.#key(index), ciphertext)
        }
      })
    }
    this.#onDisposed = onDisposed
  }

  async storeInput(index: number, bytes: Uint8Array): Promise<void> {
    this.#checkOpen()
    const { inputs, batchBlocks, operands } = this.#means.session.plan
    if (operands.data === 'clear') throw new SessionStateError('the data of this session are clear')
    if (!(Number.isInteger(index) && index >= 0 && index < inputs.count * batchBlocks)) {
      throw new SessionStateError(`input ${index} is not in the plan, which has ${inputs.count * batchBlocks}`)
    }
    if (this.#unproved !== undefined) this.#unproved.put(index, bytes)
    else await this.#means.inputs.put(this.#key(index), bytes, inputs)
  }

  async verifyInputs(batch: number, proof: Uint8Array): Promise<Uint8Array[]> {
    this.#checkOpen()
    if (this.#unproved === undefined) throw new SessionStateError(`the inputs of query ${this.#query} are not proved`)
    return await this.#unproved.verify(batch, proof)
  }

  /** The evaluator's own samples, where the plan's data are clear. @throws when they are not what the model takes */
  storeSamples(samples: readonly Float64Array[]): void {
    const { session, evaluator } = this.#means
    if (session.plan.operands.data === 'encrypted') throw new SessionStateError('the data of this session are encrypted')
    this.#samples = clearInputs(session.plan, samples, evaluator)
  }

  async evaluate(callbacks: EvaluationCallbacks, signal?: AbortSignal): Promise<Uint8Array[]> {
    this.#checkOpen()
    const { session, evaluator, assistance, closing } = this.#means
    const stop = signal === undefined ? closing : AbortSignal.any([closing, signal])
    stop.throwIfAborted()
    const steps: StepReport[] = []
    const tell = paced(callbacks.progress, PROGRESS_MILLISECONDS)
    const outputs = await run(session.plan, {
      evaluator,
      inputs: this.#inputs(),
      ...this.#means.model(),
      refresher: assistance.refresher(this.#query, callbacks, stop),
      signal: stop,
      onProgress: ({ layer, done, total }) => tell({ done, total, step: layer }),
      onStep: step => steps.push(step)
    })
    callbacks.layers?.(steps)
    const ciphertexts = outputs.map(output => assistance.take(output))
    try {
      return await assistance.switch(this.#query, ciphertexts, callbacks, stop)
    } finally {
      for (const ciphertext of ciphertexts) ciphertext.dispose()
    }
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#samples = undefined
    this.#unproved?.dispose()
    this.#onDisposed()
    // The stores of a session that is over have forgotten everything.
    if (this.#means.closing.aborted) return
    const { inputs, batchBlocks } = this.#means.session.plan
    for (let index = 0; index < inputs.count * batchBlocks; index++) await this.#means.inputs.delete(this.#key(index))
  }

  #inputs(): InputSource {
    const { plan } = this.#means.session
    if (plan.operands.data === 'clear') {
      if (this.#samples === undefined) throw new MissingPartError(`samples of query ${this.#query}`)
      return this.#samples
    }
    const { session, evaluator, inputs } = this.#means
    const coined = session.coins('input') !== undefined
    return async index => {
      const taken = await inputs.take(this.#key(index), plan.inputs)
      if (!coined) return taken
      try {
        using ciphertext = evaluator.store(taken)
        return coinedInput(session, evaluator, { query: this.#query, model: this.#means.modelHash(), release: '' }, index, ciphertext)
      } finally {
        taken.dispose()
      }
    }
  }

  #key(index: number): string {
    return `input-${this.#query}-${index}`
  }

  #checkOpen(): void {
    if (this.#means.closing.aborted) throw new SessionStateError('the session was closed')
    if (this.#disposed) throw new SessionStateError(`query ${this.#query} was forgotten`)
  }
}
