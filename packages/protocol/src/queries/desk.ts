/** The evaluator's counter: takes queries and their inputs, has them evaluated one after the other and the results handed to their queriers. */

import { equalBytes, hash, toHex } from '../base/digest.js'
import { holderAtFault } from '../cryptography/rejected-share.js'
import {
  NotPermittedError,
  OutOfOrderMessageError,
  PartyMissingError,
  ProofMissingError,
  type ProtocolError,
  QuotaExceededError,
  SessionAbortedError,
  ShareConflictError
} from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import type { Handlers } from '../session/party-components.js'
import { ProofCopies } from '../session/proof-copies.js'
import { SwitchQuota } from '../session/quota.js'
import { checkStatement } from '../session/statements.js'
import { inputCount, outputCount } from '../terms/plan.js'
import { inputBatches, proofTerms, provesEncryptions } from '../terms/proof-batches.js'
import { hasRole } from '../terms/roster.js'
import { componentsHash } from '../terms/statements.js'
import { checkBytes, checkIndex } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import { encodeFailure } from '../wire/failure.js'
import type { Bodies } from '../wire/kinds.js'
import { Evaluations, type Query } from './evaluation.js'
import { checkOpening } from './opening.js'
import { asTold, messageOf } from './query-fault.js'
import { Witnesses } from './witnesses.js'

/** Queries that one party may have open (inputs stored, not yet answered). */
const MAXIMUM_OPEN = 4
/** Queries of a session whose identifiers are remembered. */
const MAXIMUM_QUERIES = 65_536

export class QueryDesk {
  readonly #lead: Lead
  readonly #witnesses: Witnesses
  readonly #evaluations: Evaluations
  readonly #copies: ProofCopies
  readonly #queries = new Map<string, Query>()
  /** Parties that may still ask. */
  readonly #asking: Set<string>
  /** Switched, or to be switched. */
  readonly #promised = new SwitchQuota()
  readonly #idle = Promise.withResolvers<void>()
  #tail: Promise<void> = Promise.resolve()
  #running = 0
  #closing = false
  /** Called when a query's fault is the session's: a key holder is missing, the session was aborted. */
  readonly #giveUp: (error: ProtocolError) => void

  constructor(lead: Lead, options: { heartbeat: number; giveUp(error: ProtocolError): void }) {
    this.#lead = lead
    this.#witnesses = new Witnesses(lead)
    this.#evaluations = new Evaluations(lead, this.#witnesses, options.heartbeat)
    this.#giveUp = options.giveUp
    this.#copies = new ProofCopies(lead)
    this.#asking = new Set(
      lead.roster.filter(({ roles }) => roles.includes('querier') || roles.includes('data-owner')).map(({ peer }) => peer)
    )
  }

  /** Resolves when nobody will ask any more and everything asked is answered. */
  get finished(): Promise<void> {
    return this.#idle.promise
  }

  /** Answers what is being evaluated and takes no more. */
  close(): void {
    this.#closing = true
    this.#asking.clear()
    this.#check()
  }

  /** Who is waited for: parties that may still ask, while none of their queries is under way. */
  get awaited(): string[] {
    return this.#running > 0 ? [] : [...this.#asking]
  }

  /** Whether a party may still ask, or is to read a result that is under way. */
  isServing(peer: string): boolean {
    if (this.#asking.has(peer)) return true
    return [...this.#queries.values()].some(query => query.state === 'evaluating' && (query.querier === peer || query.owner === peer))
  }

  /** A party is gone; false when no query can be answered any more, for key holders demand more witnesses than are left. */
  lost(peer: string): boolean {
    if (!hasRole(this.#lead.roster, peer, 'witness')) return true
    this.#witnesses.lose(new PartyMissingError({ peer, phase: 'evaluation' }))
    return this.#witnesses.enough
  }

  /** A party is gone; false when the session makes no sense without it. */
  drop(peer: string): boolean {
    this.#asking.delete(peer)
    if (this.#asking.size === 0) return false
    for (const query of this.#queries.values()) {
      if (query.state === 'open' && (query.owner === peer || query.querier === peer)) this.#forget(query)
      else if (query.state === 'evaluating' && query.querier === peer) query.state = 'failed'
    }
    this.#check()
    return true
  }

  readonly handlers: Handlers = {
    queryOpen: async (body, context) => await this.#open(body, context),
    queryInput: async (body, context) => await this.#input(body, context),
    queryProof: async (body, context) => await this.#proof(body, context),
    queryEvaluate: async (body, context) => await this.#evaluate(body, context),
    leave: async (_body, context) => {
      this.#asking.delete(context.peer)
      this.#check()
      return {}
    }
  }

  async #open(body: Bodies['queryOpen'], context: HandlerContext): Promise<Bodies['acknowledged']> {
    const { peer } = context
    const kind = 'queryOpen'
    const session = this.#lead.session()
    session.require('ready', kind, context)
    const { plan } = session
    checkOpening(body, { self: this.#lead.self, roster: this.#lead.roster, plan }, context)
    const known = this.#queries.get(body.query)
    if (known !== undefined) {
      if (known.owner !== peer || known.querier !== body.querier || known.samples !== body.samples) {
        throw new ShareConflictError({ peer, kind, field: 'query', reason: 'the identifier belongs to another query' })
      }
      await known.evaluation
      return {}
    }
    if (this.#closing || !this.#asking.has(peer))
      throw new OutOfOrderMessageError({ peer, kind, expected: 'queries before leaving', actual: 'left' })
    this.#makeRoom(peer, kind)
    this.#promised.check(body.querier, outputCount(plan), session.descriptor.switchesPerQuerier, kind, context)
    const proved = provesEncryptions(proofTerms(session.descriptor, this.#lead.self), peer)
    const inputs = new Array<Uint8Array | undefined>(inputCount(plan)).fill(undefined)
    const query: Query = {
      id: body.query,
      owner: peer,
      querier: body.querier,
      samples: body.samples,
      results: outputCount(plan),
      inputs,
      announcement: undefined,
      proofs: proved ? new Array<undefined>(inputBatches(plan).length).fill(undefined) : [],
      evaluation: this.#lead.cryptography.openEvaluation(body.query, peer),
      state: 'open',
      switched: false
    }
    this.#queries.set(body.query, query)
    try {
      await query.evaluation
    } catch (error) {
      this.#queries.delete(body.query)
      throw error
    }
    return {}
  }

  /** A party that opens a query too many gives up its oldest one that it has not sent off. */
  #makeRoom(peer: string, kind: string): void {
    const own = [...this.#queries.values()].filter(
      query => query.owner === peer && (query.state === 'open' || query.state === 'evaluating')
    )
    if (this.#queries.size >= MAXIMUM_QUERIES) {
      // Key holders remember every instance they gave a share for; here an answered query is only remembered to answer repetitions.
      const past = [...this.#queries.values()].find(query => query.state === 'done' || query.state === 'failed')
      if (past !== undefined) this.#queries.delete(past.id)
    }
    if (own.length < MAXIMUM_OPEN && this.#queries.size < MAXIMUM_QUERIES) return
    const oldest = own.find(query => query.state === 'open')
    if (oldest === undefined || this.#queries.size >= MAXIMUM_QUERIES) {
      throw new QuotaExceededError({
        peer,
        kind,
        field: 'query',
        expected: `at most ${MAXIMUM_OPEN} at a time`,
        actual: String(own.length + 1)
      })
    }
    this.#forget(oldest)
  }

  /** Says what a querier's quota has left. */
  #tell(querier: string): void {
    const { switchesPerQuerier: allowed } = this.#lead.session().descriptor
    this.#lead.decryptions({ querier, left: allowed - this.#promised.used(querier), allowed })
  }

  /** A query will not be answered: what it was promised is free again, unless shares for it were given. */
  #forget(query: Query): void {
    if (query.state === 'evaluating' && !query.switched) {
      this.#promised.giveBack(query.querier, query.results)
      this.#tell(query.querier)
    }
    query.state = 'failed'
    this.#clear(query)
  }

  /** What was stored for a query and not used is not needed any more. */
  #clear(query: Query): void {
    query.inputs.fill(undefined)
    const { evaluation } = query
    query.evaluation = undefined
    if (evaluation === undefined) return
    const disposed = evaluation.then(async open => await open.dispose())
    disposed.catch(fault => {
      // A session that is over has forgotten everything.
      if (!this.#lead.signal.aborted) this.#lead.onRefused(translateError(fault, {}), this.#lead.self)
    })
  }

  async #input(body: Bodies['queryInput'], context: HandlerContext): Promise<Bodies['acknowledged']> {
    const { peer } = context
    const kind = 'queryInput'
    const query = this.#own(body.query, kind, context)
    checkIndex(body.index, query.inputs.length, 'index', kind, peer)
    checkBytes(body.ciphertext, this.#lead.session().record.sizes.input, 'ciphertext', kind, peer)
    const bytesHash = await hash(body.ciphertext)
    const known = query.inputs[body.index]
    if (known !== undefined) {
      if (equalBytes(known, bytesHash)) return {}
      throw new ShareConflictError({ peer, kind, field: `ciphertext[${body.index}]`, reason: 'another ciphertext came before' })
    }
    if (query.state !== 'open')
      throw new OutOfOrderMessageError({ peer, kind, field: 'query', expected: 'an open query', actual: query.state })
    const evaluation = await query.evaluation!
    await evaluation.storeInput(body.index, body.ciphertext)
    query.inputs[body.index] = bytesHash
    await this.#witnesses.input({ ...body, owner: peer })
    const done = query.inputs.filter(input => input !== undefined).length
    this.#lead.progress({ phase: 'input', done, total: query.inputs.length, peer, query: query.id })
    return {}
  }

  async #proof(body: Bodies['queryProof'], context: HandlerContext): Promise<Bodies['acknowledged']> {
    const { peer } = context
    const kind = 'queryProof'
    const query = this.#own(body.query, kind, context)
    checkIndex(body.batch, query.proofs.length, 'batch', kind, peer)
    checkBytes(body.proof, this.#lead.session().record.sizes.proof, 'proof', kind, peer)
    const known = query.proofs[body.batch]
    if (known === undefined) {
      if (query.state !== 'open') {
        throw new OutOfOrderMessageError({ peer, kind, field: 'query', expected: 'an open query', actual: query.state })
      }
      const checking = this.#lead.meter.measure('proofs', async () => await this.#checkProof(query, body, context))
      query.proofs[body.batch] = checking
      // One that does not hold has changed nothing.
      checking.catch(() => {
        query.proofs[body.batch] = undefined
      })
    }
    await query.proofs[body.batch]
    return {}
  }

  async #checkProof(query: Query, { batch, proof }: Bodies['queryProof'], { peer }: HandlerContext): Promise<void> {
    const evaluation = await query.evaluation!
    const undivided = await evaluation.verifyInputs(batch, proof).catch(error => {
      throw translateError(error, { peer, kind: 'queryProof', field: 'proof', culprit: peer })
    })
    this.#lead.progress({ phase: 'proofs', done: batch + 1, total: query.proofs.length, peer, query: query.id })
    await this.#copies.send({ sender: peer, query: query.id, batch, undivided, proof }, this.#lead.signal)
    await this.#witnesses.proof({ query: query.id, batch, proof })
  }

  async #evaluate(body: Bodies['queryEvaluate'], context: HandlerContext): Promise<Bodies['acknowledged']> {
    const kind = 'queryEvaluate'
    const query = this.#own(body.query, kind, context)
    if (query.state !== 'open') return {}
    const missing = query.inputs.indexOf(undefined)
    if (missing >= 0) {
      throw new OutOfOrderMessageError({
        peer: context.peer,
        kind,
        field: 'query',
        expected: `all ${query.inputs.length} inputs`,
        actual: `input ${missing} is missing`
      })
    }
    const unproved = query.proofs.indexOf(undefined)
    if (unproved >= 0) {
      throw new ProofMissingError({
        peer: context.peer,
        kind,
        field: 'query',
        expected: `proofs of all ${query.proofs.length} batches of inputs`,
        actual: `none of batch ${unproved}`
      })
    }
    await Promise.all(query.proofs)
    const announcement = await this.#signed(query, body.signature, kind, context)
    // The same may have been asked again meanwhile.
    if (!this.#isOpen(query)) return {}
    query.announcement = announcement
    this.#promised.take(query.querier, query.results, this.#lead.session().descriptor.switchesPerQuerier, kind, context)
    this.#tell(query.querier)
    query.state = 'evaluating'
    this.#running++
    this.#tail = this.#tail.then(async () => await this.#serve(query))
    return {}
  }

  /** Its owner has signed the query and the very inputs that have come. @throws SignatureError */
  async #signed(query: Query, signature: Uint8Array, kind: string, { peer }: HandlerContext): Promise<Bodies['queryAnnounce']> {
    const { id, owner, querier, samples } = query
    const inputs = componentsHash(query.inputs as Uint8Array[])
    const statement = { kind: 'query', query: id, querier, samples, inputs: toHex(inputs) } as const
    await checkStatement(this.#lead, this.#lead.session(), { signer: owner, statement, signature }, { peer, kind, field: 'signature' })
    return { query: id, owner, querier, samples, inputs, signature }
  }

  #own(id: string, kind: string, context: HandlerContext): Query {
    this.#lead.session().require('ready', kind, context)
    const query = this.#queries.get(id)
    if (query === undefined) {
      throw new OutOfOrderMessageError({
        peer: context.peer,
        kind,
        field: 'query',
        expected: 'a query that was opened',
        actual: id.slice(0, 64)
      })
    }
    if (query.owner !== context.peer) {
      throw new NotPermittedError({ peer: context.peer, kind, field: 'query', expected: 'the owner of the query', actual: context.peer })
    }
    return query
  }

  /** Evaluates a query and delivers its result. Never rejects. */
  async #serve(query: Query): Promise<void> {
    const { meter } = this.#lead
    try {
      this.#lead.enter('evaluation')
      const result = await meter.measure('evaluation', async () => await this.#evaluations.run(query))
      if (this.#isFailed(query)) throw new PartyMissingError({ peer: query.querier, phase: 'evaluation' })
      this.#lead.enter('result')
      await meter.measure('result', async () => await this.#evaluations.deliver(query, result))
      query.state = 'done'
      this.#lead.session().queries.add(query.id)
    } catch (error) {
      if (!this.#lead.signal.aborted) {
        this.#forget(query)
        await this.#fail(query, error)
      }
    } finally {
      this.#clear(query)
      this.#running--
      this.#check()
    }
  }

  /** A missing party or an ended session is everybody's affair; anything else only fails the query. */
  async #fail(query: Query, error: unknown): Promise<void> {
    const holders = connectionsWith(this.#lead, 'key-holder').map(({ peer }) => peer)
    const typed = translateError(error, { kind: messageOf(error), peer: holderAtFault(error, holders) ?? this.#lead.self })
    if (typed instanceof PartyMissingError || typed instanceof SessionAbortedError) {
      const peer = typed instanceof PartyMissingError ? typed.peer : undefined
      const onlyAsks = peer !== undefined && !hasRole(this.#lead.roster, peer, 'key-holder') && this.drop(peer) && this.lost(peer)
      if (!onlyAsks) return this.#giveUp(typed)
    }
    const told = asTold(typed)
    this.#lead.onRefused(typed, told.culprit ?? typed.peer ?? this.#lead.self)
    const failure = encodeFailure(told)
    for (const peer of new Set([query.owner, query.querier])) {
      if (peer === typed.peer && typed instanceof PartyMissingError) continue
      const connection = this.#lead.connections.get(peer)!
      await connection.request('queryFailed', { query: query.id, failure }, this.#lead.signal).catch(fault => {
        if (fault instanceof PartyMissingError && !this.drop(peer)) this.#giveUp(fault)
      })
    }
  }

  #isOpen(query: Query): boolean {
    return query.state === 'open'
  }

  /** The querier may have gone while its query was evaluated. */
  #isFailed(query: Query): boolean {
    return query.state === 'failed'
  }

  #check(): void {
    if (this.#running === 0 && this.#asking.size === 0) this.#idle.resolve()
  }
}
