/**
 * Parts of evaluations on a machine that knows nothing but what they name: keys and encrypted parts come from the shared contents, and stay in memory within bounds, for
 * as long as parts of the same release come.
 */
import {
  Context,
  deserializeKeySwitchKey,
  deserializePublicKey,
  type Evaluator,
  KernelEvaluator,
  Parameters,
  type PublicKey
} from '@slytherin/ckks'
import { ClearWeights, type RunOptions } from '@slytherin/engine'
import { type Kernel, type KernelVariant, loadKernel, warmUp } from '@slytherin/ring'
import { digest, toHex } from '../../base/digest.js'
import { readAhead } from '../../base/read-ahead.js'
import { type OpenSession, SessionStateError } from '../../local/open-session.js'
import type { BlockJob, BlockMeans, BlockResult, SharedContents } from '../cryptography/blocks.js'
import { ClearParts } from './clear-parts.js'
import type { EpochMeans } from './epoch-means.js'
import { knownAnswer } from './known-answer.js'
import { ReleaseParts } from './release-parts.js'
import { releaseSession } from './release-session.js'
import { ReleaseWeights } from './release-weights.js'
import { computeStretch } from './stretches.js'

/** Where a workshop's byte strings come from, and what it may take of its machine. */
export interface BlockWorkshopOptions {
  /** Verified by their hashes as they come. */
  readonly contents: SharedContents
  /** Build of the WebAssembly kernel; `auto` (the default) is the fastest that this machine runs. */
  readonly kernelVariant?: KernelVariant | 'auto'
  /** Threads that share an operation; 1 when not given. */
  readonly threads?: number | 'auto'
  /** Have the engine compile the kernel's functions well before the first is needed. */
  readonly warmUp?: boolean
  /** Bytes of weights of all releases in memory. */
  readonly weightBytes: number
  /** Releases that are open at the same time; each has its own keys in memory. */
  readonly releases?: number
  /** Told of a release, by its space, that its keys are in memory and evaluation begins, or that all of it is on this machine, verified; must not throw. */
  onRelease?(space: string, state: 'open' | 'here'): void
}

/** Epochs seldom have more than a few releases that are asked at the same time. */
const RELEASES = 4
/** Keys, of megabytes each, that are fetched while another is loaded. */
const KEYS_AHEAD = 8
/** Bytes of weights that are fetched while others are computed with: two seconds of a link of 1 Gbit/s. */
const AHEAD_BYTES = 2 ** 28

/** Computes parts of evaluations in this thread, with no secret and no state that it cannot fetch again. */
export class BlockWorkshop {
  readonly #options: BlockWorkshopOptions
  readonly #kernel: Kernel
  /** By the hash of their means; those used last come last. */
  readonly #open = new Map<string, OpenMeans>()

  private constructor(options: BlockWorkshopOptions, kernel: Kernel) {
    this.#options = options
    this.#kernel = kernel
  }

  /** Loads the kernel and starts its threads; `dispose` ends them. */
  static async create(options: BlockWorkshopOptions): Promise<BlockWorkshop> {
    const kernel = await loadKernel({ variant: options.kernelVariant ?? 'auto', threads: options.threads ?? 1 })
    if (options.warmUp === true) await warmUp(kernel)
    return new BlockWorkshop(options, kernel)
  }

  /** Which build of the kernel runs. */
  get variant(): KernelVariant {
    return this.#kernel.variant
  }

  /** Hashes of the means whose keys are in memory. */
  get ready(): string[] {
    return [...this.#open.keys()]
  }

  /** What this machine makes of a small evaluation that is the same everywhere; SHA-256, hexadecimal. */
  knownAnswer(): string {
    return knownAnswer(this.#kernel)
  }

  /** One after the other. @throws what `computeStretch` throws */
  async compute(job: BlockJob, signal?: AbortSignal): Promise<BlockResult> {
    const means = await this.#means(job.means.space, job.means.hash)
    const { contents } = this.#options
    return await computeStretch(job, { ...means.stretch, contents, ...(signal === undefined ? {} : { signal }) })
  }

  /** Lets go of keys and weights, and ends the kernel's threads. */
  async dispose(): Promise<void> {
    for (const means of this.#open.values()) means.dispose()
    this.#open.clear()
    await this.#kernel.dispose()
  }

  async #means(space: string, hash: string): Promise<OpenMeans> {
    const known = this.#open.get(hash)
    if (known !== undefined) {
      this.#open.delete(hash)
      this.#open.set(hash, known)
      return known
    }
    const { contents, releases = RELEASES, onRelease } = this.#options
    const means = JSON.parse(new TextDecoder().decode(await contents.get(space, hash))) as BlockMeans
    for (const [oldest, open] of this.#open) {
      if (this.#open.size < releases) break
      this.#open.delete(oldest)
      open.dispose()
    }
    // In the order in which it is asked for. What cannot be had is missed when it is.
    const names = [means.publicKey, ...means.keys, ...means.parts.map(part => ({ space: means.space, hash: part }))]
    const staged = contents.stage?.(names.map(({ space, hash }) => ({ space, hash }))).catch(() => false)
    const opened = await OpenMeans.open(means, contents, this.#kernel, bytes => this.#reserve(hash, bytes))
    this.#open.set(hash, opened)
    onRelease?.(means.space, 'open')
    void staged?.then(all => {
      if (all) onRelease?.(means.space, 'here')
    })
    return opened
  }

  /** Takes bytes of what all releases may keep; those that were used longest ago give theirs up. */
  #reserve(asking: string, bytes: number): boolean {
    let kept = bytes
    for (const { weights } of this.#open.values()) kept += weights.bytes
    for (const [hash, { weights }] of this.#open) {
      if (kept <= this.#options.weightBytes) break
      if (hash === asking) continue
      kept -= weights.bytes
      weights.drop()
    }
    return kept <= this.#options.weightBytes
  }
}

/** Weights of one release, encrypted or clear, in memory as far as there is room. */
interface Weights {
  readonly bytes: number
  drop(): void
  readonly run: Pick<RunOptions, 'weights' | 'scalars' | 'retainWeights'>
}

class OpenMeans {
  private constructor(
    readonly weights: Weights,
    private readonly session: OpenSession,
    private readonly parts: ReleaseParts,
    private readonly scheme: { readonly context: Context; readonly publicKey: PublicKey; readonly evaluator: Evaluator },
    private readonly coined: { readonly model: string; readonly release: string }
  ) {}

  static async open(means: BlockMeans, contents: SharedContents, kernel: Kernel, reserve: (bytes: number) => boolean): Promise<OpenMeans> {
    const { terms, threshold, soleHolder, owner, nonce, plan, parts: hashes, space } = means
    const context = Context.create(Parameters.fromJSON(terms.parameters, { allowInsecure: true }), kernel, { parties: terms.dealers })
    const undo: (() => void)[] = [() => context.dispose()]
    try {
      const publicKey = deserializePublicKey(context, await contents.get(means.publicKey.space, means.publicKey.hash))
      undo.push(() => publicKey.dispose())
      const evaluator = new KernelEvaluator(context)
      undo.push(() => evaluator[Symbol.dispose]())
      const keys = readAhead(means.keys, async ({ space, hash }) => await contents.get(space, hash), KEYS_AHEAD)
      for await (const [name, bytes] of keys) {
        const key = deserializeKeySwitchKey(context, bytes, { level: name.level })
        try {
          if (name.kind === 'galois') evaluator.setGaloisKey(name.element, key)
          else evaluator.setRelinearizationKey(key)
        } finally {
          key.dispose()
        }
      }
      const epoch: Pick<EpochMeans, 'terms' | 'threshold' | 'context' | 'publicKey'> = { terms, threshold, context, publicKey }
      // Whose proofs they carry, not that they hold: the evaluator has checked them.
      const session = releaseSession(epoch, plan, terms.proofs ? { self: '', modelOwner: owner, soleHolder } : undefined)
      const parts = new ReleaseParts(session, nonce, contents)
      const proved = terms.proofs && soleHolder !== owner
      const weights =
        plan.operands.weights === 'clear'
          ? clearWeights(new ClearWeights(plan, await clearItems(means, contents), evaluator, reserve))
          : encryptedWeights(new ReleaseWeights(session, evaluator, parts, { hashes, space, proved, aheadBytes: AHEAD_BYTES, reserve }))
      const coined = { model: toHex(digest('parts of the model', ...hashes)), release: nonce }
      return new OpenMeans(weights, session, parts, { context, publicKey, evaluator }, coined)
    } catch (error) {
      for (const step of undo.reverse()) step()
      throw error
    }
  }

  get stretch() {
    const { session, parts, coined, weights } = this
    if (session.closed) throw new SessionStateError('the release was closed')
    return {
      session,
      parts,
      coined,
      evaluator: this.scheme.evaluator,
      weights: () => weights.run
    }
  }

  dispose(): void {
    this.weights.drop()
    this.session.dispose()
    this.scheme.evaluator[Symbol.dispose]()
    this.scheme.publicKey.dispose()
    this.scheme.context.dispose()
  }
}

async function clearItems({ plan, parts, space }: BlockMeans, contents: SharedContents): Promise<ClearParts> {
  return await ClearParts.open(plan, async part => await contents.get(space, parts[part] ?? ''))
}

function encryptedWeights(weights: ReleaseWeights): Weights {
  return {
    get bytes() {
      return weights.bytes
    },
    drop: () => weights.drop(),
    run: { weights: async index => await weights.lend(index), retainWeights: true }
  }
}

function clearWeights(weights: ClearWeights): Weights {
  return {
    get bytes() {
      return weights.bytes
    },
    drop: () => weights.dispose(),
    run: { weights: weights.source, scalars: weights.scalar, retainWeights: true }
  }
}
