/**
 * The evaluator's side of moving releases: when an epoch follows another, every release of the first whose owner lets it be moved is switched to the second, part by
 * part, by t holders of the first; its owner need not be there. Durable, batch by batch: it goes on after either side was killed. A holder that is lost for good costs
 * an attempt.
 */
import { delay, together, windowed } from '../../base/concurrency.js'
import { randomBytes, toHex } from '../../base/digest.js'
import { DeadlineExceededError, PeerUnreachableError, ReleaseRefusedError, RemoteFailureError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import { obstacleToMove, parsePlan } from '../../terms/plan.js'
import { modelBatches, type ProofBatch } from '../../terms/proof-batches.js'
import type { Signer } from '../../terms/signer.js'
import type { CallKind, Message } from '../calls/call.js'
import type { Caller } from '../calls/caller.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { MoveCryptography } from '../cryptography/move.js'
import type { OpenEpoch, OpenEpochs } from '../cryptography/open-epoch.js'
import type { Holder } from '../objects/epoch.js'
import { checkMovable, checkMoved, type MoveTerms } from '../objects/move.js'
import { partsRoot } from '../objects/parts-root.js'
import { RELEASE, type Release } from '../objects/release.js'
import { checkSigned, sign, withSignatures } from '../objects/signed.js'
import { type ContentStore, moveSpace, releaseSpace } from '../store/content-store.js'
import type { RecordStore } from '../store/records.js'
import type { DocumentShelf } from '../store/shelf.js'
import { MOVE_ATTEMPTS, MOVE_BEGIN, MOVE_PROOF, MOVE_SHARE, MOVE_SIGN, MOVE_STEP, moveQuery } from './move-calls.js'
import { type MoveRecord, MoveRecords } from './move-record.js'

/** Parts of a batch on their way at a time. */
const PARTS_AT_ONCE = 4
/** Before a holder that was not there is asked again, milliseconds; and how often, before the move goes on without it. */
const PAUSE = 5_000
const TRIES = 60

export interface MoverOptions {
  readonly caller: Caller
  readonly signer: Signer
  readonly epochs: OpenEpochs
  readonly documents: DocumentShelf
  readonly records: RecordStore
  readonly contents: ContentStore
  /** Whether a holder answers at present. */
  up(peer: string): boolean
  /** The moved release is kept. */
  onMoved(identifier: string): Promise<void>
  onProgress?(event: { epoch: string; step: string; done: number; total: number }): void
  onError?(error: Error): void
  readonly now?: () => number
  readonly pause?: number
  readonly tries?: number
}

/** A holder of the active set did not do its part. `forgot`: it was started again meanwhile. */
class HolderFailed extends Error {
  constructor(
    readonly peer: string,
    readonly why: 'absent' | 'forgot' | 'refused',
    override readonly cause: unknown
  ) {
    super(`${peer} did not help with the move`)
  }
}

interface Move extends MoveTerms {
  readonly epoch: OpenEpoch
  readonly target: OpenEpoch
}

export class Mover {
  readonly #options: MoverOptions
  readonly #moves: MoveRecords

  constructor(options: MoverOptions) {
    this.#options = options
    this.#moves = new MoveRecords(options.records)
  }

  /**
   * Moves a release to an epoch that follows its own.
   * @returns identifier of the moved release @throws ReleaseRefusedError saying why it must be uploaded again; the signal's reason
   */
  async move(identifier: string, to: string, signal: AbortSignal): Promise<string> {
    const { epochs, documents } = this.#options
    const signed = await documents.get(RELEASE, identifier)
    if (signed === undefined) throw new ReleaseRefusedError({ field: 'release', actual: identifier, remedy: 'See slytherin model list.' })
    const { document: release } = signed
    const [epoch, target] = [await epochs.epoch(release.epoch), await epochs.epoch(to)]
    let move: Move = { release, identifier, from: epoch.record, sharing: epoch.sharing(), to: target.record, epoch, target }
    let record = await this.#begun(move, to)
    const { document: made, attempt } = record
    // Shares were made anew since: nobody signs for what the old ones gave.
    if ((made?.moved ?? attempt?.sharing)?.generation !== move.sharing.generation && attempt !== null)
      record = await this.#lost(move, record)
    const without = new Map<string, unknown>()
    let tries = 0
    while (record.document === null) {
      signal.throwIfAborted()
      move = { ...move, sharing: epoch.sharing() }
      record = await this.#withAttempt(move, record, without, signal)
      try {
        record = await this.#attempt(move, record, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof HolderFailed)) throw error
        this.#options.onError?.(translateError(error.cause, { peer: error.peer, kind: 'release' }))
        tries++
        if (error.why === 'refused') without.set(error.peer, error.cause)
        else await delay(this.#options.pause ?? PAUSE, signal)
        const others = move.sharing.holders.filter(({ peer }) => peer !== error.peer && !without.has(peer) && this.#options.up(peer))
        const lost = tries >= (this.#options.tries ?? TRIES) && others.length >= move.sharing.threshold
        if (error.why === 'refused' || lost) {
          record = await this.#lost(move, record)
          tries = 0
        }
      }
    }
    return await this.#keep(move, record, record.document, signal)
  }

  /** What is known of a move, by the release that is moved. */
  async known(release: string): Promise<MoveRecord | undefined> {
    return await this.#moves.get(release)
  }

  async #begun(move: Move, to: string): Promise<MoveRecord> {
    const { release, identifier } = move
    const known = await this.#moves.get(identifier)
    if (known !== undefined && known.to === to && known.refused === '') return known
    const record = { to, nonce: toHex(randomBytes(16)), attempt: null, failed: 0, document: null, refused: '' }
    try {
      checkMovable(move, move.from.proposal.evaluator)
      const { parties } = release.plan
      const { holders } = move.to.proposal
      const obstacle =
        parties === holders.length
          ? obstacleToMove(parsePlan(release.plan), (release.moved?.from.length ?? 0) + 1)
          : `it is planned for a key of ${parties} secrets, the next one sums ${holders.length}`
      if (obstacle !== undefined) throw this.#refused(release, obstacle)
    } catch (error) {
      await this.#moves.put(identifier, { ...record, refused: translateError(error, {}).message.slice(0, 1000) })
      throw error
    }
    return await this.#moves.put(identifier, record)
  }

  /** Its attempt is given up. */
  async #lost({ identifier }: Move, record: MoveRecord): Promise<MoveRecord> {
    return await this.#moves.put(identifier, { ...record, attempt: null, document: null, failed: record.failed + 1 })
  }

  #refused({ name, owner }: Release, reason: string): ReleaseRefusedError {
    const remedy = `Let ${owner} publish ${name} again, into the epoch that follows.`
    return new ReleaseRefusedError({ peer: owner, kind: 'release', field: 'movable', reason, remedy })
  }

  /** The attempt that is under way, or the next one, once t holders are there. */
  async #withAttempt(move: Move, given: MoveRecord, without: ReadonlyMap<string, unknown>, signal: AbortSignal): Promise<MoveRecord> {
    const { release, identifier, sharing } = move
    if (given.attempt?.sharing.generation === sharing.generation) return given
    const record = given.attempt === null ? given : await this.#lost(move, given)
    const { up, pause = PAUSE } = this.#options
    const give = async (reason: string): Promise<never> => {
      await this.#moves.put(identifier, { ...record, refused: reason.slice(0, 1000) })
      throw this.#refused(release, reason)
    }
    if (record.failed >= MOVE_ATTEMPTS) return await give(`not done after ${MOVE_ATTEMPTS} attempts`)
    const willing = sharing.holders.filter(({ peer }) => !without.has(peer))
    if (willing.length < sharing.threshold) {
      const [peer, cause] = [...without].at(-1)!
      return await give(translateError(cause, { peer }).message)
    }
    for (;;) {
      const there = willing.filter(({ peer }) => up(peer))
      if (there.length >= sharing.threshold) {
        const { generation, lineage, threshold, holders } = sharing
        const active = there
          .slice(0, threshold)
          .map(({ point }) => point)
          .sort((a, b) => a - b)
        const points = holders.map(({ point }) => point)
        const attempt: AttemptName = {
          sharing: { generation, lineage, threshold, points },
          query: moveQuery(identifier, record.to),
          step: MOVE_STEP,
          number: record.failed,
          active
        }
        return await this.#moves.put(identifier, { ...record, attempt })
      }
      await delay(pause, signal)
    }
  }

  /** @returns the record with the document that is to be signed */
  async #attempt(move: Move, record: MoveRecord, signal: AbortSignal): Promise<MoveRecord> {
    const { release, identifier, epoch, target, sharing } = move
    const { now = Date.now } = this.#options
    const attempt = record.attempt!
    const active = activeOf(move, attempt)
    const plan = parsePlan(release.plan)
    const { owner } = release
    const key = { epoch: record.to, publicKey: await target.publicKey() }
    const cryptography = await epoch.releases.openMove({ plan, owner, nonce: record.nonce, attempt, target: key })
    try {
      const parts: string[] = []
      const shares = active.map((): string[] => [])
      let begun = false
      for (const batch of modelBatches(plan)) {
        const known = await this.#moves.batch(identifier, attempt.number, batch.number)
        if (known === undefined && !begun) {
          const head = { release: identifier, to: record.to, nonce: record.nonce, attempt }
          await together(active, signal, async ({ peer }, inner) => await this.#ask(peer, MOVE_BEGIN, head, [], inner))
          begun = true
        }
        const moved = known ?? (await this.#batch(move, record.nonce, attempt, active, batch, cryptography, signal))
        parts.push(...moved.parts)
        moved.shares.forEach((hashes, k) => void shares[k]!.push(...hashes))
        this.#options.onProgress?.({ epoch: record.to, step: `moving ${release.name}`, done: parts.length, total: release.parts.length })
      }
      const document: Release = {
        kind: 'release',
        version: 1,
        epoch: record.to,
        owner,
        name: release.name,
        revision: release.revision,
        nonce: record.nonce,
        created: now(),
        plan: release.plan,
        parts,
        root: partsRoot(parts),
        classes: release.classes,
        movable: true,
        moved: {
          from: [...(release.moved?.from ?? []), { epoch: release.epoch, release: identifier }],
          evaluator: this.#options.signer.self,
          generation: sharing.generation,
          shares: active.map(({ peer: holder }, k) => ({ holder, root: partsRoot(shares[k]!) }))
        }
      }
      checkMoved(document, move, this.#options.signer.self)
      return await this.#moves.put(identifier, { ...record, document })
    } finally {
      await cryptography.dispose()
    }
  }

  async #batch(
    { release, identifier }: Move,
    nonce: string,
    { number }: AttemptName,
    active: readonly Holder[],
    { number: batch, first, count }: ProofBatch,
    cryptography: MoveCryptography,
    signal: AbortSignal
  ): Promise<{ parts: string[]; shares: string[][]; proofs: string[] }> {
    const { contents } = this.#options
    const space = moveSpace(nonce)
    const shares = active.map(() => new Array<string>(count).fill(''))
    await windowed(count, PARTS_AT_ONCE, signal, async k => {
      const index = first + k
      const part = await this.#part(release, index)
      await together(active, signal, async ({ peer }, inner) => {
        const { blobs } = await this.#ask(peer, MOVE_SHARE, { release: identifier, number, index }, [part], inner)
        const share = blobs[0] ?? new Uint8Array(0)
        await blame(peer, async () => await cryptography.check(index, share))
        shares[active.findIndex(holder => holder.peer === peer)]![k] = await contents.put(space, share)
      })
    })
    const proofs: string[] = []
    for (const [at, { peer }] of active.entries()) {
      const { blobs } = await this.#ask(peer, MOVE_PROOF, { release: identifier, number, batch }, [], signal)
      const proof = blobs[0] ?? new Uint8Array(0)
      const given = await Promise.all(shares[at]!.map(async name => await this.#content(space, name)))
      await blame(peer, async () => await cryptography.verify(peer, batch, given, proof))
      proofs.push(await contents.put(space, proof))
    }
    const parts: string[] = []
    for (let k = 0; k < count; k++) {
      const given = await Promise.all(shares.map(async names => await this.#content(space, names[k]!)))
      const part = await cryptography.combine(first + k, await this.#part(release, first + k), given)
      parts.push(await contents.put(releaseSpace(nonce), part))
    }
    const moved = { parts, shares, proofs }
    await this.#moves.putBatch(identifier, number, batch, moved)
    return moved
  }

  async #keep(move: Move, record: MoveRecord, document: Release, signal: AbortSignal): Promise<string> {
    const { signer, documents, pause = PAUSE } = this.#options
    const { identifier } = move
    const first = withSignatures(document, [await sign(RELEASE, document, signer)])
    const number = record.failed
    const active = activeOf(move, record.attempt!)
    const signed = await together(active, signal, async ({ peer }, inner) => {
      for (;;) {
        try {
          const { head } = await this.#ask(peer, MOVE_SIGN, { release: identifier, number, moved: first }, [], inner)
          return head.moved.signatures.filter(signature => signature.peer === peer)
        } catch (error) {
          if (!(error instanceof HolderFailed && error.why === 'absent')) throw error instanceof HolderFailed ? error.cause : error
          // Nobody else can sign for what it gave.
          await delay(pause, inner)
        }
      }
    })
    const whole = withSignatures(document, [...first.signatures, ...signed.flat()])
    const moved = await checkSigned(RELEASE, whole, signer, signer.self)
    await documents.put(RELEASE, whole)
    await this.#options.onMoved(moved)
    return moved
  }

  async #part(release: Release, index: number): Promise<Uint8Array> {
    return await this.#content(releaseSpace(release.nonce), release.parts[index]!)
  }

  async #content(space: string, name: string): Promise<Uint8Array> {
    const bytes = await this.#options.contents.get(space, name)
    if (bytes !== undefined) return bytes
    const reason = `${name.slice(0, 16)} of ${space} is lost on the disk of the evaluator`
    throw new ReleaseRefusedError({ kind: 'release', field: 'parts', reason, remedy: 'Let its owner publish it again.' })
  }

  /** @throws HolderFailed */
  async #ask<Q, R>(peer: string, kind: CallKind<Q, R>, head: Q, blobs: readonly Uint8Array[], signal: AbortSignal): Promise<Message<R>> {
    try {
      return await this.#options.caller.call(peer, kind, head, blobs, { signal })
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof PeerUnreachableError || error instanceof DeadlineExceededError) throw new HolderFailed(peer, 'absent', error)
      if (error instanceof RemoteFailureError && FORGOT.has(error.remote.code)) throw new HolderFailed(peer, 'forgot', error)
      throw new HolderFailed(peer, 'refused', error)
    }
  }
}

/** Codes of what passes when a holder is asked again: it was started again, its disk is full, its thread has died, it has not heard of an epoch yet. */
const FORGOT: ReadonlySet<string> = new Set(['out-of-order-message', 'storage-full', 'internal', 'epoch-refused'])

function activeOf({ sharing }: MoveTerms, { active }: AttemptName): Holder[] {
  return active.flatMap(point => sharing.holders.filter(holder => holder.point === point))
}

/** What a holder sent is none. */
async function blame(peer: string, check: () => Promise<void>): Promise<void> {
  try {
    await check()
  } catch (error) {
    throw new HolderFailed(peer, 'refused', error)
  }
}
