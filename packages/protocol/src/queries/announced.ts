/**
 * Queries that their owners have signed, as a key holder knows them: help is given for these alone, under the names that the plan gives to what they need.
 *
 * An evaluator can so neither have ciphertexts opened that nobody asked about, nor have the answer to one party's query switched to another party's key.
 */
import { toHex } from '../base/digest.js'
import { MalformedMessageError, NotPermittedError, OutOfOrderMessageError, ShareConflictError } from '../errors/errors.js'
import type { PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checkStatement } from '../session/statements.js'
import { passCount, refreshInstance, switchInstance } from '../terms/instances.js'
import { hasRole } from '../terms/roster.js'
import type { QueryStatement, SignedStatement } from '../terms/statements.js'
import { checkHash, checkText } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies, Kind } from '../wire/kinds.js'

/** Queries that are remembered; the oldest is forgotten, and may be announced again. */
const MAXIMUM_ANNOUNCED = 65_536

type SignedQuery = SignedStatement<QueryStatement>

export class AnnouncedQueries {
  readonly #party: Pick<PartyComponents, 'shareChecks' | 'evidence'>
  readonly #queries = new Map<string, SignedQuery>()

  constructor(party: Pick<PartyComponents, 'shareChecks' | 'evidence'>) {
    this.#party = party
  }

  /** A new session begins. */
  reset(): void {
    this.#queries.clear()
  }

  /**
   * Takes a query that its owner has signed; the same again is nothing new.
   * @throws MalformedMessageError, NotPermittedError (who may not ask, or not for this querier), SignatureError, ShareConflictError (another of that name)
   */
  async take(session: PartySession, body: Bodies['queryAnnounce'], { peer }: HandlerContext): Promise<void> {
    const kind = 'queryAnnounce'
    const { query, owner, querier, samples, signature } = body
    checkText(query, 'query', kind, peer)
    checkHash(body.inputs, 'inputs', kind, peer)
    checkAsking(session, owner, querier, { peer, kind })
    if (samples < 1 || samples > session.plan.batch) {
      throw new MalformedMessageError({ peer, kind, field: 'samples', expected: `1 to ${session.plan.batch}`, actual: String(samples) })
    }
    const statement: QueryStatement = { kind: 'query', query, querier, samples, inputs: toHex(body.inputs) }
    await checkStatement(this.#party, session, { signer: owner, statement, signature }, { peer, kind, field: 'signature' })
    const known = this.#queries.get(query)
    if (known !== undefined) {
      const same = known.signer === owner && known.statement.querier === querier && known.statement.samples === samples
      if (same && known.statement.inputs === statement.inputs) return
      throw new ShareConflictError({ peer, kind, field: 'query', reason: `another query ${query} was announced` })
    }
    if (this.#queries.size >= MAXIMUM_ANNOUNCED) this.#queries.delete(this.#queries.keys().next().value as string)
    this.#queries.set(query, { signer: owner, statement, signature })
  }

  has(query: string): boolean {
    return this.#queries.has(query)
  }

  get(query: string): SignedQuery | undefined {
    return this.#queries.get(query)
  }

  /** @returns what its owner has signed @throws OutOfOrderMessageError when no such query was announced, MalformedMessageError when it is for another querier */
  require(query: string, querier: string, kind: Kind, { peer }: HandlerContext): SignedQuery {
    const known = this.#queries.get(query)
    if (known === undefined) {
      throw new OutOfOrderMessageError({
        peer,
        kind,
        field: 'query',
        expected: 'a query whose owner has signed it, announced before',
        actual: query.slice(0, 64)
      })
    }
    if (known.statement.querier === querier) return known
    throw new MalformedMessageError({
      peer,
      kind,
      field: 'querier',
      expected: `${known.statement.querier}, for whom ${known.signer} asks`,
      actual: querier.slice(0, 120)
    })
  }
}

/** Whoever asks for itself is a querier, and only a data owner asks for another. @throws NotPermittedError */
function checkAsking({ descriptor, plan }: PartySession, owner: string, querier: string, found: { peer: string; kind: string }): void {
  const { roster, coordinator } = descriptor
  const refuse = (field: string, expected: string, actual: string): never => {
    throw new NotPermittedError({ ...found, field, expected, actual: actual.slice(0, 120) })
  }
  if (!hasRole(roster, querier, 'querier')) refuse('querier', 'a peer with the role querier', querier)
  if (owner !== querier && !hasRole(roster, owner, 'data-owner')) refuse('owner', 'a peer with the role data-owner', owner)
  if (plan.operands.data === 'clear' && owner !== coordinator) refuse('owner', 'the evaluator, for data are clear in this session', owner)
}

/** @throws MalformedMessageError unless the instance is the query's, for a step and pass of the plan */
export function checkRefreshInstance(
  { plan }: PartySession,
  { query, step, instance }: { query: string; step: number; instance: string },
  { peer }: HandlerContext,
  kind: Kind = 'refresh'
): void {
  if (!plan.refreshes.some(refresh => refresh.step === step)) {
    const expected = plan.refreshes.map(refresh => refresh.step).join(' or ') || 'none'
    throw new MalformedMessageError({ peer, kind, field: 'step', expected, actual: String(step) })
  }
  const pass = Number(instance.slice(instance.lastIndexOf('/') + 1))
  if (pass >= 0 && pass < passCount(plan) && instance === refreshInstance(query, step, pass)) return
  const [first, last] = [refreshInstance(query, step, 0), refreshInstance(query, step, passCount(plan) - 1)]
  const expected = first === last ? first : `${first} to ${last}`
  throw new MalformedMessageError({ peer, kind, field: 'instance', expected, actual: instance.slice(0, 120) })
}

/** @throws MalformedMessageError unless the instance is the one of the query's result */
export function checkSwitchInstance(
  { query, instance }: { query: string; instance: string },
  { peer }: HandlerContext,
  kind: Kind = 'switch'
): void {
  const expected = switchInstance(query)
  if (instance === expected) return
  throw new MalformedMessageError({ peer, kind, field: 'instance', expected, actual: instance.slice(0, 120) })
}
