/** What a party checks, against its own configuration, before it puts its name under a descriptor. */

import { DescriptorRejectedError, ProtocolError } from '../errors/errors.js'
import { softwareBuild } from '../terms/build.js'
import { MINIMUM_FLOODING_BITS, readableByEvaluator, type SessionDescriptor } from '../terms/descriptor.js'
import { checkParameters } from '../terms/plan.js'
import { type AcceptancePolicy, endorsementDemand, endorsementLine, proofReliance } from '../terms/policy.js'
import { peersWith, type Role, type RosterEntry, rolesOf, rosterDifference, rosterLines } from '../terms/roster.js'

/** The error of a plan is reckoned by search and by derivation, which round differently. */
const PRECISION_TOLERANCE = 1.01

/** Why a roster is refused: only what is different is said. */
export function differentRoster(difference: string, kind: string, peer: string) {
  const remedy = 'Configure the same peers and roles at every party.'
  return { peer, kind, field: 'roster', expected: 'the roster of this party', actual: difference, remedy }
}

/**
 * @param configured the roster this party was configured with
 * @throws DescriptorRejectedError naming the field and the remedy
 */
export async function checkAcceptable(
  descriptor: SessionDescriptor,
  own: { self: string; configured: readonly RosterEntry[]; policy: AcceptancePolicy; sender: string }
): Promise<void> {
  const refuse = (field: string, expected: string, actual: string, remedy: string): never => {
    throw new DescriptorRejectedError({ peer: own.sender, kind: 'propose', field, expected, actual, remedy })
  }
  if (descriptor.coordinator !== own.sender) {
    refuse('coordinator', own.sender, descriptor.coordinator, 'Only the coordinator named in a descriptor may propose it.')
  }
  const difference = rosterDifference(rosterLines(own.configured), rosterLines(descriptor.roster))
  if (difference !== undefined) throw new DescriptorRejectedError(differentRoster(difference, 'propose', own.sender))
  const roles = rolesOf(own.configured, own.self) ?? []
  const { operands } = descriptor.plan
  if (operands.data === 'clear' && roles.includes('data-owner') && own.policy.data !== 'clear') {
    refuse('plan.operands.data', 'encrypted', 'clear', 'Plan for encrypted data, or configure this data owner for clear data.')
  }
  if (operands.weights === 'clear' && roles.includes('model-owner') && own.policy.weights !== 'clear') {
    refuse('plan.operands.weights', 'encrypted', 'clear', 'Plan for encrypted weights, or configure this model owner for clear weights.')
  }
  const readable = own.policy.allowSoleKeyEvaluator === true ? undefined : readableByEvaluator(descriptor)
  if (readable !== undefined) {
    refuse(
      `plan.operands.${readable.operand}`,
      `a key holder besides the evaluator ${descriptor.coordinator}`,
      `the whole key at the evaluator, and ${readable.operand} of ${readable.owners.join(', ')}`,
      'Give the role key-holder to whoever does not want the evaluator to read, or evaluate elsewhere.'
    )
  }
  if (!descriptor.proofs && own.policy.allowUnproved !== true) {
    const asking = `assist.proofs: ${proofReliance(own.policy, descriptor.roster)}`
    refuse(
      'proofs',
      `true, as "${asking}" in the configuration of ${own.self} asks`,
      'false',
      'Propose a session in which encryptions are proved.'
    )
  }
  const floodingBits = Math.max(MINIMUM_FLOODING_BITS, own.policy.minimumFloodingBits ?? 0)
  if (descriptor.floodingBits < floodingBits) {
    refuse('floodingBits', `at least ${floodingBits}`, String(descriptor.floodingBits), 'Raise floodingBits at the coordinator.')
  }
  const distance = own.policy.minimumFloodingDistanceBits
  if (distance !== undefined && descriptor.plan.floodingDistanceBits < distance) {
    refuse(
      'plan.floodingDistanceBits',
      `at least ${distance} (minimumFloodingDistanceBits of this party)`,
      descriptor.plan.floodingDistanceBits.toFixed(1),
      'Leave session.floodingBits out at the coordinator or raise it, or lower session.minimumFloodingDistanceBits here.'
    )
  }
  if (
    descriptor.plan.floodingBounds === 'norms' &&
    own.policy.floodingBounds !== 'norms' &&
    operands.weights === 'encrypted' &&
    // who proposes it has planned for it
    own.self !== descriptor.coordinator &&
    roles.includes('key-holder') &&
    !roles.includes('model-owner')
  ) {
    refuse(
      'plan.floodingBounds',
      'magnitudes',
      'norms',
      'Set session.floodingBounds to magnitudes at the coordinator, or to norms here to take the model owner’s word for norms and sensitivities.'
    )
  }
  const quota = own.policy.maximumSwitchesPerQuerier
  if (quota !== undefined && descriptor.switchesPerQuerier > quota) {
    refuse(
      'switchesPerQuerier',
      `at most ${quota}`,
      String(descriptor.switchesPerQuerier),
      'Lower the quota at the coordinator, or raise it here.'
    )
  }
  const { worstError, relativeError } = descriptor.plan.precision
  const { precision } = own.policy
  const [asked, planned] =
    precision === undefined ? [0, 0] : 'bits' in precision ? [2 ** -precision.bits, relativeError] : [precision.logitError, worstError]
  // planning rounds otherwise than deriving
  if (planned > asked * PRECISION_TOLERANCE) {
    refuse(
      'plan.precision',
      `a logit error of at most ${asked.toPrecision(3)}`,
      planned.toPrecision(3),
      'Ask for more precision at the coordinator (session.precision), or for less here.'
    )
  }
  checkWitnesses(descriptor, own, roles, await softwareBuild(), refuse)
  const refreshes = own.policy.maximumRefreshes
  if (refreshes !== undefined && descriptor.maximumRefreshes > refreshes) {
    refuse(
      'maximumRefreshes',
      `at most ${refreshes}`,
      String(descriptor.maximumRefreshes),
      'Plan for fewer queries at the coordinator, lower maximumRefreshes there, or raise it here.'
    )
  }
  try {
    checkParameters(descriptor.parameters, { allowInsecure: own.policy.allowInsecure === true })
  } catch (error) {
    throw new DescriptorRejectedError(
      {
        peer: own.sender,
        kind: 'propose',
        field: 'parameters',
        reason: error instanceof Error ? error.message : 'invalid',
        remedy: 'Use parameters of at least 128 bits by the security table.'
      },
      { cause: error }
    )
  }
  try {
    await own.policy.checkPlan?.(descriptor.plan)
  } catch (error) {
    if (error instanceof ProtocolError) throw error
    throw new DescriptorRejectedError(
      {
        peer: own.sender,
        kind: 'propose',
        field: 'plan',
        reason: error instanceof Error ? error.message : 'refused',
        remedy: 'Plan for the model that its owner serves.'
      },
      { cause: error }
    )
  }
}

/** A key holder that helps with endorsements alone is in no session without enough witnesses; a witness can only follow its own software. */
function checkWitnesses(
  descriptor: SessionDescriptor,
  { policy }: { policy: AcceptancePolicy },
  roles: readonly Role[],
  build: string,
  refuse: (field: string, expected: string, actual: string, remedy: string) => never
): void {
  if (roles.includes('witness') && descriptor.build !== build) {
    refuse('build', build, descriptor.build, 'A witness runs the very software of the evaluator: install the same release at both.')
  }
  const { witnesses, from } = endorsementDemand(policy, descriptor.roster)
  if (!roles.includes('key-holder') || witnesses === 0) return
  const counting = peersWith(descriptor.roster, 'witness').filter(peer => from === undefined || from.includes(peer))
  if (counting.length >= witnesses) return
  refuse(
    'roster',
    `at least ${endorsementLine(policy, descriptor.roster)}`,
    `${counting.length}`,
    'Give the role witness to more parties, in every roster, or ask for less under "assist" at this key holder.'
  )
}
