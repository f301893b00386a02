/** A release as the roles' code knows a session: the epoch is the session, and t shares are added where a session adds all holders'. */

import { fromHex } from '../../base/digest.js'
import { OpenSession } from '../../local/open-session.js'
import type { Plan } from '../../terms/plan.js'
import type { ProofTerms } from '../../terms/proof-batches.js'
import type { EpochMeans } from './epoch-means.js'

/** @param proofs how this party's encryptions are proved; undefined where they are not */
export function releaseSession(
  epoch: Pick<EpochMeans, 'terms' | 'threshold' | 'context' | 'publicKey'>,
  plan: Plan,
  proofs: ProofTerms | undefined
): OpenSession {
  const { terms, threshold, context, publicKey } = epoch
  const { floodingBits, maximumDecryptions, maximumRefreshes } = terms
  const counts = { parties: threshold, floodingBits, maximumDecryptions, maximumRefreshes }
  return new OpenSession(
    { context, publicKey },
    { sessionId: fromHex(terms.epoch), plan, ...counts, proofs, roles: [] },
    { allowInsecure: true }
  )
}
