/** Complaints in a round that makes shares anew: signed by the receiver, answered by the dealer, judged by everybody who is dealt to. */
import { MalformedMessageError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import type { DealingCryptography } from '../cryptography/service.js'
import { COMPLAINT, type ComplaintDocument } from '../objects/ceremony.js'
import type { RoundProposal } from '../objects/round.js'
import { checkSigned, type Signed, sign, withSignatures } from '../objects/signed.js'

/** What a complaint is judged by, as this party has it. */
export interface Disputed {
  readonly proposal: RoundProposal
  /** Of the round. */
  readonly hash: string
  readonly dealing?: DealingCryptography
  /** In the order of dealers; empty before they came. */
  readonly announcements: readonly Uint8Array[]
  readonly envelopes: readonly Uint8Array[]
  readonly answers: readonly Uint8Array[]
  readonly coin?: Uint8Array
}

export interface Verdict {
  readonly guilty: 'dealer' | 'receiver'
  readonly point: number
  readonly because: string
}

export async function complain(
  { proposal, hash }: Disputed,
  dealer: number,
  reason: ComplaintDocument['reason'],
  signer: Signer
): Promise<Signed<ComplaintDocument>> {
  const receiver = proposal.holders.find(({ peer }) => peer === signer.self)!.point
  const document: ComplaintDocument = { kind: 'complaint', version: 1, round: hash, dealer, receiver, reason, holder: signer.self }
  return withSignatures(document, [await sign(COMPLAINT, document, signer)])
}

/** The envelope that this party complains of. */
export function envelopeOf(disputed: Disputed, dealer: number): Uint8Array {
  return disputed.envelopes[placeOf(disputed, dealer, 'sharing/envelope')] ?? missing(disputed, 'sharing/envelope', 'all envelopes')
}

/** As the dealer: what opens the one envelope. */
export async function openDisputed(disputed: Disputed, complaint: Signed<ComplaintDocument>, signer: Signer): Promise<Uint8Array> {
  const kind = 'sharing/dispute'
  await checkComplaint(disputed, complaint, signer, kind)
  const own = disputed.proposal.dealers.find(({ peer }) => peer === signer.self)?.point
  const { dealer, receiver } = complaint.document
  if (dealer !== own) throw malformed(disputed, kind, 'complaint.dealer', `${own}`, `${dealer}`)
  return await (disputed.dealing ?? missing(disputed, kind, 'all entries')).open(receiver)
}

/** Everybody comes to the same. */
export async function judgeDisputed(
  disputed: Disputed,
  complaint: Signed<ComplaintDocument>,
  [envelope, opening]: readonly Uint8Array[],
  signer: Signer
): Promise<Verdict> {
  const kind = 'sharing/judge'
  await checkComplaint(disputed, complaint, signer, kind)
  const { dealer, receiver, reason } = complaint.document
  const place = placeOf(disputed, dealer, kind)
  if (envelope === undefined) throw malformed(disputed, kind, 'blobs', 'the envelope', 'nothing')
  const { dealing, announcements, answers, coin } = disputed
  const announcement = announcements[place]
  const answer = answers[place]
  if (dealing === undefined || announcement === undefined || answer === undefined || coin === undefined) {
    return missing(disputed, kind, 'all answers')
  }
  return await dealing.judge(
    { dealer, receiver, reason },
    { announcement, envelope, coin, answer, ...(opening === undefined ? {} : { opening }) }
  )
}

async function checkComplaint(disputed: Disputed, complaint: Signed<ComplaintDocument>, signer: Signer, kind: string): Promise<void> {
  const { proposal, hash } = disputed
  const { round, receiver, holder } = complaint.document
  if (round !== hash) throw malformed(disputed, kind, 'complaint.round', hash, round)
  const peer = proposal.holders.find(({ point }) => point === receiver)?.peer
  if (peer !== holder) throw malformed(disputed, kind, 'complaint.holder', peer ?? 'one that is dealt to', holder)
  await checkSigned(COMPLAINT, complaint, signer, proposal.evaluator)
}

function placeOf(disputed: Disputed, dealer: number, kind: string): number {
  const place = disputed.proposal.dealers.findIndex(({ point }) => point === dealer)
  if (place < 0) throw malformed(disputed, kind, 'dealer', 'a dealer of the round', `${dealer}`)
  return place
}

function missing(disputed: Disputed, kind: string, before: string): never {
  throw malformed(disputed, kind, 'round', `${before} first`, 'not yet')
}

function malformed({ proposal }: Disputed, kind: string, field: string, expected: string, actual: string): MalformedMessageError {
  return new MalformedMessageError({ peer: proposal.evaluator, kind, field, expected, actual })
}
