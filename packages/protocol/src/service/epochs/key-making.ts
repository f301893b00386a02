/**
 * Evaluation keys of an epoch that is in force, one after the other, each by t holders that are up. A holder that is lost costs an attempt: another number, another
 * active set, other reference polynomials.
 */
import { together, widthFor } from '../../base/concurrency.js'
import { holderAtFault } from '../../cryptography/rejected-share.js'
import { PartyMissingError, SessionAbortedError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Signer } from '../../terms/signer.js'
import type { CallKind } from '../calls/call.js'
import type { Caller } from '../calls/caller.js'
import type { AttemptName, SharingName } from '../cryptography/epoch.js'
import type { EpochCryptography, EvaluationKeyName } from '../cryptography/service.js'
import type { ShareCommitmentDocument } from '../objects/ceremony.js'
import type { Holder, SharingRecord } from '../objects/epoch.js'
import type { Signed } from '../objects/signed.js'
import type { RecordStore } from '../store/records.js'
import * as calls from './calls.js'
import { checkCommitments, checkShown, madeInRoundTwo } from './share-commitments.js'

export interface KeyMakingMeans {
  readonly caller: Caller
  readonly cryptography: EpochCryptography
  readonly records: RecordStore
  readonly signer: Pick<Signer, 'verify'>
  sharing(): SharingRecord
  /** Shares that witnesses of the epoch will want to sum themselves: durable before it resolves. Does nothing where there are none. */
  keep(shares: readonly Uint8Array[]): Promise<void>
  /** Whether a holder answers at present. */
  up(peer: string): boolean
  progress(event: { done: number; total: number; step: string }): void
  onRefused(error: Error, peer: string): void
}

/** Attempts at one key before it is given up. */
const MAXIMUM_ATTEMPTS = 16
const ATTEMPT = 'key-attempt'

/** A holder of the active set failed; the next attempt is without it. */
class HolderFailed extends Error {
  constructor(
    readonly peer: string,
    override readonly cause: unknown
  ) {
    super(`${peer} did not give its share`)
  }
}

export const keyName = (key: EvaluationKeyName): string =>
  key.kind === 'galois' ? `galois-${key.element}@${key.level}` : `relinearization@${key.level}`

/** A key that is in use and kept, and what it was summed from. */
export interface MadeKey {
  /** SHA-256 of the key, hexadecimal. */
  readonly hash: string
  readonly attempt: AttemptName
  /** Signed by the active holders, in the order of their points: of round one, and of what the key is the sum of. */
  readonly ones: readonly Signed<ShareCommitmentDocument>[]
  readonly shares: readonly Signed<ShareCommitmentDocument>[]
}

/** @throws PartyMissingError when fewer than t holders are up; SessionAbortedError after too many attempts */
export async function makeKey(epoch: string, key: EvaluationKeyName, means: KeyMakingMeans, signal: AbortSignal): Promise<MadeKey> {
  const failed = new Set<string>()
  for (let tries = 0; tries < MAXIMUM_ATTEMPTS; tries++) {
    signal.throwIfAborted()
    const attempt = await nextAttempt(epoch, key, means, failed)
    try {
      return await make(epoch, key, attempt, means, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof HolderFailed)) throw error
      failed.add(error.peer)
      means.onRefused(translateError(error.cause, { peer: error.peer }), error.peer)
    }
  }
  throw new SessionAbortedError({
    culprit: [...failed].join(', '),
    reason: `no key ${keyName(key)} after ${MAXIMUM_ATTEMPTS} attempts`,
    phase: 'keys'
  })
}

/** Numbers of attempts are durable: none is ever used again, by an evaluator that was killed either. */
async function nextAttempt(
  epoch: string,
  key: EvaluationKeyName,
  { sharing, up, records }: KeyMakingMeans,
  failed: ReadonlySet<string>
): Promise<AttemptName> {
  const { generation, lineage, threshold, holders } = sharing()
  const able = (peers: ReadonlySet<string>): Holder[] => holders.filter(({ peer }) => up(peer) && !peers.has(peer))
  let candidates = able(failed)
  // Who failed once is asked again when there is nobody else.
  if (candidates.length < threshold) candidates = able(new Set())
  if (candidates.length < threshold) {
    const missing = holders.filter(({ peer }) => !up(peer)).map(({ peer }) => peer)
    throw new PartyMissingError({
      peer: missing[0] ?? holders[0]!.peer,
      phase: 'keys',
      reason: `${candidates.length} of ${holders.length} holders are up, ${threshold} are needed`,
      remedy: `Start more of: ${missing.join(', ')}.`
    })
  }
  const place = `${epoch}/${keyName(key)}`
  const number = ((await records.get(ATTEMPT, place)) as number | undefined) ?? 0
  await records.put(ATTEMPT, place, number + 1)
  const name: SharingName = { generation, lineage, threshold, points: holders.map(({ point }) => point) }
  const active = candidates
    .slice(0, threshold)
    .map(({ point }) => point)
    .sort((a, b) => a - b)
  return { sharing: name, query: 'keys', step: keyName(key), number, active }
}

async function make(
  epoch: string,
  key: EvaluationKeyName,
  attempt: AttemptName,
  { caller, cryptography, sharing, signer, keep }: KeyMakingMeans,
  signal: AbortSignal
): Promise<MadeKey> {
  const { holders } = sharing()
  const active = attempt.active.map(point => holders.find(holder => holder.point === point)!)
  const all = async <Q, R>(kind: CallKind<Q, R>, head: Q, blobs: readonly Uint8Array[] = []) =>
    await together(
      active,
      signal,
      async ({ peer }, inner) => {
        try {
          return await caller.call(peer, kind, head, blobs, { signal: inner })
        } catch (error) {
          inner.throwIfAborted()
          throw new HolderFailed(peer, error)
        }
      },
      widthFor(blobs)
    )
  const shared = (messages: readonly { blobs: readonly Uint8Array[] }[]): Uint8Array[] =>
    messages.map(({ blobs }, k) => {
      const [share] = blobs
      if (share === undefined) throw new HolderFailed(active[k]!.peer, new Error('no share'))
      return share
    })
  const sum = async (shares: Uint8Array[], ones?: Uint8Array[]): Promise<string> => {
    try {
      return await cryptography.sumKey(key, attempt, shares, ones)
    } catch (error) {
      const culprit = holderAtFault(
        error,
        active.map(({ peer }) => peer)
      )
      if (culprit !== undefined) throw new HolderFailed(culprit, error)
      throw error
    }
  }
  const signed = async (
    protocol: ShareCommitmentDocument['protocol'],
    made: unknown,
    commitments: readonly Signed<ShareCommitmentDocument>[],
    shares: readonly Uint8Array[]
  ): Promise<void> => {
    for (const [k, { peer }] of active.entries()) {
      try {
        const check = { epoch, protocol, attempt, made, peers: [peer], signer, peer, kind: 'key' }
        await checkCommitments([commitments[k]!], check)
        await checkShown([commitments[k]!], [shares[k]!], peer, 'key')
      } catch (error) {
        throw new HolderFailed(peer, error)
      }
    }
  }
  const { level } = key
  if (key.kind === 'galois') {
    const { element } = key
    const given = await all(calls.GALOIS, { epoch, attempt, level, element })
    const [commitments, shares] = [given.map(({ head }) => head.commitment), shared(given)]
    await signed('galois', { element, level }, commitments, shares)
    await keep(shares)
    return { hash: await sum(shares), attempt, ones: [], shares: commitments }
  }
  const commitments = (await all(calls.ONE_COMMIT, { epoch, attempt, level })).map(({ head }) => head.commitment)
  const ones = shared(await all(calls.ONE_SHOW, { epoch, attempt, level, commitments }))
  const given = await all(calls.TWO, { epoch, attempt, level, commitments }, ones)
  const [twos, shares] = [given.map(({ head }) => head.commitment), shared(given)]
  await signed('relinearization-2', madeInRoundTwo(level, commitments), twos, shares)
  await keep([...ones, ...shares])
  return { hash: await sum(shares, ones), attempt, ones: commitments, shares: twos }
}
