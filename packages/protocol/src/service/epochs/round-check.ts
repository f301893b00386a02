/** Whether a holder, or whoever is to become one, takes part in a round that is proposed to it. */
import { canonicalJson } from '../../base/canonical.js'
import { DescriptorRejectedError, StaleSharingError } from '../../errors/errors.js'
import type { EpochRecord, SharingRecord } from '../objects/epoch.js'
import { participants, type RoundProposal } from '../objects/round.js'
import { checkCompany, type Demand, type EpochPolicy } from './policy.js'

interface Own {
  readonly record: EpochRecord
  /** In force here. */
  readonly sharing: SharingRecord
  readonly policy: EpochPolicy
  readonly self: string
}

/** @throws DescriptorRejectedError naming the field; StaleSharingError unless it is of the sharing in force */
export function checkRound(proposal: RoundProposal, { record, sharing, policy, self }: Own, peer: string): void {
  const demand: Demand = (holds, field, expected, actual, remedy) => {
    if (!holds) throw new DescriptorRejectedError({ peer, kind: 'sharing/enter', field, expected, actual: String(actual), remedy })
  }
  const { evaluator } = record.proposal
  demand(evaluator === peer && proposal.evaluator === peer, 'evaluator', evaluator, peer, 'The evaluator of the epoch proposes its rounds.')
  if (proposal.generation !== sharing.generation || proposal.lineage !== sharing.lineage) {
    throw new StaleSharingError({
      peer,
      kind: 'sharing/enter',
      field: 'generation',
      expected: `${sharing.generation}`,
      actual: `${proposal.generation}`,
      remedy: 'See what holds: slytherin cohort status.'
    })
  }
  const { dealers, holders, threshold, what } = proposal
  const before = new Map(sharing.holders.map(holder => [holder.peer, holder.point]))
  demand(
    dealers.every(({ peer: dealer, point }) => before.get(dealer) === point),
    'dealers',
    'holders of the sharing that there is',
    'another',
    'Propose a round of those who hold shares.'
  )
  demand(dealers.length >= sharing.threshold, 'dealers', `${sharing.threshold} at least`, dealers.length, 'Wait for more holders to be up.')
  demand(participants(proposal).includes(self), 'holders', `${self} among them`, 'not', 'Propose a round to those who take part.')
  checkCompany({ holders, threshold }, policy, self, demand)
  // Plans and proofs know whether one party holds the whole key; a change of that is another key.
  const whole = record.proposal.holders.length === 1
  demand(
    whole ? canonicalJson(holders) === canonicalJson(sharing.holders) : threshold > 1,
    'holders',
    whole ? 'the one that there is' : 'two at least, of a threshold above 1',
    `${threshold} of ${holders.length}`,
    'Make a new epoch with these holders: slytherin cohort create.'
  )
  demand(
    threshold >= sharing.threshold || policy.lowerThreshold === true,
    'threshold',
    `at least ${sharing.threshold}, the present one`,
    threshold,
    'Reshare with this threshold or more, or have as many holders allow less: policy.lowerThreshold.'
  )
  demand(
    what === 'reshare' || (canonicalJson(holders) === canonicalJson(sharing.holders) && threshold === sharing.threshold),
    'holders',
    'those that there are, where shares are renewed',
    'others',
    'Reshare instead: slytherin cohort reshare.'
  )
}
