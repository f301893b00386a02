/**
 * Data owner and querier in one, in a page: samples are encrypted under the collective key of a cohort, and what comes back was switched to a key of the page's own
 * (eprint 2020/304, Π_PubColKeySwitch), whose secret is made here and never leaves.
 *
 * What this does not do yet: prove that inputs are encryptions (sessions with several key holders ask for that), sign queries, speak to an evaluator. And whoever serves the page
 * serves this code: samples are safe from the cohort, not from who wrote the page.
 */
import {
  Context,
  Decryptor,
  deserializeCiphertext,
  deserializePublicKey,
  Encryptor,
  KeyGenerator,
  Parameters,
  type PublicKey,
  SecretKey,
  serializeCiphertext,
  serializePublicKey
} from '@slytherin/ckks'
import { type Answer, answerOf, InputPacker, logitDeviation, type Plan, parsePlan, unpackOutputs } from '@slytherin/engine'
import { type Kernel, type KernelOptions, loadKernel } from '@slytherin/ring'
import { EncryptedResultsError } from './errors.js'

/** What a page is told of a cohort and of the model that it asks. Nothing of it is taken unchecked; whom it came from is for the page to know. */
export interface QuerierTerms {
  /** The plan as JSON has it: what `JSON.parse` gives. */
  readonly plan: unknown
  /** The collective public key, as `serializePublicKey` of `@slytherin/ckks` writes it. */
  readonly publicKey: Uint8Array
  /** How the kernel computes: more threads than one take cross-origin isolation. */
  readonly kernel?: KernelOptions
}

/** One batch of samples on its way. */
export interface PageQuery {
  /** Ciphertexts in the plan's order, serialised: for the evaluator. */
  readonly inputs: readonly Uint8Array[]
  /**
   * @param results what came back, switched to the page's key, in the plan's order
   * @returns an answer for each sample, in their order
   * @throws EncryptedResultsError for another number of ciphertexts; MalformedCiphertextError, naming the field, for bytes that are none of this plan
   */
  read(results: readonly Uint8Array[]): Answer[]
}

/**
 * ```ts
 * await using querier = await PageQuerier.open({ plan, publicKey })
 * const query = querier.encrypt(rows)
 * const answers = query.read(await send(query.inputs, querier.resultKey))
 * ```
 */
export class PageQuerier implements AsyncDisposable {
  /** The page's own public key, serialised: results must be switched to it. */
  readonly resultKey: Uint8Array
  readonly #kernel: Kernel
  readonly #context: Context
  readonly #collectiveKey: PublicKey
  readonly #secret: SecretKey
  #disposed = false

  private constructor(
    /** The plan, checked. */
    readonly plan: Plan,
    kernel: Kernel,
    publicKey: Uint8Array
  ) {
    this.#kernel = kernel
    this.#context = Context.create(Parameters.fromJSON(plan.parameters), kernel, { parties: plan.parties })
    this.#collectiveKey = deserializePublicKey(this.#context, publicKey)
    this.#secret = SecretKey.generate(this.#context)
    using own = new KeyGenerator(this.#context).publicKey(this.#secret)
    this.resultKey = serializePublicKey(own)
  }

  /**
   * @throws the engine's errors for what is no plan, or one whose ring is not secure; InvalidPlanError for clear data; MalformedPublicKeyError, naming the field;
   *   KernelUnavailableError
   */
  static async open({ plan: json, publicKey, kernel: options }: QuerierTerms): Promise<PageQuerier> {
    const plan = parsePlan(json)
    const kernel = await loadKernel(options)
    try {
      return new PageQuerier(plan, kernel, publicKey)
    } catch (error) {
      await kernel.dispose()
      throw error
    }
  }

  /**
   * Encrypts a batch with fresh randomness.
   *
   * @param rows at most the plan's batch, each in the order in which the network reads it
   * @throws InvalidInputError, naming the row, when one has the wrong length or values beyond the plan's bound; PlanMismatchError for too many
   */
  encrypt(rows: readonly ArrayLike<number>[]): PageQuery {
    const { plan } = this
    const packer = new InputPacker(plan, rows)
    const encryptor = new Encryptor(this.#context, this.#collectiveKey)
    const inputs = Array.from({ length: plan.batchBlocks * plan.inputs.count }, (_, index) => {
      using plaintext = this.#context.encoder.encode(packer.pack(index), plan.inputs)
      using ciphertext = encryptor.encrypt(plaintext)
      return serializeCiphertext(ciphertext)
    })
    const count = rows.length
    return { inputs, read: results => this.#read(results, count) }
  }

  /** Wipes the page's secret and ends the kernel's threads. Does nothing the second time. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#secret.dispose()
    this.#collectiveKey.dispose()
    this.#context.dispose()
    await this.#kernel.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #read(results: readonly Uint8Array[], count: number): Answer[] {
    const { plan } = this
    const expected = plan.batchBlocks * plan.output.ciphertextsPerBlock
    if (results.length !== expected) throw new EncryptedResultsError(expected, results.length)
    const decryptor = new Decryptor(this.#context, this.#secret)
    const slots = results.map(bytes => {
      using ciphertext = deserializeCiphertext(this.#context, bytes, { level: plan.output.level, degree: 1 })
      return decryptor.decrypt(ciphertext)
    })
    const deviation = logitDeviation(plan)
    return unpackOutputs(plan, slots)
      .slice(0, count)
      .map(logits => answerOf(plan.architecture.output, logits, deviation))
  }
}
