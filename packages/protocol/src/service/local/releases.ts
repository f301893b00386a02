/**
 * All releases of an epoch at one party. Weights of several releases are kept in memory together, up to a bound: where one more needs room, the release that was
 * not used for longest gives its own up, and loads them again when it is asked.
 */
import { KeyGenerator, Parameters, SecretKey, serializePublicKey } from '@slytherin/ckks'
import { type Architecture, RESIDENT_WEIGHT_BYTES } from '@slytherin/engine'
import { randomSeed } from '@slytherin/ring'
import { ModelOwner, type ModelSource } from '../../local/model-owner.js'
import { SessionStateError } from '../../local/open-session.js'
import type { Plan } from '../../terms/plan.js'
import type { ProofTerms } from '../../terms/proof-batches.js'
import { isWholeKey } from '../../terms/share-requests.js'
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
import type { EpochMeans } from './epoch-means.js'
import { Publication } from './publication.js'
import { LocalRelease } from './release.js'
import { LocalMove } from './release-move.js'
import { releaseSession } from './release-session.js'

export interface LocalReleasesOptions {
  /** This party, as documents name it. */
  readonly self: string
  /** Who holds the whole key, if one party does. */
  readonly soleHolder: string | null
  readonly contents: ContentStore
  /** This party's models, by the name that publications give. */
  readonly models?: (model: string) => Promise<ModelSource>
  /** Bytes of weights of all releases in memory; 1 GiB when not given. */
  readonly weightBytes?: number
}

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
    const session = releaseSession(this.#epoch, this.#checked(terms.plan), this.#proofs(terms.owner))
    const publication = new Publication(session, network, terms, () => {
      session.dispose()
      this.#publications.delete(publication)
    })
    this.#publications.add(publication)
    return publication
  }

  async openRelease(terms: ReleaseTerms): Promise<ReleaseCryptography> {
    const session = releaseSession(this.#epoch, this.#checked(terms.plan), this.#proofs(terms.owner))
    const clear = terms.plan.operands.weights === 'clear' && terms.model !== undefined
    const network = clear ? (await this.#model(terms.model!)).network : undefined
    const release = new LocalRelease(this.#epoch, session, terms, {
      contents: this.#options.contents,
      network,
      reserve: (asking, bytes) => this.#reserve(asking, bytes),
      onDisposed: disposed => this.#open.delete(disposed)
    })
    this.#open.add(release)
    return release
  }

  async openMove(terms: MoveCryptographyTerms): Promise<MoveCryptography> {
    const { self, contents } = this.#options
    const checked = { ...terms, plan: this.#checked(terms.plan) }
    const move: LocalMove = new LocalMove(this.#epoch, checked, { self, contents, onDisposed: () => this.#moves.delete(move) })
    this.#moves.add(move)
    return move
  }

  async resultKey(): Promise<ResultKeyPair> {
    const { context } = this.#epoch
    const seed = randomSeed()
    using secret = SecretKey.fromSeed(context, seed)
    using key = new KeyGenerator(context).publicKey(secret)
    return { seed, publicKey: serializePublicKey(key) }
  }

  /** Closes everything that is open; the epoch stays. */
  async dispose(): Promise<void> {
    for (const release of [...this.#open]) await release.dispose()
    for (const publication of [...this.#publications]) await publication.dispose()
    for (const move of [...this.#moves]) await move.dispose()
  }

  /** @throws SessionStateError when the plan is for other parameters, another number of secrets or fewer shares than the epoch's */
  #checked(plan: Plan): Plan {
    const { context, terms, threshold } = this.#epoch
    const { parameters } = context
    if (plan.parties !== terms.dealers) {
      throw new SessionStateError(`the release's plan is for a key of ${plan.parties} secrets, its epoch's sums ${terms.dealers}`)
    }
    // More shares than planned for would be more flooding and masks than there is room for; one share alone is the whole key, and another protocol.
    if (plan.threshold < threshold || isWholeKey(plan) !== (threshold === 1)) {
      throw new SessionStateError(`the release's plan is for ${plan.threshold} shares, its epoch takes ${threshold}: plan it anew`)
    }
    if (!Parameters.fromJSON(plan.parameters, { allowInsecure: true }).equals(parameters)) {
      throw new SessionStateError("the release's plan has other parameters than its epoch")
    }
    return plan
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
