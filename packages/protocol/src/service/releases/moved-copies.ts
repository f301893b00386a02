/**
 * A witness's copies of releases that were moved. Nothing of them is taken over: the witness has the release as it was before, checks the shares by which t holders have
 * switched each part, with the holders' proofs that they are encryptions, and sums them to the parts itself. What it comes to must be what the document says, and the
 * shares those that their holders have signed for.
 */
import { hash, toHex } from '../../base/digest.js'
import { MalformedMessageError, NotPermittedError, OutOfOrderMessageError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Plan } from '../../terms/plan.js'
import { modelBatches, type ProofBatch } from '../../terms/proof-batches.js'
import type { Caller } from '../calls/caller.js'
import type { Responder } from '../calls/responder.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { MoveCryptography } from '../cryptography/move.js'
import type { OpenEpoch, OpenEpochs } from '../cryptography/open-epoch.js'
import type { SharingRecord } from '../objects/epoch.js'
import { partsRoot } from '../objects/parts-root.js'
import { RELEASE, type Release } from '../objects/release.js'
import { checkRelease, type ReleasePolicy } from '../objects/release-check.js'
import { type ContentStore, moveSpace, releaseSpace } from '../store/content-store.js'
import type { RecordStore } from '../store/records.js'
import type { DocumentShelf } from '../store/shelf.js'
import { MOVE_ATTEMPTS, MOVE_COPY, MOVE_COPY_FETCH, MOVE_STEP, moveQuery } from './move-calls.js'
import { MoveRecords } from './move-record.js'

/** Record of what was checked of a moved release, by its nonce. */
const CHECKED = 'moved-checked'
const KIND = MOVE_COPY.kind

interface Checked {
  /** Batches that were summed here. */
  readonly batches: readonly number[]
  /** Whether all shares are those that their holders have signed for. */
  readonly whole: boolean
}

export interface MovedCopyOptions {
  readonly caller: Caller
  readonly records: RecordStore
  readonly contents: ContentStore
  readonly documents: DocumentShelf
  readonly epochs: OpenEpochs
  readonly policy?: ReleasePolicy
  /** All sharings of an epoch that this party knows. */
  sharings(epoch: string): Promise<readonly SharingRecord[]>
  /** Fetches what is lacking of the release as it was before, and checks it. */
  before(identifier: string, release: Release, plan: Plan, signal: AbortSignal, onProgress: () => void): Promise<void>
}

/**
 * Makes the parts of a moved release, those that are not here.
 * @param plan of the release @param target the epoch that it was moved to
 * @throws what the evaluator answers; MalformedMessageError where its document does not say what comes of the shares; typed errors naming the holder whose share is none
 */
export async function copyMoved(
  identifier: string,
  release: Release,
  plan: Plan,
  target: OpenEpoch,
  options: MovedCopyOptions,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void
): Promise<void> {
  const { records, contents, documents, epochs, policy = {} } = options
  const { nonce, parts } = release
  const moved = release.moved!
  const { evaluator } = target.record.proposal
  const known = ((await records.get(CHECKED, nonce)) as Checked | undefined) ?? { batches: [], whole: false }
  const checked = new Set<number>()
  for (const batch of modelBatches(plan)) {
    if (known.batches.includes(batch.number) && (await isHere(contents, release, batch))) checked.add(batch.number)
  }
  if (known.whole && checked.size === modelBatches(plan).length) return
  const origin = moved.from.at(-1)!
  const signed = await documents.get(RELEASE, origin.release)
  if (signed === undefined) {
    throw new OutOfOrderMessageError({ peer: evaluator, kind: KIND, field: 'moved.from', actual: origin.release, reason: 'not known here' })
  }
  const { document: before } = signed
  const source = await epochs.epoch(before.epoch)
  const planBefore = checkRelease(before, source.record, evaluator, policy, true)
  await options.before(origin.release, before, planBefore, signal, () => undefined)
  const attempt = await attemptOf(release, before.epoch, options)
  const copy = new MovedCopy(identifier, release, before, evaluator, options, signal)
  const roots = moved.shares.map((): string[] => [])
  let cryptography: { readonly number: number; readonly move: MoveCryptography } | undefined
  try {
    for (const batch of modelBatches(plan)) {
      const { number, shares, proofs } = await copy.batch(batch)
      if (cryptography !== undefined && cryptography.number !== number)
        throw copy.malformed('number', `${cryptography.number}`, `${number}`)
      shares.forEach((hashes, k) => void roots[k]!.push(...hashes))
      if (!checked.has(batch.number)) {
        cryptography ??= {
          number,
          move: await source.releases.openMove({
            plan: planBefore,
            owner: release.owner,
            nonce,
            attempt: { ...attempt, number },
            target: { epoch: release.epoch, publicKey: await target.publicKey() }
          })
        }
        await copy.sum(batch, shares, proofs, cryptography.move)
        checked.add(batch.number)
        await records.put(CHECKED, nonce, { batches: [...checked], whole: false } satisfies Checked)
      }
      onProgress(batch.first + batch.count, parts.length)
    }
  } finally {
    await cryptography?.move.dispose()
  }
  for (const [k, { holder, root }] of moved.shares.entries()) {
    const actual = partsRoot(roots[k]!)
    if (actual !== root) throw copy.malformed(`moved.shares of ${holder}`, root, actual)
  }
  await records.put(CHECKED, nonce, { batches: [...checked], whole: true } satisfies Checked)
}

/** But for its number. */
async function attemptOf(release: Release, from: string, { sharings }: MovedCopyOptions): Promise<AttemptName> {
  const moved = release.moved!
  const sharing = (await sharings(from)).find(({ generation }) => generation === moved.generation)
  if (sharing === undefined) {
    throw new OutOfOrderMessageError({ kind: KIND, field: 'moved.generation', actual: `${moved.generation}`, reason: 'not known here' })
  }
  const { generation, lineage, threshold, holders } = sharing
  return {
    sharing: { generation, lineage, threshold, points: holders.map(({ point }) => point) },
    query: moveQuery(moved.from.at(-1)!.release, release.epoch),
    step: MOVE_STEP,
    number: 0,
    active: moved.shares.map(({ holder }) => holders.find(({ peer }) => peer === holder)!.point)
  }
}

async function isHere(contents: ContentStore, { nonce, parts }: Release, { first, count }: ProofBatch): Promise<boolean> {
  for (let index = first; index < first + count; index++) {
    if (!(await contents.has(releaseSpace(nonce), parts[index]!))) return false
  }
  return true
}

/** One release while it is copied. */
class MovedCopy {
  constructor(
    private readonly identifier: string,
    private readonly release: Release,
    private readonly before: Release,
    private readonly evaluator: string,
    private readonly options: Pick<MovedCopyOptions, 'caller' | 'contents'>,
    private readonly signal: AbortSignal
  ) {}

  /** Hashes of the shares of a batch, by holder, and of the proofs. */
  async batch({ number: batch, count }: ProofBatch): Promise<{
    readonly number: number
    readonly shares: readonly (readonly string[])[]
    readonly proofs: readonly string[]
  }> {
    const { caller } = this.options
    const { head } = await caller.call(this.evaluator, MOVE_COPY, { release: this.identifier, batch }, [], { signal: this.signal })
    const { length } = this.release.moved!.shares
    if (head.number >= MOVE_ATTEMPTS) throw this.malformed('number', `below ${MOVE_ATTEMPTS}`, `${head.number}`)
    if (head.shares.length !== length || head.proofs.length !== length || head.shares.some(hashes => hashes.length !== count)) {
      throw this.malformed('shares', `${length} times ${count}`, `${head.shares.length}, ${head.proofs.length} proofs`)
    }
    return head
  }

  /** Checks shares and proofs of a batch, and keeps what they come to. */
  async sum(
    { number, first, count }: ProofBatch,
    names: readonly (readonly string[])[],
    proofs: readonly string[],
    move: MoveCryptography
  ): Promise<void> {
    const { contents } = this.options
    const shares: Uint8Array[][] = []
    for (const [k, { holder }] of this.release.moved!.shares.entries()) {
      const own: Uint8Array[] = []
      for (const name of names[k]!) own.push(await this.#fetch(name))
      const proof = await this.#fetch(proofs[k]!)
      try {
        for (const [at, share] of own.entries()) await move.check(first + at, share.slice())
        await move.verify(holder, number, own, proof)
      } catch (error) {
        throw translateError(error, { peer: this.evaluator, kind: KIND, culprit: holder })
      }
      shares.push(own)
    }
    for (let k = 0; k < count; k++) {
      const index = first + k
      const part = await contents.get(releaseSpace(this.before.nonce), this.before.parts[index]!)
      if (part === undefined) {
        throw new OutOfOrderMessageError({ peer: this.evaluator, kind: KIND, field: `parts[${index}]`, reason: 'lost here' })
      }
      const bytes = await move.combine(
        index,
        part,
        shares.map(own => own[k]!)
      )
      const [expected, actual] = [this.release.parts[index]!, toHex(await hash(bytes))]
      if (actual !== expected) throw this.malformed(`parts[${index}]`, `${actual}, what comes of the holders' shares`, expected)
      await contents.put(releaseSpace(this.release.nonce), bytes)
    }
  }

  malformed(field: string, expected: string, actual: string): MalformedMessageError {
    return new MalformedMessageError({ peer: this.evaluator, kind: KIND, field, expected, actual })
  }

  async #fetch(name: string): Promise<Uint8Array> {
    const { caller } = this.options
    const head = { release: this.identifier, hash: name }
    const { blobs } = await caller.call(this.evaluator, MOVE_COPY_FETCH, head, [], { signal: this.signal })
    const bytes = blobs[0] ?? new Uint8Array(0)
    const actual = toHex(await hash(bytes))
    if (actual === name) return bytes
    throw this.malformed('blob', name, actual)
  }
}

interface SourceOptions extends Pick<MovedCopyOptions, 'documents' | 'epochs' | 'records' | 'contents'> {}

/** At the evaluator: hands shares and proofs of moves out to the witnesses of the epochs that were moved to. */
export function registerMovedCopies(responder: Responder, { documents, epochs, records, contents }: SourceOptions): void {
  const anybody = (): undefined => undefined
  const moves = new MoveRecords(records)
  const wanted = async (identifier: string, kind: string, peer: string): Promise<Release> => {
    const signed = await documents.get(RELEASE, identifier)
    if (signed?.document.moved === undefined) {
      throw new OutOfOrderMessageError({ peer, kind, field: 'release', actual: identifier, reason: 'no moved release that is known here' })
    }
    const { record } = await epochs.epoch(signed.document.epoch)
    if (record.proposal.witnesses.includes(peer)) return signed.document
    throw new NotPermittedError({ peer, kind, field: 'sender', expected: 'a witness of the epoch', actual: peer })
  }
  responder.on(MOVE_COPY, anybody, async ({ head }, { peer }) => {
    const { moved } = await wanted(head.release, KIND, peer)
    const { release } = moved!.from.at(-1)!
    const number = (await moves.get(release))?.failed ?? 0
    const batch = await moves.batch(release, number, head.batch)
    if (batch === undefined) {
      throw new OutOfOrderMessageError({ peer, kind: KIND, field: 'batch', actual: `${head.batch}`, reason: 'not there, or lost' })
    }
    const { shares, proofs } = batch
    return { head: { number, shares: shares.map(hashes => [...hashes]), proofs: [...proofs] } }
  })
  responder.on(MOVE_COPY_FETCH, anybody, async ({ head }, { peer }) => {
    const { nonce } = await wanted(head.release, MOVE_COPY_FETCH.kind, peer)
    const bytes = await contents.get(moveSpace(nonce), head.hash)
    if (bytes !== undefined) return { head: {}, blobs: [bytes] }
    const lost = { field: 'hash', actual: head.hash, reason: 'not of this move, or lost' }
    throw new OutOfOrderMessageError({ peer, kind: MOVE_COPY_FETCH.kind, ...lost })
  })
}
