/**
 * A holder's side of moving releases. It switches the parts of a signed release whose owner lets it be moved, each part once, to the key of one epoch that follows its
 * own and that it has signed itself; and signs for the shares that it has given.
 */
import { hash, toHex } from '../../base/digest.js'
import { MalformedMessageError, NotPermittedError, OutOfOrderMessageError, ReleaseRefusedError } from '../../errors/errors.js'
import type { Plan } from '../../terms/plan.js'
import { modelBatches } from '../../terms/proof-batches.js'
import type { Signer } from '../../terms/signer.js'
import type { Responder } from '../calls/responder.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { MoveCryptography } from '../cryptography/move.js'
import type { OpenEpoch, OpenEpochs } from '../cryptography/open-epoch.js'
import { checkMovable, checkMoved, type MoveTerms } from '../objects/move.js'
import { partsRoot } from '../objects/parts-root.js'
import { RELEASE, type Release } from '../objects/release.js'
import { checkRelease, type ReleasePolicy } from '../objects/release-check.js'
import { checkInForce } from '../objects/sharing-check.js'
import { identify, parseSigned, type Signed, sign, withSignatures } from '../objects/signed.js'
import type { RecordStore } from '../store/records.js'
import type { DocumentShelf } from '../store/shelf.js'
import { MOVE_ATTEMPTS, MOVE_BEGIN, MOVE_PROOF, MOVE_SHARE, MOVE_SIGN, MOVE_STEP, moveQuery } from './move-calls.js'

/** Record of where a release goes, by its identifier: it goes nowhere else. */
const MOVE = 'move-given'
/** Record of the hashes of the shares of a batch, by release, attempt and batch. */
const SHARES = 'move-shares'
/** Moves whose cryptography is open. */
const OPEN_MOVES = 2

/** What moves are counted in. */
export interface MoveBooks {
  /** Ciphertexts of one attempt, against the decryptions of the epoch. @throws EpochRefusedError */
  move(epoch: string, attempt: string, ciphertexts: number, peer: string): Promise<void>
  /** Whether its owner has withdrawn a release, or what it was before. */
  isWithdrawn(identifier: string, release: Release): Promise<boolean>
}

export interface MoveHolderOptions {
  readonly signer: Signer
  readonly epochs: OpenEpochs
  readonly documents: DocumentShelf
  readonly records: RecordStore
  readonly books: MoveBooks
  readonly policy?: ReleasePolicy
}

interface Given {
  readonly to: string
  readonly nonce: string
}

interface Open {
  readonly terms: MoveTerms
  readonly nonce: string
  readonly plan: Plan
  readonly attempt: AttemptName
  readonly cryptography: MoveCryptography
  /** Hashes of the shares that were given since it was opened, by index. */
  readonly shares: Map<number, string>
}

export class MoveHolder {
  readonly #options: MoveHolderOptions
  /** By release; those used last come last. */
  readonly #open = new Map<string, Open>()
  #turn: Promise<void> = Promise.resolve()

  constructor(options: MoveHolderOptions) {
    this.#options = options
  }

  register(responder: Responder): void {
    const anybody = (): undefined => undefined
    responder.on(MOVE_BEGIN, anybody, async ({ head: { release, to, nonce, attempt } }, { peer }) => {
      // One after the other: a release that goes to two epochs at once would be let go to both.
      const turn = this.#turn.then(async () => await this.#begin(release, to, nonce, attempt, peer))
      this.#turn = turn.catch(() => undefined)
      await turn
      return { head: {} }
    })
    responder.on(MOVE_SHARE, anybody, async ({ head: { release, number, index }, blobs }, { peer }) => ({
      head: {},
      blobs: [await this.#share(release, number, index, blobs[0] ?? new Uint8Array(0), peer)]
    }))
    responder.on(MOVE_PROOF, anybody, async ({ head: { release, number, batch } }, { peer }) => ({
      head: {},
      blobs: [await this.#prove(release, number, batch, peer)]
    }))
    responder.on(MOVE_SIGN, anybody, async ({ head: { release, number, moved } }, { peer }) => ({
      head: { moved: await this.#sign(release, number, moved, peer) }
    }))
  }

  async dispose(): Promise<void> {
    for (const { cryptography } of this.#open.values()) await cryptography.dispose().catch(() => undefined)
    this.#open.clear()
  }

  async #begin(identifier: string, to: string, nonce: string, attempt: AttemptName, peer: string): Promise<void> {
    const { epochs, records, books, policy = {}, signer } = this.#options
    const kind = 'move/begin'
    const terms = await this.#terms(identifier, to, peer, kind)
    const { release, from, sharing } = terms
    checkMovable(terms, peer)
    const plan = checkRelease(release, from, peer, policy, release.owner === signer.self)
    if (await books.isWithdrawn(identifier, release)) {
      throw new ReleaseRefusedError({ peer, kind, field: 'release', actual: 'withdrawn by its owner', remedy: 'It is not moved.' })
    }
    checkInForce(attempt, sharing, signer.self, kind, peer)
    const malformed = (field: string, expected: string, actual: string): MalformedMessageError =>
      new MalformedMessageError({ peer, kind, field, expected, actual })
    const query = moveQuery(identifier, to)
    if (attempt.query !== query) throw malformed('attempt.query', query, attempt.query)
    if (attempt.step !== MOVE_STEP) throw malformed('attempt.step', MOVE_STEP, attempt.step)
    if (attempt.number >= MOVE_ATTEMPTS) throw malformed('attempt.number', `below ${MOVE_ATTEMPTS}`, `${attempt.number}`)
    await this.#once(identifier, { to, nonce }, peer)
    await books.move(release.epoch, `${query}/${attempt.number}`, release.parts.length, peer)
    const { releases } = await epochs.epoch(release.epoch)
    const target = { epoch: to, publicKey: await (await epochs.epoch(to)).publicKey() }
    const { owner } = release
    await this.#close(identifier)
    for (const oldest of [...this.#open.keys()].slice(0, Math.max(0, this.#open.size - OPEN_MOVES + 1))) await this.#close(oldest)
    const cryptography = await releases.openMove({ plan, owner, nonce, attempt, target })
    await records.put(MOVE, identifier, { to, nonce } satisfies Given)
    this.#open.set(identifier, { terms, nonce, plan, attempt, cryptography, shares: new Map() })
  }

  /** A release goes to one epoch, under one name. */
  async #once(identifier: string, { to, nonce }: Given, peer: string): Promise<void> {
    const given = (await this.#options.records.get(MOVE, identifier)) as Given | undefined
    if (given === undefined || (given.to === to && given.nonce === nonce)) return
    throw new ReleaseRefusedError({
      peer,
      kind: 'move/begin',
      field: given.to === to ? 'nonce' : 'to',
      expected: `where it was moved before: ${given.to.slice(0, 16)}, ${given.nonce}`,
      actual: `${to.slice(0, 16)}, ${nonce}`,
      remedy: 'A release is moved once: let its owner publish it anew.'
    })
  }

  async #share(identifier: string, number: number, index: number, part: Uint8Array, peer: string): Promise<Uint8Array> {
    const { terms, cryptography, shares, attempt } = this.#opened(identifier, number, 'move/share', peer)
    const { signer, epochs } = this.#options
    const expected = terms.release.parts[index]
    const actual = toHex(await hash(part))
    if (expected !== actual) {
      throw new MalformedMessageError({ peer, kind: 'move/share', field: 'part', expected: expected ?? 'of the release', actual })
    }
    // Shares may have been made anew since it was begun.
    checkInForce(attempt, (await epochs.epoch(terms.release.epoch)).sharing(), signer.self, 'move/share', peer)
    const share = await cryptography.share(index, part)
    shares.set(index, toHex(await hash(share)))
    return share
  }

  async #prove(identifier: string, number: number, batch: number, peer: string): Promise<Uint8Array> {
    const { plan, shares, cryptography } = this.#opened(identifier, number, 'move/proof', peer)
    const found = modelBatches(plan)[batch]
    if (found === undefined) {
      const expected = `below ${modelBatches(plan).length}`
      throw new MalformedMessageError({ peer, kind: 'move/proof', field: 'batch', expected, actual: `${batch}` })
    }
    const hashes = Array.from({ length: found.count }, (_, k) => shares.get(found.first + k))
    if (hashes.includes(undefined)) throw notBegun(peer, 'move/proof')
    const proof = await cryptography.prove(batch)
    await this.#options.records.put(SHARES, `${identifier}/${number}/${batch}`, hashes)
    for (let k = 0; k < found.count; k++) shares.delete(found.first + k)
    return proof
  }

  async #sign(identifier: string, number: number, given: Signed<Release>, peer: string): Promise<Signed<Release>> {
    const { signer, policy = {}, records } = this.#options
    const kind = 'move/sign'
    const { document } = parseSigned(RELEASE, given, peer)
    const terms = await this.#terms(identifier, document.epoch, peer, kind)
    await this.#once(identifier, { to: document.epoch, nonce: document.nonce }, peer)
    checkMoved(document, terms, peer)
    const plan = checkRelease(document, terms.to, peer, policy, document.owner === signer.self)
    const own: string[] = []
    for (const { number: batch } of modelBatches(plan)) {
      const hashes = (await records.get(SHARES, `${identifier}/${number}/${batch}`)) as string[] | undefined
      if (hashes === undefined) throw notBegun(peer, kind)
      own.push(...hashes)
    }
    const root = partsRoot(own)
    const said = document.moved?.shares.find(({ holder }) => holder === signer.self)?.root
    if (said !== root) throw new MalformedMessageError({ peer, kind, field: 'moved.shares', expected: root, actual: said ?? 'none' })
    return withSignatures(document, [await sign(RELEASE, document, signer)])
  }

  /** @throws unless release and epochs are known here, and it is their evaluator who asks */
  async #terms(identifier: string, to: string, peer: string, kind: string): Promise<MoveTerms> {
    const { documents, epochs } = this.#options
    const signed = await documents.get(RELEASE, identifier)
    if (signed === undefined || identify(RELEASE, signed.document) !== identifier) {
      const reason = 'not known here'
      throw new OutOfOrderMessageError({ peer, kind, field: 'release', actual: identifier, reason, remedy: 'Hand it over first.' })
    }
    const { document: release } = signed
    const from: OpenEpoch = await epochs.epoch(release.epoch)
    const { evaluator } = from.record.proposal
    if (evaluator !== peer) throw new NotPermittedError({ peer, kind, field: 'sender', expected: evaluator, actual: peer })
    const { record } = await epochs.epoch(to)
    return { release, identifier, from: from.record, sharing: from.sharing(), to: record }
  }

  #opened(identifier: string, number: number, kind: string, peer: string): Open {
    const open = this.#open.get(identifier)
    if (open === undefined || open.attempt.number !== number) throw notBegun(peer, kind)
    if (open.terms.from.proposal.evaluator !== peer) {
      throw new NotPermittedError({ peer, kind, field: 'sender', expected: open.terms.from.proposal.evaluator, actual: peer })
    }
    this.#open.delete(identifier)
    this.#open.set(identifier, open)
    return open
  }

  async #close(identifier: string): Promise<void> {
    const open = this.#open.get(identifier)
    this.#open.delete(identifier)
    await open?.cryptography.dispose().catch(() => undefined)
  }
}

function notBegun(peer: string, kind: string): OutOfOrderMessageError {
  const reason = 'this move was not begun since this party was started'
  return new OutOfOrderMessageError({ peer, kind, field: 'release', reason, remedy: 'Begin it again.' })
}
