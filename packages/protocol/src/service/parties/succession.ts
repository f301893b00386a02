/**
 * How epochs follow each other, at their evaluator. When an epoch's budgets or its time come to their end, the next is made while the old is in force; whatever releases
 * of the old one may be moved are moved to it. Queries that run in the old epoch finish there.
 */
import { delay, orStopped, together } from '../../base/concurrency.js'
import { randomBytes, toHex } from '../../base/digest.js'
import { NotPermittedError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Caller } from '../calls/caller.js'
import type { Responder } from '../calls/responder.js'
import { SPENT } from '../epochs/calls.js'
import type { Epochs } from '../epochs/epochs.js'
import type { Books } from '../membership/books.js'
import type { EpochProposal, EpochRecord } from '../objects/epoch.js'
import type { Signed } from '../objects/signed.js'
import { Mover, type MoverOptions } from '../releases/mover.js'
import type { EvaluatorReleases } from '../releases/releases.js'

/** Share of a budget, or of an epoch's time, that is spent when the next epoch is made. */
export const DEFAULT_NEXT_AT = 0.9
/** How often that is looked at, and pause after something went wrong, milliseconds. */
const LOOK = 60_000
const PAUSE = 30_000

/** When the next epoch is made, and whether by itself. */
export interface NextEpochOptions {
  /** Share of a budget or of the epoch's time that is spent when the next one is made, between 0 and 1; `DEFAULT_NEXT_AT` when not given. */
  readonly at?: number
  /** Whether the next epoch is made without a command; false when not given. */
  readonly automatic?: boolean
  /** Milliseconds between two looks. */
  readonly look?: number
}

/** What succession at an evaluator is given. */
export interface SuccessionOptions extends NextEpochOptions {
  readonly self: string
  readonly caller: Caller
  readonly epochs: Epochs
  readonly releases: EvaluatorReleases
  readonly mover: Mover
  /** Makes an epoch and tells everybody. */
  create(proposal: EpochProposal, signal: AbortSignal): Promise<Signed<EpochRecord>>
  /** Whether a peer answers at present. */
  up(peer: string): boolean
  /** What went wrong in the background, and is tried again. */
  onError?(error: Error): void
  /** Clock, milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds before what went wrong is tried again. */
  readonly pause?: number
}

/** What holders answer of their budgets. */
export function registerSpent(responder: Responder, epochs: Epochs, books: Books): void {
  responder.on(
    SPENT,
    () => undefined,
    async ({ head }, { peer }) => {
      const { record } = await epochs.epoch(head.epoch)
      const { evaluator } = record.proposal
      if (peer !== evaluator) throw new NotPermittedError({ peer, kind: SPENT.kind, field: 'sender', expected: evaluator, actual: peer })
      const { decryptions, refreshes } = await books.epochUse(head.epoch, record.proposal)
      return { head: { decryptions: decryptions.used, refreshes: refreshes.used } }
    }
  )
}

/** At an evaluator: makes the epoch that follows one, when it is asked to or when a budget comes to its end, and has releases moved to it. */
export class Succession {
  readonly #options: SuccessionOptions
  readonly #abort = new AbortController()
  readonly #making = new Map<string, Promise<Signed<EpochRecord>>>()
  #wake = Promise.withResolvers<void>()
  #work: Promise<unknown> | undefined

  constructor(options: SuccessionOptions) {
    this.#options = options
  }

  /** With moves of its own. */
  static over({
    signer,
    documents,
    records,
    contents,
    onProgress,
    ...options
  }: Omit<SuccessionOptions, 'mover'> & Omit<MoverOptions, 'onMoved'>): Succession {
    const onMoved = async (release: string): Promise<void> => await options.releases.load(release)
    const mover = new Mover({
      ...options,
      signer,
      documents,
      records,
      contents,
      onMoved,
      ...(onProgress === undefined ? {} : { onProgress })
    })
    return new Succession({ ...options, mover })
  }

  /** Begins to look after epochs and to move releases. */
  start(): void {
    this.#work ??= Promise.all([this.#moving(), this.#looking()])
  }

  /** There is another epoch, or another release. */
  wake(): void {
    this.#wake.resolve()
  }

  /**
   * The epoch that follows this one: made with the holders that it has now, unless it is there. Releases move to it by themselves.
   * @param more what is to be otherwise than before
   * @throws PartyMissingError, SessionAbortedError, DescriptorRejectedError
   */
  async next(
    epoch: string,
    signal: AbortSignal,
    more: Partial<Pick<EpochProposal, 'expires' | 'automatic'>> = {}
  ): Promise<Signed<EpochRecord>> {
    const follower = await this.#follower(epoch)
    if (follower !== undefined) return follower
    let making = this.#making.get(epoch)
    if (making === undefined) {
      making = this.#make(epoch, signal, more).finally(() => this.#making.delete(epoch))
      this.#making.set(epoch, making)
    }
    const record = await making
    this.wake()
    return record
  }

  /** The largest share of an epoch's budgets and time that is spent, as its holders count it; those that are up are asked. */
  async spent(epoch: string, signal: AbortSignal): Promise<number> {
    const { epochs, caller, up, now } = this.#options
    const open = await epochs.epoch(epoch)
    const { created, expires, maximumDecryptions, maximumRefreshes } = open.record.proposal
    const there = open.sharing().holders.filter(({ peer }) => up(peer))
    const shares = await together(there, signal, async ({ peer }, inner) => {
      const asked = caller.call(peer, SPENT, { epoch }, [], { signal: inner, patience: 15_000 })
      // One that does not answer counts nothing.
      const { head } = await asked.catch(() => ({ head: { decryptions: 0, refreshes: 0 } }))
      return Math.max(head.decryptions / maximumDecryptions, head.refreshes / maximumRefreshes)
    })
    return Math.max((now() - created) / (expires - created), ...shares)
  }

  /** Stops; an epoch or a move that is under way is given up. */
  async dispose(): Promise<void> {
    this.#abort.abort(new Error('closed'))
    await this.#work
    await Promise.allSettled(this.#making.values())
  }

  async #follower(epoch: string): Promise<Signed<EpochRecord> | undefined> {
    const { epochs, now } = this.#options
    return (await epochs.list()).find(({ document: { proposal } }) => proposal.follows === epoch && proposal.expires > now())
  }

  async #make(
    epoch: string,
    given: AbortSignal,
    more: Partial<Pick<EpochProposal, 'expires' | 'automatic'>>
  ): Promise<Signed<EpochRecord>> {
    const { epochs, create, now } = this.#options
    const open = await epochs.epoch(epoch)
    const { automatic: _, ...before } = open.record.proposal
    const { holders, threshold } = open.sharing()
    const keys = await open.keys()
    const created = now()
    const proposal: EpochProposal = {
      ...before,
      ...more,
      nonce: toHex(randomBytes(16)),
      created,
      expires: more.expires ?? created + (before.expires - before.created),
      holders: holders.map(({ peer }, k) => ({ peer, point: k + 1 })),
      threshold,
      relinearizationLevel: keys.relinearizationLevel,
      galois: [...keys.galois],
      follows: epoch
    }
    return await create(proposal, AbortSignal.any([given, this.#abort.signal]))
  }

  /** Moves what is to be moved, one release after the other. */
  async #moving(): Promise<void> {
    const { mover, onError, pause = PAUSE } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>()
      try {
        const next = await this.#nextMove()
        if (next === undefined) {
          await orStopped(this.#wake.promise, signal)
          continue
        }
        await mover.move(next.release, next.to, signal)
      } catch (error) {
        if (signal.aborted) return
        onError?.(translateError(error, { kind: 'release' }))
        await Promise.race([delay(pause, signal), this.#wake.promise]).catch(() => undefined)
      }
    }
  }

  async #nextMove(): Promise<{ release: string; to: string } | undefined> {
    const { epochs, releases, mover, now } = this.#options
    const all = releases.list()
    const moved = new Set(all.map(({ document }) => document.moved?.from.at(-1)?.release))
    const inForce = (await epochs.list()).map(({ document }) => document).filter(({ proposal }) => proposal.expires > now())
    for (const { proposal, sharing } of inForce) {
      if (!inForce.some(other => other.sharing.epoch === proposal.follows)) continue
      for (const { release, document, state } of all) {
        if (document.epoch !== proposal.follows || state !== 'ready' || document.movable !== true || moved.has(release)) continue
        const known = await mover.known(release)
        if (known === undefined || known.refused === '') return { release, to: sharing.epoch }
      }
    }
    return undefined
  }

  async #looking(): Promise<void> {
    const { automatic = false, at = DEFAULT_NEXT_AT, look = LOOK, epochs, onError, now, self } = this.#options
    const { signal } = this.#abort
    while (automatic && !signal.aborted) {
      await delay(look, signal).catch(() => undefined)
      if (signal.aborted) return
      for (const { document } of await epochs.list()) {
        const { proposal, sharing } = document
        const { epoch } = sharing
        if (proposal.evaluator !== self || proposal.expires <= now()) continue
        try {
          if ((await this.#follower(epoch)) !== undefined || (await this.spent(epoch, signal)) < at) continue
          await this.next(epoch, signal, { automatic: true })
        } catch (error) {
          if (signal.aborted) return
          onError?.(translateError(error, { kind: 'epoch' }))
        }
      }
    }
  }
}
