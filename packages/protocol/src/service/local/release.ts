/** One release in an epoch, for all roles that a party has in it. */

import { SecretKey } from '@slytherin/ckks'
import { ClearWeights, type Network, RESIDENT_CLEAR_WEIGHT_BYTES } from '@slytherin/engine'
import type { Attempt, WholeKeyHolder } from '@slytherin/mhe'
import { digest, toHex } from '../../base/digest.js'
import type { QueryInputs } from '../../cryptography/data-owner.js'
import type { RefreshRequest, RefreshWholeRequest, SwitchRequest } from '../../cryptography/key-holder.js'
import { UnforeseenRequestError } from '../../errors/unforeseen-request.js'
import { type OpenSession, SessionStateError } from '../../local/open-session.js'
import { Querier } from '../../local/querier.js'
import { checkRefresh, checkSwitch } from '../../terms/share-requests.js'
import { type BlockRunner, isShareable } from '../cryptography/blocks.js'
import type {
  Attempted,
  BatchCheck,
  EvaluationTerms,
  ReleaseCryptography,
  ReleaseEvaluation,
  ReleaseTerms
} from '../cryptography/release.js'
import { type ContentStore, releaseSpace } from '../store/content-store.js'
import { attemptOf } from './attempts.js'
import type { EpochMeans } from './epoch-means.js'
import { type EvaluationMeans, LocalReleaseEvaluation } from './release-evaluation.js'
import { ReleaseParts } from './release-parts.js'
import { ReleaseWeights } from './release-weights.js'
import { SharedRelease } from './shared-release.js'

export interface LocalReleaseOptions {
  readonly contents: ContentStore
  /** This party's own model, where it is clear at this evaluator. */
  readonly network: Network | undefined
  readonly soleHolder: string | null
  /** Has parts of evaluations done, on other machines too. */
  readonly blocks?: BlockRunner
  /** Takes bytes of what all releases may keep in memory. */
  reserve(release: LocalRelease, bytes: number): boolean
  onDisposed(release: LocalRelease): void
}

export class LocalRelease implements ReleaseCryptography {
  readonly #epoch: EpochMeans
  readonly #session: OpenSession
  readonly #terms: ReleaseTerms
  readonly #options: LocalReleaseOptions
  readonly #parts: ReleaseParts
  readonly #querier: Querier
  readonly #abort = new AbortController()
  readonly #evaluations = new Map<string, LocalReleaseEvaluation>()
  #weights: ReleaseWeights | undefined
  #clear: ClearWeights | undefined
  #shared: SharedRelease | undefined

  constructor(epoch: EpochMeans, session: OpenSession, terms: ReleaseTerms, options: LocalReleaseOptions) {
    this.#epoch = epoch
    this.#session = session
    this.#terms = terms
    this.#options = options
    this.#parts = new ReleaseParts(session, terms.nonce, options.contents)
    this.#querier = new Querier(session)
  }

  /** Bytes of weights in memory. */
  get bytes(): number {
    return this.#weights?.bytes ?? 0
  }

  /** Whether a query is being evaluated. */
  get busy(): boolean {
    return this.#evaluations.size > 0
  }

  /** Weights are loaded again when they are needed. */
  dropWeights(): void {
    this.#weights?.drop()
  }

  async checkPart(kind: 'model' | 'input', index: number, bytes: Uint8Array, proved: boolean): Promise<void> {
    this.#parts.check(kind, index, bytes, proved)
  }

  async checkBatch(check: BatchCheck): Promise<void> {
    this.#parts.verify(check)
  }

  async openQuery(samples: Float64Array[], query: string): Promise<QueryInputs> {
    return this.#querier.openQuery(samples, query, this.#terms.nonce)
  }

  async decryptResults(ciphertexts: Uint8Array[], seed: Uint8Array | null): Promise<Float64Array[]> {
    if (seed === null) return this.#querier.decryptBy(this.#whole, ciphertexts)
    using secret = SecretKey.fromSeed(this.#session.context, seed)
    return this.#querier.decryptUnder(secret, ciphertexts)
  }

  async openEvaluation(terms: EvaluationTerms): Promise<ReleaseEvaluation> {
    if (this.#evaluations.has(terms.query)) throw new SessionStateError(`query ${terms.query} is open already`)
    const { evaluator } = this.#epoch
    const { blocks } = this.#options
    if (blocks !== undefined && isShareable(this.#session.plan.operands, blocks)) {
      this.#shared ??= new SharedRelease(blocks, this.#epoch, this.#terms, this.#options)
    }
    const means = {
      session: this.#session,
      evaluator,
      parts: this.#parts,
      closing: this.#abort.signal,
      coined: { model: toHex(digest('parts of the model', ...this.#terms.parts)), release: this.#terms.nonce },
      weights: () => this.#modelWeights(),
      ...(this.#shared === undefined ? {} : { shared: this.#shared }),
      ...(blocks === undefined ? {} : { blocks })
    }
    const evaluation = new LocalReleaseEvaluation(means, terms, () => this.#evaluations.delete(terms.query))
    this.#evaluations.set(terms.query, evaluation)
    return evaluation
  }

  async refreshShare(request: Attempted<RefreshRequest>): Promise<Uint8Array[]> {
    const attempt = this.#attemptOf('refresh', request)
    checkRefresh(this.#session.plan, request)
    const { level, scale, magnitude, c1 } = request
    const { giver } = this.#epoch.hand
    return c1.map((component, ciphertext) => giver.refreshShare(attempt, { ciphertext, level, scale, magnitude, c1: component }))
  }

  async switchShare(request: Attempted<SwitchRequest> & { readonly targetKey: Uint8Array }): Promise<Uint8Array[]> {
    const attempt = this.#attemptOf('switch', request)
    checkSwitch(this.#session.plan, request)
    const { level, noise, c1, targetKey } = request
    const { scale, magnitude } = this.#session.plan.output
    const { giver } = this.#epoch.hand
    return c1.map((component, ciphertext) =>
      giver.switchShare(attempt, { ciphertext, level, noise, scale, magnitude, c1: component, targetKey })
    )
  }

  async refreshWhole(request: Attempted<RefreshWholeRequest>): Promise<Uint8Array[]> {
    const attempt = this.#attemptOf('refresh', request)
    checkRefresh(this.#session.plan, request)
    const { level, scale, magnitude, masked, c1 } = request
    if (masked.length !== c1.length) throw new UnforeseenRequestError('refresh', 'masked', `${c1.length}`, `${masked.length}`)
    const whole = this.#whole
    return c1.map((component, k) =>
      whole.refresh({ instance: attempt.instanceOf(k), level, scale, magnitude, masked: masked[k]!, c1: component })
    )
  }

  async switchWhole(request: Attempted<SwitchRequest> & { readonly targetKey: Uint8Array }): Promise<Uint8Array[]> {
    const attempt = this.#attemptOf('switch', request)
    checkSwitch(this.#session.plan, request)
    const { level, noise, c1, targetKey } = request
    const { scale, magnitude } = this.#session.plan.output
    const whole = this.#whole
    return c1.map((component, k) =>
      whole.switch({ instance: attempt.instanceOf(k), level, noise, scale, magnitude, c1: component, targetKey })
    )
  }

  async dispose(): Promise<void> {
    if (this.#abort.signal.aborted) return
    this.#abort.abort(new SessionStateError('the release was closed'))
    this.#evaluations.clear()
    this.#weights?.drop()
    this.#clear?.dispose()
    this.#shared?.dispose()
    this.#session.dispose()
    this.#options.onDisposed(this)
  }

  /** @throws UnforeseenRequestError unless the request's instance is its attempt's */
  #attemptOf(kind: 'refresh' | 'switch', { attempt, instance }: Attempted<{ readonly instance: string }>): Attempt {
    const made = attemptOf(this.#session.sessionId, attempt)
    if (made.instance !== instance) throw new UnforeseenRequestError(kind, 'instance', made.instance, instance)
    return made
  }

  get #whole(): WholeKeyHolder {
    const { whole } = this.#epoch.hand
    if (whole === undefined) throw new SessionStateError('this party does not hold the whole key')
    return whole
  }

  #modelWeights(): ReturnType<EvaluationMeans['weights']> {
    const { evaluator } = this.#epoch
    const { plan } = this.#session
    if (plan.operands.weights === 'clear') {
      const { network } = this.#options
      if (network === undefined) throw new SessionStateError('an evaluator of clear weights needs the model')
      this.#clear ??= new ClearWeights(plan, network, evaluator, RESIDENT_CLEAR_WEIGHT_BYTES)
      return { weights: this.#clear.source, scalars: this.#clear.scalar, retainWeights: true }
    }
    this.#weights ??= this.#encryptedWeights()
    const weights = this.#weights
    return { weights: async index => await weights.lend(index), retainWeights: true }
  }

  #encryptedWeights(): ReleaseWeights {
    const { parts: hashes, nonce, owner } = this.#terms
    return new ReleaseWeights(this.#session, this.#epoch.evaluator, this.#parts, {
      hashes,
      space: releaseSpace(nonce),
      proved: this.#session.proofs !== undefined && this.#session.proofs.soleHolder !== owner,
      reserve: bytes => this.#options.reserve(this, bytes)
    })
  }
}
