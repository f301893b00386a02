/** One session as one party lives it: stage by stage from the proposal to the end. */

import { toHex } from '../base/digest.js'
import { OutOfOrderMessageError, ShareConflictError } from '../errors/errors.js'
import type { SessionDescriptor } from '../terms/descriptor.js'
import type { Phase } from '../terms/phases.js'
import type { Plan } from '../terms/plan.js'
import { peersWith } from '../terms/roster.js'
import { componentsHash } from '../terms/statements.js'
import type { HandlerContext } from '../wire/connection.js'
import type { SessionRecord } from '../wire/session-record.js'
import type { SessionSummary } from './summary.js'

/** In order: descriptor signed, nonce shown, session id known, public key summed, model at the evaluator. */
const STAGES = ['proposed', 'revealed', 'open', 'keyed', 'ready'] as const
type Stage = (typeof STAGES)[number]

export class PartySession {
  readonly #ended = new AbortController()
  readonly #ready = Promise.withResolvers<void>()
  readonly #finished = Promise.withResolvers<SessionSummary>()
  #stage: Stage = 'proposed'
  /** Phase of the last message. */
  phase: Phase = 'session'
  /** When the last message came, milliseconds since 1970. */
  heard = Date.now()
  /** Queries answered, asked or read here. */
  readonly queries = new Set<string>()
  /** Instances of refreshes made or answered here. */
  readonly refreshes = new Set<string>()
  /** Endorsements gathered (coordinator), given (witness) or held against a request (key holder). */
  endorsements = 0
  #error: Error | undefined
  #model: string | undefined

  constructor(readonly record: SessionRecord) {
    // Nobody may be waiting; whoever is, hears it from these promises.
    this.#ready.promise.catch(() => undefined)
    this.#finished.promise.catch(() => undefined)
  }

  get descriptor(): SessionDescriptor {
    return this.record.descriptor
  }

  get plan(): Plan {
    return this.record.descriptor.plan
  }

  get stage(): Stage {
    return this.#stage
  }

  /** Fires when the session ends, with the error that ended it if there is one. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  get active(): boolean {
    return !this.#ended.signal.aborted
  }

  /** Whether it has come to an end in good order. */
  get closed(): boolean {
    return !this.active && this.#error === undefined
  }

  /** Resolves when queries may be asked. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  get finished(): Promise<SessionSummary> {
    return this.#finished.promise
  }

  advance(stage: Stage): void {
    if (STAGES.indexOf(stage) > STAGES.indexOf(this.#stage)) this.#stage = stage
    if (stage === 'ready') this.#ready.resolve()
  }

  /** @throws OutOfOrderMessageError unless the session has come as far as `stage` */
  require(stage: Stage, kind: string, context: HandlerContext): void {
    if (STAGES.indexOf(this.#stage) >= STAGES.indexOf(stage)) return
    throw new OutOfOrderMessageError({ peer: context.peer, kind, field: 'stage', expected: stage, actual: this.#stage })
  }

  /** The model's hash, which its owner's signature was seen for. @throws ShareConflictError when it is not the one that was announced before */
  learnModel(hash: string, kind: string, { peer }: Pick<HandlerContext, 'peer'>): void {
    if (this.#model !== undefined && this.#model !== hash) {
      throw new ShareConflictError({ peer, kind, field: 'hash', expected: this.#model, actual: hash, culprit: peer })
    }
    this.#model = hash
  }

  /** The model's hash as statements name it. @throws OutOfOrderMessageError before it was announced */
  modelHash(kind: string, { peer }: Pick<HandlerContext, 'peer'>): string {
    if (this.plan.operands.weights === 'clear') return toHex(componentsHash([]))
    if (this.#model !== undefined) return this.#model
    const [expected, actual] = ['a model whose owner has signed it, announced before', 'none']
    throw new OutOfOrderMessageError({ peer, kind, field: 'stage', expected, actual })
  }

  /** Ends the session; false when it had ended before. */
  end(error: Error | undefined): boolean {
    if (!this.active) return false
    this.#error = error
    this.#ended.abort(error ?? new DOMException('the session is closed', 'AbortError'))
    return true
  }

  /** Settles `ready` and `finished`, once everything has been put away. */
  async settle(error: Error | undefined): Promise<void> {
    if (error !== undefined) {
      this.#ready.reject(error)
      this.#finished.reject(error)
    } else {
      this.#ready.reject(this.signal.reason)
      this.#finished.resolve(await this.summary())
    }
  }

  async summary(): Promise<SessionSummary> {
    const { record } = this
    const { coordinator, roster, plan, floodingBits, maximumDecryptions, switchesPerQuerier, maximumRefreshes } = record.descriptor
    return {
      session: toHex(record.sessionId ?? record.proposalId),
      self: record.self,
      coordinator,
      roster: [...roster],
      plan,
      floodingBits,
      maximumDecryptions,
      switchesPerQuerier,
      maximumRefreshes,
      phases: record.meter.figures(),
      queries: this.queries.size,
      refreshes: this.refreshes.size,
      witnesses: peersWith(roster, 'witness').length,
      endorsements: this.endorsements,
      transcript: await record.transcript.export()
    }
  }
}
