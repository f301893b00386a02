/**
 * The evaluator's requests to key holders, of all its queries, as few messages as cost nobody time: what comes within a moment goes together, and so does what comes
 * while a holder has enough to do. Of two messages one is on its way while the holder computes the other.
 *
 * A request keeps its own signature, answer and failure; a query that is given up leaves its message, and the others of that message go on.
 */
import { DeadlineExceededError, MalformedMessageError, RemoteFailureError } from '../../errors/errors.js'
import { remoteFailure } from '../../wire/failure.js'
import type { CallKind, Message } from '../calls/call.js'
import type { Caller, CallOptions } from '../calls/caller.js'
import { checkCall, decodeCall, encodeCall } from '../calls/codec.js'
import { JOINT_BYTES, JOINT_CALLS, TOGETHER } from './joint-call.js'

/** Messages that may be under way to one holder; what comes then waits for the first of them. */
const UNDER_WAY = 2

export interface JointRequestsOptions {
  readonly caller: Caller
  /** How long a request waits for others, milliseconds; 0 where there are none. */
  readonly window: number
}

/** A request to a holder. */
export interface HolderRequest<Q, R> {
  readonly peer: string
  /** Whose turn it takes: its query. */
  readonly query: string
  readonly kind: CallKind<Q, R>
  readonly head: Q
  readonly blobs: readonly Uint8Array[]
}

/** One request from when it is made until it is answered. */
interface Waiting {
  readonly query: string
  readonly bytes: number
  readonly blobs: readonly Uint8Array[]
  readonly signal: AbortSignal | undefined
  /** As a call of its own. */
  alone(signal: AbortSignal): Promise<Message<unknown>>
  encoded(): Uint8Array
  /** @throws what is wrong with the reply */
  read(reply: Uint8Array): Message<unknown>
  readonly answer: PromiseWithResolvers<Message<unknown>>
}

export class JointRequests {
  readonly #options: JointRequestsOptions
  /** By holder, and by how long it is waited for where it is not connected. */
  readonly #lanes = new Map<string, Lane>()

  constructor(options: JointRequestsOptions) {
    this.#options = options
  }

  /** @throws what the call would throw alone; the signal's reason, whatever becomes of the others */
  async ask<Q, R>({ peer, query, kind, head, blobs }: HolderRequest<Q, R>, options: CallOptions): Promise<Message<R>> {
    const { caller, window } = this.#options
    const { signal, absence, ...more } = options
    signal?.throwIfAborted()
    const of: Omit<CallOptions, 'signal'> = { ...more, ...(absence === undefined ? {} : { absence }) }
    const key = `${peer} ${absence ?? ''}`
    const lane = this.#lanes.get(key) ?? new Lane(peer, caller, window, of)
    this.#lanes.set(key, lane)
    return (await lane.ask({
      query,
      bytes: blobs.reduce((sum, { length }) => sum + length, 0),
      blobs,
      signal,
      alone: async within => await caller.call(peer, kind, head, blobs, { ...of, signal: within }),
      encoded: () => encodeCall(kind.kind, head, blobs),
      read: reply => checkCall(kind, 'reply', decodeCall(reply, peer), peer),
      answer: Promise.withResolvers()
    })) as Message<R>
  }

  /** The query is over. */
  done(query: string): void {
    for (const lane of this.#lanes.values()) lane.served.delete(query)
  }
}

class Lane {
  /** By query, a number that grows with every message: the last that it was part of. */
  readonly served = new Map<string, number>()
  readonly #peer: string
  readonly #caller: Caller
  readonly #window: number
  readonly #options: Omit<CallOptions, 'signal'>
  #waiting: Waiting[] = []
  #underWay = 0
  #messages = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Whether the holder takes several calls in one message, as far as is known: one of an older release does not. */
  #joins = true

  constructor(peer: string, caller: Caller, window: number, options: Omit<CallOptions, 'signal'>) {
    this.#peer = peer
    this.#caller = caller
    this.#window = window
    this.#options = options
  }

  async ask(request: Waiting): Promise<Message<unknown>> {
    const { signal, answer } = request
    const leave = (): void => {
      this.#waiting = this.#waiting.filter(other => other !== request)
      answer.reject(signal?.reason)
    }
    signal?.addEventListener('abort', leave, { once: true })
    this.#waiting.push(request)
    this.#gather()
    try {
      return await answer.promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  #gather(): void {
    if (this.#underWay >= UNDER_WAY || this.#timer !== undefined) return
    if (this.#window > 0) this.#timer = setTimeout(() => this.#leave(), this.#window)
    else this.#leave()
  }

  #leave(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#underWay < UNDER_WAY && this.#waiting.length > 0) void this.#send(this.#next())
  }

  /** One request of each query in turn, that which was served longest ago first, as long as there is room. */
  #next(): Waiting[] {
    const taken: Waiting[] = []
    let bytes = 0
    const turns = Map.groupBy(this.#waiting, ({ query }) => query)
    const order = [...turns.keys()].sort((a, b) => (this.served.get(a) ?? -1) - (this.served.get(b) ?? -1))
    const message = this.#messages++
    const room = this.#joins ? JOINT_CALLS : 1
    const fits = (request: Waiting): boolean => taken.length === 0 || (taken.length < room && bytes + request.bytes <= JOINT_BYTES)
    for (let round = 0; ; round++) {
      const due = order.flatMap(query => turns.get(query)![round] ?? [])
      if (due.length === 0) break
      // What does not fit is first in the next message: nobody passes it.
      const end = due.findIndex(request => {
        if (!fits(request)) return true
        taken.push(request)
        bytes += request.bytes
        this.served.set(request.query, message)
        return false
      })
      if (end >= 0) break
    }
    this.#waiting = this.#waiting.filter(request => !taken.includes(request))
    return taken
  }

  async #send(requests: readonly Waiting[]): Promise<void> {
    this.#underWay++
    const controller = new AbortController()
    let left = requests.length
    const leave = (): void => {
      // Nobody wants it any more.
      if (--left === 0) controller.abort(requests.at(-1)!.signal?.reason)
    }
    for (const { signal } of requests) signal?.addEventListener('abort', leave, { once: true })
    try {
      const [first, ...others] = requests
      if (others.length === 0) first!.answer.resolve(await first!.alone(controller.signal))
      else await this.#together(requests, controller.signal)
    } catch (error) {
      // One that was silent for so long would be so for those that wait, too: they ask others instead.
      const lost = error instanceof DeadlineExceededError ? [...requests, ...this.#waiting.splice(0)] : requests
      for (const { answer } of lost) answer.reject(error)
    } finally {
      for (const { signal } of requests) signal?.removeEventListener('abort', leave)
      this.#underWay--
      this.#leave()
    }
  }

  async #together(requests: readonly Waiting[], signal: AbortSignal): Promise<void> {
    const peer = this.#peer
    const asked = this.#caller.call(
      peer,
      TOGETHER,
      {},
      requests.map(request => request.encoded()),
      { ...this.#options, signal }
    )
    const reply = await asked.catch((error: unknown) => {
      if (!(error instanceof RemoteFailureError && error.remote.code === 'not-permitted')) throw error
    })
    if (reply === undefined) {
      this.#joins = false
      this.#waiting.unshift(...requests.filter(request => request.signal?.aborted !== true))
      return
    }
    const { head, blobs } = reply
    const answers = Math.min(head.answered.length, blobs.length)
    if (head.answered.length !== requests.length || blobs.length !== requests.length) {
      throw new MalformedMessageError({
        peer,
        kind: TOGETHER.kind,
        field: 'answered',
        expected: `${requests.length}`,
        actual: `${answers}`
      })
    }
    for (const [k, request] of requests.entries()) {
      try {
        if (head.answered[k] !== true) throw remoteFailure(blobs[k]!, peer)
        request.answer.resolve(request.read(blobs[k]!))
      } catch (error) {
        request.answer.reject(error)
      }
    }
  }
}
