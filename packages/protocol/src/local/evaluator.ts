/**
 * Evaluator: keeps keys, weights and inputs, encrypted or its own in the clear; runs the plan. What needs the key holders is in assistance.ts.
 */
import type { Evaluator, KeySwitchKey } from '@slytherin/ckks'
import { ClearWeights, hasRoom, type Network, RESIDENT_INPUT_BYTES, type RunOptions } from '@slytherin/engine'
import { digest, hash, toHex } from '../base/digest.js'
import type { SummedProtocol } from '../cryptography/evaluator.js'
import { provesEncryptions } from '../terms/proof-batches.js'
import { Assistance } from './assistance.js'
import { CiphertextStore } from './ciphertext-store.js'
import { Evaluation, type EvaluationMeans } from './evaluation.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { MissingPartError, type PartStore } from './part-store.js'
import { ShareSums } from './share-sums.js'
import { evaluationBytes, touchMemory } from './touch-memory.js'
import { UnprovedParts } from './unproved-parts.js'

interface EvaluatorRoleOptions {
  readonly store: PartStore
  /** The evaluator's own model, where the plan's weights are clear. */
  readonly network: Network | undefined
  /** Bytes of weights that are kept in memory from one query to the next, as far as there is room. */
  readonly weightCacheBytes: number
  /** The same of encoded clear weights. */
  readonly clearWeightBytes: number
}

export class EvaluatorRole {
  readonly #session: OpenSession
  readonly #evaluator: Evaluator
  readonly #inputStore: CiphertextStore
  readonly #weightStore: CiphertextStore
  readonly #sums: ShareSums
  readonly #means: EvaluationMeans
  /** Open queries by name. */
  readonly #evaluations = new Map<string, Evaluation>()
  readonly #clearWeights: ClearWeights | undefined
  /** Undefined where weights are not proved. */
  readonly #unproved: UnprovedParts | undefined
  /** Of every part of the encrypted model, as it came. */
  readonly #partHashes: string[] = []
  readonly #abort = new AbortController()

  /** @throws SessionStateError when the plan's weights are clear and there is no model */
  constructor(session: OpenSession, evaluator: Evaluator, options: EvaluatorRoleOptions) {
    this.#session = session
    this.#evaluator = evaluator
    const hasRoom = (bytes: number): boolean => this.#hasRoom(bytes)
    this.#inputStore = new CiphertextStore(session, evaluator, options.store, RESIDENT_INPUT_BYTES, hasRoom)
    this.#weightStore = new CiphertextStore(session, evaluator, options.store, options.weightCacheBytes, hasRoom)
    this.#sums = new ShareSums(session)
    this.#means = {
      session,
      evaluator,
      inputs: this.#inputStore,
      assistance: new Assistance(session, evaluator),
      closing: this.#abort.signal,
      modelHash: () => this.#modelHash(),
      model: () => this.#weights()
    }
    const { proofs } = session
    if (proofs !== undefined && provesEncryptions(proofs, proofs.modelOwner)) {
      this.#unproved = new UnprovedParts(session, {
        provenance: { sender: proofs.modelOwner, query: null },
        planned: index => session.plan.weights.items[index]!,
        keep: async (index, ciphertext) => await this.#weightStore.keep(weightKey(index), ciphertext)
      })
    }
    if (session.plan.operands.weights === 'clear') {
      if (options.network === undefined) throw new SessionStateError('an evaluator of clear weights needs the model')
      this.#clearWeights = new ClearWeights(session.plan, options.network, evaluator, options.clearWeightBytes)
    }
    void touchMemory(evaluator, evaluationBytes(session.plan), this.#abort.signal)
  }

  addShare(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): void {
    this.#sums.add(protocol, instance, party, share)
  }

  finishKey(protocol: 'relinearization-2' | 'galois', instance: string): void {
    const evaluator = this.#evaluator
    if (protocol === 'relinearization-2') {
      const key = this.#sums.finishRelinearizationKey()
      handOver(key, () => evaluator.setRelinearizationKey(key))
      return
    }
    const { element, key } = this.#sums.finishGaloisKey(instance)
    handOver(key, () => evaluator.setGaloisKey(element, key))
  }

  /** Checks an encrypted weight in full before it is kept. */
  async storeModelPart(index: number, bytes: Uint8Array): Promise<void> {
    const item = this.#session.plan.weights.items[index]
    if (item === undefined) throw new SessionStateError(`weight ${index} is not in the plan, which has ${this.#session.plan.weights.count}`)
    if (this.#unproved !== undefined) this.#unproved.put(index, bytes)
    else await this.#weightStore.put(weightKey(index), bytes, item)
    if (this.#session.coins('input') !== undefined) this.#partHashes[index] = toHex(await hash(bytes))
  }

  /** @returns C1 of every weight of the batch @throws mhe's typed errors when the proof does not hold */
  async verifyModel(batch: number, proof: Uint8Array): Promise<Uint8Array[]> {
    if (this.#unproved === undefined) throw new SessionStateError('the weights of this session are not proved')
    return await this.#unproved.verify(batch, proof)
  }

  /** Encodes the evaluator's own weights, as many as are kept, so that no query waits for it. */
  async prepareModel(): Promise<void> {
    if (this.#clearWeights === undefined) throw new SessionStateError('the weights of this session are encrypted')
    await this.#clearWeights.prepare(this.#abort.signal)
  }

  openEvaluation(query: string, owner: string): Evaluation {
    if (this.#evaluations.has(query)) throw new SessionStateError(`query ${query} is open already`)
    const evaluation = new Evaluation(this.#means, query, owner, () => this.#evaluations.delete(query))
    this.#evaluations.set(query, evaluation)
    return evaluation
  }

  /** The evaluator's own samples of a query, where the plan's data are clear. @throws when they are not what the model takes */
  storeSamples(query: string, samples: readonly Float64Array[]): void {
    const evaluation = this.#evaluations.get(query)
    if (evaluation === undefined) throw new SessionStateError(`query ${query} is not open`)
    evaluation.storeSamples(samples)
  }

  #modelHash(): string {
    const { count } = this.#session.plan.weights
    for (let index = 0; index < count; index++) if (this.#partHashes[index] === undefined) throw new MissingPartError(weightKey(index))
    return toHex(digest('parts of the model', ...this.#partHashes))
  }

  #weights(): Pick<RunOptions, 'weights' | 'scalars' | 'retainWeights'> {
    const clear = this.#clearWeights
    if (clear !== undefined) return { weights: clear.source, scalars: clear.scalar, retainWeights: true }
    const { items } = this.#session.plan.weights
    return { weights: async index => await this.#weightStore.lend(weightKey(index), items[index]!), retainWeights: true }
  }

  dispose(): void {
    this.#abort.abort(new SessionStateError('the session was closed'))
    this.#sums.dispose()
    this.#unproved?.dispose()
    this.#evaluations.clear()
    this.#clearWeights?.dispose()
    this.#inputStore.dispose()
    this.#weightStore.dispose()
    this.#evaluator[Symbol.dispose]()
  }

  /** Whether the evaluator's memory has room for so many bytes beside the evaluation. */
  #hasRoom(bytes: number): boolean {
    return hasRoom(this.#evaluator.bytesFree, bytes, this.#session.plan.costs.bytes.evaluatorMemory)
  }
}

/** Gives the evaluator its copy of a key. */
function handOver(key: KeySwitchKey, take: () => void): void {
  try {
    take()
  } finally {
    key.dispose()
  }
}

const weightKey = (index: number): string => `weight-${index}`
