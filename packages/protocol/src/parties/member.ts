/** A party that serves: every role but the evaluator's, on a transport. */
import { delay } from '../base/concurrency.js'
import { NotPermittedError, PartyMissingError, SessionAbortedError } from '../errors/errors.js'
import type { QueryOptions, SampleSource } from '../queries/samples.js'
import type { PartySession } from '../session/party-session.js'
import type { SessionSummary } from '../session/summary.js'
import type { Plan } from '../terms/plan.js'
import { peersWith, rolesOf } from '../terms/roster.js'
import type { Connection } from '../wire/connection.js'
import { DEFAULT_DEADLINES, type Deadlines } from '../wire/deadlines.js'
import { Link } from '../wire/link.js'
import { Receiver } from '../wire/receiver.js'
import type { MemberOptions } from './options.js'
import { Party } from './party.js'

/** How long leaving waits for the coordinator to hear of it. */
const FAREWELL = 2_000
/** How often within the idle deadline a member looks after its coordinator. */
const CHECKS_PER_IDLE = 6

/** A party of a session that does not evaluate: answers the coordinator in its roles, and asks queries where it may. */
export class Member {
  readonly #options: MemberOptions
  readonly #deadlines: Deadlines
  readonly #party: Party
  readonly #receiver: Receiver
  readonly #links = new WeakMap<PartySession, Link>()
  #unsubscribe: (() => void) | undefined
  #waiting: ReturnType<typeof setInterval> | undefined
  #stopped = false

  /** @throws NotPermittedError when this peer is not in the roster, or is its evaluator */
  constructor(options: MemberOptions) {
    const { transport, roster } = options
    const roles = rolesOf(roster, transport.self)
    if (roles === undefined || roles.includes('evaluator')) {
      throw new NotPermittedError({
        peer: transport.self,
        field: 'roster',
        expected: 'this peer, without the role evaluator',
        actual: roles?.join(', ') ?? 'no entry',
        remedy: roles === undefined ? 'Add this peer to the roster.' : 'Use Coordinator for the evaluator.'
      })
    }
    this.#options = options
    this.#deadlines = { ...DEFAULT_DEADLINES, ...options.deadlines }
    this.#party = new Party(options, {
      uplink: session => this.#uplink(session),
      begun: session => void this.#stayAwake(session),
      ended: record => this.#receiver.forget(record)
    })
    this.#receiver = new Receiver({
      self: transport.self,
      roster,
      record: () => this.#party.current?.record,
      handler: this.#party.handle,
      onRefused: (error, peer) => options.onRefused?.(error, peer)
    })
  }

  /** Begins to serve. */
  start(): void {
    const { transport, signal } = this.#options
    signal?.throwIfAborted()
    transport.serve(
      async (peer, request, context) => {
        if (this.#stopped) throw new NotPermittedError({ peer, reason: 'this party has stopped' })
        return await this.#receiver.receive(peer, request, context.signal)
      },
      { maximumRequestBytes: peer => this.#receiver.maximumRequestBytes(peer) }
    )
    this.#unsubscribe = transport.onPeerChange((peer, state, reason = 'connection lost') => {
      const session = this.#party.current
      if (session === undefined || peer !== session.descriptor.coordinator) return
      if (state === 'down') {
        void this.#party.end(session, new PartyMissingError({ peer, phase: session.phase, reason }))
      } else void this.#check(session)
    })
    signal?.addEventListener('abort', () => void this.stop(), { once: true })
    let since = Date.now()
    const [evaluator] = peersWith(this.#options.roster, 'evaluator')
    this.#waiting = setInterval(() => {
      if (this.#party.current !== undefined) since = Date.now()
      else if (evaluator !== undefined) this.#options.onWaiting?.({ phase: 'roster', peer: evaluator, message: 'propose', since })
    }, this.#deadlines.idle)
  }

  /** Resolves with its plan when the current (or next) session is ready for queries; rejects when it is aborted before. */
  async ready(): Promise<Plan> {
    return await this.#party.ready()
  }

  /**
   * Logits per sample; samples beyond the plan's batch are asked in several queries, the next one encrypted while one is evaluated. Waits for the session
   * to be ready.
   * @throws RemoteFailureError what the evaluator answered; PartyMissingError, SessionAbortedError when the session ends meanwhile
   */
  async query(samples: SampleSource, options: QueryOptions = {}): Promise<Float64Array[]> {
    return await this.#party.query(samples, options)
  }

  /** No more queries from this party in this session; the session closes when all queriers and data owners have left. */
  async leave(): Promise<void> {
    await this.#party.leave()
  }

  /**
   * Resolves when the current (or next) session closes in good order; the outcome of a session is told once, then the next one is waited for.
   * @throws PartyMissingError, SessionAbortedError when it is aborted, naming who and why
   */
  async finished(): Promise<SessionSummary> {
    return await this.#party.finished()
  }

  /** Leaves a running session (the others are told) and stops serving. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#unsubscribe?.()
    clearInterval(this.#waiting)
    const session = this.#party.current
    if (session === undefined) return
    const self = this.#options.transport.self
    const farewell = {
      proposal: session.record.proposalId,
      code: 'session-aborted',
      culprit: self,
      phase: session.phase,
      reason: 'this party was stopped'
    }
    await this.#uplink(session)
      .request('abort', farewell, AbortSignal.timeout(FAREWELL))
      .catch(() => undefined)
    await this.#party.end(session, new SessionAbortedError({ culprit: self, phase: session.phase, reason: 'this party was stopped' }))
  }

  /**
   * Asks the coordinator from time to time whether it still leads the session: a party that has nothing to do for long would otherwise not notice that its
   * coordinator is gone, or has given up and could not tell.
   */
  async #stayAwake(session: PartySession): Promise<void> {
    const { idle } = this.#deadlines
    for (let checks = 1; session.active; checks++) {
      await delay(idle / CHECKS_PER_IDLE, session.signal).catch(() => undefined)
      await this.#check(session)
      if (checks % CHECKS_PER_IDLE > 0 || !session.active || Date.now() - session.heard < idle) continue
      const { phase, heard: since, descriptor } = session
      this.#options.onWaiting?.({ phase, peer: descriptor.coordinator, message: 'its next request', since })
    }
  }

  /** Ends the session unless the coordinator leads it still. Never rejects. */
  async #check(session: PartySession): Promise<void> {
    if (!session.active) return
    try {
      await this.#uplink(session).request('alive', {}, session.signal)
    } catch (error) {
      if (!session.active) return
      const { coordinator } = session.descriptor
      const missing = new PartyMissingError(
        { peer: coordinator, phase: session.phase, reason: 'does not lead this session any more' },
        { cause: error }
      )
      await this.#party.end(session, error instanceof PartyMissingError ? error : missing)
    }
  }

  #uplink(session: PartySession): Connection {
    let link = this.#links.get(session)
    if (link === undefined) {
      link = new Link({
        transport: this.#options.transport,
        peer: session.descriptor.coordinator,
        deadlines: this.#deadlines,
        record: () => session.record,
        meter: session.record.meter,
        onRefused: (error, peer) => this.#options.onRefused?.(error, peer),
        onWaiting: event => this.#options.onWaiting?.(event)
      })
      this.#links.set(session, link)
    }
    return link
  }
}
