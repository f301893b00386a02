/** Whether a release's plan is one for its epoch's key. */
import { Parameters } from '@slytherin/ckks'
import { SessionStateError } from '../../local/open-session.js'
import type { Plan } from '../../terms/plan.js'
import { isWholeKey } from '../../terms/share-requests.js'
import type { EpochMeans } from './epoch-means.js'

/** @throws SessionStateError when the plan is for other parameters, another number of secrets or fewer shares than the epoch's */
export function checkedPlan(plan: Plan, { context, terms, threshold }: Pick<EpochMeans, 'context' | 'terms' | 'threshold'>): Plan {
  const { parameters } = context
  if (plan.parties !== terms.dealers) {
    throw new SessionStateError(`the release's plan is for a key of ${plan.parties} secrets, its epoch's sums ${terms.dealers}`)
  }
  // More shares than planned for would be more flooding and masks than there is room for; one share alone is the whole key, and another protocol.
  if (plan.threshold < threshold || isWholeKey(plan) !== (threshold === 1)) {
    throw new SessionStateError(`the release's plan is for ${plan.threshold} shares, its epoch takes ${threshold}: plan it anew`)
  }
  if (!Parameters.fromJSON(plan.parameters, { allowInsecure: true }).equals(parameters)) {
    throw new SessionStateError("the release's plan has other parameters than its epoch")
  }
  return plan
}
