/** Whether a holder agrees to an epoch that is proposed to it. */
import { DescriptorRejectedError } from '../../errors/errors.js'
import { checkParameters } from '../../terms/plan.js'
import type { AcceptancePolicy } from '../../terms/policy.js'
import type { EpochProposal } from '../objects/epoch.js'
import { lackingWitnesses } from '../objects/witness-demand.js'

/** What a holder demands of an epoch before it signs its proposal. Times in milliseconds. */
export interface EpochPolicy {
  /** Peers that may coordinate an epoch. */
  evaluator(peer: string): boolean
  /** Peers that may hold shares beside this one. */
  holder(peer: string): boolean
  /** Witnesses of the roster; none when not given. */
  witnesses?(): readonly string[]
  /** What this holder wants to see before it helps: the endorsement of one witness where its roster has any, when not given. */
  readonly assist?: AcceptancePolicy['assist']
  /** s at least; 30 when not given. */
  readonly minimumFloodingBits?: number
  /** Decryptions of an epoch at most; no bound when not given. */
  readonly maximumDecryptions?: number
  /** Share of the holders that it takes at least, between 0 and 1: more than half when not given. */
  readonly minimumThreshold?: number
  /** Whether shares may be dealt for a lower threshold than the present one: it takes fewer holders then to read everything. False when not given. */
  readonly lowerThreshold?: boolean
  /** Milliseconds that an epoch may live at most; two years when not given. */
  readonly maximumLife?: number
  /** Whether an epoch that follows one which comes to its end may be made without anybody having asked for it. True when not given. */
  readonly automatic?: boolean
  /** Takes parameters below the security table; for tests alone. */
  readonly allowInsecure?: boolean
  /** Clock, milliseconds since 1970; the system's when not given. */
  readonly now?: () => number
}

/** Share of the holders that a threshold must be above, when the policy says nothing. */
const MAJORITY = 0.5
const YEARS = 2 * 366 * 24 * 3600 * 1000
/** How far another party's clock may be off, milliseconds. */
const CLOCKS = 10 * 60 * 1000

/** @throws DescriptorRejectedError naming the field; InsecureParametersError */
export function checkProposal(proposal: EpochProposal, policy: EpochPolicy, self: string, peer: string): void {
  const demand: Demand = (holds, field, expected, actual, remedy) => {
    if (!holds) throw new DescriptorRejectedError({ peer, kind: 'epoch/propose', field, expected, actual: String(actual), remedy })
  }
  const { evaluator, holders, threshold, floodingBits, maximumDecryptions, created, expires, parameters } = proposal
  const { minimumFloodingBits = 30, maximumLife = YEARS, allowInsecure = false } = policy
  demand(evaluator === peer, 'evaluator', peer, evaluator, 'The evaluator proposes its own epochs.')
  demand(policy.evaluator(evaluator), 'evaluator', 'an evaluator of the roster', evaluator, 'Add it to the roster with the role evaluator.')
  demand(
    holders.some(holder => holder.peer === self),
    'holders',
    `${self} among them`,
    'not',
    'Propose an epoch to its holders alone.'
  )
  checkCompany({ holders, threshold }, policy, self, demand)
  checkWitnesses(proposal, policy, demand)
  demand(
    floodingBits >= minimumFloodingBits,
    'floodingBits',
    `at least ${minimumFloodingBits}`,
    floodingBits,
    'Raise the flooding, or lower policy.minimumFloodingBits.'
  )
  demand(
    policy.maximumDecryptions === undefined || maximumDecryptions <= policy.maximumDecryptions,
    'maximumDecryptions',
    `at most ${policy.maximumDecryptions}`,
    maximumDecryptions,
    'Propose fewer, or raise policy.maximumDecryptions.'
  )
  const now = (policy.now ?? Date.now)()
  demand(
    Math.abs(created - now) <= CLOCKS,
    'created',
    'now, within ten minutes',
    new Date(created).toISOString(),
    'Set the clocks of both.'
  )
  demand(
    expires > now && expires - created <= maximumLife,
    'expires',
    `within ${Math.round(maximumLife / 86_400_000)} days`,
    new Date(expires).toISOString(),
    'Propose a shorter life.'
  )
  demand(
    proposal.automatic !== true || policy.automatic !== false,
    'automatic',
    'an epoch that somebody has asked for',
    'one that was proposed by itself',
    'Make it on command (slytherin cohort next), or allow it at this holder: policy.automaticEpochs.'
  )
  checkParameters(parameters, { allowInsecure })
}

/** Throws when something does not hold. */
export type Demand = (holds: boolean, field: string, expected: string, actual: unknown, remedy: string) => void

/** Whom this party shares a key with, and how many of them it takes. */
export function checkCompany(
  { holders, threshold }: Pick<EpochProposal, 'holders' | 'threshold'>,
  { holder, minimumThreshold = MAJORITY }: EpochPolicy,
  self: string,
  demand: Demand
): void {
  const stranger = holders.find(({ peer }) => peer !== self && !holder(peer))
  demand(
    stranger === undefined,
    'holders',
    'key holders of the roster',
    stranger?.peer,
    'Add the holder to the roster of every party: slytherin roster add LINE.'
  )
  demand(
    holders.length === 1 || threshold > holders.length * minimumThreshold,
    'threshold',
    `more than ${minimumThreshold} of ${holders.length}`,
    threshold,
    'Propose a larger threshold, or have this holder allow fewer: policy.minimumThreshold.'
  )
}

/** Witnesses are of the roster, and as many as this holder will demand. */
function checkWitnesses({ witnesses }: EpochProposal, policy: EpochPolicy, demand: Demand): void {
  const known = policy.witnesses?.() ?? []
  const stranger = witnesses.find(peer => !known.includes(peer))
  const add = 'Add it to the roster of every party with the role witness: slytherin roster add LINE.'
  demand(stranger === undefined, 'witnesses', 'witnesses of the roster', stranger, add)
  const lacking = lackingWitnesses({ witnesses }, policy, known)
  const more = 'Name more witnesses (slytherin cohort create --witnesses), or ask for less in cohort.policy.assist of this holder.'
  demand(lacking === undefined, 'witnesses', lacking?.expected ?? '', lacking?.actual, more)
}
