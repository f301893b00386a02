/** A holder's side of making an epoch: one ceremony at a time in memory, nothing of it in force before everybody has signed the record. */

import { canonicalJson } from '../../base/canonical.js'
import { equalBytes, fromHex, randomBytes, toHex } from '../../base/digest.js'
import { MalformedMessageError, OutOfOrderMessageError, PublicKeyMismatchError, SignatureError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import type { AttemptName, SharingName } from '../cryptography/epoch.js'
import type { DealingCryptography, EpochCryptography } from '../cryptography/service.js'
import { type ComplaintDocument, commitmentTo, type Dealt, ENTRY, type Entry, type ShareCommitmentDocument } from '../objects/ceremony.js'
import { EPOCH, EPOCH_PROPOSAL, type EpochProposal, type EpochRecord, epochIdentifier } from '../objects/epoch.js'
import { checkSigned, identify, type Signed, sign, withSignatures } from '../objects/signed.js'
import { complain, type Disputed, envelopeOf, judgeDisputed, openDisputed, type Verdict } from './complaints.js'
import { checkDealt, signDealt } from './dealt.js'
import { checkCommitments, checkShown, commitToShare } from './share-commitments.js'

export interface CeremonyMeans {
  readonly self: string
  readonly signer: Signer
  /** Opens the epoch's cryptography, when its identifier is known. */
  open(proposal: EpochProposal, epoch: string): Promise<EpochCryptography>
}

const SECRET_BYTES = 32

/** One ceremony at one holder. */
export class Ceremony {
  readonly identifier: string
  readonly #means: CeremonyMeans
  readonly #nonce = randomBytes(SECRET_BYTES)
  readonly #contribution = randomBytes(SECRET_BYTES)
  readonly #evaluator: string
  #entry: Signed<Entry> | undefined
  #keyHolder: EpochCryptography | undefined
  #entries: readonly Entry[] = []
  #nonces: readonly string[] = []
  #epoch: string | undefined
  #dealing: DealingCryptography | undefined
  #round = ''
  #announcements: readonly Uint8Array[] = []
  #envelopes: readonly Uint8Array[] = []
  #answers: readonly Uint8Array[] = []
  #coin: Uint8Array | undefined
  #sharing: SharingName | undefined
  #publicKey: string | undefined

  constructor(
    readonly proposal: EpochProposal,
    means: CeremonyMeans
  ) {
    this.identifier = identify(EPOCH_PROPOSAL, proposal)
    this.#means = means
    this.#evaluator = proposal.evaluator
  }

  get epoch(): string {
    return this.#epoch ?? this.#early('epoch/deal', 'the nonces')
  }

  get cryptography(): EpochCryptography {
    return this.#keyHolder ?? this.#early('epoch/deal', 'the nonces')
  }

  /** This party's entry: the same again. */
  async enter(receiverKey: () => Promise<Uint8Array>): Promise<Signed<Entry>> {
    const { self, signer } = this.#means
    if (this.#entry === undefined) {
      const entry: Entry = {
        kind: 'ceremony-entry',
        version: 1,
        ceremony: this.identifier,
        holder: self,
        nonce: commitmentTo(this.#nonce, self),
        coin: commitmentTo(this.#contribution, self),
        receiverKey: toHex(await receiverKey())
      }
      this.#entry = withSignatures(entry, [await sign(ENTRY, entry, signer)])
    }
    return this.#entry
  }

  /** Everybody has signed the proposal and entered: shows the nonce. */
  async open(proposal: Signed<EpochProposal>, entries: readonly Signed<Entry>[]): Promise<string> {
    const { signer, self } = this.#means
    const kind = 'epoch/open'
    if ((await checkSigned(EPOCH_PROPOSAL, proposal, signer, this.#evaluator)) !== this.identifier) {
      throw this.#malformed(kind, 'proposal', this.identifier)
    }
    const { holders } = this.proposal
    if (entries.length !== holders.length) throw this.#malformed(kind, 'entries', `${holders.length}`, `${entries.length}`)
    for (const [k, entry] of entries.entries()) {
      const { ceremony, holder, receiverKey } = entry.document
      if (holder !== holders[k]!.peer) throw this.#malformed(kind, `entries[${k}].holder`, holders[k]!.peer, holder)
      if (ceremony !== this.identifier) throw this.#malformed(kind, `entries[${k}].ceremony`, this.identifier, ceremony)
      await checkSigned(ENTRY, entry, signer, this.#evaluator)
      if (holder === self && receiverKey !== this.#entry?.document.receiverKey) {
        throw this.#malformed(kind, `entries[${k}].receiverKey`, 'the one that this party has made')
      }
    }
    const documents = entries.map(({ document }) => document)
    if (this.#entries.length > 0 && canonicalJson(documents) !== canonicalJson(this.#entries)) {
      throw this.#malformed(kind, 'entries', 'the ones that came first', 'others')
    }
    this.#entries = documents
    return toHex(this.#nonce)
  }

  async deal(nonces: readonly string[]): Promise<{ dealt: Signed<Dealt>; announcement: Uint8Array; envelopes: Uint8Array[] }> {
    const kind = 'epoch/deal'
    if (this.#entries.length === 0) this.#early(kind, 'all entries')
    const { holders, threshold } = this.proposal
    if (nonces.length !== holders.length) throw this.#malformed(kind, 'nonces', `${holders.length}`, `${nonces.length}`)
    for (const [k, { holder, nonce }] of this.#entries.entries()) {
      if (commitmentTo(fromHex(nonces[k]!), holder) !== nonce) {
        throw new SignatureError({
          peer: this.#evaluator,
          kind,
          field: `nonces[${k}]`,
          expected: `what ${holder} committed to`,
          culprit: holder
        })
      }
    }
    if (this.#epoch !== undefined && canonicalJson(nonces) !== canonicalJson(this.#nonces)) {
      throw this.#malformed(kind, 'nonces', 'the ones that came first', 'others')
    }
    if (this.#dealing === undefined) {
      this.#nonces = nonces
      this.#epoch = epochIdentifier(this.proposal, nonces)
      this.#keyHolder = await this.#means.open(this.proposal, this.#epoch)
      const points = holders.map(({ point }) => point)
      const own = holders.find(({ peer }) => peer === this.#means.self)!.point
      const receiverKeys = this.#entries.map(({ receiverKey }) => fromHex(receiverKey))
      this.#dealing = await this.#keyHolder.openRound({
        kind: 'secret',
        dealers: points,
        threshold,
        points,
        receiverKeys,
        own: { dealer: own, receiver: own }
      })
      this.#round = await this.#dealing.hash()
    }
    const { announcement, envelopes } = await this.#dealing.deal()
    return { dealt: await signDealt(this.#means.signer, this.#round, 'announcement', announcement), announcement, envelopes }
  }

  async receive(
    dealt: readonly Signed<Dealt>[],
    announcements: readonly Uint8Array[],
    envelopes: readonly Uint8Array[]
  ): Promise<{ contribution: string; complaints: Signed<ComplaintDocument>[] }> {
    const kind = 'epoch/receive'
    const dealing = this.#dealing ?? this.#early(kind, 'the nonces')
    await this.#checkDealt(kind, 'announcement', dealt, announcements)
    if (this.#announcements.length > 0 && !same(this.#announcements, announcements)) {
      throw this.#malformed(kind, 'announcements', 'the ones that came first', 'others')
    }
    const complaints: Signed<ComplaintDocument>[] = []
    for (const [k, { point }] of this.proposal.holders.entries()) {
      if ((await dealing.receive(point, announcements[k]!, envelopes[k]!)) === 'unreadable')
        complaints.push(await complain(this.#disputed, point, 'unreadable', this.#means.signer))
    }
    this.#announcements = announcements.map(bytes => bytes.slice())
    this.#envelopes = envelopes.map(bytes => bytes.slice())
    return { contribution: toHex(this.#contribution), complaints }
  }

  async answer(contributions: readonly string[]): Promise<{ dealt: Signed<Dealt>; answer: Uint8Array }> {
    const kind = 'epoch/answer'
    const dealing = this.#dealing ?? this.#early(kind, 'the nonces')
    if (this.#announcements.length === 0) this.#early(kind, 'all announcements')
    if (contributions.length !== this.#entries.length) {
      throw this.#malformed(kind, 'contributions', `${this.#entries.length}`, `${contributions.length}`)
    }
    for (const [k, { holder, coin }] of this.#entries.entries()) {
      if (commitmentTo(fromHex(contributions[k]!), holder) !== coin) {
        throw new SignatureError({
          peer: this.#evaluator,
          kind,
          field: `contributions[${k}]`,
          expected: `what ${holder} committed to`,
          culprit: holder
        })
      }
    }
    this.#coin = await dealing.coin([...this.#announcements], contributions.map(fromHex))
    const answer = await dealing.answer(this.#coin)
    return { dealt: await signDealt(this.#means.signer, this.#round, 'answer', answer), answer }
  }

  async check(dealt: readonly Signed<Dealt>[], answers: readonly Uint8Array[]): Promise<Signed<ComplaintDocument>[]> {
    const kind = 'epoch/check'
    const dealing = this.#dealing ?? this.#early(kind, 'the nonces')
    const coin = this.#coin ?? this.#early(kind, 'the coin')
    await this.#checkDealt(kind, 'answer', dealt, answers)
    this.#answers = answers.map(bytes => bytes.slice())
    const complaints: Signed<ComplaintDocument>[] = []
    for (const [k, { point }] of this.proposal.holders.entries()) {
      if ((await dealing.check(point, coin, answers[k]!)) === 'inconsistent')
        complaints.push(await complain(this.#disputed, point, 'inconsistent', this.#means.signer))
    }
    return complaints
  }

  /** As the dealer that is complained of: opens that one envelope. */
  async dispute(complaint: Signed<ComplaintDocument>): Promise<Uint8Array> {
    return await openDisputed(this.#disputed, complaint, this.#means.signer)
  }

  async judge(complaint: Signed<ComplaintDocument>, blobs: readonly Uint8Array[]): Promise<Verdict> {
    return await judgeDisputed(this.#disputed, complaint, blobs, this.#means.signer)
  }

  /** The envelope of a complaint of this party's. */
  envelopeOf(dealer: number): Uint8Array {
    return envelopeOf(this.#disputed, dealer)
  }

  async complete(): Promise<SharingName> {
    const dealing = this.#dealing ?? this.#early('epoch/complete', 'the nonces')
    this.#sharing ??= await dealing.complete(this.proposal.holders.map(({ point }) => point))
    return this.#sharing
  }

  async commitPublicKey(attempt: AttemptName): Promise<Signed<ShareCommitmentDocument>> {
    this.#checkAttempt(attempt, 'epoch/public-key-commit')
    const share = await this.cryptography.publicKeyShare(attempt)
    const { self, signer } = this.#means
    return await commitToShare({ self, signer, epoch: this.epoch, protocol: 'public-key', attempt, made: 'public-key', share })
  }

  /** This party's share, once the active holders have all committed to theirs. */
  async showPublicKey(attempt: AttemptName, commitments: readonly Signed<ShareCommitmentDocument>[]): Promise<Uint8Array> {
    await this.#checkCommitments(attempt, commitments, 'epoch/public-key-show')
    return await this.cryptography.publicKeyShare(attempt)
  }

  async sumPublicKey(
    attempt: AttemptName,
    commitments: readonly Signed<ShareCommitmentDocument>[],
    shares: readonly Uint8Array[]
  ): Promise<string> {
    const kind = 'epoch/public-key-sum'
    await this.#checkCommitments(attempt, commitments, kind)
    await checkShown(commitments, shares, this.#evaluator, kind)
    this.#publicKey = await this.cryptography.sumPublicKey(attempt, [...shares])
    return this.#publicKey
  }

  /** Signs the record when it says what this party has come to itself. */
  async sign(record: Signed<EpochRecord>): Promise<Signed<EpochRecord>> {
    const kind = 'epoch/sign'
    const { document } = record
    EPOCH.check!(document, this.#evaluator)
    const { lineage, generation, threshold, holders } = document.sharing
    if (canonicalJson(document.proposal) !== canonicalJson(this.proposal))
      throw this.#malformed(kind, 'proposal', 'the one that was signed')
    if (canonicalJson(document.nonces) !== canonicalJson(this.#nonces)) throw this.#malformed(kind, 'nonces', 'those of the ceremony')
    const sharing = this.#sharing ?? this.#early(kind, 'the sharing')
    if (lineage !== sharing.lineage || generation !== sharing.generation || threshold !== sharing.threshold) {
      throw this.#malformed(kind, 'sharing.lineage', sharing.lineage, lineage)
    }
    if (canonicalJson(holders) !== canonicalJson(this.proposal.holders))
      throw this.#malformed(kind, 'sharing.holders', 'those of the proposal')
    if (document.publicKey !== this.#publicKey) {
      throw new PublicKeyMismatchError({
        peer: this.#evaluator,
        kind,
        field: 'publicKey',
        expected: this.#publicKey ?? 'none yet',
        actual: document.publicKey,
        remedy: 'Make the epoch anew; somebody was shown other shares than somebody else.'
      })
    }
    return withSignatures(document, [...record.signatures, await sign(EPOCH, document, this.#means.signer)])
  }

  /** The epoch is in force: this party's share of it is the one that it gives from now on. */
  async adopt(): Promise<void> {
    await this.cryptography.adopt(this.#sharing ?? this.#early('epoch/keep', 'the sharing'))
    await this.#dealing?.dispose()
    this.#dealing = undefined
  }

  /** Nothing comes of it: what belongs to it is wiped. */
  async dispose(): Promise<void> {
    this.#nonce.fill(0)
    this.#contribution.fill(0)
    await this.#dealing?.dispose()
    this.#dealing = undefined
    await this.#keyHolder?.erase()
    await this.#keyHolder?.dispose()
    this.#keyHolder = undefined
  }

  get #disputed(): Disputed {
    const { holders } = this.proposal
    return {
      prefix: 'epoch',
      evaluator: this.#evaluator,
      dealers: holders,
      holders,
      hash: this.#round,
      dealing: this.#dealing,
      announcements: this.#announcements,
      envelopes: this.#envelopes,
      answers: this.#answers,
      coin: this.#coin
    }
  }

  async #checkDealt(kind: string, what: Dealt['what'], dealt: readonly Signed<Dealt>[], bytes: readonly Uint8Array[]): Promise<void> {
    const { holders: dealers } = this.proposal
    await checkDealt({ round: this.#round, dealers, what, dealt, bytes }, this.#means.signer, kind, this.#evaluator)
  }

  #checkAttempt({ sharing, query, active }: AttemptName, kind: string): void {
    const own = this.#sharing ?? this.#early(kind, 'the sharing')
    if (canonicalJson(sharing) !== canonicalJson(own)) throw this.#malformed(kind, 'attempt.sharing', own.lineage, sharing.lineage)
    if (query !== 'keys') throw this.#malformed(kind, 'attempt.query', 'keys', query)
    if (active.length !== own.threshold) throw this.#malformed(kind, 'attempt.active', `${own.threshold} holders`, `${active.length}`)
  }

  async #checkCommitments(attempt: AttemptName, commitments: readonly Signed<ShareCommitmentDocument>[], kind: string): Promise<void> {
    this.#checkAttempt(attempt, kind)
    await checkCommitments(commitments, {
      epoch: this.epoch,
      protocol: 'public-key',
      attempt,
      made: 'public-key',
      peers: attempt.active.map(point => this.proposal.holders.find(holder => holder.point === point)?.peer ?? ''),
      signer: this.#means.signer,
      peer: this.#evaluator,
      kind
    })
  }

  #malformed(kind: string, field: string, expected: string, actual?: string): MalformedMessageError {
    return new MalformedMessageError({ peer: this.#evaluator, kind, field, expected, ...(actual === undefined ? {} : { actual }) })
  }

  #early(kind: string, before: string): never {
    throw new OutOfOrderMessageError({
      peer: this.#evaluator,
      kind,
      field: 'ceremony',
      expected: `${before} first`,
      remedy: 'Make the epoch anew: slytherin cohort create.'
    })
  }
}

function same(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((bytes, k) => equalBytes(bytes, b[k]!))
}
