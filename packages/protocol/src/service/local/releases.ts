/**
 * All releases of an epoch at one party. Weights of several releases are kept in memory together, up to a bound: where one more needs room, the release that was
 * not used for longest gives its own up, and loads them again when it is asked.
 */
import { type Architecture, RESIDENT_WEIGHT_BYTES } from '@slytherin/engine'
import { ModelOwner, type ModelSource } from '../../local/model-owner.js'
import { SessionStateError } from '../../local/open-session.js'
import type { ProofTerms } from '../../terms/proof-batches.js'
import type { BlockRunner } from '../cryptography/blocks.js'
import type { MoveCryptography, MoveCryptographyTerms } from '../cryptography/move.js'
import type {
  PublicationCryptography,
  PublicationTerms,
  ReleaseCryptography,
  ReleasesCryptography,
  ReleaseTerms,
  ResultKeyPair
} from '../cryptography/release.js'
import type { ContentStore } from '../store/content-store.js'
import { checkedPlan } from './checked-plan.js'
import type { EpochMeans } from './epoch-means.js'
import { Publication } from './publication.js'
import { LocalRelease } from './release.js'
import { LocalMove } from './release-move.js'
import { releaseSession } from './release-session.js'
import { makeResultKey } from './result-key.js'

/** What the releases of an epoch are given. */
export interface LocalReleasesOptions {
  /** This party, as documents name it. */
  readonly self: string
  /** Who holds the whole key, if one party does. */
  readonly soleHolder: string | null
  /** Where parts of models and inputs are. */
  readonly contents: ContentStore
  /** This party's models, by the name that publications give. */
  readonly models?: (model: string) => Promise<ModelSource>
  /** Bytes of weights of all releases in memory; 1 GiB when not given. */
  readonly weightBytes?: number
  /** Has parts of evaluations done, on other machines too. */
  readonly blocks?: BlockRunner
}

/** Releases of one epoch in this thread: publications, evaluations, shares and moves, whatever the party's roles. */
export class LocalReleases implements ReleasesCryptography {
  readonly #epoch: EpochMeans
  readonly #options: LocalReleasesOptions
  readonly #models = new Map<string, Promise<ModelOwner>>()
  /** Those that were used last come last. */
  readonly #open = new Set<LocalRelease>()
  readonly #publications = new Set<Publication>()
  readonly #moves = new Set<LocalMove>()

  constructor(epoch: EpochMeans, options: LocalReleasesOptions) {
    this.#epoch = epoch
    this.#options = options
  }

  async architecture(model: string): Promise<Architecture> {
    return (await this.#model(model)).architecture
  }

  async openPublication(terms: PublicationTerms): Promise<PublicationCryptography> {
    const { network } = await this.#model(terms.model)
    const session = releaseSession(this.#epoch, checkedPlan(terms.plan, this.#epoch), this.#proofs(terms.owner))
    const publication = new Publication(session, network, terms, () => {
      session.dispose()
      this.#publications.delete(publication)
    })
    this.#publications.add(publication)
    return publication
  }

  async openRelease(terms: ReleaseTerms): Promise<ReleaseCryptography> {
    const session = releaseSession(this.#epoch, checkedPlan(terms.plan, this.#epoch), this.#proofs(terms.owner))
    const clear = terms.plan.operands.weights === 'clear' && terms.model !== undefined
    const network = clear ? (await this.#model(terms.model!)).network : undefined
    const release = new LocalRelease(this.#epoch, session, terms, {
      contents: this.#options.contents,
      ...(this.#options.blocks === undefined ? {} : { blocks: this.#options.blocks }),
      soleHolder: this.#options.soleHolder,
      network,
      reserve: (asking, bytes) => this.#reserve(asking, bytes),
      onDisposed: disposed => this.#open.delete(disposed)
    })
    this.#open.add(release)
    return release
  }

  async openMove(terms: MoveCryptographyTerms): Promise<MoveCryptography> {
    const { self, contents } = this.#options
    const checked = { ...terms, plan: checkedPlan(terms.plan, this.#epoch) }
    const move: LocalMove = new LocalMove(this.#epoch, checked, { self, contents, onDisposed: () => this.#moves.delete(move) })
    this.#moves.add(move)
    return move
  }

  async resultKey(): Promise<ResultKeyPair> {
    return makeResultKey(this.#epoch.context)
  }

  /** Closes everything that is open; the epoch stays. */
  async dispose(): Promise<void> {
    for (const release of [...this.#open]) await release.dispose()
    for (const publication of [...this.#publications]) await publication.dispose()
    for (const move of [...this.#moves]) await move.dispose()
  }

  #proofs(modelOwner: string): ProofTerms | undefined {
    if (!this.#epoch.terms.proofs) return undefined
    const { self, soleHolder } = this.#options
    return { self, modelOwner, soleHolder }
  }

  #reserve(asking: LocalRelease, bytes: number): boolean {
    const { weightBytes = RESIDENT_WEIGHT_BYTES } = this.#options
    // Used last from now on.
    this.#open.delete(asking)
    this.#open.add(asking)
    let kept = bytes
    for (const release of this.#open) kept += release.bytes
    for (const release of this.#open) {
      if (kept <= weightBytes) break
      if (release === asking || release.busy) continue
      kept -= release.bytes
      release.dropWeights()
    }
    return kept <= weightBytes
  }

  async #model(model: string): Promise<ModelOwner> {
    const { models } = this.#options
    if (models === undefined) throw new SessionStateError('this party has no models')
    let known = this.#models.get(model)
    if (known === undefined) {
      known = models(model).then(async source => await ModelOwner.create(source))
      // What failed may be asked for again.
      known.catch(() => this.#models.delete(model))
      this.#models.set(model, known)
    }
    return await known
  }
}
