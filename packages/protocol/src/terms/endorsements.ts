/** Endorsements that a key holder is shown, in a session and in a standing service: whose they are, and whether there are enough. */
import { NotEndorsedError, ShareConflictError, UnknownMemberError } from '../errors/errors.js'
import { type AcceptancePolicy, type EndorsementDemand, endorsementDemand, endorsementLine } from './policy.js'
import { hasRole, type RosterEntry } from './roster.js'

export interface EndorsementCheck {
  /** Of which the witnesses count. */
  readonly roster: readonly RosterEntry[]
  readonly policy: Pick<AcceptancePolicy, 'assist'>
  /** Who handed them over, in which message. */
  readonly peer: string
  readonly kind: string
  /** A witness whose endorsement is known without a signature: this very process. */
  readonly own?: string
  /** A witness of which its own record is believed, and no message. */
  readonly self?: string
}

const counts = ({ from }: EndorsementDemand, witness: string): boolean => from === undefined || from.includes(witness)

/**
 * @param check throws unless the entry's witness has signed
 * @returns how many witnesses that count have endorsed
 * @throws UnknownMemberError, ShareConflictError (a witness twice), what `check` throws; NotEndorsedError naming the line of the configuration that asks for more
 */
export async function demandEndorsements<E extends { readonly peer: string }>(
  entries: readonly E[],
  { roster, policy, peer, kind, own, self }: EndorsementCheck,
  check: (entry: E, field: string) => Promise<void>
): Promise<number> {
  const demand = endorsementDemand(policy, roster)
  const endorsing = new Set<string>()
  if (own !== undefined && counts(demand, own)) endorsing.add(own)
  const seen = new Set<string>()
  for (const [index, entry] of entries.entries()) {
    const field = `endorsements[${index}]`
    if (!hasRole(roster, entry.peer, 'witness')) {
      throw new UnknownMemberError({ peer, kind, field, expected: 'a witness of the roster', actual: entry.peer.slice(0, 120) })
    }
    if (seen.has(entry.peer)) throw new ShareConflictError({ peer, kind, field, reason: `${entry.peer} twice` })
    seen.add(entry.peer)
    if (entry.peer === self) continue
    await check(entry, field)
    if (counts(demand, entry.peer)) endorsing.add(entry.peer)
  }
  if (endorsing.size >= demand.witnesses) return endorsing.size
  throw new NotEndorsedError({
    peer,
    kind,
    field: 'endorsements',
    expected: endorsementLine(policy, roster),
    actual: String(endorsing.size),
    culprit: peer
  })
}

/** Whether what these witnesses have endorsed is enough for everybody who demands. */
export function satisfies(demands: Iterable<EndorsementDemand>, entries: readonly { readonly peer: string }[]): boolean {
  return [...demands].every(
    demand => new Set(entries.filter(({ peer }) => counts(demand, peer)).map(({ peer }) => peer)).size >= demand.witnesses
  )
}
