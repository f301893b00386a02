/** A release as other machines of the evaluator's know it: its encrypted parts and its epoch's keys in the store that they share, put there before the first part is done. */
import { serializePublicKey } from '@slytherin/ckks'
import { canonicalBytes } from '../../base/canonical.js'
import { MissingPartError } from '../../local/part-store.js'
import type { BlockMeans, BlockRunner, ContentName, SharedContents } from '../cryptography/blocks.js'
import type { ReleaseTerms } from '../cryptography/release.js'
import { type ContentStore, releaseSpace } from '../store/content-store.js'
import type { EpochMeans } from './epoch-means.js'

export interface SharedReleaseOptions {
  readonly contents: ContentStore
  readonly soleHolder: string | null
}

export class SharedRelease {
  readonly #shared: SharedContents
  readonly #epoch: EpochMeans
  readonly #terms: ReleaseTerms
  readonly #options: SharedReleaseOptions
  #published: { readonly keys: string; readonly name: Promise<ContentName> } | undefined

  constructor({ contents }: BlockRunner, epoch: EpochMeans, terms: ReleaseTerms, options: SharedReleaseOptions) {
    this.#shared = contents
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

  async #publish(): Promise<ContentName> {
    const { terms, threshold, publicKey, keys } = this.#epoch
    const { owner, nonce, plan, parts } = this.#terms
    const space = releaseSpace(nonce)
    const epochSpace = `epoch-${terms.epoch}`
    const key = { space: epochSpace, hash: await this.#shared.put(epochSpace, serializePublicKey(publicKey)) }
    for (const { space: from, hash } of keys) await this.share(from, hash)
    for (const [index, hash] of parts.entries()) {
      await this.share(space, hash).catch(error => {
        throw error instanceof MissingPartError ? new MissingPartError(`model part ${index} (${error.key})`) : error
      })
    }
    const { soleHolder } = this.#options
    const means: BlockMeans = { terms, threshold, soleHolder, publicKey: key, keys, owner, nonce, plan, parts, space }
    return { space, hash: await this.#shared.put(space, canonicalBytes(means)) }
  }
}
