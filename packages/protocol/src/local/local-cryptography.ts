/**
 * All roles' cryptography in this thread: the one implementation of `PartyCryptography`. The node package runs it in a worker, tests run it
 * directly. It is synchronous inside; whoever must stay responsive puts it behind a worker.
 */
import { type Context, type Evaluator, KernelEvaluator } from '@slytherin/ckks'
import { type Architecture, type CostModel, measureCosts, RESIDENT_CLEAR_WEIGHT_BYTES, RESIDENT_WEIGHT_BYTES } from '@slytherin/engine'
import type { ShareLedger, WholeKeyHolder } from '@slytherin/mhe'
import { type Kernel, type KernelVariant, loadKernel, warmUp } from '@slytherin/ring'
import type { QueryInputs } from '../cryptography/data-owner.js'
import type { QueryEvaluation, SummedProtocol } from '../cryptography/evaluator.js'
import type { RefreshRequest, RefreshWholeRequest, SwitchRequest } from '../cryptography/key-holder.js'
import type { PartyCryptography } from '../cryptography/party-cryptography.js'
import type { EncryptionCheck } from '../cryptography/proofs.js'
import type { SessionParameters } from '../cryptography/session.js'
import type { PlanParameters } from '../terms/plan.js'
import { EvaluatorRole } from './evaluator.js'
import { KeyHolder } from './key-holder.js'
import { ModelOwner, type ModelSource } from './model-owner.js'
import { OpenSession, type OpenSessionOptions, SessionStateError } from './open-session.js'
import { MemoryPartStore, type PartStore } from './part-store.js'
import { Querier, ResultKey } from './querier.js'
import type { SessionSecretStore } from './session-secrets.js'

/** What a party's cryptography is given when it is made; which parts are needed depends on its roles. */
export interface LocalCryptographyOptions {
  /** Needed by key holders. */
  readonly secrets?: SessionSecretStore
  /** Needed by key holders; durable in a deployment. */
  readonly ledger?: ShareLedger
  /** Needed by the model owner. */
  readonly model?: ModelSource
  /** Where an evaluator keeps weights and inputs; memory when not given. */
  readonly store?: PartStore
  /** Makes an evaluator that computes in place of the kernel's: `SealEvaluator.create` of `@slytherin/ckks/seal`. */
  readonly evaluator?: (context: Context) => Promise<Evaluator>
  /** Bytes of weights that an evaluator keeps in memory from one query to the next, as far as there is room; when not given 1 GiB, and of encoded clear ones 2.5. */
  readonly weightCacheBytes?: number
  /** That a key holder which is the only one gives shares of refreshes and switches; only an attack that shows what this would lay open allows it. */
  readonly allowSoleShares?: boolean
  /** What an evaluator computes with as it came, without public coins; only an attack that shows what this would lay open asks for it. */
  readonly omitPublicCoins?: OpenSessionOptions['omitPublicCoins']
  /** Build of the WebAssembly kernel; `auto` (the default) is the fastest that this machine runs. */
  readonly kernelVariant?: KernelVariant | 'auto'
  /** Threads that share an operation, this one included; 1 when not given. `dispose` ends them. */
  readonly threads?: number | 'auto'
  /** Have the engine compile the kernel's functions well before the first is needed: a few tenths of a second. */
  readonly warmUp?: boolean
  /** Takes parameters that are marked insecure: for tests, and for an audit, which holds no secret. */
  readonly allowInsecure?: boolean
}

/**
 * All roles' cryptography in the calling thread. Calls return promises and compute before they do; for a process that must stay responsive, the node package
 * runs it in a worker.
 */
export class LocalCryptography implements PartyCryptography {
  readonly #options: LocalCryptographyOptions
  readonly #kernel: Kernel
  readonly #store: PartStore
  #model: Promise<ModelOwner> | undefined
  #session: OpenSession | undefined
  #keyHolder: KeyHolder | undefined
  #querier: Querier | undefined
  #evaluator: EvaluatorRole | undefined
  #resultKey: ResultKey | undefined

  protected constructor(options: LocalCryptographyOptions, kernel: Kernel) {
    this.#options = options
    this.#kernel = kernel
    this.#store = options.store ?? new MemoryPartStore()
  }

  /** Loads the kernel and starts its threads; `dispose` ends them. */
  static async create(options: LocalCryptographyOptions = {}): Promise<LocalCryptography> {
    return new LocalCryptography(options, await LocalCryptography.loadKernel(options))
  }

  /** The kernel that the options name, compiled in advance where they ask for that. */
  protected static async loadKernel(options: LocalCryptographyOptions): Promise<Kernel> {
    const kernel = await loadKernel({ variant: options.kernelVariant ?? 'auto', threads: options.threads ?? 1 })
    if (options.warmUp === true) await warmUp(kernel)
    return kernel
  }

  /** Closes the session and ends the kernel's threads. */
  async dispose(): Promise<void> {
    await this.close()
    await this.#kernel.dispose()
  }

  /** Which build of the kernel runs, and with how many threads. */
  get kernel(): { readonly variant: KernelVariant; readonly threads: number } {
    const { variant, threads } = this.#kernel
    return { variant, threads }
  }

  /**
   * The costs of this evaluator on this machine, about a second's work. Shares and encryptions are priced on one thread, as other parties make them.
   * @throws the signal's reason
   */
  async measureCosts(name: string, signal?: AbortSignal): Promise<CostModel> {
    const kernel = this.#kernel
    const ours = this.#options.evaluator === undefined
    await using partyKernel = kernel.threads === 1 ? undefined : await loadKernel({ variant: kernel.variant })
    return await measureCosts({
      name,
      kernel,
      ...(partyKernel === undefined ? {} : { partyKernel }),
      evaluator: context => this.#makeEvaluator(context),
      hoisting: ours,
      retaining: ours,
      ...(signal === undefined ? {} : { signal })
    })
  }

  async open(session: SessionParameters): Promise<void> {
    await this.#closeSession()
    const opened = new OpenSession(this.#kernel, session, {
      allowInsecure: this.#options.allowInsecure ?? false,
      omitPublicCoins: this.#options.omitPublicCoins
    })
    this.#session = opened
    if (session.roles.includes('key-holder')) {
      const { secrets, ledger } = this.#options
      if (secrets === undefined || ledger === undefined)
        throw new SessionStateError('a key holder needs a store of session secrets and a share ledger')
      this.#keyHolder = new KeyHolder(opened, await secrets.take(session.sessionId), ledger, this.#options.allowSoleShares)
    }
    if (session.roles.includes('querier') || session.roles.includes('data-owner')) this.#querier = new Querier(opened, () => this.#wholeKey)
    // A witness computes what the evaluator does.
    if (session.roles.includes('evaluator') || session.roles.includes('witness')) this.#evaluator = await this.#makeEvaluatorRole(opened)
  }

  async close(): Promise<void> {
    await this.#closeSession()
    this.#resultKey?.dispose()
    this.#resultKey = undefined
  }

  async setPublicKey(shares: Uint8Array[]): Promise<Uint8Array> {
    return await this.#open.setPublicKey(shares)
  }

  async publicKeyShare(): Promise<Uint8Array> {
    return this.#asKeyHolder.publicKeyShare()
  }

  async relinearizationShareOne(): Promise<Uint8Array> {
    return this.#asKeyHolder.relinearizationShareOne()
  }

  async addRelinearizationShareOne(party: number, share: Uint8Array): Promise<void> {
    this.#asKeyHolder.addRelinearizationShareOne(party, share)
  }

  async relinearizationShareTwo(): Promise<Uint8Array> {
    return this.#asKeyHolder.relinearizationShareTwo()
  }

  async galoisShare(element: number): Promise<Uint8Array> {
    return this.#asKeyHolder.galoisShare(element)
  }

  async verifyEncryptions(check: EncryptionCheck): Promise<void> {
    this.#asKeyHolder.verifyEncryptions(check)
  }

  async refreshShare(request: RefreshRequest): Promise<Uint8Array[]> {
    return this.#asKeyHolder.refreshShare(request)
  }

  async switchShare(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]> {
    return this.#asKeyHolder.switchShare(request)
  }

  async refreshWhole(request: RefreshWholeRequest): Promise<Uint8Array[]> {
    return this.#asKeyHolder.refreshWhole(request)
  }

  async switchWhole(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]> {
    return this.#asKeyHolder.switchWhole(request)
  }

  async modelPart(index: number): Promise<Uint8Array> {
    return (await this.#asModelOwner()).part(this.#open, index)
  }

  async proveModel(batch: number): Promise<Uint8Array> {
    return (await this.#asModelOwner()).prove(this.#open, batch)
  }

  async architecture(): Promise<Architecture> {
    return (await this.#asModelOwner()).architecture
  }

  async resultKey(parameters: PlanParameters): Promise<Uint8Array> {
    this.#resultKey?.dispose()
    this.#resultKey = new ResultKey(this.#kernel, parameters, { allowInsecure: this.#options.allowInsecure ?? false })
    // A copy: what is returned may be moved to another thread.
    return this.#resultKey.publicKey.slice()
  }

  async openQuery(samples: Float64Array[], query: string): Promise<QueryInputs> {
    return this.#asQuerier.openQuery(samples, query)
  }

  async decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]> {
    const wholeKey = this.#wholeKey
    if (wholeKey !== undefined) return this.#asQuerier.decryptBy(wholeKey, ciphertexts)
    if (this.#resultKey === undefined) throw new SessionStateError('no result key was made')
    return this.#asQuerier.decrypt(ciphertexts, this.#resultKey)
  }

  async addShare(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): Promise<void> {
    this.#asEvaluator.addShare(protocol, instance, party, share)
  }

  async finishKey(protocol: 'relinearization-2' | 'galois', instance: string): Promise<void> {
    this.#asEvaluator.finishKey(protocol, instance)
  }

  async storeModelPart(index: number, bytes: Uint8Array): Promise<void> {
    await this.#asEvaluator.storeModelPart(index, bytes)
  }

  async verifyModel(batch: number, proof: Uint8Array): Promise<Uint8Array[]> {
    return await this.#asEvaluator.verifyModel(batch, proof)
  }

  async prepareModel(): Promise<void> {
    await this.#asEvaluator.prepareModel()
  }

  async openEvaluation(query: string, owner: string): Promise<QueryEvaluation> {
    return this.#asEvaluator.openEvaluation(query, owner)
  }

  async storeSamples(query: string, samples: Float64Array[]): Promise<void> {
    this.#asEvaluator.storeSamples(query, samples)
  }

  async #makeEvaluatorRole(session: OpenSession): Promise<EvaluatorRole> {
    const { weightCacheBytes = RESIDENT_WEIGHT_BYTES, weightCacheBytes: clearWeightBytes = RESIDENT_CLEAR_WEIGHT_BYTES } = this.#options
    const network = session.plan.operands.weights === 'clear' ? (await this.#asModelOwner()).network : undefined
    return new EvaluatorRole(session, await this.#makeEvaluator(session.context), {
      store: this.#store,
      network,
      weightCacheBytes,
      clearWeightBytes
    })
  }

  async #makeEvaluator(context: Context): Promise<Evaluator> {
    return (await this.#options.evaluator?.(context)) ?? new KernelEvaluator(context)
  }

  async #closeSession(): Promise<void> {
    if (this.#keyHolder !== undefined && this.#session !== undefined) {
      this.#keyHolder.dispose()
      // Nobody who takes this machine later opens what was recorded of the session.
      await this.#options.secrets?.erase(this.#session.sessionId)
    }
    await this.#model?.then(
      model => model.close(),
      () => undefined
    )
    this.#evaluator?.dispose()
    if (this.#evaluator !== undefined) await this.#store.clear()
    this.#session?.dispose()
    this.#keyHolder = undefined
    this.#querier = undefined
    this.#evaluator = undefined
    this.#session = undefined
  }

  get #open(): OpenSession {
    return held(this.#session, 'no session is open')
  }

  /** Undefined unless this party alone holds the key. */
  get #wholeKey(): WholeKeyHolder | undefined {
    return this.#open.parties === 1 ? this.#keyHolder?.wholeKey : undefined
  }

  get #asKeyHolder(): KeyHolder {
    return held(this.#keyHolder, 'this party is not a key holder of an open session')
  }

  async #asModelOwner(): Promise<ModelOwner> {
    const { model } = this.#options
    if (model !== undefined) this.#model ??= ModelOwner.create(model)
    return await held(this.#model, 'this party has no model')
  }

  get #asQuerier(): Querier {
    return held(this.#querier, 'this party neither asks nor provides data in an open session')
  }

  get #asEvaluator(): EvaluatorRole {
    return held(this.#evaluator, 'this party is not the evaluator of an open session')
  }
}

function held<T>(value: T | undefined, otherwise: string): T {
  if (value === undefined) throw new SessionStateError(otherwise)
  return value
}
