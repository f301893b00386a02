/** What is dealt and said in a round of sharing among t of n: announcements, envelopes, what is in them, answers, complaints, vouchers, and shares as they are kept. */
import {
  type Complaint,
  checkShare,
  completeRound,
  Dealer,
  DealingRound,
  type DealtShare,
  type Evidence,
  envelopePublicKey,
  Fingerprints,
  findWrongDealers,
  firstHolders,
  InMemoryShareLedger,
  judge,
  receiveShare,
  ShamirShare,
  vouch
} from '@slytherin/mhe'
import { MultipartyError } from '@slytherin/mhe/errors'
import {
  openEnvelope,
  readAnswer,
  readDealtShare,
  sealEnvelope,
  writeAnnouncement,
  writeAnswer,
  writeDealtShare
} from '@slytherin/mhe/testing/dealing'
import { demand, type Target } from '../target.js'
import type { SmallCohort } from './cohort.js'

const POINTS = [1, 2, 3] as const
const THRESHOLD = 2
const DEALERS = [1, 2] as const
/** Whose dealing, and to whom, is mutated. */
const [DEALER, RECEIVER] = [1, 2] as const

/** A complaint that cannot be one, refused before it is judged. */
class NoComplaintError extends Error {}
/** What was dealt or vouched for is found to be false. */
class FalseShareError extends Error {}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

interface Played {
  readonly round: DealingRound
  readonly coin: Uint8Array
  readonly announcements: readonly Uint8Array[]
  readonly envelopes: readonly (readonly Uint8Array[])[]
  readonly answers: readonly Uint8Array[]
  /** Of every receiver, in the order of their points. */
  readonly shares: readonly ShamirShare[]
  /** What DEALER opens where RECEIVER complains. */
  readonly opening: Uint8Array
}

const privateKeyOf = ({ seed }: SmallCohort, point: number): Uint8Array => seed('X25519', point)

/** A round from its dealers to the shares that come of it. @param before shares that are dealt on; the parties' own secrets when not given */
async function play(cohort: SmallCohort, before?: readonly ShamirShare[]): Promise<Played> {
  const { context, secrets, seed, sessionId } = cohort
  const receiverKeys = await Promise.all(POINTS.map(async point => await envelopePublicKey(privateKeyOf(cohort, point))))
  const access = firstHolders(THRESHOLD, POINTS.length)
  const kind = before === undefined ? 'secret' : 'reshare'
  const sharing = before === undefined ? {} : { before: before[0]!.sharing }
  const round = new DealingRound(context, { kind, epoch: sessionId, dealers: DEALERS, access, receiverKeys, ...sharing })
  const dealers = DEALERS.map((point, i) => new Dealer(round, point, before?.[i] ?? secrets[i]!.polynomial, seed('dealer', kind, point)))
  const dealings = []
  for (const dealer of dealers) dealings.push(await dealer.deal())
  const announcements = dealings.map(({ announcement }) => announcement)
  const envelopes = dealings.map(dealing => dealing.envelopes)
  const coin = round.coin(announcements, [seed('contribution', kind)])
  const answers = dealers.map(dealer => dealer.answer(coin, new InMemoryShareLedger()))
  const opening = dealers[0]!.open(RECEIVER)
  for (const dealer of dealers) dealer.dispose()
  const shares = []
  for (const point of POINTS) {
    const accepted: { announcement: Uint8Array; share: DealtShare }[] = []
    for (const [i, dealer] of DEALERS.entries()) {
      const envelope = envelopes[i]![round.receiverPosition(point)]!
      const share = await receiveShare(round, dealer, point, announcements[i]!, envelope, privateKeyOf(cohort, point))
      accepted.push({ announcement: announcements[i]!, share })
    }
    shares.push(completeRound(round, point, accepted))
    for (const { share } of accepted) share.dispose()
  }
  return { round, coin, announcements, envelopes, answers, shares, opening }
}

export async function thresholdTargets(cohort: SmallCohort): Promise<Target[]> {
  const { context, seed } = cohort
  const played = await play(cohort)
  const { round, coin, shares } = played
  const again = await play(cohort, shares)
  const [announcement, answer] = [played.announcements[0]!, played.answers[0]!]
  const position = round.receiverPosition(RECEIVER)
  const envelope = played.envelopes[0]![position]!
  const key = privateKeyOf(cohort, RECEIVER)
  const contents = await openEnvelope(envelope, key, round.binding(DEALER, RECEIVER))
  const fingerprints = new Fingerprints(context, coin)
  const target = (
    name: string,
    weight: number,
    corpus: readonly Uint8Array[],
    more: Pick<Target, 'contract' | 'parse'> & Partial<Target>
  ): Target => ({
    name,
    structure: 'bytes',
    weight,
    corpus,
    refusals: [MultipartyError],
    ...more
  })
  /** The envelopes of a dealer that has announced what it sends. */
  const announced = (mutated: Uint8Array): Uint8Array => writeAnnouncement(round, DEALER, played.envelopes[0]!.with(position, mutated))
  return [
    target('dealing announcement', 2, [announcement], {
      contract: 'authenticated',
      // Each receiver looks for its own envelope.
      parse: async bytes => {
        for (const point of POINTS) {
          const own = played.envelopes[0]![round.receiverPosition(point)]!
          const share = await receiveShare(round, DEALER, point, bytes, own, privateKeyOf(cohort, point))
          share.dispose()
        }
        return bytes
      }
    }),
    target('envelope', 2, [envelope], {
      contract: 'authenticated',
      parse: async bytes => {
        const share = await receiveShare(round, DEALER, RECEIVER, announced(bytes), bytes, key)
        share.dispose()
        return bytes
      }
    }),
    target('dealt share', 3, [contents], {
      contract: 'one form',
      parse: bytes => {
        using share = readDealtShare(context, DEALER, RECEIVER, bytes)
        return writeDealtShare(context, share)
      }
    }),
    target('dealt share, sealed', 2, [contents], {
      contract: 'authenticated',
      // A dealer that deals what it likes: the answer that it has given to the coin does not fit.
      parse: async bytes => {
        const sealed = await sealEnvelope(bytes, seed('ephemeral'), round.receiverKey(RECEIVER), round.binding(DEALER, RECEIVER))
        using share = await receiveShare(round, DEALER, RECEIVER, announced(sealed), sealed, key)
        checkShare(round, share, fingerprints, answer)
        return bytes
      }
    }),
    target('answer to the coin', 3, [answer], {
      contract: 'one form',
      parse: bytes => writeAnswer(round, DEALER, coin, readAnswer(round, DEALER, coin, bytes))
    }),
    target('answer to the coin, checked', 2, [answer], {
      contract: 'authenticated',
      parse: bytes => {
        using share = readDealtShare(context, DEALER, RECEIVER, contents)
        checkShare(round, share, fingerprints, bytes)
        return bytes
      }
    }),
    target(
      'complaint',
      3,
      ['unreadable', 'inconsistent'].map(reason => encodeComplaint({ round: hex(round.hash), dealer: DEALER, receiver: RECEIVER, reason })),
      {
        contract: 'bounded',
        structure: 'json',
        refusals: [MultipartyError, NoComplaintError],
        // Whoever complains of an honest dealer, whatever it says, convicts nobody but itself.
        parse: async bytes => {
          const complaint = decodeComplaint(bytes)
          const verdict = await judge(round, complaint, { announcement, envelope, opening: played.opening, coin, answer })
          demand(verdict.guilty === 'receiver' && verdict.point === complaint.receiver, 'an honest dealer is convicted')
          if (verdict.guilty === 'receiver') verdict.share.dispose()
          return bytes
        }
      }
    ),
    target('opening', 2, [played.opening], {
      contract: 'bounded',
      parse: async bytes => {
        const evidence: Evidence = { announcement, envelope, opening: bytes, coin, answer }
        const verdict = await judge(round, { round: round.hash, dealer: DEALER, receiver: RECEIVER, reason: 'inconsistent' }, evidence)
        if (verdict.guilty === 'dealer') throw new FalseShareError(verdict.because)
        verdict.share.dispose()
        demand(hex(clamped(bytes)) === hex(clamped(played.opening)), 'another opening than the dealer’s clears it')
        return bytes
      },
      refusals: [MultipartyError, FalseShareError]
    }),
    target('voucher', 2, [vouch(again.round, shares[2]!, again.coin, new InMemoryShareLedger())], {
      contract: 'authenticated',
      // Two dealers and one that vouches: with t = 2 one that is wrong is noticed, and none is named.
      parse: bytes => {
        const answers = new Map(DEALERS.map((dealer, i) => [dealer as number, again.answers[i]!]))
        const wrong = findWrongDealers(again.round, again.coin, answers, new Map([[3, bytes]]))
        if (wrong.length > 0) throw new FalseShareError(`of ${wrong.join(', ')}`)
        return bytes
      },
      refusals: [MultipartyError, FalseShareError]
    }),
    target('stored share', 3, [shares[0]!.serialize(), again.shares[1]!.serialize()], {
      contract: 'one form',
      parse: bytes => {
        using share = ShamirShare.deserialize(context, bytes)
        return share.serialize()
      }
    })
  ]
}

/** The bits of a private key that X25519 looks at (RFC 7748, decodeScalar25519). */
function clamped(key: Uint8Array): Uint8Array {
  const out = key.slice()
  out[0]! &= 0xf8
  out[31] = (out[31]! & 0x7f) | 0x40
  return out
}

function encodeComplaint(complaint: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(complaint))
}

/** As a message would carry it: hexadecimal, numbers, a word. Whether they make sense is for the judge to say. */
function decodeComplaint(bytes: Uint8Array): Complaint {
  let read: Partial<Record<keyof Complaint, unknown>> | null
  try {
    read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as typeof read
  } catch (error) {
    throw new NoComplaintError(String(error))
  }
  const { round, dealer, receiver, reason } = read ?? {}
  if (typeof round !== 'string' || !/^([0-9a-f]{2})*$/.test(round)) throw new NoComplaintError('no hash of a round')
  if (typeof dealer !== 'number' || typeof receiver !== 'number' || typeof reason !== 'string')
    throw new NoComplaintError('no points or reason')
  return { round: Buffer.from(round, 'hex'), dealer, receiver, reason: reason as Complaint['reason'] }
}
