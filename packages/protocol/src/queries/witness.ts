/**
 * A witness runs every announced query that the evaluator runs, from the same signed keys, model, inputs and shares, and signs the second components that it
 * comes to. The evaluator is a deterministic function of these: another hash than the witness's own means that one of the two deviates.
 *
 * It computes with what others have signed and with nothing of the evaluator's: inputs against their owner's signature, shares against their givers'.
 */
import { equalBytes, hash, toHex } from '../base/digest.js'
import type { EvaluationCallbacks, EvaluatorCryptography } from '../cryptography/evaluator.js'
import {
  EndorsementRefusedError,
  MalformedMessageError,
  NotPermittedError,
  OutOfOrderMessageError,
  ProofMissingError,
  QuotaExceededError,
  ShareConflictError,
  SignatureError,
  UnknownMemberError
} from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checkStatement, hashOfAll, signStatement } from '../session/statements.js'
import { switchStep } from '../terms/instances.js'
import { inputCount } from '../terms/plan.js'
import { inputBatches, proofTerms, provesEncryptions } from '../terms/proof-batches.js'
import { hasRole, peersWith, type Role } from '../terms/roster.js'
import { type Assisted, type Computed, componentsHash } from '../terms/statements.js'
import { checkBytes, checkHash, checkIndex, checkList, checkText } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { type AnnouncedQueries, checkRefreshInstance, checkSwitchInstance } from './announced.js'
import { computedOf } from './asked.js'
import { Followed } from './followed.js'

/** Queries whose inputs may be coming at one time, for each party that may ask. */
const MAXIMUM_OPEN = 4
/** Queries that are over of which it is remembered what they came to. */
const MAXIMUM_REMEMBERED = 64

interface WitnessOptions {
  readonly announced: AnnouncedQueries
  /** Whether the model is here, with its owner's signature. */
  modelComplete(): boolean
  onRefused(error: Error, peer: string): void
}

export class QueryWitness {
  readonly #party: PartyComponents<Pick<EvaluatorCryptography, 'openEvaluation'>>
  readonly #options: WitnessOptions
  readonly #queries = new Map<string, Followed>()
  /** Hash of the second components that this party has signed, by instance. */
  readonly #endorsed = new Map<string, string>()

  constructor(party: PartyComponents<Pick<EvaluatorCryptography, 'openEvaluation'>>, options: WitnessOptions) {
    this.#party = party
    this.#options = options
  }

  /** The session is over, or a new one begins. */
  reset(reason: Error): void {
    for (const followed of this.#queries.values()) followed.end(reason)
    this.#queries.clear()
    this.#endorsed.clear()
  }

  /** Whether this very process has come to, and signed, these second components. */
  hasEndorsed({ instance, c1 }: Assisted): boolean {
    return this.#endorsed.get(instance) === c1
  }

  /** A query's owner has signed it. The evaluator evaluates one after the other, so whatever was before is over. */
  announced(session: PartySession, query: string): void {
    for (const [id, followed] of this.#queries) {
      if (id !== query && followed.state === 'running') this.#end(followed, new Error('the evaluator has gone on to another query'))
    }
    this.#begin(session, query)
  }

  readonly handlers: Handlers = {
    witnessInput: async ({ query, index, ciphertext, owner }, context) => {
      const kind = 'witnessInput'
      const { peer } = context
      const session = this.#session(kind, context)
      checkText(query, 'query', kind, peer)
      checkIndex(index, inputCount(session.plan), 'index', kind, peer)
      checkBytes(ciphertext, session.record.sizes.input, 'ciphertext', kind, peer)
      const followed = this.#open(session, query, owner, context)
      const inputHash = await hash(ciphertext)
      const known = followed.inputs[index]
      if (known !== undefined) {
        if (equalBytes(known, inputHash)) return {}
        throw new ShareConflictError({ peer, kind, field: `ciphertext[${index}]`, reason: 'another ciphertext came before' })
      }
      const evaluation = await followed.evaluation
      await evaluation.storeInput(index, ciphertext)
      followed.inputs[index] = inputHash
      this.#begin(session, query)
      return {}
    },

    witnessRefreshed: async (body, context) => {
      const kind = 'witnessRefreshed'
      const { peer } = context
      const session = this.#session(kind, context)
      const { sizes } = session.record
      const bounds = { refresh: [sizes.refreshCount, sizes.refreshShare], switch: [sizes.switchCount, sizes.switchShare] } as const
      const holders = peersWith(session.descriptor.roster, 'key-holder')
      if (!holders.includes(body.peer)) {
        const actual = body.peer.slice(0, 120)
        throw new UnknownMemberError({ peer, kind, field: 'peer', expected: 'a key holder of the roster', actual })
      }
      const own = await this.#known(body.query, kind, context).reached(body.instance)
      checkList(body.shares, ...bounds[own.assist], 'shares', kind, peer)
      const statement = { kind: 'shares', ...own, shares: await hashOfAll(body.shares) } as const
      const signed = { signer: body.peer, statement, signature: body.signature }
      await checkStatement(this.#party, session, signed, { peer, kind, field: 'signature' })
      // Shares of a switch are nothing to a witness but evidence, which takes them from the message.
      if (own.assist === 'refresh') this.#known(body.query, kind, context).give(body.instance, body.peer, body.shares, holders.length)
      return {}
    },

    endorse: async (body, context) => {
      const session = this.#session('endorse', context)
      const asked = this.#asked(session, body, context)
      const signed = {
        signer: session.descriptor.coordinator,
        statement: { kind: 'request', ...asked } as const,
        signature: body.signature
      }
      await checkStatement(this.#party, session, signed, { peer: context.peer, kind: 'endorse', field: 'signature' })
      const followed = this.#known(body.query, 'endorse', context)
      this.#demandComplete(session, followed, context)
      const own = await followed.reached(asked.instance)
      if (own.c1 !== asked.c1) {
        throw new EndorsementRefusedError({
          peer: context.peer,
          kind: 'endorse',
          field: 'c1',
          expected: own.c1,
          actual: asked.c1,
          culprit: context.peer,
          reason: `${asked.assist} ${asked.instance} is not what the signed keys, model and query come to`
        })
      }
      const signature = await signStatement(this.#party, session, { kind: 'endorsement', ...own })
      if (!this.hasEndorsed(own)) session.endorsements++
      this.#endorsed.set(own.instance, own.c1)
      return { signature }
    }
  }

  /** Checks the proof of a batch of inputs that is here. */
  async prove(session: PartySession, { query, batch, proof }: Bodies['witnessProof'], context: HandlerContext): Promise<void> {
    const kind = 'witnessProof'
    const { peer } = context
    checkIndex(batch, inputBatches(session.plan).length, 'batch', kind, peer)
    const followed = this.#known(query, kind, context)
    if (followed.proved.has(batch)) return
    const evaluation = await followed.evaluation
    await evaluation.verifyInputs(batch, proof).catch(error => {
      throw translateError(error, { peer, kind, field: 'proof', culprit: followed.owner })
    })
    followed.proved.add(batch)
    this.#begin(session, query)
  }

  #session(kind: string, context: HandlerContext): PartySession {
    const session = this.#party.session()
    session.require('keyed', kind, context)
    return session
  }

  /** What is asked for, when it is the plan's and the query's. @throws MalformedMessageError, OutOfOrderMessageError */
  #asked(session: PartySession, body: Bodies['endorse'], context: HandlerContext): Assisted {
    const kind = 'endorse'
    const { assist, query, querier, step, instance } = body
    checkText(instance, 'instance', kind, context.peer)
    checkHash(body.c1, 'c1', kind, context.peer)
    const { statement } = this.#options.announced.require(query, querier, kind, context)
    if (assist === 'refresh') checkRefreshInstance(session, body, context)
    else if (assist === 'switch' && step === switchStep(session.plan)) checkSwitchInstance(body, context)
    else {
      const actual = `${assist.slice(0, 20)} at step ${step}`
      throw new MalformedMessageError({ peer: context.peer, kind, field: 'assist', expected: 'refresh, or switch at the end', actual })
    }
    return { assist, ...computedOf(session, statement, kind, context), step, instance, c1: toHex(body.c1) }
  }

  /** Nothing is endorsed of a query whose inputs are not all here, and proved. @throws OutOfOrderMessageError, ProofMissingError */
  #demandComplete(session: PartySession, { state, inputs, proved }: Followed, { peer }: HandlerContext): void {
    if (state !== 'open') return
    const found = { peer, kind: 'endorse', field: 'query' }
    const missing = inputs.indexOf(undefined)
    if (missing >= 0) {
      const expected = `all ${inputs.length} inputs, before`
      throw new OutOfOrderMessageError({ ...found, expected, actual: `input ${missing} is missing` })
    }
    const batches = inputBatches(session.plan).length
    throw new ProofMissingError({ ...found, expected: `proofs of all ${batches} batches of inputs, before`, actual: String(proved.size) })
  }

  #known(query: string, kind: string, { peer }: HandlerContext): Followed {
    const followed = this.#queries.get(query)
    if (followed !== undefined) return followed
    const actual = query.slice(0, 64)
    throw new OutOfOrderMessageError({ peer, kind, field: 'query', expected: 'a query of which inputs have come', actual })
  }

  #open(session: PartySession, query: string, owner: string, { peer }: HandlerContext): Followed {
    const known = this.#queries.get(query)
    if (known !== undefined) {
      if (known.owner === owner) return known
      const [expected, actual] = [known.owner, owner.slice(0, 120)]
      throw new ShareConflictError({ peer, kind: 'witnessInput', field: 'owner', expected, actual })
    }
    if (!['querier', 'data-owner'].some(role => hasRole(session.descriptor.roster, owner, role as Role))) {
      const actual = owner.slice(0, 120)
      throw new NotPermittedError({ peer, kind: 'witnessInput', field: 'owner', expected: 'a querier or data owner', actual })
    }
    const asking = session.descriptor.roster.filter(({ roles }) => roles.includes('querier') || roles.includes('data-owner')).length
    const open = [...this.#queries].filter(([, followed]) => followed.state === 'open')
    if (open.length >= MAXIMUM_OPEN * asking) {
      // Its owner has given it up, as a rule, of which nothing is heard here.
      const [oldest, followed] = open.find(([id]) => !this.#options.announced.has(id)) ?? []
      if (oldest === undefined) {
        const expected = `at most ${MAXIMUM_OPEN * asking} at a time`
        throw new QuotaExceededError({ peer, kind: 'witnessInput', field: 'query', expected })
      }
      this.#end(followed!, new Error('too many queries were opened after it'))
      this.#queries.delete(oldest)
    }
    const ended = [...this.#queries].filter(([, followed]) => followed.state === 'ended')
    if (ended.length >= MAXIMUM_REMEMBERED) this.#queries.delete(ended[0]![0])
    const evaluation = this.#party.cryptography.openEvaluation(query, owner)
    evaluation.catch(() => undefined)
    const followed = new Followed(evaluation, owner, inputCount(session.plan))
    this.#queries.set(query, followed)
    return followed
  }

  /** Follows a query as soon as it was announced and all its inputs are here. */
  #begin(session: PartySession, query: string): void {
    const followed = this.#queries.get(query)
    if (followed?.state !== 'open' || followed.inputs.includes(undefined) || !this.#options.announced.has(query)) return
    const proved = provesEncryptions(proofTerms(session.descriptor, this.#party.self), followed.owner)
    if (proved && followed.proved.size !== inputBatches(session.plan).length) return
    const { coordinator } = session.descriptor
    const { signer, statement } = this.#options.announced.get(query)!
    const found = { peer: coordinator, kind: 'witnessInput', culprit: coordinator }
    if (signer !== followed.owner || toHex(componentsHash(followed.inputs as Uint8Array[])) !== statement.inputs) {
      const expected = `the inputs that ${signer} has signed`
      this.#end(followed, new SignatureError({ ...found, field: 'ciphertext', expected, actual: 'others' }))
    } else if (!this.#options.modelComplete()) {
      const [expected, actual] = ['the whole model with its owner’s signature, before any query', 'less']
      this.#end(followed, new OutOfOrderMessageError({ ...found, field: 'stage', expected, actual }))
    } else {
      followed.state = 'running'
      void this.#follow(session, computedOf(session, statement, 'witnessInput', { peer: coordinator }), followed)
    }
  }

  /** Never rejects. */
  async #follow(session: PartySession, computed: Computed, followed: Followed): Promise<void> {
    const { query } = computed
    const holders = peersWith(session.descriptor.roster, 'key-holder')
    let finished = false
    const unforeseen = async (): Promise<never> => {
      throw new NotPermittedError({ peer: this.#party.self, kind: 'endorse', reason: 'a witness adds nothing of its own' })
    }
    const callbacks: EvaluationCallbacks = {
      refresh: async ({ instance, step, c1 }) => {
        followed.reach({ assist: 'refresh', ...computed, step, instance, c1: await hashOfAll(c1) })
        return await followed.shares(instance, holders)
      },
      switchShares: async ({ instance, c1 }) => {
        followed.reach({ assist: 'switch', ...computed, step: switchStep(session.plan), instance, c1: await hashOfAll(c1) })
        finished = true
        // Its result is nothing to a witness.
        throw new Error('everything is endorsed')
      },
      // Where one party holds the whole key, or an operand is clear, there are no witnesses.
      refreshWhole: unforeseen,
      switchWhole: unforeseen,
      querierHoldsKey: false,
      resultKey: unforeseen,
      progress: progress => this.#party.progress({ phase: 'evaluation', query, ...progress })
    }
    try {
      const evaluation = await followed.evaluation
      await evaluation.evaluate(callbacks, AbortSignal.any([followed.signal, session.signal]))
    } catch (error) {
      if (!finished && !followed.signal.aborted && session.active) {
        const typed = translateError(error, { peer: session.descriptor.coordinator, kind: 'endorse' })
        this.#options.onRefused(typed, session.descriptor.coordinator)
        this.#end(followed, typed)
        return
      }
    }
    this.#end(
      followed,
      new OutOfOrderMessageError({ kind: 'endorse', field: 'instance', expected: 'one of the query’s', actual: 'another' })
    )
  }

  #end(followed: Followed, error: Error): void {
    followed.end(error)
    followed.evaluation.then(async evaluation => await evaluation.dispose()).catch(() => undefined)
  }
}
