/** The coordinator's first steps: everybody there, the model's shape, the plan, the agreement (digests.ts), one session id. */
import { canonicalJson, parseJson } from '../base/canonical.js'
import { together } from '../base/concurrency.js'
import { equalBytes, hash } from '../base/digest.js'
import { DescriptorRejectedError, MalformedMessageError, PartyMissingError, SignatureError } from '../errors/errors.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { measureLine } from '../session/line.js'
import { createDescriptor, encodeDescriptor, type SessionDescriptor } from '../terms/descriptor.js'
import { type Architecture, outputCount, type Plan, parseArchitecture, refreshCount } from '../terms/plan.js'
import { hasRole, peersWith, rolesOf, rosterLines } from '../terms/roster.js'
import type { Connection } from '../wire/connection.js'
import { checkCommitments } from './commitments.js'
import { commitmentTo, NONCE_BYTES, openedDigest } from './digests.js'
import type { Planner, PlanningContext, SessionLimits } from './planning.js'

/** Between two words on who has not come yet, in milliseconds. */
const REMINDER_INTERVAL = 10_000

/** How often a plan is made anew for more decryptions. */
const MAXIMUM_PLANS = 3

/** Waits until everybody answers. @throws PartyMissingError naming who did not come in time */
export async function gatherRoster(lead: Lead, deadline: number): Promise<void> {
  const total = lead.connections.size
  let done = 0
  const since = Date.now()
  const awaited = new Set(lead.connections.keys())
  const reminder = setInterval(() => {
    for (const peer of awaited) lead.waiting({ phase: 'roster', peer, message: 'hello', since })
  }, REMINDER_INTERVAL)
  try {
    await together([...lead.connections.values()], lead.signal, async (connection, signal) => {
      await greet(lead, connection, deadline, signal)
      awaited.delete(connection.peer)
      lead.progress({ phase: 'roster', done: ++done, total, peer: connection.peer })
    })
  } finally {
    clearInterval(reminder)
  }
}

async function greet(lead: Lead, connection: Connection, deadline: number, outer: AbortSignal): Promise<void> {
  const { peer } = connection
  const patience = AbortSignal.timeout(deadline)
  const signal = AbortSignal.any([outer, patience])
  for (;;) {
    try {
      const { roles } = await connection.request('hello', { roster: rosterLines(lead.roster) }, signal)
      const expected = rolesOf(lead.roster, peer)!
      if (canonicalJson([...roles].sort()) === canonicalJson([...expected].sort())) return
      throw new DescriptorRejectedError({
        peer,
        kind: 'hello',
        field: 'roles',
        expected: expected.join(', '),
        actual: roles.map(role => role.slice(0, 40)).join(', '),
        remedy: 'Configure the same roles at every party.'
      })
    } catch (error) {
      outer.throwIfAborted()
      if (patience.aborted) throw new PartyMissingError({ peer, phase: 'roster', reason: `did not come within ${deadline / 1000} s` })
      if (!(error instanceof PartyMissingError)) throw error
    }
  }
}

const othersOf = ({ connections, self }: Lead): Connection[] => [...connections.values()].filter(({ peer }) => peer !== self)

/** Asks the model owner for the shape of its model and has the planner plan it. @throws MalformedMessageError, whatever the planner throws */
export async function makePlan(
  lead: Lead,
  planner: Planner,
  limits: Partial<SessionLimits>,
  { measuresLine = false }: { readonly measuresLine?: boolean | undefined } = {}
): Promise<Plan> {
  const [owner] = connectionsWith(lead, 'model-owner')
  if (owner === undefined) {
    throw new DescriptorRejectedError({
      field: 'roster',
      expected: 'a model owner',
      actual: 'none',
      remedy: 'Give the role model-owner to one peer.'
    })
  }
  lead.progress({ phase: 'plan', done: 0, total: 1, peer: owner.peer })
  const { json } = await owner.request('architecture', {}, lead.signal)
  let architecture: Architecture
  try {
    architecture = parseArchitecture(parseJson(json))
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unreadable'
    throw new MalformedMessageError(
      { peer: owner.peer, kind: 'architectureReply', field: 'json', expected: 'JSON of an architecture', reason },
      { cause: error }
    )
  }
  const context: PlanningContext = {
    parties: peersWith(lead.roster, 'key-holder').length,
    ...(measuresLine ? { line: await measureLine(othersOf(lead), lead.signal) } : {}),
    ...(limits.floodingBits === undefined ? {} : { floodingBits: limits.floodingBits }),
    ...(limits.maximumDecryptions === undefined ? {} : { maximumDecryptions: limits.maximumDecryptions }),
    signal: lead.signal
  }
  let plan = await planner(architecture, context)
  // How many ciphertexts the queries need is known with the plan; more decryptions want more flooding, and so another plan.
  for (let attempt = 0; attempt < MAXIMUM_PLANS && limits.maximumDecryptions === undefined; attempt++) {
    const needed = (limits.queries ?? 0) * outputCount(plan) * peersWith(lead.roster, 'querier').length
    if (needed <= plan.maximumDecryptions) break
    plan = await planner(architecture, { ...context, maximumDecryptions: needed })
  }
  lead.progress({ phase: 'plan', done: 1, total: 1, peer: owner.peer })
  return plan
}

/**
 * The descriptor for a plan, with the quota asked for or what the number of queries needs, otherwise with an equal share of what the plan allows.
 * @throws DescriptorRejectedError
 */
export function describeSession(
  lead: Lead,
  plan: Plan,
  limits: Partial<SessionLimits>,
  { build, proofs = true }: { readonly build: string; readonly proofs?: boolean | undefined }
): SessionDescriptor {
  const queriers = Math.max(1, peersWith(lead.roster, 'querier').length)
  const share = Math.floor(plan.maximumDecryptions / queriers)
  const wanted = limits.queries === undefined ? share : limits.queries * outputCount(plan)
  const switchesPerQuerier = limits.switchesPerQuerier ?? wanted
  // A query that fails half-way has used refreshes, and may be asked again.
  const begun = 2 * Math.ceil((switchesPerQuerier * queriers) / outputCount(plan))
  const maximumRefreshes = limits.maximumRefreshes ?? begun * refreshCount(plan)
  return createDescriptor({ coordinator: lead.self, roster: lead.roster, plan, switchesPerQuerier, maximumRefreshes, proofs, build })
}

/** Propose, collect acceptances, collect nonces, open. @throws SignatureError, MalformedMessageError naming the party; RemoteFailureError when one refuses */
export async function agree(lead: Lead, descriptor: SessionDescriptor): Promise<void> {
  const bytes = encodeDescriptor(descriptor)
  const proposalId = await hash(bytes)
  const own = lead.connections.get(lead.self)!
  const total = 3 * lead.connections.size
  let done = 0
  const step = (peer: string): void => lead.progress({ phase: 'session', done: ++done, total, peer })

  // This party's own acceptance comes first: with it the session exists here.
  const ownAcceptance = await own.request('propose', { descriptor: bytes }, lead.signal)
  const acceptances = await together([...lead.connections.values()], lead.signal, async (connection, signal) => {
    const acceptance = connection === own ? ownAcceptance : await connection.request('propose', { descriptor: bytes }, signal)
    const { peer } = connection
    const querier = hasRole(lead.roster, peer, 'querier')
    const resultKeyHash = querier ? await hash(acceptance.resultKey) : new Uint8Array(0)
    if (querier !== acceptance.resultKey.length > 0) {
      throw new MalformedMessageError({
        peer,
        kind: 'acceptance',
        field: 'resultKey',
        expected: querier ? 'a key' : 'none',
        actual: `${acceptance.resultKey.length} bytes`
      })
    }
    if (acceptance.checksProofs) lead.proofCheckers.add(peer)
    lead.demands.set(peer, { witnesses: acceptance.witnesses, ...(acceptance.from.length === 0 ? {} : { from: acceptance.from }) })
    step(peer)
    return { peer, commitment: acceptance.commitment, resultKeyHash, signature: acceptance.signature, resultKey: acceptance.resultKey }
  })
  const entries = acceptances.map(({ peer, commitment, resultKeyHash, signature }) => ({ peer, commitment, resultKeyHash, signature }))
  for (const entry of entries) {
    await checkCommitments(
      lead,
      { ...descriptor, roster: descriptor.roster.filter(({ peer }) => peer === entry.peer) },
      proposalId,
      [entry],
      entry
    )
  }

  const nonces = await together([...lead.connections.values()], lead.signal, async (connection, signal, index) => {
    const { peer } = connection
    const { nonce } = await connection.request('commitments', { entries }, signal)
    const expected = entries[index]!.commitment
    if (nonce.length !== NONCE_BYTES || !equalBytes(commitmentTo(peer, nonce), expected)) {
      throw new SignatureError({ peer, kind: 'reveal', field: 'nonce', expected: 'the nonce that was committed to' })
    }
    step(peer)
    return { peer, nonce }
  })

  const resultKeys = acceptances.filter(({ resultKey }) => resultKey.length > 0).map(({ peer, resultKey }) => ({ peer, key: resultKey }))
  for (const { peer, key } of resultKeys) lead.resultKeys.set(peer, key)
  const open = (peer: string) => ({ nonces, resultKeys: hasRole(lead.roster, peer, 'key-holder') ? resultKeys : [] })
  const ownOpened = await own.request('open', open(lead.self), lead.signal)
  const sessionId = lead.session().record.sessionId!
  await together([...lead.connections.values()], lead.signal, async (connection, signal) => {
    const { peer } = connection
    const { signature } = connection === own ? ownOpened : await connection.request('open', open(peer), signal)
    if (!(await lead.signer.verify(peer, openedDigest(sessionId, peer), signature))) {
      throw new SignatureError({ peer, kind: 'opened', field: 'signature', expected: `a signature of ${peer} over the session id` })
    }
    step(peer)
  })
}
