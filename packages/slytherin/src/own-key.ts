/**
 * A plan run by one party that has the key, the model and the samples: encrypt, evaluate, refresh, decrypt. Nothing is flooded: results are decrypted where they were
 * computed.
 */
import {
  type ComplexVector,
  Context,
  Decryptor,
  type EvaluatorCiphertext,
  expandCiphertext,
  KernelEvaluator,
  KeyGenerator,
  Parameters,
  SecretKey,
  SecretKeyEncryptor,
  type SlotValues,
  slotNoise
} from '@slytherin/ckks'
import {
  ClearWeights,
  InputPacker,
  type Network,
  type Plan,
  packWeight,
  type RunOptions,
  type RunProgress,
  run,
  unpackOutputs,
  weightDescriptor
} from '@slytherin/engine'
import { WholeKeyRefresh } from '@slytherin/mhe'
import { type Kernel, randomSeed } from '@slytherin/ring'

/** Results of one batch. */
export interface DecryptedBatch {
  readonly logits: Float64Array[]
  /** Standard deviation of the error of every logit, from the noise that was tracked. */
  readonly deviation: number
}

export interface BatchOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: RunProgress) => void
}

export class OwnKey implements Disposable {
  readonly #context: Context
  readonly #secret: SecretKey
  readonly #encryptor: SecretKeyEncryptor
  readonly #decryptor: Decryptor
  readonly #evaluator: KernelEvaluator
  readonly #weights: Pick<RunOptions, 'weights' | 'scalars' | 'retainWeights'>
  readonly #clear: ClearWeights | undefined
  readonly #refresh: WholeKeyRefresh
  #disposed = false

  /** Makes a secret key and all keys that the plan needs: some seconds for a large ring. */
  constructor(
    kernel: Kernel,
    private readonly plan: Plan,
    network: Network
  ) {
    this.#context = Context.create(Parameters.fromJSON(plan.parameters), kernel)
    this.#secret = SecretKey.generate(this.#context)
    const generator = new KeyGenerator(this.#context)
    this.#encryptor = new SecretKeyEncryptor(this.#context, this.#secret)
    this.#decryptor = new Decryptor(this.#context, this.#secret)
    this.#evaluator = new KernelEvaluator(this.#context)
    for (const { element, level } of plan.galoisKeys) {
      using key = generator.galoisKey(this.#secret, element, { level })
      this.#evaluator.setGaloisKey(element, key)
    }
    if (plan.relinearizationLevel !== null) {
      using key = generator.relinearizationKey(this.#secret, { level: plan.relinearizationLevel })
      this.#evaluator.setRelinearizationKey(key)
    }
    if (plan.operands.weights === 'clear') {
      this.#clear = new ClearWeights(plan, network, this.#evaluator)
      this.#weights = { weights: this.#clear.source, scalars: this.#clear.scalar, retainWeights: true }
    } else {
      this.#weights = { weights: async index => this.#encrypt(packWeight(plan, network, index), weightDescriptor(plan, index)) }
    }
    this.#refresh = new WholeKeyRefresh(this.#context, randomSeed())
  }

  /**
   * @param rows at most the plan's batch
   * @throws InvalidInputError, PlanMismatchError when rows are not what the plan takes; the signal's reason
   */
  async evaluate(rows: readonly ArrayLike<number>[], { signal, onProgress }: BatchOptions = {}): Promise<DecryptedBatch> {
    const { plan } = this
    const packer = new InputPacker(plan, rows)
    const outputs = await run(plan, {
      evaluator: this.#evaluator,
      inputs: async index => this.#encrypt(packer.pack(index), plan.inputs),
      ...this.#weights,
      refresher: { refresh: async ciphertexts => ciphertexts.map(ciphertext => this.#refreshed(ciphertext)) },
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress })
    })
    try {
      const { N } = this.#context.parameters
      const deviation = Math.max(...outputs.map(({ noise, scale }) => 2 ** slotNoise(N, noise, scale)))
      const logits = unpackOutputs(
        plan,
        outputs.map(output => this.#decrypt(output))
      )
      return { logits: logits.slice(0, rows.length), deviation }
    } finally {
      for (const output of outputs) output.dispose()
    }
  }

  /** Wipes the secret key and gives back the kernel's memory. Does nothing the second time. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#clear?.dispose()
    this.#evaluator[Symbol.dispose]()
    this.#secret.dispose()
    this.#context.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #encrypt(values: SlotValues, at: { readonly level: number; readonly scale: number }): EvaluatorCiphertext {
    using ciphertext = expandCiphertext(this.#context, this.#encryptor.encrypt(values, at))
    return this.#evaluator.load(ciphertext)
  }

  #decrypt(ciphertext: EvaluatorCiphertext): ComplexVector {
    using stored = this.#evaluator.store(ciphertext)
    return this.#decryptor.decrypt(stored)
  }

  /** Decrypts exactly, as integers, and encrypts afresh: the message gains one fresh error. */
  #refreshed(exhausted: EvaluatorCiphertext): EvaluatorCiphertext {
    using stored = this.#evaluator.store(exhausted)
    exhausted.dispose()
    const { masked, mask } = this.#refresh.mask(stored, randomSeed())
    using _masked = masked
    using _mask = mask
    const { level, scale, magnitude } = stored
    const c1 = stored.components[1]!
    const fresh = this.#refresh.reencrypt(this.#secret, { instance: 'refresh', level, scale, magnitude, masked, c1 }, randomSeed())
    using _c0 = fresh.c0
    using refreshed = this.#refresh.finalize(stored, mask, fresh)
    return this.#evaluator.load(refreshed)
  }
}
