/**
 * The evaluator's side of making shares anew, for the same holders (renewal) or for others (resharing): dealing, checks, a test with a known ciphertext, and only then
 * the record that puts the new sharing in force and has old shares erased. Whoever fails before that has changed nothing.
 */
import { canonicalJson } from '../../base/canonical.js'
import { together, widthFor } from '../../base/concurrency.js'
import { randomBytes, toHex } from '../../base/digest.js'
import { holderAtFault } from '../../cryptography/rejected-share.js'
import { PartyMissingError, SessionAbortedError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Signer } from '../../terms/signer.js'
import type { CallKind, Message } from '../calls/call.js'
import type { Caller } from '../calls/caller.js'
import type { EpochCryptography } from '../cryptography/service.js'
import type { Holder, SharingRecord } from '../objects/epoch.js'
import { participants, ROUND, type RoundProposal } from '../objects/round.js'
import { checkSharing } from '../objects/sharing-check.js'
import { type Signed, sign, withSignatures } from '../objects/signed.js'
import * as calls from './round-calls.js'
import { roundIdentifier, TEST_STEP } from './round-holder.js'

export interface RoundRunMeans {
  readonly signer: Signer
  readonly caller: Caller
  readonly cryptography: EpochCryptography
  readonly now: () => number
  progress(step: string): void
  /** A dealer is left out, and this is why; the round goes on without. */
  named(fault: SessionAbortedError): void
}

/** What is to be: the sharing that there is, who deals, who holds shares from then on. */
export interface RoundTerms {
  readonly epoch: string
  readonly before: SharingRecord
  readonly what: RoundProposal['what']
  readonly dealers: readonly Holder[]
  readonly threshold: number
  readonly holders: readonly Holder[]
}

/** @returns the record of the new sharing, in force @throws PartyMissingError; SessionAbortedError naming who spoilt it */
export async function runRound(
  terms: RoundTerms,
  { signer, caller, cryptography, progress, named, now }: RoundRunMeans,
  signal: AbortSignal
): Promise<Signed<SharingRecord>> {
  const { epoch, before, what, dealers, threshold, holders } = terms
  const proposal: RoundProposal = {
    kind: 'sharing-round',
    version: 1,
    epoch,
    what,
    evaluator: signer.self,
    generation: before.generation,
    lineage: before.lineage,
    dealers,
    threshold,
    holders,
    nonce: toHex(randomBytes(16)),
    created: now()
  }
  const round = roundIdentifier(proposal)
  const everybody = participants(proposal)
  let step = 'entering'
  const all = async <Q, R>(
    kind: CallKind<Q, R>,
    peers: readonly string[],
    head: Q,
    blobs: (k: number) => readonly Uint8Array[] = () => []
  ): Promise<Message<R>[]> =>
    await together(
      peers,
      signal,
      async (peer, inner, k) => {
        try {
          return await caller.call(peer, kind, head, blobs(k), { signal: inner })
        } catch (error) {
          inner.throwIfAborted()
          const typed = translateError(error, { peer })
          if (typed.code === 'peer-unreachable' || typed.code === 'deadline-exceeded') {
            throw new PartyMissingError({ peer, phase: step, reason: typed.message }, { cause: error })
          }
          throw typed
        }
      },
      widthFor(blobs(peers.length - 1))
    )
  const enter = (name: string): void => {
    step = name
    progress(name)
  }
  const peersOf = (list: readonly Holder[]): string[] => list.map(({ peer }) => peer)

  enter('entering')
  const signed = withSignatures(proposal, [await sign(ROUND, proposal, signer)])
  const entries = (await all(calls.ENTER, everybody, { proposal: signed })).map(({ head }) => head.entry)
  enter('dealing')
  const dealt = await all(calls.ROUND_DEAL, peersOf(dealers), { round, entries })
  const short = dealt.findIndex(({ blobs }) => blobs.length !== holders.length + 1)
  if (short >= 0)
    throw new SessionAbortedError({ culprit: dealers[short]!.peer, reason: 'it dealt to another number of holders', phase: step })
  const announcements = dealt.map(({ blobs }) => blobs[0]!)
  const announced = dealt.map(({ head }) => head.dealt)
  const received = await all(calls.ROUND_RECEIVE, everybody, { round, entries, dealt: announced }, k => {
    const place = holders.findIndex(({ peer }) => peer === everybody[k])
    return place < 0 ? announcements : [...announcements, ...dealt.map(({ blobs }) => blobs[place + 1]!)]
  })
  const contributions = received.map(({ head }) => head.contribution)
  enter('checks')
  const answered = await all(calls.ROUND_ANSWER, peersOf(dealers), { round, contributions })
  const answers = answered.map(({ blobs }) => blobs[0] ?? new Uint8Array(0))
  const checked = await all(
    calls.ROUND_CHECK,
    peersOf(holders),
    { round, contributions, dealt: answered.map(({ head }) => head.dealt) },
    () => answers
  )
  const fault = (peer: string, reason: string): SessionAbortedError => new SessionAbortedError({ culprit: peer, reason, phase: step })
  const out = new Set(agreedOn(checked.map(({ head }) => head.wrong)))
  const dissenter = checked.findIndex(({ head }) => head.wrong.length !== out.size || head.wrong.some(point => !out.has(point)))
  if (dissenter >= 0) throw fault(holders[dissenter]!.peer, 'it judges the answers otherwise than the others')
  for (const point of out) named(fault(peerAt(dealers, point), 'it dealt on another value than its share, or answered none'))
  const complaints = checked.flatMap(({ head }, k) => head.complaints.map(complaint => ({ complaint, from: holders[k]! })))
  for (const { complaint, from } of complaints) {
    const { dealer, receiver, holder } = complaint.document
    if (holder !== from.peer || receiver !== from.point || !dealers.some(({ point }) => point === dealer)) {
      throw fault(from.peer, 'it complains in the name of another, or of nobody')
    }
    if (out.has(dealer)) continue
    const accused = peerAt(dealers, dealer)
    const [envelope] = await all(calls.ROUND_ENVELOPE, [peerAt(holders, receiver)], { round, dealer })
    // Silence is an answer: it convicts the dealer.
    const opening = await all(calls.ROUND_DISPUTE, [accused], { round, complaint }).catch(() => [])
    const blobs = [...envelope!.blobs.slice(0, 1), ...opening.flatMap(message => message.blobs.slice(0, 1))]
    const verdicts = (await all(calls.ROUND_JUDGE, peersOf(holders), { round, complaint }, () => blobs)).map(({ head }) => head)
    const guilty = agreedOn(verdicts.map(verdict => verdict.guilty))
    const other = verdicts.findIndex(verdict => verdict.guilty !== guilty)
    if (other >= 0) throw fault(holders[other]!.peer, 'it judges a complaint otherwise than the others')
    const { because } = verdicts[0]!
    if (guilty === 'receiver') throw fault(peerAt(holders, receiver), because)
    out.add(dealer)
    named(fault(accused, because))
  }
  const good = dealers.map(({ point }) => point).filter(point => !out.has(point))
  if (good.length < before.threshold) {
    throw fault(
      peersOf(dealers.filter(({ point }) => out.has(point))).join(', '),
      `${good.length} dealings are as they should be, ${before.threshold} are needed`
    )
  }
  const accepted = what === 'zero' ? good : good.slice(0, before.threshold)
  const lineages = (await all(calls.ROUND_COMPLETE, peersOf(holders), { round, accepted })).map(({ head }) => head.lineage)
  const lineage = lineages[0]!
  const other = lineages.findIndex(name => name !== lineage)
  if (other >= 0)
    throw new SessionAbortedError({ culprit: holders[other]!.peer, reason: 'it has come to another sharing than the others', phase: step })
  const record: SharingRecord = { kind: 'sharing', version: 1, epoch, generation: before.generation + 1, lineage, threshold, holders }

  if (threshold > 1) {
    enter('test')
    const sharing = { generation: record.generation, lineage, threshold, points: holders.map(({ point }) => point) }
    const active = holders.slice(0, threshold)
    const [query, name] = TEST_STEP.split('/') as [string, string]
    const attempt = { sharing, query, step: name, number: 0, active: active.map(({ point }) => point) }
    const { seed, publicKey } = await (await cryptography.releases()).resultKey()
    const shares = (await all(calls.ROUND_TEST, peersOf(active), { round, attempt }, () => [publicKey])).map(
      ({ blobs }) => blobs[0] ?? new Uint8Array(0)
    )
    let holds: boolean
    try {
      holds = await cryptography.testSharing(attempt, shares, seed)
    } catch (error) {
      const culprit = holderAtFault(error, peersOf(active))
      if (culprit === undefined) throw error
      throw new SessionAbortedError({ culprit, reason: 'its share of the test is none', phase: step }, { cause: error })
    }
    if (!holds) {
      throw new SessionAbortedError({
        culprit: peersOf(dealers).join(', '),
        reason:
          'the new shares do not make the old secret: one of these dealt on another value than its share; the shares before are still in force',
        phase: step
      })
    }
  }
  enter('record')
  const records = await all(calls.ROUND_SIGN, everybody, { round, record: withSignatures(record, []) })
  const whole = withSignatures(
    record,
    records.flatMap(({ head }, k) => head.record.signatures.filter(({ peer }) => peer === everybody[k]))
  )
  await checkSharing(whole, before, signer, signer.self)
  return whole
}

const peerAt = (list: readonly Holder[], at: number): string => list.find(({ point }) => point === at)?.peer ?? `point ${at}`

/** What most of them say; of as many, what comes first. */
function agreedOn<T>(said: readonly T[]): T {
  const counts = new Map<string, number>()
  for (const what of said) counts.set(canonicalJson(what), (counts.get(canonicalJson(what)) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return said.find(what => counts.get(canonicalJson(what)) === most)!
}

/** Tells a holder that the sharing is in force; who is away hears it when it is back. */
export async function putInForce(
  record: Signed<SharingRecord>,
  peers: readonly string[],
  caller: Caller,
  signal: AbortSignal
): Promise<void> {
  await Promise.allSettled(peers.map(async peer => await caller.call(peer, calls.ROUND_KEEP, { record }, [], { signal })))
}
