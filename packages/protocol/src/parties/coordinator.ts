/**
 * The evaluator: leads a session from roster to close, and holds whatever other roles its process has.
 *
 *   roster → plan → session → public key → relinearisation key → Galois keys → model upload → queries → close
 *
 * Its own roles are asked through the same handlers as everybody else's, without the network. When a party is missing or breaks the protocol, everybody
 * left is told who and why, and the session ends; the next `run()` is a fresh one with new nonces.
 */

import { recording } from '../audit/recording.js'
import { orStopped, together } from '../base/concurrency.js'
import { equalBytes } from '../base/digest.js'
import { agree, describeSession, gatherRoster, makePlan } from '../cohort/convening.js'
import {
  InternalError,
  NotPermittedError,
  OutOfOrderMessageError,
  PartyMissingError,
  type ProtocolError,
  RemoteFailureError,
  SessionAbortedError,
  WrongSessionError
} from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { makeGaloisKeys, makePublicKey, makeRelinearizationKey } from '../keys/ceremony.js'
import { uploadModel } from '../models/upload.js'
import { QueryDesk } from '../queries/desk.js'
import type { QueryOptions, SampleSource } from '../queries/samples.js'
import type { Lead } from '../session/lead.js'
import { shareChecksOf } from '../session/share-checks.js'
import type { SessionSummary } from '../session/summary.js'
import { softwareBuild } from '../terms/build.js'
import type { Phase } from '../terms/phases.js'
import type { Plan } from '../terms/plan.js'
import { canonicalRoster, hasRole, rolesOf } from '../terms/roster.js'
import { type Connection, type Handler, LocalConnection } from '../wire/connection.js'
import { DEFAULT_DEADLINES, type Deadlines } from '../wire/deadlines.js'
import type { Bodies, ReplyOf, RequestKind } from '../wire/kinds.js'
import { Link } from '../wire/link.js'
import { PhaseMeter } from '../wire/phase-meter.js'
import { Receiver } from '../wire/receiver.js'
import type { CoordinatorOptions } from './options.js'
import { Party } from './party.js'
import { RollCall } from './roll-call.js'

const DEFAULT_WINDOW = 3
/** How long an abort or a close waits for each party to hear of it. */
const FAREWELL = 5_000

/** One session being led. */
interface Run {
  readonly lead: Lead
  readonly party: Party
  readonly controller: AbortController
  readonly rollCall: RollCall
  /** Rejects with what ends the session before its time. */
  readonly failed: PromiseWithResolvers<never>
  desk: QueryDesk | undefined
  /** Whether to end as soon as nothing is being evaluated. */
  closing: boolean
  phase: Phase
}

/**
 * The evaluator of a session: gathers the roster, plans, leads ceremony and model upload, answers queries. Has whatever other roles the roster gives this peer.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions
  readonly #deadlines: Deadlines
  readonly #receiver: Receiver
  #run: Run | undefined
  #begun = Promise.withResolvers<Run>()
  #serving = false

  /** @throws NotPermittedError when this peer is not the evaluator of the roster */
  constructor(options: CoordinatorOptions) {
    const { transport, roster } = options
    if (!hasRole(roster, transport.self, 'evaluator')) {
      throw new NotPermittedError({
        peer: transport.self,
        field: 'roster',
        expected: 'this peer with the role evaluator',
        actual: rolesOf(roster, transport.self)?.join(', ') ?? 'no entry',
        remedy: 'Use Member for the other roles.'
      })
    }
    this.#options = options
    this.#deadlines = { ...DEFAULT_DEADLINES, ...options.deadlines }
    this.#receiver = new Receiver({
      self: transport.self,
      roster,
      record: () => this.#run?.party.current?.record,
      handler: this.#fromMembers,
      onRefused: (error, peer) => options.onRefused?.(error, peer)
    })
  }

  /**
   * Leads one session; resolves when all queriers and data owners have left (or after `close()`).
   * @throws PartyMissingError who is missing and in which phase; SessionAbortedError who broke the session and why; what the planner throws
   */
  async run(): Promise<SessionSummary> {
    const { signal, transport } = this.#options
    if (this.#run !== undefined) throw new OutOfOrderMessageError({ peer: transport.self, field: 'run', expected: 'one session at a time' })
    signal?.throwIfAborted()
    this.#serve()
    const run = this.#prepare()
    this.#run = run
    const stop = (): void =>
      run.controller.abort(new SessionAbortedError({ culprit: transport.self, reason: 'the coordinator was stopped', phase: run.phase }))
    signal?.addEventListener('abort', stop, { once: true })
    const unsubscribe = transport.onPeerChange((peer, state, reason) => {
      if (state === 'down') this.#lost(run, peer, reason)
      else if (hasOpened(run)) void run.rollCall.ask(peer)
    })
    try {
      return await this.#lead(run)
    } catch (error) {
      const failure = asFailure(run, run.controller.signal.aborted ? run.controller.signal.reason : error)
      run.controller.abort(failure)
      run.failed.reject(failure)
      await this.#abort(run, failure)
      throw failure
    } finally {
      run.rollCall.stop()
      unsubscribe()
      signal?.removeEventListener('abort', stop)
      this.#run = undefined
    }
  }

  /** Resolves with its plan when the current (or next) session is ready for queries; rejects when it fails before. */
  async ready(): Promise<Plan> {
    const { failed, party } = await this.#awaited()
    return await Promise.race([party.ready(), failed.promise])
  }

  /** Where this process is a querier or data owner, too: see Member.query. */
  async query(samples: SampleSource, options: QueryOptions = {}): Promise<Float64Array[]> {
    const { failed, party } = await this.#awaited()
    return await Promise.race([party.query(samples, options), failed.promise])
  }

  /** No more queries from this process. */
  async leave(): Promise<void> {
    await this.#run?.party.leave()
  }

  /** Ends the session in good order once running queries are answered. */
  close(): void {
    if (this.#run === undefined) return
    this.#run.closing = true
    this.#run.desk?.close()
  }

  async #awaited(): Promise<Run> {
    return this.#run ?? (await this.#begun.promise)
  }

  #serve(): void {
    if (this.#serving) return
    this.#serving = true
    this.#options.transport.serve(async (peer, request, context) => await this.#receiver.receive(peer, request, context.signal), {
      maximumRequestBytes: peer => this.#receiver.maximumRequestBytes(peer)
    })
  }

  #prepare(): Run {
    const { cryptography, onDecryptions, onLayers, onProgress, onRefused, onWaiting, signer, transport } = this.#options
    const roster = canonicalRoster(this.#options.roster)
    const controller = new AbortController()
    const meter = new PhaseMeter()
    const connections = new Map<string, Connection>()
    const { policy, signal, ...forParty } = this.#options
    const party = new Party(
      { ...forParty, roster, policy: policy ?? {} },
      {
        uplink: () => new LocalConnection(transport.self, this.#fromMembers),
        meter,
        ended: record => this.#receiver.forget(record)
      }
    )
    for (const { peer } of roster) {
      const connection =
        peer === transport.self
          ? new LocalConnection(peer, party.handle)
          : new Link({
              transport,
              peer,
              deadlines: this.#deadlines,
              record: () => party.current?.record,
              meter,
              onRefused: (error, culprit) => onRefused?.(error, culprit),
              onWaiting: event => onWaiting?.(event)
            })
      connections.set(peer, connection)
    }
    const lead: Lead = {
      self: transport.self,
      roster,
      signer,
      cryptography: party.evidence === undefined ? cryptography : recording(cryptography, party.evidence),
      shareChecks: this.#options.shareChecks ?? shareChecksOf(signer),
      evidence: this.#options.evidence ?? party.evidence,
      resultKeys: new Map(),
      proofCheckers: new Set(),
      demands: new Map(),
      connections,
      meter,
      signal: controller.signal,
      window: this.#options.window ?? DEFAULT_WINDOW,
      progress: event => onProgress?.(event),
      waiting: event => onWaiting?.(event),
      decryptions: event => onDecryptions?.(event),
      layers: (query, steps) => onLayers?.(query, steps),
      onRefused: (error, peer) => onRefused?.(error, peer),
      enter: phase => {
        run.phase = phase
      },
      session: () => party.active()
    }
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => undefined)
    const rollCall = new RollCall(lead, error => {
      if (run.phase !== 'close' && !spares(run, error.peer!)) controller.abort(error)
    })
    const run: Run = { lead, party, controller, rollCall, failed, desk: undefined, closing: false, phase: 'roster' }
    this.#begun.resolve(run)
    this.#begun = Promise.withResolvers<Run>()
    return run
  }

  async #lead(run: Run): Promise<SessionSummary> {
    const { lead } = run
    const { limits = {}, planner } = this.#options
    const phase = async <T>(name: Phase, step: () => Promise<T>): Promise<T> => {
      lead.signal.throwIfAborted()
      run.phase = name
      return await orStopped(lead.meter.measure(name, step), lead.signal)
    }
    await phase('roster', async () => await gatherRoster(lead, this.#deadlines.roster))
    const plan = await phase('plan', async () => await makePlan(lead, planner, limits, { measuresLine: this.#options.measuresLine }))
    const build = await softwareBuild()
    await phase('session', async () => {
      await agree(lead, describeSession(lead, plan, limits, { build, proofs: this.#options.proofs }))
    })
    await phase('public-key', async () => await makePublicKey(lead))
    await phase('relinearization-key', async () => await makeRelinearizationKey(lead))
    await phase('galois-keys', async () => await makeGaloisKeys(lead))
    await phase('model-upload', async () => await uploadModel(lead))
    const desk = new QueryDesk(lead, { heartbeat: this.#deadlines.heartbeat, giveUp: error => run.controller.abort(error) })
    run.desk = desk
    if (run.closing) desk.close()
    await phase('ready', async () => {
      // This party's own readiness first: a member may ask as soon as it hears that it may.
      await lead.connections.get(lead.self)!.request('ready', {}, lead.signal)
      await together([...lead.connections.values()], lead.signal, async (connection, signal) => {
        if (connection.peer === lead.self) return
        await connection.request('ready', {}, signal).catch(error => {
          if (!(error instanceof PartyMissingError && spares(run, connection.peer))) throw error
        })
      })
    })
    const since = Date.now()
    void run.rollCall.repeat(this.#deadlines.idle, () => {
      for (const peer of desk.awaited) if (peer !== lead.self) lead.waiting({ phase: 'ready', peer, message: 'queryOpen', since })
    })
    await orStopped(desk.finished, lead.signal)
    run.phase = 'close'
    const session = lead.session()
    await this.#farewell(run, async (connection, signal) => await connection.request('close', {}, signal))
    await run.party.end(session, undefined)
    return await session.finished
  }

  /** What members send: queries and farewells. This process's own queries come here, too. */
  readonly #fromMembers: Handler = async <K extends RequestKind>(
    kind: K,
    body: Bodies[K],
    context: { peer: string; signal: AbortSignal }
  ) => {
    const run = this.#run
    const { peer } = context
    if (kind === 'abort') {
      const { proposal, reason } = body as Bodies['abort']
      const current = run?.party.current?.record.proposalId
      if (current === undefined || !equalBytes(proposal, current)) throw new WrongSessionError({ peer, kind, field: 'proposal' })
      run?.controller.abort(new SessionAbortedError({ culprit: peer, reason: reason.slice(0, 300), phase: run.phase }))
      return {} as Bodies[ReplyOf<K>]
    }
    if (kind === 'alive') return {} as Bodies[ReplyOf<K>]
    if (run?.desk === undefined) {
      throw new OutOfOrderMessageError({ peer, kind, field: 'stage', expected: 'ready', actual: run?.party.current?.stage ?? 'none' })
    }
    const handler = run.desk.handlers[kind]
    if (handler === undefined) throw new NotPermittedError({ peer, kind, field: 'receiver', expected: 'another role', actual: 'evaluator' })
    return await handler(body, context)
  }

  /** A connection is gone. */
  #lost(run: Run, peer: string, reason = 'connection lost'): void {
    const { lead, phase } = run
    if (rolesOf(lead.roster, peer) === undefined || phase === 'roster' || phase === 'close') return
    if (!spares(run, peer)) run.controller.abort(new PartyMissingError({ peer, phase, reason }))
  }

  async #abort(run: Run, failure: ProtocolError): Promise<void> {
    const session = run.party.current
    if (session === undefined) return
    const missing = failure instanceof PartyMissingError
    const culprit = (missing ? failure.peer : failure.culprit) ?? run.lead.self
    // What went wrong inside this process is its own affair.
    const reason = failure.cause instanceof InternalError ? 'internal error of the coordinator' : (failure.reason ?? failure.message)
    const { proposalId } = session.record
    const message = { proposal: proposalId, code: failure.code, culprit, phase: failure.phase ?? run.phase, reason: reason.slice(0, 500) }
    await this.#farewell(run, async (connection, signal) => {
      if (!(missing && connection.peer === culprit)) await connection.request('abort', message, signal)
    })
    await run.party.end(session, failure)
  }

  /** Tells every other party at once; one that does not listen is not waited for. */
  async #farewell(run: Run, tell: (connection: Connection, signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const others = [...run.lead.connections.values()].filter(({ peer }) => peer !== run.lead.self)
    await Promise.allSettled(others.map(async connection => await tell(connection, AbortSignal.timeout(FAREWELL))))
  }
}

/** Whether the session goes on without a party: it has done its part, or others are left to ask. */
function spares({ desk, lead, rollCall }: Run, peer: string): boolean {
  if (desk === undefined || hasRole(lead.roster, peer, 'key-holder')) return false
  const spared = (!desk.isServing(peer) || desk.drop(peer)) && desk.lost(peer)
  if (spared) rollCall.excuse(peer)
  return spared
}

/** Whether every member knows the session: before that, its own requests tell who does not. */
function hasOpened({ phase }: Run): boolean {
  return phase !== 'roster' && phase !== 'plan' && phase !== 'session' && phase !== 'close'
}

/** The error that a session ends with: who is missing, or who is to blame and for what. */
function asFailure(run: Run, error: unknown): ProtocolError {
  if (error instanceof PartyMissingError || error instanceof SessionAbortedError) return error
  const { phase } = run
  if (error instanceof RemoteFailureError) {
    const culprit = error.remote.culprit ?? error.peer ?? run.lead.self
    return new SessionAbortedError({ culprit, phase, reason: error.remote.message }, { cause: error })
  }
  const typed = translateError(error, {})
  const culprit = typed.culprit ?? typed.peer ?? run.lead.self
  const reason = error instanceof Error ? error.message : typed.message
  return new SessionAbortedError({ culprit, phase, reason }, { cause: typed })
}
