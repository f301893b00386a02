/** Connection to another process: envelopes, lanes, retries, vigil, figures and transcript around `Transport.request`. */

import { delay, orStopped } from '../base/concurrency.js'
import { equalBytes, toHex } from '../base/digest.js'
import { Vigil } from '../base/vigil.js'
import {
  DeadlineExceededError,
  MalformedMessageError,
  OutOfOrderMessageError,
  OversizedMessageError,
  PartyMissingError,
  PeerUnreachableError,
  RemoteFailureError,
  WrongSessionError
} from '../errors/errors.js'
import type { WaitingEvent } from '../terms/phases.js'
import { decodeBody, encodeMessage, readHeader } from './codec.js'
import type { Connection } from './connection.js'
import type { Deadlines } from './deadlines.js'
import { type Bodies, KINDS, type ReplyOf, type RequestKind, RULES, ruleOf } from './kinds.js'
import { Lanes } from './lanes.js'
import type { PhaseMeter } from './phase-meter.js'
import type { SessionRecord } from './session-record.js'
import { ENVELOPE_BYTES } from './sizes.js'
import type { Transport } from './transport.js'

/** How often a request is made again whose bytes (or whose answer's) arrived damaged or not at all. */
const MAXIMUM_REPETITIONS = 3
/** More than pings, heartbeats and other signs of life come to between two looks. */
const NOTABLE_BYTES = 1024
const NO_SESSION = new Uint8Array(0)

interface LinkOptions {
  transport: Transport
  peer: string
  deadlines: Deadlines
  /** The session, once there is one. */
  record(): SessionRecord | undefined
  meter: PhaseMeter
  onRefused?(error: Error, peer: string): void
  onWaiting?(event: WaitingEvent): void
}

export class Link implements Connection {
  readonly peer: string
  readonly #options: LinkOptions
  readonly #lanes = new Lanes()

  constructor(options: LinkOptions) {
    this.peer = options.peer
    this.#options = options
  }

  async request<K extends RequestKind>(kind: K, body: Bodies[K], signal: AbortSignal): Promise<Bodies[ReplyOf<K>]> {
    const { idle } = this.#options.deadlines
    let repetitions = 0
    let unreachable = 0
    for (;;) {
      try {
        return await this.#attempt(kind, body, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof PeerUnreachableError) {
          const pause = Math.min(1000, idle / 20)
          unreachable += pause
          if (unreachable > idle) throw this.#missing(kind, 'no connection', error)
          await delay(pause, signal)
        } else if (isRepeatable(error) && repetitions < MAXIMUM_REPETITIONS) {
          repetitions++
          this.#options.onRefused?.(error, this.peer)
        } else if (error instanceof DeadlineExceededError) {
          throw this.#missing(kind, 'its answers are lost', error)
        } else if (error instanceof RemoteFailureError && error.remote instanceof WrongSessionError && ruleOf(kind)?.scope !== 'none') {
          throw this.#missing(kind, 'it does not know the session any more', error)
        } else throw error
      }
    }
  }

  async ping(signal: AbortSignal, padding?: Uint8Array): Promise<void> {
    await this.#attempt('ping', { lane: 0, sequence: 0, ...(padding === undefined ? {} : { padding }) }, signal)
  }

  async #attempt<K extends RequestKind>(kind: K, body: Bodies[K], outer: AbortSignal): Promise<Bodies[ReplyOf<K>]> {
    const rule = ruleOf(kind)!
    const record = rule.scope === 'none' ? undefined : this.#options.record()
    const session = rule.scope === 'none' ? NO_SESSION : record?.identifier(rule.scope)
    if (session === undefined) throw new WrongSessionError({ peer: this.peer, kind, expected: `a ${rule.scope}`, actual: 'none yet' })

    const lane = rule.scope === 'none' ? this.#lanes.unordered() : await this.#lanes.acquire(rule.urgent === true, outer)
    const controller = new AbortController()
    const abort = (): void => controller.abort(outer.reason)
    outer.addEventListener('abort', abort, { once: true })
    let vigil: Vigil | undefined
    try {
      outer.throwIfAborted()
      const address = { session, lane: lane.number, sequence: lane.next(toHex(session)) }
      const request = encodeMessage(address, kind, body)
      if (kind !== 'ping') vigil = this.#watch(kind, address, controller)
      record?.transcript.append('sent', this.peer, kind, request)
      this.#options.meter.sent(rule.phase, request.length)
      const reply = KINDS[rule.reply]
      const sizes = this.#options.record()?.sizes
      const response = await orStopped(
        this.#options.transport.request(this.peer, request, {
          signal: controller.signal,
          maximumResponseBytes: reply.bound(sizes) + ENVELOPE_BYTES,
          onProgress: () => vigil?.news()
        }),
        controller.signal
      )
      this.#options.meter.received(rule.phase, response.length)
      record?.transcript.append('received', this.peer, rule.reply, response)
      const header = readHeader(response, this.peer)
      if (header.kind !== rule.reply) {
        throw new MalformedMessageError({ peer: this.peer, kind, field: 'reply', expected: rule.reply, actual: header.kind })
      }
      if (!equalBytes(header.session, session)) throw new WrongSessionError({ peer: this.peer, kind: header.kind, field: 'session' })
      if (header.lane !== address.lane || header.sequence !== address.sequence) {
        throw new OutOfOrderMessageError({
          peer: this.peer,
          kind: header.kind,
          field: 'sequence',
          expected: `${address.lane}/${address.sequence}`,
          actual: `${header.lane}/${header.sequence}`
        })
      }
      return decodeBody(rule.reply, header.body, sizes, this.peer) as Bodies[ReplyOf<K>]
    } catch (error) {
      if (controller.signal.aborted) throw controller.signal.reason
      throw error
    } finally {
      vigil?.stop()
      outer.removeEventListener('abort', abort)
      lane.release()
    }
  }

  #watch(kind: RequestKind, address: { lane: number; sequence: number }, controller: AbortController): Vigil {
    const { idle, longest } = this.#options.deadlines
    const rule = RULES[kind]
    const { transport } = this.#options
    const bytes = (): number => transport.bytes.arrived(this.peer) + transport.bytes.received(this.peer)
    const since = Date.now()
    const sinceTick = growth(bytes)
    const sincePing = growth(bytes)
    return new Vigil({
      idle,
      longest,
      onWaiting: () => this.#options.onWaiting?.({ phase: rule.phase, peer: this.peer, message: kind, since }),
      moving: () => sinceTick() > NOTABLE_BYTES,
      ping: async signal => {
        const pong = await this.#attempt('ping', { lane: address.lane, sequence: address.sequence }, signal)
        // A request that is still arriving, or an answer that is, is not being worked on, and not lost either.
        const arriving = sincePing() > NOTABLE_BYTES
        return pong.working || arriving
      },
      onMissing: reason => controller.abort(this.#missing(kind, reason)),
      onLost: () => controller.abort(new DeadlineExceededError({ peer: this.peer, kind, phase: rule.phase }))
    })
  }

  #missing(kind: RequestKind, reason: string, cause?: unknown): PartyMissingError {
    return new PartyMissingError({ peer: this.peer, kind, phase: RULES[kind].phase, reason }, { cause })
  }
}

/** By how much a number has grown since this was asked last. */
function growth(read: () => number): () => number {
  let last = read()
  return () => {
    const before = last
    last = read()
    return last - before
  }
}

/** Damage in transit, on the way there or back; a repetition (with a new sequence number) may get through. */
function isRepeatable(error: unknown): error is Error {
  if (error instanceof MalformedMessageError || error instanceof OversizedMessageError || error instanceof OutOfOrderMessageError)
    return true
  if (error instanceof DeadlineExceededError) return true
  return (
    error instanceof RemoteFailureError &&
    ['malformed-message', 'signature', 'residue-range', 'replayed-message'].includes(error.remote.code)
  )
}
