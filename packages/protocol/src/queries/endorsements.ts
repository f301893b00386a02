/** Whether enough witnesses have come to what a key holder is asked about. */
import { NotEndorsedError, ShareConflictError, UnknownMemberError } from '../errors/errors.js'
import type { PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checkStatement } from '../session/statements.js'
import { endorsementDemand, endorsementLine } from '../terms/policy.js'
import { hasRole } from '../terms/roster.js'
import type { Assisted } from '../terms/statements.js'
import type { Bodies } from '../wire/kinds.js'

/**
 * @param own whether this very process, as a witness, has endorsed it: of itself it believes its own record and no message
 * @throws UnknownMemberError, ShareConflictError (a witness twice), SignatureError, NotEndorsedError
 */
export async function checkEndorsements(
  party: Pick<PartyComponents, 'self' | 'shareChecks' | 'evidence' | 'policy'>,
  session: PartySession,
  assisted: Assisted,
  entries: Bodies['refresh']['endorsements'],
  own: boolean,
  peer: string
): Promise<void> {
  const kind = assisted.assist
  const { witnesses, from } = endorsementDemand(party.policy, session.descriptor.roster)
  const endorsing = new Set<string>()
  const counts = (witness: string): boolean => from === undefined || from.includes(witness)
  if (own && counts(party.self)) endorsing.add(party.self)
  const seen = new Set<string>()
  for (const [index, entry] of entries.entries()) {
    const field = `endorsements[${index}]`
    if (!hasRole(session.descriptor.roster, entry.peer, 'witness')) {
      throw new UnknownMemberError({ peer, kind, field, expected: 'a witness of the roster', actual: entry.peer.slice(0, 120) })
    }
    if (seen.has(entry.peer)) throw new ShareConflictError({ peer, kind, field, reason: `${entry.peer} twice` })
    seen.add(entry.peer)
    if (entry.peer === party.self) continue
    const statement = { kind: 'endorsement', ...assisted } as const
    await checkStatement(party, session, { signer: entry.peer, statement, signature: entry.signature }, { peer, kind, field })
    if (counts(entry.peer)) endorsing.add(entry.peer)
  }
  session.endorsements += endorsing.size
  if (endorsing.size >= witnesses) return
  throw new NotEndorsedError({
    peer,
    kind,
    field: 'endorsements',
    expected: endorsementLine(party.policy, session.descriptor.roster),
    actual: String(endorsing.size),
    culprit: peer
  })
}
