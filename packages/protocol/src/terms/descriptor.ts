/**
 * The session descriptor: everything that the parties of a session agree on, in canonical JSON. Its SHA-256 is the proposal id; each party signs it together
 * with its nonce commitment (see cohort/digests.ts).
 */
import * as z from 'zod'
import { canonicalBytes, canonicalJson, parseJson } from '../base/canonical.js'
import { randomBytes, toHex } from '../base/digest.js'
import { DescriptorRejectedError, MalformedMessageError } from '../errors/errors.js'
import { MAXIMUM_DESCRIPTOR_BYTES, MAXIMUM_PARTIES, MAXIMUM_TEXT_BYTES } from './limits.js'
import { type Plan, type PlanParameters, parsePlan } from './plan.js'
import { asksWithWholeKey, canonicalRoster, hasRole, peersWith, ROLES, type Role, type RosterEntry } from './roster.js'

/** Least bits of security of flooding that any party signs. */
export const MINIMUM_FLOODING_BITS = 30
const MAXIMUM_FLOODING_BITS = 128
const MAXIMUM_COUNT = 2 ** 40

/** Everything that the parties of a session sign before it opens. */
export interface SessionDescriptor {
  readonly version: 3
  /** Hash of the coordinator's software (build.ts): a witness computes the same bytes with the same software alone. */
  readonly build: string
  /** 16 random bytes of the coordinator, hexadecimal: no two descriptors are the same. */
  readonly attempt: string
  /** When it was made, milliseconds since 1970. */
  readonly created: number
  /** Peer id of the evaluator. */
  readonly coordinator: string
  /** Canonical order. */
  readonly roster: readonly RosterEntry[]
  /** The CKKS parameters, the same as the plan's. */
  readonly parameters: PlanParameters
  /** Every party checks it before it signs (`AcceptancePolicy`). */
  readonly plan: Plan
  /** s: bits of security, in the Kullback–Leibler sense, of the flooding noise in every switch. */
  readonly floodingBits: number
  /** τ: ciphertexts that may be switched in the whole session. */
  readonly maximumDecryptions: number
  /** Ciphertexts that may be switched for each querier. */
  readonly switchesPerQuerier: number
  /** Ciphertexts that may be refreshed in the whole session. */
  readonly maximumRefreshes: number
  /** Samples per query. */
  readonly batch: number
  /** Whether whoever encrypts proves that it did (terms/proof-batches.ts). */
  readonly proofs: boolean
}

const peerSchema = z.string().min(1).max(MAXIMUM_TEXT_BYTES)
const countSchema = z.number().int().min(1).max(MAXIMUM_COUNT)

const schema = z.strictObject({
  version: z.literal(3),
  build: z.string().regex(/^[0-9a-f]{64}$/),
  attempt: z.string().regex(/^[0-9a-f]{32}$/),
  created: z.number().int().min(0),
  coordinator: peerSchema,
  roster: z
    .array(z.strictObject({ peer: peerSchema, roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length) }))
    .min(1)
    .max(MAXIMUM_PARTIES),
  parameters: z.json(),
  plan: z.json(),
  floodingBits: z.number().int().min(MINIMUM_FLOODING_BITS).max(MAXIMUM_FLOODING_BITS),
  maximumDecryptions: countSchema,
  switchesPerQuerier: countSchema,
  maximumRefreshes: z.number().int().min(0).max(MAXIMUM_COUNT),
  batch: countSchema,
  proofs: z.boolean()
})

interface DescriptorInit {
  coordinator: string
  roster: readonly RosterEntry[]
  plan: Plan
  switchesPerQuerier: number
  maximumRefreshes: number
  /** True by default. */
  proofs?: boolean
  build: string
}

/** @throws DescriptorRejectedError when the parts contradict each other */
export function createDescriptor(init: DescriptorInit): SessionDescriptor {
  const descriptor: SessionDescriptor = {
    version: 3,
    build: init.build,
    attempt: toHex(randomBytes(16)),
    created: Date.now(),
    coordinator: init.coordinator,
    roster: canonicalRoster(init.roster),
    parameters: init.plan.parameters,
    plan: init.plan,
    floodingBits: init.plan.floodingBits,
    maximumDecryptions: init.plan.maximumDecryptions,
    switchesPerQuerier: init.switchesPerQuerier,
    maximumRefreshes: init.maximumRefreshes,
    batch: init.plan.batch,
    proofs: init.proofs ?? true
  }
  checkConsistency(descriptor, init.coordinator)
  return descriptor
}

/** Canonical JSON in UTF-8: the bytes whose SHA-256 is the proposal id. */
export function encodeDescriptor(descriptor: SessionDescriptor): Uint8Array {
  return canonicalBytes(descriptor)
}

/**
 * Parses and checks a descriptor in itself; whether a party agrees with it is another matter (cohort/acceptance.ts).
 * @throws MalformedMessageError (not canonical JSON, or not of the schema), DescriptorRejectedError (contradicts itself)
 */
export function decodeDescriptor(bytes: Uint8Array, peer: string): SessionDescriptor {
  const malformed = (field: string, reason: string, cause?: unknown): MalformedMessageError =>
    new MalformedMessageError({ peer, kind: 'propose', field, reason }, { cause })
  if (bytes.length > MAXIMUM_DESCRIPTOR_BYTES) throw malformed('descriptor', 'too long')
  let json: unknown
  let canonical: string
  try {
    json = parseJson(bytes)
    canonical = canonicalJson(json)
  } catch (error) {
    throw malformed('descriptor', 'not JSON', error)
  }
  if (canonical !== new TextDecoder().decode(bytes)) throw malformed('descriptor', 'not canonical JSON')
  const parsed = schema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw malformed(`descriptor.${issue?.path.join('.') ?? ''}`, issue?.message ?? 'does not match the schema', parsed.error)
  }
  let plan: Plan
  try {
    plan = parsePlan(parsed.data.plan)
  } catch (error) {
    throw malformed('descriptor.plan', error instanceof Error ? error.message.slice(0, 300) : 'not a plan', error)
  }
  const descriptor: SessionDescriptor = { ...parsed.data, plan, parameters: plan.parameters }
  if (canonicalJson(parsed.data.parameters) !== canonicalJson(plan.parameters)) {
    throw new DescriptorRejectedError({
      peer,
      kind: 'propose',
      field: 'parameters',
      expected: 'the parameters of the plan',
      remedy: 'The coordinator must propose the parameters that its plan was made for.'
    })
  }
  checkConsistency(descriptor, peer)
  return descriptor
}

/**
 * What is encrypted in name only: operands that others encrypt under a key of which the evaluator is the only holder. Whoever may send inputs counts as an
 * owner of data.
 */
export function readableByEvaluator({
  roster,
  coordinator,
  plan
}: SessionDescriptor): { operand: 'data' | 'weights'; owners: string[] } | undefined {
  const holders = peersWith(roster, 'key-holder')
  if (holders.length !== 1 || holders[0] !== coordinator) return undefined
  const others = (...roles: Role[]): string[] =>
    roster.filter(({ peer }) => peer !== coordinator && roles.some(role => hasRole(roster, peer, role))).map(({ peer }) => peer)
  const asking = others('data-owner', 'querier')
  if (plan.operands.data === 'encrypted' && asking.length > 0) return { operand: 'data', owners: asking }
  const owners = others('model-owner')
  if (plan.operands.weights === 'encrypted' && owners.length > 0) return { operand: 'weights', owners }
  return undefined
}

/** What must hold of every descriptor, whoever reads it. @throws DescriptorRejectedError */
function checkConsistency(descriptor: SessionDescriptor, peer: string): void {
  const demand = (holds: boolean, field: string, expected: string, actual: unknown, remedy: string): void => {
    if (!holds) throw new DescriptorRejectedError({ peer, kind: 'propose', field, expected, actual: String(actual), remedy })
  }
  const { roster, plan } = descriptor
  const peers = new Set(roster.map(entry => entry.peer))
  demand(
    peers.size === roster.length,
    'roster',
    'every peer once',
    `${roster.length - peers.size} repeated`,
    'Merge the roles of each peer into one entry.'
  )
  demand(
    canonicalJson(roster) === canonicalJson(canonicalRoster(roster)),
    'roster',
    'canonical order',
    'another order',
    'Sort by peer id, roles in their order.'
  )
  const evaluators = peersWith(roster, 'evaluator')
  demand(evaluators.length === 1, 'roster', 'one evaluator', evaluators.length, 'Give the role evaluator to exactly one peer.')
  demand(
    evaluators[0] === descriptor.coordinator,
    'coordinator',
    `the evaluator ${evaluators[0]}`,
    descriptor.coordinator,
    'The evaluator coordinates its session.'
  )
  const owners = peersWith(roster, 'model-owner').length
  demand(owners === 1, 'roster', 'one model owner', owners, 'Give the role model-owner to exactly one peer.')
  const queriers = peersWith(roster, 'querier').length
  demand(queriers >= 1, 'roster', 'at least one querier', queriers, 'Give the role querier to whoever reads results.')
  const holders = peersWith(roster, 'key-holder').length
  demand(holders >= 1, 'roster', 'at least one key holder', holders, 'Give the role key-holder to the cohort.')
  demand(
    plan.parties === holders,
    'plan.parties',
    `${holders} key holders of the roster`,
    plan.parties,
    'Plan for as many parties as the roster has key holders.'
  )
  demand(
    plan.threshold === holders,
    'plan.threshold',
    `all ${holders} key holders, whose shares a session adds`,
    plan.threshold,
    'Plan without a threshold, or put the model up in a key epoch, where fewer holders may suffice.'
  )
  const witnesses = peersWith(roster, 'witness')
  if (witnesses.length > 0) {
    const { data, weights } = plan.operands
    demand(
      !witnesses.includes(descriptor.coordinator),
      'roster',
      'witnesses other than the evaluator',
      `${descriptor.coordinator} as both`,
      'Give the role witness to a party that would notice what the evaluator does.'
    )
    demand(
      data === 'encrypted' && weights === 'encrypted',
      'plan.operands',
      'data and weights encrypted, for the evaluator adds randomness of its own where an operand is clear, and no witness can follow',
      `clear ${data === 'clear' ? 'data' : 'weights'}, and witnesses`,
      'Take the role witness out of the roster, or plan for encrypted data and weights.'
    )
    demand(
      holders >= 2,
      'roster',
      'two key holders or more, for a ciphertext is re-randomised before the only one sees it, and no witness can follow',
      `${holders} and witnesses`,
      'Take the role witness out of the roster, or give the role key-holder to more parties.'
    )
  }
  demand(
    !plan.inputs.seeded || asksWithWholeKey(roster),
    'plan.inputs.seeded',
    'false unless all queries are asked by one party, which is the only key holder',
    true,
    'Plan for inputs that are encrypted under the public key.'
  )
  if (plan.operands.data === 'clear') {
    const asking = ['data-owner', 'querier'] as const
    const elsewhere = peersWith(roster, 'data-owner').filter(peer => peer !== descriptor.coordinator)
    demand(
      elsewhere.length === 0 && asking.some(role => hasRole(roster, descriptor.coordinator, role)),
      'plan.operands.data',
      'clear only where the evaluator is the data owner',
      elsewhere.length === 0 ? 'an evaluator without data' : `data of ${elsewhere.join(', ')}`,
      'Let the owner of the data evaluate, or plan for encrypted data.'
    )
  }
  if (plan.operands.weights === 'clear') {
    demand(
      hasRole(roster, descriptor.coordinator, 'model-owner'),
      'plan.operands.weights',
      'clear only where the evaluator is the model owner',
      `the model of ${peersWith(roster, 'model-owner').join(', ')}`,
      'Let the owner of the model evaluate, or plan for encrypted weights.'
    )
  }
  demand(
    plan.floodingBits === descriptor.floodingBits,
    'floodingBits',
    `the plan's ${plan.floodingBits}`,
    descriptor.floodingBits,
    'Plan for the flooding that is proposed.'
  )
  demand(
    plan.maximumDecryptions === descriptor.maximumDecryptions,
    'maximumDecryptions',
    `the plan's ${plan.maximumDecryptions}`,
    descriptor.maximumDecryptions,
    'Plan for the number of decryptions that is proposed.'
  )
  demand(
    plan.batch === descriptor.batch,
    'batch',
    `the plan's ${plan.batch}`,
    descriptor.batch,
    'Propose the batch that the plan was made for.'
  )
  demand(
    descriptor.switchesPerQuerier * queriers <= descriptor.maximumDecryptions,
    'switchesPerQuerier',
    `at most maximumDecryptions / queriers = ${Math.floor(descriptor.maximumDecryptions / queriers)}`,
    descriptor.switchesPerQuerier,
    'Raise maximumDecryptions (and plan for its flooding) or lower the quota.'
  )
  demand(
    descriptor.floodingBits >= MINIMUM_FLOODING_BITS,
    'floodingBits',
    `at least ${MINIMUM_FLOODING_BITS}`,
    descriptor.floodingBits,
    'Raise floodingBits.'
  )
}
