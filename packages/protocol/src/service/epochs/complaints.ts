/** Complaints in a round of dealing: signed by the receiver, answered by the dealer, judged by everybody who is dealt to. */
import { MalformedMessageError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import type { DealingCryptography } from '../cryptography/service.js'
import { COMPLAINT, type ComplaintDocument } from '../objects/ceremony.js'
import type { Holder } from '../objects/epoch.js'
import { checkSigned, type Signed, sign, withSignatures } from '../objects/signed.js'

/** What a complaint is judged by, as this party has it. */
export interface Disputed {
  /** `epoch` where the first shares are made, `sharing` where others are: begins the names of calls. */
  readonly prefix: 'epoch' | 'sharing'
  readonly evaluator: string
  readonly dealers: readonly Holder[]
  /** Those dealt to. */
  readonly holders: readonly Holder[]
  /** Of the round. */
  readonly hash: string
  readonly dealing?: DealingCryptography | undefined
  /** In the order of dealers; empty before they came. */
  readonly announcements: readonly Uint8Array[]
  readonly envelopes: readonly Uint8Array[]
  readonly answers: readonly Uint8Array[]
  readonly coin?: Uint8Array | undefined
}

export interface Verdict {
  readonly guilty: 'dealer' | 'receiver'
  readonly point: number
  readonly because: string
}

export async function complain(
  { holders, hash }: Disputed,
  dealer: number,
  reason: ComplaintDocument['reason'],
  signer: Signer
): Promise<Signed<ComplaintDocument>> {
  const receiver = holders.find(({ peer }) => peer === signer.self)!.point
  const document: ComplaintDocument = { kind: 'complaint', version: 1, round: hash, dealer, receiver, reason, holder: signer.self }
  return withSignatures(document, [await sign(COMPLAINT, document, signer)])
}

/** The envelope that this party complains of. */
export function envelopeOf(disputed: Disputed, dealer: number): Uint8Array {
  return disputed.envelopes[placeOf(disputed, dealer, 'envelope')] ?? missing(disputed, 'envelope', 'all envelopes')
}

/** As the dealer: what opens the one envelope. */
export async function openDisputed(disputed: Disputed, complaint: Signed<ComplaintDocument>, signer: Signer): Promise<Uint8Array> {
  const kind = 'dispute'
  await checkComplaint(disputed, complaint, signer, kind)
  const own = disputed.dealers.find(({ peer }) => peer === signer.self)?.point
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
  const kind = 'judge'
  await checkComplaint(disputed, complaint, signer, kind)
  const { dealer, receiver, reason } = complaint.document
  const place = placeOf(disputed, dealer, kind)
  if (envelope === undefined) throw malformed(disputed, kind, 'blobs', 'the envelope', 'nothing')
  const { dealing, announcements, answers, coin } = disputed
  const announcement = announcements[place]
  const answer = answers[place]
  if (dealing === undefined || announcement === undefined) return missing(disputed, kind, 'all announcements')
  // Whether an envelope can be read is known before there are answers.
  const answered = coin === undefined || answer === undefined ? {} : { coin, answer }
  if (reason === 'inconsistent' && !('coin' in answered)) return missing(disputed, kind, 'all answers')
  return await dealing.judge(
    { dealer, receiver, reason },
    { announcement, envelope, ...answered, ...(opening === undefined ? {} : { opening }) }
  )
}

async function checkComplaint(disputed: Disputed, complaint: Signed<ComplaintDocument>, signer: Signer, kind: string): Promise<void> {
  const { holders, evaluator, hash } = disputed
  const { round, receiver, holder } = complaint.document
  if (round !== hash) throw malformed(disputed, kind, 'complaint.round', hash, round)
  const peer = holders.find(({ point }) => point === receiver)?.peer
  if (peer !== holder) throw malformed(disputed, kind, 'complaint.holder', peer ?? 'one that is dealt to', holder)
  await checkSigned(COMPLAINT, complaint, signer, evaluator)
}

function placeOf(disputed: Disputed, dealer: number, kind: string): number {
  const place = disputed.dealers.findIndex(({ point }) => point === dealer)
  if (place < 0) throw malformed(disputed, kind, 'dealer', 'a dealer of the round', `${dealer}`)
  return place
}

function missing(disputed: Disputed, kind: string, before: string): never {
  throw malformed(disputed, kind, 'round', `${before} first`, 'not yet')
}

function malformed({ prefix, evaluator }: Disputed, kind: string, field: string, expected: string, actual: string): MalformedMessageError {
  return new MalformedMessageError({ peer: evaluator, kind: `${prefix}/${kind}`, field, expected, actual })
}
