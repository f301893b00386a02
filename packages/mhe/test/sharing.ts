/** A cohort whose secret is shared among holders by real rounds, all parties in one place. */
import type { SecretKey } from '@slytherin/ckks'
import {
  type AcceptedDealing,
  type AccessStructure,
  type ActiveSet,
  checkShare,
  completeRound,
  Dealer,
  DealingRound,
  envelopePublicKey,
  Fingerprints,
  firstHolders,
  InMemoryShareLedger,
  type RoundInit,
  receiveShare,
  type ShamirShare,
  type Sharing
} from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import type { Cohort } from './cohort.js'

export interface RoundTranscript {
  readonly round: DealingRound
  readonly coin: Uint8Array
  readonly announcements: readonly Uint8Array[]
  /** Per dealer, per receiver. */
  readonly envelopes: readonly (readonly Uint8Array[])[]
  readonly answers: readonly Uint8Array[]
}

export const privateKey = (cohort: Cohort, holder: number): Uint8Array => cohort.seed('X25519', holder)

export async function roundOf(cohort: Cohort, init: Omit<RoundInit, 'epoch' | 'receiverKeys'>): Promise<DealingRound> {
  const receiverKeys = await Promise.all(init.access.points.map(point => envelopePublicKey(privateKey(cohort, point))))
  return new DealingRound(cohort.context, { ...init, epoch: cohort.sessionId, receiverKeys })
}

/** Every dealer deals and answers. @param constants of the dealers, in their order */
export async function runRound(
  cohort: Cohort,
  round: DealingRound,
  constants: readonly (Polynomial | ShamirShare | null)[],
  label = 'dealing'
): Promise<RoundTranscript> {
  const dealers = round.dealers.map((point, i) => new Dealer(round, point, constants[i]!, cohort.seed(label, round.generation, point)))
  const dealings = []
  for (const dealer of dealers) dealings.push(await dealer.deal())
  const announcements = dealings.map(({ announcement }) => announcement)
  const coin = round.coin(
    announcements,
    round.access.points.map(point => cohort.seed('contribution', round.generation, point))
  )
  const answers = dealers.map(dealer => dealer.answer(coin, new InMemoryShareLedger()))
  for (const dealer of dealers) dealer.dispose()
  return { round, coin, announcements, envelopes: dealings.map(({ envelopes }) => envelopes), answers }
}

/** What a receiver makes of a round: everything read and checked. @param from only these dealers, all by default */
export async function receive(
  cohort: Cohort,
  { round, coin, announcements, envelopes, answers }: RoundTranscript,
  receiver: number,
  from: readonly number[] = round.dealers,
  before?: ShamirShare
): Promise<ShamirShare> {
  using fingerprints = new Fingerprints(cohort.context, coin)
  const accepted: AcceptedDealing[] = []
  for (const dealer of from) {
    const i = round.dealers.indexOf(dealer)
    const envelope = envelopes[i]![round.receiverPosition(receiver)]!
    const share = await receiveShare(round, dealer, receiver, announcements[i]!, envelope, privateKey(cohort, receiver))
    checkShare(round, share, fingerprints, answers[i]!)
    accepted.push({ announcement: announcements[i]!, share })
  }
  try {
    return completeRound(round, receiver, accepted, before)
  } finally {
    for (const { share } of accepted) share.dispose()
  }
}

/** t of the cohort's n, from each party's own secret. */
export async function shareSecrets(cohort: Cohort, threshold: number, holders = cohort.secrets.length): Promise<ShamirShare[]> {
  const access = firstHolders(threshold, holders)
  const round = await roundOf(cohort, { kind: 'secret', dealers: cohort.secrets.map((_, i) => i + 1), access })
  const transcript = await runRound(
    cohort,
    round,
    cohort.secrets.map(({ polynomial }) => polynomial)
  )
  const shares = []
  for (const point of access.points) shares.push(await receive(cohort, transcript, point))
  return shares
}

/** Another round on shares there are: `zero` wipes those of the holders. */
export async function nextShares(
  cohort: Cohort,
  kind: 'zero' | 'reshare',
  before: readonly ShamirShare[],
  dealers: readonly number[],
  access: AccessStructure = before[0]!.sharing.access,
  accepted: readonly number[] = dealers
): Promise<ShamirShare[]> {
  const round = await roundOf(cohort, { kind, before: before[0]!.sharing, dealers, access })
  const of = (point: number) => before.find(share => share.point === point)!
  const transcript = await runRound(
    cohort,
    round,
    dealers.map(point => (kind === 'zero' ? null : of(point)))
  )
  const shares = []
  for (const point of access.points)
    shares.push(await receive(cohort, transcript, point, accepted, kind === 'zero' ? of(point) : undefined))
  return shares
}

/** The additive secrets of an active set; together they are the ideal secret. */
export function additiveSecrets(shares: readonly ShamirShare[], { activeSet }: { readonly activeSet: ActiveSet }): SecretKey[] {
  return activeSet.points.map(point => shares.find(share => share.point === point)!.additiveSecret(activeSet))
}

export const sharingOf = (shares: readonly ShamirShare[]): Sharing => shares[0]!.sharing

/** All subsets of a size, or as many as asked for, evenly chosen. */
export function subsets(points: readonly number[], size: number, limit = Number.POSITIVE_INFINITY): number[][] {
  const all: number[][] = []
  const extend = (chosen: number[], from: number): void => {
    if (chosen.length === size) {
      all.push(chosen)
      return
    }
    for (let i = from; i < points.length; i++) extend([...chosen, points[i]!], i + 1)
  }
  extend([], 0)
  const step = Math.max(1, Math.floor(all.length / limit))
  return all.filter((_, i) => i % step === 0).slice(0, limit)
}
