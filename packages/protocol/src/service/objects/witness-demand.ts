/** What a party demands of the witnesses of an epoch: before it signs for one, publishes or asks in it, and before it gives a share. */
import { type AcceptancePolicy, type EndorsementDemand, endorsementDemand, endorsementLine } from '../../terms/policy.js'
import type { RosterEntry } from '../../terms/roster.js'
import type { EpochProposal } from './epoch.js'

type WitnessPolicy = Pick<AcceptancePolicy, 'assist'>

/** The epoch's witnesses, as a roster. */
export function witnessRoster(witnesses: readonly string[]): RosterEntry[] {
  return witnesses.map(peer => ({ peer, roles: ['witness'] }))
}

/**
 * A holder's policy in an epoch: those of its witnesses that have left the holder's roster count no more, and are missed: what is demanded stays.
 * @param trusted whether a peer is a witness of the roster now
 */
export function policyIn(
  { witnesses }: Pick<EpochProposal, 'witnesses'>,
  { assist }: WitnessPolicy,
  trusted: (peer: string) => boolean
): WitnessPolicy {
  if (witnesses.every(trusted)) return assist === undefined ? {} : { assist }
  return { assist: { ...assist, from: (assist?.from ?? witnesses).filter(trusted) } }
}

/** What a holder with this policy wants to see before it helps: one endorsement where the epoch has witnesses, unless its configuration says otherwise. */
export function demandIn({ witnesses }: Pick<EpochProposal, 'witnesses'>, policy: WitnessPolicy): EndorsementDemand {
  return endorsementDemand(policy, witnessRoster(witnesses))
}

/**
 * What is lacking of the witnesses that a policy asks for.
 * @param known witnesses of the party's own roster, of whom one is wanted by default
 * @returns the line of the configuration that asks for more than there are; undefined when there are enough
 */
export function lackingWitnesses(
  { witnesses }: Pick<EpochProposal, 'witnesses'>,
  policy: WitnessPolicy,
  known: readonly string[] = []
): { readonly expected: string; readonly actual: string } | undefined {
  const roster = witnessRoster([...new Set([...witnesses, ...known])])
  const demand = endorsementDemand(policy, roster)
  const counting = witnesses.filter(peer => demand.from === undefined || demand.from.includes(peer))
  if (counting.length >= demand.witnesses) return undefined
  return { expected: endorsementLine(policy, roster), actual: counting.join(', ') || 'none' }
}
