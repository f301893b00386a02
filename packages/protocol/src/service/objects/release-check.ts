/** What a release must be in its epoch, whoever reads it: evaluator and holders before they keep it, its owner before it signs. */
import { canonicalJson } from '../../base/canonical.js'
import { ReleaseRefusedError } from '../../errors/errors.js'
import { checkParameters, type Plan, parsePlan } from '../../terms/plan.js'
import type { AcceptancePolicy } from '../../terms/policy.js'
import { type EpochRecord, type GaloisKeyName, readableByEvaluator } from './epoch.js'
import { partsRoot } from './parts-root.js'
import type { Release } from './release.js'
import { lackingWitnesses } from './witness-demand.js'

/** What this party demands beyond what everybody does. */
export type ReleasePolicy = Pick<AcceptancePolicy, 'floodingBounds' | 'minimumFloodingDistanceBits' | 'allowInsecure' | 'assist'>

/** The parts of a release that there are before it is signed. */
export type ReleaseDraft = Pick<Release, 'epoch' | 'owner' | 'name' | 'revision' | 'nonce' | 'plan'>

/**
 * @param trusting whether it is this party's own, or this party holds no share: nobody else's word is taken for what flooding rests on
 * @returns the plan, parsed
 * @throws ReleaseRefusedError, naming the field and what to do
 */
export function checkDraft(draft: ReleaseDraft, record: EpochRecord, peer: string, policy: ReleasePolicy, trusting: boolean): Plan {
  const refuse = (field: string, expected: string, actual: string, remedy: string, cause?: unknown): never => {
    throw new ReleaseRefusedError({ peer, kind: 'release', field, expected, actual, remedy }, { cause })
  }
  const { proposal, sharing } = record
  if (draft.epoch !== sharing.epoch) refuse('epoch', sharing.epoch, draft.epoch, 'Publish into the epoch that is in force.')
  const lacking = lackingWitnesses(proposal, policy)
  if (lacking !== undefined) {
    refuse(
      'epoch.witnesses',
      lacking.expected,
      lacking.actual,
      'Use an epoch with more witnesses, or ask for less in cohort.policy.assist here.'
    )
  }
  let plan: Plan
  try {
    plan = parsePlan(draft.plan)
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 300) : 'not a plan'
    return refuse('plan', 'a plan of this version', reason, 'Plan again with the software that evaluator and holders run.', error)
  }
  const again = 'Plan into this epoch again: slytherin model publish.'
  const same = (field: string, expected: unknown, actual: unknown): void => {
    if (canonicalJson(expected) !== canonicalJson(actual)) refuse(field, text(expected), text(actual), again)
  }
  same('plan.parameters', proposal.parameters, plan.parameters)
  same('plan.parties', proposal.holders.length, plan.parties)
  if (plan.threshold < proposal.threshold || (plan.threshold === 1) !== (proposal.threshold === 1)) {
    refuse('plan.threshold', `${proposal.threshold}`, `${plan.threshold}`, again)
  }
  same('plan.floodingBits', proposal.floodingBits, plan.floodingBits)
  same('plan.maximumDecryptions', proposal.maximumDecryptions, plan.maximumDecryptions)
  try {
    checkParameters(plan.parameters, { allowInsecure: policy.allowInsecure === true })
  } catch (error) {
    refuse('plan.parameters', 'parameters of at least 128 bits by the security table', text(plan.parameters), 'Make a secure epoch.', error)
  }
  const distance = policy.minimumFloodingDistanceBits
  if (distance !== undefined && plan.floodingDistanceBits < distance) {
    const expected = `at least ${distance} (minimumFloodingDistanceBits of this party)`
    refuse(
      'plan.floodingDistanceBits',
      expected,
      plan.floodingDistanceBits.toFixed(1),
      'Make an epoch with more flooding, or lower it here.'
    )
  }
  const { operands, floodingBounds } = plan
  if (floodingBounds === 'norms' && operands.weights === 'encrypted' && policy.floodingBounds !== 'norms' && !trusting) {
    refuse('plan.floodingBounds', 'magnitudes', 'norms', 'Plan without norms, or set floodingBounds to norms at this key holder.')
  }
  if (operands.weights === 'clear' && draft.owner !== proposal.evaluator) {
    refuse('plan.operands.weights', 'encrypted', 'clear', `Plan for encrypted weights: the evaluator is ${proposal.evaluator}.`)
  }
  if (proposal.witnesses.length > 0 && (operands.weights === 'clear' || operands.data === 'clear')) {
    const actual = operands.weights === 'clear' ? 'clear weights' : 'clear data'
    refuse(
      'plan.operands',
      'encrypted data and weights',
      actual,
      'No witness can follow what is clear at the evaluator: use an epoch without witnesses.'
    )
  }
  if (operands.weights === 'encrypted' && draft.owner !== proposal.evaluator && readableByEvaluator(proposal)) {
    refuse(
      'epoch.holders',
      `a key holder besides the evaluator ${proposal.evaluator}`,
      'the whole key at the evaluator',
      'Publish into an epoch whose key others hold, too.'
    )
  }
  return plan
}

/** As `checkDraft`, of a release whose signature has been checked. */
export function checkRelease(release: Release, record: EpochRecord, peer: string, policy: ReleasePolicy, trusting: boolean): Plan {
  const plan = checkDraft(release, record, peer, policy, trusting)
  const count = plan.operands.weights === 'clear' ? 0 : plan.weights.count
  const refuse = (field: string, expected: string, actual: string): never => {
    const remedy = 'The release contradicts itself: publish it again.'
    throw new ReleaseRefusedError({ peer, kind: 'release', field, expected, actual, remedy })
  }
  if (release.parts.length !== count) refuse('parts', `${count}`, `${release.parts.length}`)
  const root = partsRoot(release.parts)
  if (release.root !== root) refuse('root', root, release.root)
  return plan
}

/** Keys that a plan needs and an epoch lacks: one at a higher level serves every lower one. */
export function missingKeys(
  plan: Plan,
  has: { readonly relinearizationLevel: number | null; readonly galois: readonly GaloisKeyName[] }
): { readonly relinearizationLevel: number | null; readonly galois: readonly GaloisKeyName[] } {
  const needed = plan.relinearizationLevel
  const level = new Map(has.galois.map(key => [key.element, key.level]))
  return {
    relinearizationLevel: needed !== null && needed > (has.relinearizationLevel ?? -1) ? needed : null,
    galois: plan.galoisKeys
      .filter(need => need.level > (level.get(need.element) ?? -1))
      .map(({ element, level: of }) => ({ element, level: of }))
  }
}

const text = (value: unknown): string => canonicalJson(value).slice(0, 120)
