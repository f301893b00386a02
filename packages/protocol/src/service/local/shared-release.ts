/**
 * A release as other machines of the evaluator's know it: its encrypted parts, or the values of a model that is clear here, and its epoch's keys in the store that they
 * share, put there before the first part is done.
 */
import { serializePublicKey } from '@slytherin/ckks'
import type { Network } from '@slytherin/engine'
import { canonicalBytes } from '../../base/canonical.js'
import { SessionStateError } from '../../local/open-session.js'
import { MissingPartError } from '../../local/part-store.js'
import type { BlockMeans, BlockRunner, ContentName, SharedContents } from '../cryptography/blocks.js'
import type { ReleaseTerms } from '../cryptography/release.js'
import { type ContentStore, releaseSpace } from '../store/content-store.js'
import { clearParts } from './clear-parts.js'
import type { EpochMeans } from './epoch-means.js'

export interface SharedReleaseOptions {
  readonly contents: ContentStore
  readonly soleHolder: string | null
  /** Where the model is clear here. */
  readonly network: Network | undefined
}

export class SharedRelease {
  readonly #blocks: BlockRunner
  readonly #shared: SharedContents
  readonly #epoch: EpochMeans
  readonly #terms: ReleaseTerms
  readonly #options: SharedReleaseOptions
  #published: { readonly keys: string; readonly name: Promise<ContentName> } | undefined
  /** By space: how to let go of it. */
  readonly #held = new Map<string, Promise<() => void>>()

  constructor(blocks: BlockRunner, epoch: EpochMeans, terms: ReleaseTerms, options: SharedReleaseOptions) {
    this.#blocks = blocks
    this.#shared = blocks.contents
    this.#epoch = epoch
    this.#terms = terms
    this.#options = options
  }

  /** What parts of evaluations name it by, once everything that it names is in the store. @throws MissingPartError */
  async name(): Promise<ContentName> {
    const keys = this.#epoch.keys.map(({ hash }) => hash).join()
    if (this.#published?.keys !== keys) {
      const published = { keys, name: this.#publish() }
      this.#published = published
      // What has failed is tried again.
      published.name.catch(() => {
        if (this.#published === published) this.#published = undefined
      })
    }
    return await this.#published!.name
  }

  /** Puts what this party has into the store, unless it is there. @throws MissingPartError for what is not here, or damaged */
  async share(space: string, hash: string): Promise<void> {
    if (await this.#shared.has(space, hash)) return
    const bytes = await this.#options.contents.get(space, hash)
    if (bytes === undefined) throw new MissingPartError(`${hash.slice(0, 16)} of ${space}`)
    await this.#shared.put(space, bytes)
  }

  /** Nobody evaluates with it any more; what is in the store is erased after a while. */
  dispose(): void {
    for (const held of this.#held.values()) void held.then(letGo => letGo()).catch(() => undefined)
    this.#held.clear()
    this.#published = undefined
  }

  async #publish(): Promise<ContentName> {
    const { terms, threshold, publicKey, keys } = this.#epoch
    const { owner, nonce, plan } = this.#terms
    const space = releaseSpace(nonce)
    const epochSpace = `epoch-${terms.epoch}`
    for (const used of [space, epochSpace, ...keys.map(key => key.space)]) await this.#hold(used)
    const key = { space: epochSpace, hash: await this.#shared.put(epochSpace, serializePublicKey(publicKey)) }
    for (const { space: from, hash } of keys) await this.share(from, hash)
    const parts = plan.operands.weights === 'clear' ? await this.#clearParts(space) : await this.#encryptedParts(space)
    const { soleHolder } = this.#options
    const means: BlockMeans = { terms, threshold, soleHolder, publicKey: key, keys, owner, nonce, plan, parts, space }
    return { space, hash: await this.#shared.put(space, canonicalBytes(means)) }
  }

  async #encryptedParts(space: string): Promise<readonly string[]> {
    const { parts } = this.#terms
    for (const [index, hash] of parts.entries()) {
      await this.share(space, hash).catch(error => {
        throw error instanceof MissingPartError ? new MissingPartError(`model part ${index} (${error.key})`) : error
      })
    }
    return parts
  }

  async #clearParts(space: string): Promise<readonly string[]> {
    const { network } = this.#options
    if (network === undefined) throw new SessionStateError('an evaluator of clear weights needs the model')
    const hashes: string[] = []
    for (const bytes of clearParts(this.#terms.plan, network)) hashes.push(await this.#shared.put(space, bytes))
    return hashes
  }

  async #hold(space: string): Promise<void> {
    const held = this.#held.get(space) ?? this.#blocks.hold(space)
    this.#held.set(space, held)
    await held
  }
}
