/** Whether enough witnesses have come to what a key holder is asked about. */
import type { PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checkStatement } from '../session/statements.js'
import { demandEndorsements } from '../terms/endorsements.js'
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
  const { self, policy } = party
  const { roster } = session.descriptor
  const check = { roster, policy, peer, kind, self, ...(own ? { own: self } : {}) }
  session.endorsements += await demandEndorsements(entries, check, async (entry, field) => {
    const statement = { kind: 'endorsement', ...assisted } as const
    await checkStatement(party, session, { signer: entry.peer, statement, signature: entry.signature }, { peer, kind, field })
  })
}
