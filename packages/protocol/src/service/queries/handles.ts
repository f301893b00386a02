/** Releases whose cryptography is open, so many at a time: the one that was not used for longest is closed, never one that is in use. */
import type { Plan } from '../../terms/plan.js'
import type { AskingEpoch } from '../cryptography/asking.js'
import type { OpenEpoch } from '../cryptography/open-epoch.js'
import type { Release } from '../objects/release.js'

/** Their weights have a bound of their own. */
const RELEASES = 16

export interface ReadyRelease {
  readonly document: Release
  readonly plan: Plan
}

/** What releases of such epochs are opened as. */
type ReleaseOf<E extends AskingEpoch> = Awaited<ReturnType<E['releases']['openRelease']>>

export interface UsedRelease<E extends AskingEpoch = OpenEpoch> extends ReadyRelease {
  readonly cryptography: ReleaseOf<E>
  readonly epoch: E
}

interface Handle<E extends AskingEpoch> {
  readonly cryptography: Promise<ReleaseOf<E>>
  users: number
}

export class ReleaseHandles<E extends AskingEpoch = OpenEpoch> {
  readonly #epochs: { epoch(identifier: string): Promise<E> }
  readonly #ready: (release: string) => ReadyRelease
  readonly #computes: boolean
  /** Those used last come last. */
  readonly #handles = new Map<string, Handle<E>>()

  /**
   * @param ready    throws ReleaseRefusedError unless a release may be asked
   * @param computes whether this party evaluates: models that are clear are read then
   */
  constructor(epochs: { epoch(identifier: string): Promise<E> }, ready: (release: string) => ReadyRelease, computes: boolean) {
    this.#epochs = epochs
    this.#ready = ready
    this.#computes = computes
  }

  /** @throws ReleaseRefusedError, EpochRefusedError, what `body` throws */
  async use<T>(identifier: string, body: (release: UsedRelease<E>) => Promise<T>): Promise<T> {
    const { document, plan } = this.#ready(identifier)
    const epoch = await this.#epochs.epoch(document.epoch)
    const handle = this.#handles.get(identifier) ?? this.#open(identifier, document, plan, epoch)
    this.#handles.delete(identifier)
    this.#handles.set(identifier, handle)
    handle.users++
    try {
      return await body({ document, plan, epoch, cryptography: await handle.cryptography })
    } finally {
      handle.users--
      this.#close(RELEASES)
    }
  }

  /** The plan of a release, where there is one that may be asked. */
  known(identifier: string): Plan | undefined {
    try {
      return this.#ready(identifier).plan
    } catch {
      return undefined
    }
  }

  /** What is open of a release is of no use any more. */
  forget(identifier: string): void {
    const handle = this.#handles.get(identifier)
    this.#handles.delete(identifier)
    void handle?.cryptography.then(async release => await release.dispose()).catch(() => undefined)
  }

  dispose(): void {
    this.#close(0)
  }

  #open(identifier: string, { nonce, owner, parts, name }: Release, plan: Plan, { releases }: E): Handle<E> {
    const terms = { nonce, owner, plan, parts, ...(this.#computes ? { model: name } : {}) }
    const cryptography = releases.openRelease(terms) as Promise<ReleaseOf<E>>
    cryptography.catch(() => this.#handles.delete(identifier))
    return { cryptography, users: 0 }
  }

  #close(left: number): void {
    for (const [identifier, { cryptography, users }] of this.#handles) {
      if (this.#handles.size <= left) return
      if (users > 0) continue
      this.#handles.delete(identifier)
      void cryptography.then(async release => await release.dispose()).catch(() => undefined)
    }
  }
}
