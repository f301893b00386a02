/**
 * When an epoch follows another, so that releases may be moved from one to the other. Who may read a model, or what is asked of it, must not become more: the new key is
 * held by holders of the old one alone, and takes as many of them.
 */
import { canonicalJson } from '../../base/canonical.js'
import { DescriptorRejectedError } from '../../errors/errors.js'
import type { EpochProposal, EpochRecord, SharingRecord } from './epoch.js'

/** @param sharing of the old epoch. @throws DescriptorRejectedError naming the field */
export function checkFollowing(next: EpochProposal, { proposal, sharing: first }: EpochRecord, sharing: SharingRecord, peer: string): void {
  const demand = (holds: boolean, field: string, expected: string, actual: string): void => {
    if (holds) return
    const remedy = 'Make an epoch that follows (slytherin cohort next), or publish its models anew.'
    throw new DescriptorRejectedError({ peer, kind: 'epoch-proposal', field, expected, actual, remedy })
  }
  demand(next.follows === first.epoch, 'follows', first.epoch, next.follows ?? 'none')
  demand(next.cohort === proposal.cohort, 'cohort', proposal.cohort, next.cohort)
  demand(next.evaluator === proposal.evaluator, 'evaluator', proposal.evaluator, next.evaluator)
  const stranger = next.holders.find(({ peer: holder }) => !sharing.holders.some(known => known.peer === holder))
  demand(stranger === undefined, 'holders', 'holders of the epoch that it follows', stranger?.peer ?? '')
  const least = Math.max(sharing.threshold, proposal.threshold)
  demand(next.threshold >= least, 'threshold', `${least} at least, as before`, `${next.threshold}`)
  demand(
    canonicalJson(next.parameters) === canonicalJson(proposal.parameters),
    'parameters',
    'those of the epoch that it follows',
    'others'
  )
  demand(canonicalJson(next.witnesses) === canonicalJson(proposal.witnesses), 'witnesses', 'those of the epoch that it follows', 'others')
  demand(next.proofs || !proposal.proofs, 'proofs', 'true', 'false')
  demand(next.floodingBits >= proposal.floodingBits, 'floodingBits', `${proposal.floodingBits} at least`, `${next.floodingBits}`)
}
