/**
 * All roles of one process but the evaluator's: the handlers of what a coordinator asks, and the session they serve. Member puts a network under it, the
 * coordinator keeps one for itself.
 */

import { Gathering } from '../audit/gathering.js'
import { recording } from '../audit/recording.js'
import { equalBytes } from '../base/digest.js'
import { Joining } from '../cohort/joining.js'
import {
  DescriptorRejectedError,
  NotPermittedError,
  PartyMissingError,
  type ProtocolError,
  SessionAbortedError,
  WrongSessionError
} from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { EvaluationKeyDuty } from '../keys/evaluation-keys.js'
import { PublicKeyDuty } from '../keys/public-key.js'
import { WitnessKeys } from '../keys/witness.js'
import { announcedModelHandlers } from '../models/announced.js'
import { modelOwnerHandlers } from '../models/owner.js'
import { WitnessModel } from '../models/witness.js'
import { AnnouncedQueries } from '../queries/announced.js'
import { QueryClient } from '../queries/client.js'
import { KeyHolderDuty } from '../queries/key-holder.js'
import type { QueryOptions, SampleSource } from '../queries/samples.js'
import { WholeKeyDuty } from '../queries/whole-key.js'
import { QueryWitness } from '../queries/witness.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { shareChecksOf } from '../session/share-checks.js'
import type { SessionSummary } from '../session/summary.js'
import type { Plan } from '../terms/plan.js'
import { hasRole, rolesOf } from '../terms/roster.js'
import { checkHash } from '../wire/checks.js'
import type { Connection, Handler, HandlerContext } from '../wire/connection.js'
import { DEFAULT_DEADLINES, type Deadlines } from '../wire/deadlines.js'
import { type Bodies, type ReplyOf, type RequestKind, RULES } from '../wire/kinds.js'
import { PhaseMeter } from '../wire/phase-meter.js'
import type { SessionRecord } from '../wire/session-record.js'
import type { MemberOptions } from './options.js'

const DEFAULT_WINDOW = 3

/** What an abort says, as the error that the session ends with. */
function abortion(body: Bodies['abort'], coordinator: string): ProtocolError {
  const culprit = body.culprit.slice(0, 200)
  const phase = body.phase.slice(0, 80)
  const reason = body.reason.slice(0, 600)
  if (body.code === 'party-missing') return new PartyMissingError({ peer: culprit, phase, reason: reason || `reported by ${coordinator}` })
  return new SessionAbortedError({ culprit, phase, reason: reason || body.code, peer: coordinator })
}

interface PartyHooks {
  /** Connection to the coordinator of a session. */
  uplink(session: PartySession): Connection
  /** Figures of a session that begins; a new meter when not given. */
  meter?: PhaseMeter
  /** A session has begun. */
  begun?(session: PartySession): void
  /** A session is over. */
  ended?(record: SessionRecord): void
}

export class Party {
  readonly #components: PartyComponents
  readonly #hooks: PartyHooks
  readonly #options: MemberOptions
  readonly #joining: Joining
  readonly #publicKey: PublicKeyDuty
  readonly #evaluationKeys: EvaluationKeyDuty
  readonly #keyHolder: KeyHolderDuty
  readonly #wholeKey: WholeKeyDuty
  readonly #announced: AnnouncedQueries
  readonly #witnessKeys: WitnessKeys
  readonly #witnessModel: WitnessModel
  readonly #witness: QueryWitness
  readonly #queries: QueryClient
  readonly #handlers: Handlers
  /** What this party keeps of its sessions. */
  readonly evidence: Gathering | undefined
  #session: PartySession | undefined
  #begun = Promise.withResolvers<PartySession>()
  /** Whether somebody was told how the last session ended. */
  #reported = false
  #closing: Promise<void> = Promise.resolve()

  constructor(options: MemberOptions, hooks: PartyHooks) {
    this.#options = options
    this.#hooks = hooks
    const self = options.transport.self
    const roles = rolesOf(options.roster, self) ?? []
    this.evidence = options.evidenceStore === undefined ? undefined : new Gathering(options.evidenceStore, { self, roles })
    const { cryptography } = options
    const witnesses = roles.includes('witness') && this.evidence !== undefined
    const components: PartyComponents = {
      self,
      signer: options.signer,
      cryptography: witnesses ? recording(cryptography, this.evidence!) : cryptography,
      shareChecks: options.shareChecks ?? shareChecksOf(options.signer),
      evidence: options.evidence ?? this.evidence,
      roster: options.roster,
      roles,
      policy: options.policy ?? {},
      progress: event => options.onProgress?.(event),
      waiting: event => options.onWaiting?.(event),
      decryptions: event => options.onDecryptions?.(event),
      session: () => this.active()
    }
    this.#components = components
    this.#joining = new Joining(components, {
      begin: async session => await this.#begin(session),
      end: async (session, error) => await this.end(session, error),
      meter: () => hooks.meter ?? new PhaseMeter()
    })
    this.#publicKey = new PublicKeyDuty(components)
    this.#evaluationKeys = new EvaluationKeyDuty(components)
    this.#announced = new AnnouncedQueries(components)
    this.#witnessKeys = new WitnessKeys(components)
    this.#witnessModel = new WitnessModel(components)
    this.#witness = new QueryWitness(components, {
      announced: this.#announced,
      modelComplete: () => this.#witnessModel.complete,
      onRefused: (error, peer) => options.onRefused?.(error, peer)
    })
    this.#keyHolder = new KeyHolderDuty(components, this.#joining.resultKeys, this.#announced, assisted =>
      this.#witness.hasEndorsed(assisted)
    )
    this.#wholeKey = new WholeKeyDuty(components, this.#joining.resultKeys, this.#keyHolder.permit)
    const deadlines: Deadlines = { ...DEFAULT_DEADLINES, ...options.deadlines }
    const { onPredictions } = options
    this.#queries = new QueryClient(components, {
      window: options.window ?? DEFAULT_WINDOW,
      deadlines,
      uplink: hooks.uplink,
      ...(onPredictions === undefined ? {} : { onPredictions: result => onPredictions(result) })
    })
    this.#handlers = {
      ...this.#joining.handlers,
      ...this.#publicKey.handlers,
      ...this.#evaluationKeys.handlers,
      ...this.#keyHolder.handlers,
      ...this.#wholeKey.handlers,
      ...this.#witnessKeys.handlers,
      ...this.#witnessModel.handlers,
      ...announcedModelHandlers(components, this.#witnessModel),
      ...this.#witness.handlers,
      witnessProof: async (body, context) => {
        const session = this.active()
        session.require('keyed', 'witnessProof', context)
        if (body.query === '') await this.#witnessModel.prove(session, body, context)
        else await this.#witness.prove(session, body, context)
        return {}
      },
      queryAnnounce: async (body, context) => await this.#announce(body, context),
      ...modelOwnerHandlers(components),
      ...this.#queries.handlers,
      ...this.#closingHandlers()
    }
  }

  /** The session that goes on, or undefined. */
  get current(): PartySession | undefined {
    return this.#session?.active === true ? this.#session : undefined
  }

  /** @throws WrongSessionError when none goes on */
  active(): PartySession {
    const session = this.current
    if (session === undefined) throw new WrongSessionError({ peer: this.#components.self, expected: 'an open session', actual: 'none' })
    return session
  }

  #refuse(error: DescriptorRejectedError): void {
    const begun = this.#begun
    this.#begun = Promise.withResolvers<PartySession>()
    begun.promise.catch(() => undefined)
    begun.reject(error)
  }

  readonly handle: Handler = async (kind, body, context) => await this.#dispatch(kind, body, context)

  async #dispatch<K extends RequestKind>(kind: K, body: Bodies[K], context: HandlerContext): Promise<Bodies[ReplyOf<K>]> {
    const handler = this.#handlers[kind]
    if (handler === undefined) {
      throw new NotPermittedError({ peer: context.peer, kind, field: 'receiver', expected: 'the evaluator', actual: this.#components.self })
    }
    const session = this.current
    if (session !== undefined && kind !== 'alive') session.heard = Date.now()
    if (session !== undefined && kind !== 'queryProgress' && kind !== 'alive') session.phase = RULES[kind].phase
    try {
      const reply = await handler(body, context)
      this.evidence?.handled(kind, body, reply)
      return reply
    } catch (error) {
      // Whoever waits for a session to begin is told that this party will not be in it.
      if (error instanceof DescriptorRejectedError && (kind === 'hello' || kind === 'propose')) this.#refuse(error)
      throw error
    }
  }

  #closingHandlers(): Handlers {
    return {
      ready: async (_body, context) => {
        const session = this.active()
        session.require('keyed', 'ready', context)
        session.advance('ready')
        this.#components.progress({ phase: 'ready', done: 1, total: 1, peer: context.peer })
        return {}
      },
      // That the session is the right one was checked on the way in.
      alive: async () => ({}),

      close: async () => {
        await this.end(this.active(), undefined)
        return {}
      },
      abort: async (body, context) => {
        const { peer } = context
        const { coordinator } = this.current?.descriptor ?? { coordinator: peer }
        if (peer !== coordinator || !hasRole(this.#components.roster, peer, 'evaluator')) {
          throw new NotPermittedError({ peer, kind: 'abort', field: 'sender', expected: 'the coordinator', actual: peer })
        }
        checkHash(body.proposal, 'proposal', 'abort', peer)
        const error = abortion(body, peer)
        const session = this.current
        if (session !== undefined && equalBytes(session.record.proposalId, body.proposal)) await this.end(session, error)
        else this.#joining.forbid(body.proposal, error)
        return {}
      }
    }
  }

  /** For key holders, who help with it from here on, and for witnesses, who follow it. */
  async #announce(body: Bodies['queryAnnounce'], context: HandlerContext): Promise<Bodies['acknowledged']> {
    const session = this.active()
    session.require('keyed', 'queryAnnounce', context)
    await this.#announced.take(session, body, context)
    if (this.#components.roles.includes('witness')) this.#witness.announced(session, body.query)
    return {}
  }

  async #begin(session: PartySession): Promise<void> {
    const previous = this.current
    if (previous !== undefined) {
      const { coordinator } = previous.descriptor
      await this.end(
        previous,
        new SessionAbortedError({ culprit: coordinator, phase: previous.phase, reason: 'the coordinator began a new session' })
      )
    }
    await this.#closing
    this.#publicKey.reset()
    this.#evaluationKeys.reset()
    this.#keyHolder.reset()
    this.#wholeKey.reset()
    this.#announced.reset()
    this.#witnessKeys.reset()
    this.#witnessModel.reset()
    this.#session = session
    this.#reported = false
    this.#hooks.begun?.(session)
    this.#begun.resolve(session)
    this.#begun = Promise.withResolvers<PartySession>()
  }

  /** Ends a session: in good order, or with an error. What belongs to it is wiped before `finished` settles. */
  async end(session: PartySession, error: Error | undefined): Promise<void> {
    if (session.end(error)) {
      this.#queries.reset(session.signal.reason)
      this.evidence?.ended(error)
      this.#witness.reset(session.signal.reason)
      this.#hooks.ended?.(session.record)
      this.#closing = this.#components.cryptography
        .close()
        .catch(fault => this.#options.onRefused?.(translateError(fault, {}), this.#components.self))
        .then(async () => await session.settle(error))
    }
    await this.#closing
  }

  /** Session to wait on: the one that goes on, or the next to begin. */
  async #awaited(): Promise<PartySession> {
    return this.current ?? (await this.#begun.promise)
  }

  async ready(): Promise<Plan> {
    const session = await this.#awaited()
    await session.ready
    return session.plan
  }

  async finished(): Promise<SessionSummary> {
    const session = this.#session !== undefined && !this.#reported ? this.#session : await this.#begun.promise
    try {
      return await session.finished
    } finally {
      if (session === this.#session) this.#reported = true
    }
  }

  async query(samples: SampleSource, options: QueryOptions = {}): Promise<Float64Array[]> {
    const session = await this.#awaited()
    await session.ready
    try {
      return await this.#queries.ask(session, samples, options)
    } catch (error) {
      if (error instanceof PartyMissingError && error.peer === session.descriptor.coordinator) await this.end(session, error)
      throw error
    }
  }

  /** Tells the coordinator that no more queries come from here. */
  async leave(): Promise<void> {
    const session = this.current
    if (session === undefined) return
    try {
      await this.#hooks.uplink(session).request('leave', {}, session.signal)
    } catch (error) {
      // The last to leave may hear that the session is closed before it hears that it may go.
      if (!session.closed) throw error
    }
  }
}
