/**
 * The evaluator's releases, and a witness's copies of them: which there are, and whether they may be asked. A release that needs evaluation keys which the epoch lacks has them made by the
 * holders, while queries of others run; it is tried again, after a restart too, until they are there.
 */
import { delay, orStopped } from '../../base/concurrency.js'
import { ReleaseRefusedError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Plan } from '../../terms/plan.js'
import type { CallContext, Responder } from '../calls/responder.js'
import { formerReleases, RELEASE, type Release } from '../objects/release.js'
import { checkRelease, missingKeys } from '../objects/release-check.js'
import { moveSpace, releaseSpace } from '../store/content-store.js'
import { BATCH, BEGIN, EPOCH_KEYS, PART, PROOF, type ReleaseState, SIGN, STATE } from './calls.js'
import { registerCopies } from './copies.js'
import { type IntakeOptions, ReleaseIntake } from './intake.js'
import { registerMovedCopies } from './moved-copies.js'

/** Pause between two tries to make keys, milliseconds. */
const KEY_PAUSE = 5_000

/** What an evaluator's releases, or a witness's copies, are given. */
export interface EvaluatorReleasesOptions extends Omit<IntakeOptions, 'onKept'> {
  readonly self: string
  /** Told when a release may be asked from now on. */
  onReady?(release: string, document: Release): void
  /** What went wrong in the background. */
  onError?(error: Error): void
  /** Milliseconds between two tries to make keys. */
  readonly keyPause?: number
  /**
   * At a witness: fetches what is lacking of a release. Where it is not given, what is lacking is lost.
   * @throws what the evaluator answers; it is tried again
   */
  copy?(
    release: string,
    document: Release,
    plan: Plan,
    signal: AbortSignal,
    onProgress: (done: number, total: number) => void
  ): Promise<void>
}

interface Kept {
  readonly document: Release
  readonly plan: Plan
  state: ReleaseState
  reason: string
}

/** Takes releases, has the evaluation keys made that they lack, and says which may be asked. */
export class EvaluatorReleases {
  readonly #options: EvaluatorReleasesOptions
  readonly #intake: ReleaseIntake
  readonly #releases = new Map<string, Kept>()
  readonly #abort = new AbortController()
  readonly #preparing = new Map<string, Promise<void>>()

  constructor(options: EvaluatorReleasesOptions) {
    this.#options = options
    this.#intake = new ReleaseIntake({ ...options, onKept: (release, document, plan) => void this.#keep(release, document, plan) })
  }

  /** Registers what owners and queriers may ask. */
  register(responder: Responder): void {
    const anybody = (): undefined => undefined
    const { epochs } = this.#options
    responder.on(EPOCH_KEYS, anybody, async ({ head }) => {
      const epoch = await epochs.epoch(head.epoch)
      const { relinearizationLevel, galois } = await epoch.keys()
      return { head: { relinearizationLevel, galois: [...galois] }, blobs: [await epoch.publicKey()] }
    })
    responder.on(BEGIN, anybody, async ({ head }, { peer }) => {
      await this.#intake.begin({ ...head, owner: peer })
      return { head: {} }
    })
    responder.on(BATCH, anybody, async ({ head }, { peer }) => {
      const { parts, proved } = await this.#intake.batch(peer, head.nonce, head.batch)
      return { head: { parts: [...parts], proved } }
    })
    responder.on(PART, anybody, async ({ head, blobs }, { peer }) => {
      await this.#intake.part(peer, head.nonce, head.index, head.hash, blobs[0] ?? new Uint8Array(0))
      return { head: {} }
    })
    responder.on(PROOF, anybody, async ({ head, blobs }, { peer }) => {
      await this.#intake.proof(peer, head.nonce, head.batch, blobs[0] ?? new Uint8Array(0))
      return { head: {} }
    })
    responder.on(SIGN, anybody, async ({ blobs }, { peer }: CallContext) => {
      const release = await this.#intake.sign(peer, blobs[0] ?? new Uint8Array(0))
      return { head: await this.#stateOf(release) }
    })
    responder.on(STATE, anybody, async ({ head }) => ({ head: await this.#stateOf(head.release) }))
    registerCopies(responder, this.#options)
    registerMovedCopies(responder, this.#options)
  }

  /** A release that is kept from before, or has come as a document; settles when it is known whether it is ready. @throws ReleaseRefusedError when it is not of its epoch */
  async load(identifier: string): Promise<void> {
    if (this.#releases.has(identifier)) return
    const { documents, epochs, policy = {} } = this.#options
    const signed = await documents.get(RELEASE, identifier)
    if (signed === undefined) throw unknownRelease(identifier)
    const { record } = await epochs.epoch(signed.document.epoch)
    await this.#keep(identifier, signed.document, checkRelease(signed.document, record, signed.document.owner, policy, false))
  }

  /** @throws ReleaseRefusedError unless it may be asked */
  ready(identifier: string): { readonly document: Release; readonly plan: Plan } {
    const kept = this.#releases.get(identifier)
    if (kept === undefined) throw unknownRelease(identifier)
    if (kept.state !== 'ready') {
      const { state, reason } = kept
      const remedy = {
        keys: 'Try again in a while.',
        withdrawn: 'Ask another release of the model.',
        damaged: 'Let its owner publish it again.',
        ready: ''
      }[state]
      throw new ReleaseRefusedError({
        kind: 'query',
        field: 'release',
        expected: 'a release that is ready',
        actual: state === 'keys' ? `its evaluation keys are being made${reason === '' ? '' : ` (${reason})`}` : state,
        remedy
      })
    }
    return kept
  }

  /** At a witness: parts were found to be lost, and are fetched again. */
  repair(identifier: string): void {
    const kept = this.#releases.get(identifier)
    if (kept?.state === 'ready') this.#keep(identifier, kept.document, kept.plan)
  }

  /** Resolves when it may be asked, or never will be. @throws the signal's reason */
  async settled(identifier: string, signal: AbortSignal): Promise<void> {
    const work = this.#preparing.get(identifier)
    if (work !== undefined) await orStopped(work, signal)
  }

  /** Whether it will be ready in a while. */
  pending(identifier: string): boolean {
    return this.#releases.get(identifier)?.state === 'keys'
  }

  /** All of them, as `status` tells. */
  list(): { readonly release: string; readonly document: Release; readonly state: ReleaseState; readonly reason: string }[] {
    return [...this.#releases].map(([release, { document, state, reason }]) => ({ release, document, state, reason }))
  }

  /** Its owner has withdrawn it: nobody asks it, or what it was moved to, from now on. Parts go with `erase`. */
  withdraw(identifier: string): void {
    for (const [release, kept] of this.#releases) {
      if (release === identifier || formerReleases(kept.document).includes(identifier)) kept.state = 'withdrawn'
    }
  }

  /** Parts were found to be lost. */
  damaged(identifier: string, reason: string): void {
    const kept = this.#releases.get(identifier)
    if (kept === undefined || kept.state === 'withdrawn') return
    kept.state = 'damaged'
    kept.reason = reason
  }

  /** Erases the parts of what was withdrawn, once no query needs them. @param used whether one does */
  async erase(used: (release: string) => boolean): Promise<void> {
    for (const [release, { document, state }] of this.#releases) {
      if (state !== 'withdrawn' || used(release)) continue
      await this.#options.contents.clear(releaseSpace(document.nonce))
      await this.#options.contents.clear(moveSpace(document.nonce))
    }
  }

  /** Gives up what is being prepared; the next start takes it up. */
  async dispose(): Promise<void> {
    this.#abort.abort(new Error('closed'))
    await Promise.all(this.#preparing.values())
    await this.#intake.dispose()
  }

  /** @returns settles when it is ready, or when it is known that it is not yet */
  #keep(identifier: string, document: Release, plan: Plan): Promise<void> {
    this.#releases.set(identifier, { document, plan, state: 'keys', reason: '' })
    const known = Promise.withResolvers<void>()
    const work = this.#prepare(identifier, known.resolve).finally(() => {
      this.#preparing.delete(identifier)
      known.resolve()
    })
    this.#preparing.set(identifier, work)
    return known.promise
  }

  /** @param lacks told when it will take a while */
  async #prepare(identifier: string, lacks: () => void): Promise<void> {
    const { epochs, contents, copy, keyPause = KEY_PAUSE, onReady, onError } = this.#options
    const kept = this.#releases.get(identifier)!
    const { document, plan } = kept
    const { signal } = this.#abort
    try {
      for (const [index, part] of copy === undefined ? document.parts.entries() : []) {
        if (!(await contents.has(releaseSpace(document.nonce), part))) return this.damaged(identifier, `part ${index} is lost`)
      }
      for (;;) {
        if (kept.state === 'withdrawn') return
        if (copy !== undefined) lacks()
        try {
          await copy?.(identifier, document, plan, signal, (done, total) => {
            kept.reason = `${done} of ${total} parts are here`
          })
          const epoch = await epochs.epoch(document.epoch)
          const missing = missingKeys(plan, await epoch.keys())
          if (missing.relinearizationLevel === null && missing.galois.length === 0) break
          lacks()
          await epoch.addKeys(missing, signal)
        } catch (error) {
          if (signal.aborted) return
          const typed = translateError(error, { kind: 'release' })
          lacks()
          kept.reason = typed.message.slice(0, 1000)
          onError?.(typed)
          await delay(keyPause, signal)
        }
      }
      if (kept.state !== 'keys') return
      kept.state = 'ready'
      kept.reason = ''
      onReady?.(identifier, document)
    } catch (error) {
      if (!signal.aborted) onError?.(translateError(error, { kind: 'release' }))
    }
  }

  async #stateOf(release: string): Promise<{ release: string; state: ReleaseState; reason: string }> {
    if (!this.#releases.has(release)) await this.load(release)
    const { state, reason } = this.#releases.get(release)!
    return { release, state, reason }
  }
}

function unknownRelease(identifier: string): ReleaseRefusedError {
  const actual = identifier.slice(0, 16)
  return new ReleaseRefusedError({
    kind: 'release',
    field: 'release',
    expected: 'a release of this evaluator',
    actual,
    remedy: 'See what there is: slytherin model list.'
  })
}
