/** The cryptography of a party that only asks, in this thread: samples encrypted under an epoch's public key, with proofs, and results read. It holds no share of anything. */
import { Context, deserializePublicKey, Parameters, type PublicKey, SecretKey } from '@slytherin/ckks'
import type { Kernel } from '@slytherin/ring'
import type { QueryInputs } from '../../cryptography/data-owner.js'
import { SessionStateError } from '../../local/open-session.js'
import { Querier } from '../../local/querier.js'
import type { AskingCryptography, AskingRelease, AskingTerms, OpenAskingReleases } from '../cryptography/asking.js'
import type { ReleaseTerms, ResultKeyPair } from '../cryptography/release.js'
import { checkedPlan } from './checked-plan.js'
import { releaseSession } from './release-session.js'
import { makeResultKey } from './result-key.js'

/** What the cryptography of a party that only asks is given. */
export interface LocalAskingOptions {
  /** This party, as documents name it. */
  readonly self: string
  /** Stays the caller's. */
  readonly kernel: Kernel
  /** For tests: rings that are below the security table. */
  readonly allowInsecure?: boolean
}

/** Asking in this thread; the cryptography of a page's querier, in its worker. */
export class LocalAsking implements AskingCryptography {
  readonly #options: LocalAskingOptions
  readonly #open = new Set<LocalAskingEpoch>()

  constructor(options: LocalAskingOptions) {
    this.#options = options
  }

  async openEpoch(terms: AskingTerms, publicKey: Uint8Array): Promise<OpenAskingReleases> {
    const epoch: LocalAskingEpoch = new LocalAskingEpoch(terms, publicKey, this.#options, () => this.#open.delete(epoch))
    this.#open.add(epoch)
    return epoch
  }

  async dispose(): Promise<void> {
    for (const epoch of [...this.#open]) await epoch.dispose()
  }
}

class LocalAskingEpoch implements OpenAskingReleases {
  readonly #terms: AskingTerms
  readonly #self: string
  readonly #context: Context
  readonly #publicKey: PublicKey
  readonly #open = new Set<AskingRelease>()
  readonly #onDisposed: () => void

  constructor(
    terms: AskingTerms,
    publicKey: Uint8Array,
    { self, kernel, allowInsecure = false }: LocalAskingOptions,
    onDisposed: () => void
  ) {
    this.#terms = terms
    this.#self = self
    this.#onDisposed = onDisposed
    this.#context = Context.create(Parameters.fromJSON(terms.parameters, { allowInsecure }), kernel, { parties: terms.dealers })
    try {
      this.#publicKey = deserializePublicKey(this.#context, publicKey)
    } catch (error) {
      this.#context.dispose()
      throw error
    }
  }

  async openRelease({ nonce, owner, plan }: ReleaseTerms): Promise<AskingRelease> {
    const { threshold, proofs, soleHolder } = this.#terms
    const means = { terms: this.#terms, threshold, context: this.#context, publicKey: this.#publicKey }
    const session = releaseSession(
      means,
      checkedPlan(plan, means),
      proofs ? { self: this.#self, modelOwner: owner, soleHolder } : undefined
    )
    const querier = new Querier(session)
    const release: AskingRelease = {
      openQuery: async (samples: Float64Array[], query: string): Promise<QueryInputs> => querier.openQuery(samples, query, nonce),
      decryptResults: async (ciphertexts, seed) => {
        if (seed === null) throw new SessionStateError('this party does not hold the whole key')
        using secret = SecretKey.fromSeed(session.context, seed)
        return querier.decryptUnder(secret, ciphertexts)
      },
      dispose: async () => {
        session.dispose()
        this.#open.delete(release)
      }
    }
    this.#open.add(release)
    return release
  }

  async resultKey(): Promise<ResultKeyPair> {
    return makeResultKey(this.#context)
  }

  async dispose(): Promise<void> {
    for (const release of [...this.#open]) await release.dispose()
    this.#publicKey.dispose()
    this.#context.dispose()
    this.#onDisposed()
  }
}
