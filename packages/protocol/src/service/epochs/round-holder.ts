/** What a holder, or whoever is to become one, answers of rounds that make shares anew. */
import { canonicalJson } from '../../base/canonical.js'
import { fromHex, randomBytes, toHex } from '../../base/digest.js'
import { MalformedMessageError, OutOfOrderMessageError, SignatureError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import type { Responder } from '../calls/responder.js'
import type { DealingCryptography, EpochCryptography } from '../cryptography/service.js'
import { type ComplaintDocument, commitmentTo, type Dealt, ENTRY, type Entry } from '../objects/ceremony.js'
import { type EpochRecord, SHARING, type SharingRecord } from '../objects/epoch.js'
import { participants, ROUND, type RoundProposal } from '../objects/round.js'
import { checkSigned, identify, parseSigned, type Signed, sign, withSignatures } from '../objects/signed.js'
import { complain, type Disputed, envelopeOf, judgeDisputed, openDisputed } from './complaints.js'
import { checkDealt, signDealt } from './dealt.js'
import type { EpochPolicy } from './policy.js'
import * as calls from './round-calls.js'
import { checkRound } from './round-check.js'

export interface RoundMeans {
  readonly self: string
  readonly signer: Signer
  readonly policy: EpochPolicy
  receiverKey(): Promise<Uint8Array>
  /** @throws EpochRefusedError */
  known(epoch: string): Promise<{ record: EpochRecord; sharing: SharingRecord; cryptography: EpochCryptography }>
  /** The sharing is in force: checked, kept, adopted, or what this party held is erased. */
  keep(record: Signed<SharingRecord>, peer: string): Promise<void>
}

/** Query and step of the attempt that tests a new sharing. */
export const TEST_STEP = 'sharing/test'

interface Under {
  readonly proposal: RoundProposal
  readonly cryptography: EpochCryptography
  readonly entry: Signed<Entry>
  readonly contribution: Uint8Array
  dealing?: DealingCryptography
  entries: readonly Entry[]
  hash: string
  announcements: readonly Uint8Array[]
  envelopes: readonly Uint8Array[]
  answers: readonly Uint8Array[]
  coin?: Uint8Array
  /** Points of dealers whose dealing to this party is none: it complains. */
  readonly bad: Set<number>
  /** Points of dealers of whom everybody sees that their dealing is none, and of those judged guilty. */
  readonly wrong: Set<number>
  lineage?: string
}

export class RoundHolder {
  readonly #means: RoundMeans
  /** One at a time. */
  #round: { readonly identifier: string; readonly under: Under } | undefined

  constructor(means: RoundMeans) {
    this.#means = means
  }

  register(responder: Responder): void {
    const { policy } = this.#means
    const coordinator = (peer: string): string | undefined => (policy.evaluator(peer) ? undefined : 'an evaluator of the roster')
    responder.on(calls.ENTER, coordinator, async ({ head }, { peer }) => ({ head: { entry: await this.#enter(head.proposal, peer) } }))
    responder.on(calls.ROUND_DEAL, coordinator, async ({ head }, { peer }) => {
      const under = this.#of(head.round, peer)
      const dealing = await this.#open(under, head.entries, peer)
      const { announcement, envelopes } = await dealing.deal()
      return {
        head: { dealt: await signDealt(this.#means.signer, under.hash, 'announcement', announcement) },
        blobs: [announcement, ...envelopes]
      }
    })
    responder.on(calls.ROUND_RECEIVE, coordinator, async ({ head, blobs }, { peer }) => ({
      head: await this.#receive(this.#of(head.round, peer), head.entries, head.dealt, blobs, peer)
    }))
    responder.on(calls.ROUND_ANSWER, coordinator, async ({ head }, { peer }) => {
      const under = this.#of(head.round, peer)
      const answer = await under.dealing!.answer(await this.#coin(under, head.contributions, peer))
      return { head: { dealt: await signDealt(this.#means.signer, under.hash, 'answer', answer) }, blobs: [answer] }
    })
    responder.on(calls.ROUND_CHECK, coordinator, async ({ head, blobs }, { peer }) => {
      const under = this.#of(head.round, peer)
      const coin = await this.#coin(under, head.contributions, peer)
      return { head: await this.#check(under, coin, head.dealt, blobs, peer) }
    })
    responder.on(calls.ROUND_ENVELOPE, coordinator, async ({ head }, { peer }) => ({
      head: {},
      blobs: [envelopeOf(disputedOf(this.#of(head.round, peer)), head.dealer)]
    }))
    responder.on(calls.ROUND_DISPUTE, coordinator, async ({ head }, { peer }) => ({
      head: {},
      blobs: [await openDisputed(disputedOf(this.#of(head.round, peer)), head.complaint, this.#means.signer)]
    }))
    responder.on(calls.ROUND_JUDGE, coordinator, async ({ head, blobs }, { peer }) => {
      const under = this.#of(head.round, peer)
      const verdict = await judgeDisputed(disputedOf(under), head.complaint, blobs, this.#means.signer)
      if (verdict.guilty === 'dealer') under.wrong.add(verdict.point)
      return { head: { ...verdict } }
    })
    responder.on(calls.ROUND_COMPLETE, coordinator, async ({ head }, { peer }) => ({
      head: { lineage: await this.#complete(this.#of(head.round, peer), head.accepted, peer) }
    }))
    responder.on(calls.ROUND_TEST, coordinator, async ({ head, blobs }, { peer }) => {
      const under = this.#of(head.round, peer)
      const { sharing, query, step } = head.attempt
      if (under.lineage === undefined || sharing.lineage !== under.lineage || sharing.generation !== under.proposal.generation + 1) {
        throw this.#malformed('sharing/test', 'attempt.sharing', 'the sharing of the round', sharing.lineage, peer)
      }
      // Under no name that a query's share could have.
      if (`${query}/${step}` !== TEST_STEP) throw this.#malformed('sharing/test', 'attempt.step', TEST_STEP, `${query}/${step}`, peer)
      return { head: {}, blobs: [await under.cryptography.testShare(head.attempt, blobs[0] ?? new Uint8Array(0))] }
    })
    responder.on(calls.ROUND_SIGN, coordinator, async ({ head }, { peer }) => ({
      head: { record: await this.#sign(this.#of(head.round, peer), parseSigned(SHARING, head.record, peer), peer) }
    }))
    responder.on(calls.ROUND_KEEP, coordinator, async ({ head }, { peer }) => {
      await this.#means.keep(parseSigned(SHARING, head.record, peer), peer)
      await this.dispose()
      return { head: {} }
    })
  }

  async dispose(): Promise<void> {
    const round = this.#round
    this.#round = undefined
    await round?.under.dealing?.dispose()
  }

  async #enter(given: Signed<RoundProposal>, peer: string): Promise<Signed<Entry>> {
    const { self, signer, policy } = this.#means
    const signed = parseSigned(ROUND, given, peer)
    const proposal = signed.document
    const identifier = await checkSigned(ROUND, signed, signer, peer)
    if (this.#round?.identifier === identifier) return this.#round.under.entry
    const { record, sharing, cryptography } = await this.#means.known(proposal.epoch)
    checkRound(proposal, { record, sharing, policy, self }, peer)
    await this.dispose()
    const contribution = randomBytes(32)
    const entry: Entry = {
      kind: 'ceremony-entry',
      version: 1,
      ceremony: identifier,
      holder: self,
      nonce: '',
      coin: commitmentTo(contribution, self),
      receiverKey: toHex(await this.#means.receiverKey())
    }
    const own = withSignatures(entry, [await sign(ENTRY, entry, signer)])
    const under: Under = {
      proposal,
      cryptography,
      entry: own,
      contribution,
      entries: [],
      hash: '',
      announcements: [],
      envelopes: [],
      answers: [],
      bad: new Set(),
      wrong: new Set()
    }
    this.#round = { identifier, under }
    return own
  }

  /** All have entered: the round is what it is. */
  async #open(under: Under, entries: readonly Signed<Entry>[], peer: string): Promise<DealingCryptography> {
    const documents = entries.map(({ document }) => document)
    if (under.dealing !== undefined) {
      if (canonicalJson(documents) !== canonicalJson(under.entries)) {
        throw this.#malformed('sharing/deal', 'entries', 'the ones that came first', 'others', peer)
      }
      return under.dealing
    }
    const { self, signer } = this.#means
    const { proposal, cryptography } = under
    const all = participants(proposal)
    if (entries.length !== all.length) throw this.#malformed('sharing/deal', 'entries', `${all.length}`, `${entries.length}`, peer)
    for (const [k, entry] of entries.entries()) {
      const { holder, ceremony } = entry.document
      if (holder !== all[k]) throw this.#malformed('sharing/deal', `entries[${k}].holder`, all[k]!, holder, peer)
      if (ceremony !== this.#round!.identifier)
        throw this.#malformed('sharing/deal', `entries[${k}].ceremony`, this.#round!.identifier, ceremony, peer)
      await checkSigned(ENTRY, entry, signer, peer)
      if (holder === self && canonicalJson(entry.document) !== canonicalJson(under.entry.document)) {
        throw this.#malformed('sharing/deal', `entries[${k}]`, 'the one of this party', 'another', peer)
      }
    }
    const { what, generation, lineage, dealers, holders, threshold } = proposal
    const { sharing } = await this.#means.known(proposal.epoch)
    const pointOf = (list: typeof holders): number | null => list.find(holder => holder.peer === self)?.point ?? null
    under.entries = documents
    under.dealing = await cryptography.openRound({
      kind: what,
      before: { generation, lineage, threshold: sharing.threshold, points: sharing.holders.map(({ point }) => point) },
      dealers: dealers.map(({ point }) => point),
      threshold,
      points: holders.map(({ point }) => point),
      receiverKeys: holders.map(holder => fromHex(documents.find(entry => entry.holder === holder.peer)!.receiverKey)),
      own: { dealer: pointOf(dealers), receiver: pointOf(holders) }
    })
    under.hash = await under.dealing.hash()
    return under.dealing
  }

  async #receive(
    under: Under,
    entries: readonly Signed<Entry>[],
    dealt: readonly Signed<Dealt>[],
    blobs: readonly Uint8Array[],
    peer: string
  ): Promise<{ contribution: string }> {
    const dealing = await this.#open(under, entries, peer)
    const { dealers } = under.proposal
    const announcements = blobs.slice(0, dealers.length)
    const envelopes = blobs.slice(dealers.length)
    await this.#checkDealt(under, 'announcement', dealt, announcements, peer)
    if (under.announcements.length > 0 && under.announcements.some((bytes, k) => toHex(bytes) !== toHex(announcements[k]!))) {
      throw this.#malformed('sharing/receive', 'announcements', 'the ones that came first', 'others', peer)
    }
    if (this.#isReceiver(under)) {
      if (envelopes.length !== dealers.length) {
        throw this.#malformed('sharing/receive', 'blobs', `${2 * dealers.length}`, `${blobs.length}`, peer)
      }
      for (const [k, { point }] of dealers.entries()) {
        if ((await dealing.receive(point, announcements[k]!, envelopes[k]!)) === 'unreadable') under.bad.add(point)
      }
    }
    under.announcements = announcements.map(bytes => bytes.slice())
    under.envelopes = envelopes.map(bytes => bytes.slice())
    return { contribution: toHex(under.contribution) }
  }

  async #coin(under: Under, contributions: readonly string[], peer: string): Promise<Uint8Array> {
    const kind = 'sharing/answer'
    if (under.dealing === undefined || under.announcements.length === 0) throw unknownRound(peer)
    if (contributions.length !== under.entries.length) {
      throw this.#malformed(kind, 'contributions', `${under.entries.length}`, `${contributions.length}`, peer)
    }
    for (const [k, { holder, coin }] of under.entries.entries()) {
      if (commitmentTo(fromHex(contributions[k]!), holder) !== coin) {
        throw new SignatureError({ peer, kind, field: `contributions[${k}]`, expected: `what ${holder} committed to`, culprit: holder })
      }
    }
    under.coin ??= await under.dealing.coin([...under.announcements], contributions.map(fromHex))
    return under.coin
  }

  /** What everybody sees of the answers, and what this party alone can: of that it complains. */
  async #check(
    under: Under,
    coin: Uint8Array,
    dealt: readonly Signed<Dealt>[],
    answers: readonly Uint8Array[],
    peer: string
  ): Promise<{ complaints: Signed<ComplaintDocument>[]; wrong: number[] }> {
    const { dealers } = under.proposal
    const dealing = under.dealing!
    await this.#checkDealt(under, 'answer', dealt, answers, peer)
    under.answers = answers.map(bytes => bytes.slice())
    const wrong = await dealing.wrongDealers(
      coin,
      dealers.map(({ point }, k) => ({ dealer: point, answer: answers[k]! }))
    )
    for (const point of wrong) under.wrong.add(point)
    const complaints: Signed<ComplaintDocument>[] = []
    for (const [k, { point }] of dealers.entries()) {
      if (wrong.includes(point)) continue
      const unreadable = under.bad.has(point)
      if (!unreadable && (await dealing.check(point, coin, answers[k]!)) === 'consistent') continue
      under.bad.add(point)
      complaints.push(await complain(disputedOf(under), point, unreadable ? 'unreadable' : 'inconsistent', this.#means.signer))
    }
    return { complaints, wrong }
  }

  async #complete(under: Under, accepted: readonly number[], peer: string): Promise<string> {
    const unacceptable = accepted.find(point => under.bad.has(point) || under.wrong.has(point))
    if (unacceptable !== undefined) {
      throw this.#malformed('sharing/complete', 'accepted', 'dealers whose dealing is as it should be', `${unacceptable}`, peer)
    }
    if (under.lineage === undefined) under.lineage = (await under.dealing!.complete(accepted)).lineage
    return under.lineage
  }

  /** Who holds a share of the new sharing signs what it has come to; who deals alone signs that its share may go. */
  async #sign(under: Under, record: Signed<SharingRecord>, peer: string): Promise<Signed<SharingRecord>> {
    const { document } = record
    const { proposal } = under
    const kind = 'sharing/sign'
    const expected = { epoch: proposal.epoch, generation: proposal.generation + 1, threshold: proposal.threshold }
    for (const field of ['epoch', 'generation', 'threshold'] as const) {
      if (document[field] !== expected[field]) throw this.#malformed(kind, field, `${expected[field]}`, `${document[field]}`, peer)
    }
    if (canonicalJson(document.holders) !== canonicalJson(proposal.holders))
      throw this.#malformed(kind, 'holders', 'those of the round', 'others', peer)
    if (this.#isReceiver(under) && document.lineage !== under.lineage) {
      throw this.#malformed(kind, 'lineage', under.lineage ?? 'none yet', document.lineage, peer)
    }
    return withSignatures(document, [...record.signatures, await sign(SHARING, document, this.#means.signer)])
  }

  #isReceiver({ proposal }: Under): boolean {
    return proposal.holders.some(({ peer }) => peer === this.#means.self)
  }

  async #checkDealt(
    { proposal: { dealers }, hash: round }: Under,
    what: Dealt['what'],
    dealt: readonly Signed<Dealt>[],
    bytes: readonly Uint8Array[],
    peer: string
  ): Promise<void> {
    await checkDealt({ round, dealers, what, dealt, bytes }, this.#means.signer, 'sharing', peer)
  }

  #of(identifier: string, peer: string): Under {
    const round = this.#round
    if (round === undefined || round.identifier !== identifier || round.under.proposal.evaluator !== peer) throw unknownRound(peer)
    return round.under
  }

  #malformed(kind: string, field: string, expected: string, actual: string, peer: string): MalformedMessageError {
    return new MalformedMessageError({ peer, kind, field, expected, actual: actual.slice(0, 200) })
  }
}

/** Identifier of a round that is proposed. */
export const roundIdentifier = (proposal: RoundProposal): string => identify(ROUND, proposal)

function disputedOf(under: Under): Disputed {
  const { evaluator, dealers, holders } = under.proposal
  return { ...under, prefix: 'sharing', evaluator, dealers, holders }
}

function unknownRound(peer: string): OutOfOrderMessageError {
  return new OutOfOrderMessageError({
    peer,
    kind: 'sharing',
    field: 'round',
    expected: 'one that this party has entered, step by step',
    actual: 'unknown here: this party has been restarted, or another round has begun',
    remedy: 'Begin it again: slytherin cohort renew or reshare.'
  })
}
