/** Releases as whoever asks uses them: checked once, opened when they are needed, the last few at hand. */
import type { AskingEpoch, AskingEpochs, AskingRelease } from '../cryptography/asking.js'
import { RELEASE } from '../objects/release.js'
import { checkRelease, type ReleasePolicy } from '../objects/release-check.js'
import type { DocumentShelf } from '../store/shelf.js'
import { type ReadyRelease, ReleaseHandles } from './handles.js'
import { unknown } from './unknown.js'

/** Releases whose plans are at hand: reading one takes longer than a small query does. */
const RELEASES = 16

export interface AskedReleasesOptions {
  readonly epochs: AskingEpochs
  readonly documents: DocumentShelf
  readonly policy?: ReleasePolicy
}

export class AskedReleases {
  readonly #options: AskedReleasesOptions
  /** Those used last come last. */
  readonly #ready = new Map<string, ReadyRelease>()
  readonly #handles: ReleaseHandles<AskingEpoch>

  constructor(options: AskedReleasesOptions) {
    this.#options = options
    this.#handles = new ReleaseHandles(options.epochs, release => this.#ready.get(release)!, false)
  }

  /** Closes those that are open. */
  dispose(): void {
    this.#handles.dispose()
  }

  /** @throws ReleaseRefusedError, EpochRefusedError, what `body` throws */
  async use<T>(release: string, body: (cryptography: AskingRelease) => Promise<T>): Promise<T> {
    await this.known(release)
    return await this.#handles.use(release, async ({ cryptography }) => await body(cryptography))
  }

  /** Checked, and at hand for `#handles` until others have been asked. @throws ReleaseRefusedError */
  async known(identifier: string): Promise<ReadyRelease> {
    const { documents, epochs, policy = {} } = this.#options
    let ready = this.#ready.get(identifier)
    if (ready === undefined) {
      const signed = await documents.get(RELEASE, identifier)
      if (signed === undefined) throw unknown('release', identifier)
      const { document } = signed
      const { record } = await epochs.epoch(document.epoch)
      ready = { document, plan: checkRelease(document, record, record.proposal.evaluator, policy, true) }
    }
    this.#ready.delete(identifier)
    this.#ready.set(identifier, ready)
    const [oldest] = this.#ready.keys()
    if (this.#ready.size > RELEASES) this.#ready.delete(oldest!)
    return ready
  }
}
