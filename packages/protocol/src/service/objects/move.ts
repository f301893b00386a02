/**
 * Whether a moved release holds: its owner has allowed it, it is the same model, and t holders of the epoch before have switched it to a key that follows theirs.
 *
 * What the worst evaluator gains by moving: a release's parts under another key of the same holders, no more. Holders switch nothing but parts whose hashes are in a
 * signed release, each once, to the key of an epoch that they have signed themselves, and that has the same witnesses: these make the moved parts of the shares again. What was made of their shares anybody can make again: shares and proofs are
 * kept, and this document has their hashes.
 */
import { canonicalJson } from '../../base/canonical.js'
import { ReleaseRefusedError } from '../../errors/errors.js'
import type { EpochRecord, SharingRecord } from './epoch.js'
import { checkFollowing } from './following.js'
import type { Release } from './release.js'

/** The release that is moved, and what it is moved from and to. */
export interface MoveTerms {
  /** The release as it is before, and its identifier. */
  readonly release: Release
  readonly identifier: string
  readonly from: EpochRecord
  /** Of the old epoch: the one whose holders switch. */
  readonly sharing: SharingRecord
  readonly to: EpochRecord
}

/** Whether it may be moved there at all. @throws ReleaseRefusedError, DescriptorRejectedError */
export function checkMovable({ release, from, sharing, to }: MoveTerms, peer: string): void {
  const demand = demandOf(peer)
  const again = `Ask ${release.owner} to publish it anew.`
  demand(release.movable === true, 'movable', 'a release whose owner lets it be moved', 'one that is not', again)
  demand(release.epoch === from.sharing.epoch, 'epoch', from.sharing.epoch, release.epoch, again)
  demand(release.plan.operands.weights === 'encrypted', 'plan.operands.weights', 'encrypted', 'clear', again)
  demand(sharing.threshold > 1, 'threshold', 'two at least', `${sharing.threshold}`, again)
  demand(from.proposal.proofs, 'proofs', 'encryptions that were proved', 'none', again)
  checkFollowing(to.proposal, from, sharing, peer)
}

/** @throws ReleaseRefusedError, DescriptorRejectedError unless it is what comes of this move; signatures are the caller's to check */
export function checkMoved(moved: Release, terms: MoveTerms, peer: string): void {
  const { release, identifier, from, sharing, to } = terms
  checkMovable(terms, peer)
  const demand = demandOf(peer)
  const again = 'The document contradicts itself: it is not kept.'
  for (const field of ['owner', 'name', 'revision', 'plan', 'classes', 'movable'] as const) {
    const [expected, actual] = [canonicalJson(release[field]), canonicalJson(moved[field])]
    demand(expected === actual, field, expected.slice(0, 120), actual.slice(0, 120), again)
  }
  demand(moved.epoch === to.sharing.epoch, 'epoch', to.sharing.epoch, moved.epoch, again)
  const origin = moved.moved
  const before = [...(release.moved?.from ?? []), { epoch: release.epoch, release: identifier }]
  demand(canonicalJson(origin?.from ?? []) === canonicalJson(before), 'moved.from', `${before.length} releases before`, 'others', again)
  if (origin === undefined) return
  demand(origin.evaluator === from.proposal.evaluator, 'moved.evaluator', from.proposal.evaluator, origin.evaluator, again)
  demand(origin.generation === sharing.generation, 'moved.generation', `${sharing.generation}`, `${origin.generation}`, again)
  const points = origin.shares.map(({ holder }) => sharing.holders.find(({ peer: known }) => known === holder)?.point ?? 0)
  demand(
    points.length === sharing.threshold && points.every((point, k) => point > (points[k - 1] ?? 0)),
    'moved.shares',
    `${sharing.threshold} holders of generation ${sharing.generation}, by ascending point`,
    `points ${points.join(', ')}`,
    again
  )
}

const demandOf =
  (peer: string) =>
  (holds: boolean, field: string, expected: string, actual: string, remedy: string): void => {
    if (!holds) throw new ReleaseRefusedError({ peer, kind: 'release', field, expected, actual, remedy })
  }
