/**
 * A network inside one process: every party gets a transport, and a test decides what happens to the messages.
 *
 * Bytes are copied on the way, failures travel encoded, lengths are bounded and counted, as on a real network.
 */
import { OversizedMessageError, PeerUnreachableError } from '../errors/errors.js'
import { encodeFailure, remoteFailure } from '../wire/failure.js'
import type { PeerListener, PeerState, RequestHandler, RequestOptions, ServeLimits, Transport } from '../wire/transport.js'

export interface MemoryMessage {
  readonly from: string
  readonly to: string
  /** A response's `from` is the party that answers. */
  readonly direction: 'request' | 'response'
  readonly bytes: Uint8Array
  /** Counts the network's messages, from 0. */
  readonly index: number
}

/**
 * What becomes of a message: `undefined` lets it pass, bytes replace it, 'drop' loses it (the asker hears nothing). A promise delays it.
 */
export type Fault = (message: MemoryMessage) => undefined | 'drop' | Uint8Array | Promise<undefined | 'drop' | Uint8Array>

interface Node {
  readonly transport: Transport
  handler: RequestHandler | undefined
  limits: ServeLimits | undefined
  alive: boolean
  /** Whether its death was heard of. */
  silent: boolean
  readonly listeners: Set<PeerListener>
  /** Ends requests that this party has under way, in either direction. */
  readonly pending: Set<{ with: string; fail(error: Error): void }>
}

export class MemoryNetwork {
  readonly #nodes = new Map<string, Node>()
  #fault: Fault | undefined
  #count = 0

  /** Installs what decides about every message, or removes it. */
  setFault(fault: Fault | undefined): void {
    this.#fault = fault
  }

  /** The transport of a party; made at the first call. */
  transport(self: string): Transport {
    return this.#node(self).transport
  }

  /**
   * A party dies. Its connections break: requests under way fail and the others hear 'down'; `silent` leaves them without an answer instead, as a machine
   * does whose power is cut.
   */
  kill(peer: string, options: { silent?: boolean } = {}): void {
    const node = this.#node(peer)
    node.alive = false
    node.silent = options.silent === true
    if (node.silent) return
    for (const request of [...node.pending]) request.fail(new PeerUnreachableError({ peer: request.with, reason: 'connection lost' }))
    for (const [other, { alive, listeners }] of this.#nodes) {
      if (other !== peer && alive) for (const listener of [...listeners]) listener(peer, 'down')
    }
  }

  /** A party is back (as a new process would be: its transport keeps the name, whoever serves on it is the newest). */
  revive(peer: string): void {
    this.#node(peer).alive = true
    for (const [other, { alive, listeners }] of this.#nodes) {
      if (other !== peer && alive) for (const listener of [...listeners]) listener(peer, 'up')
    }
  }

  /** A party starts anew before anybody has missed it: its connections break, and everybody hears at once that it is another process. */
  restart(peer: string): void {
    this.kill(peer)
    this.revive(peer)
  }

  /** One party alone hears news of another, as when one end of a connection has given up and the other has not. */
  tell(listener: string, peer: string, state: PeerState, reason?: string): void {
    for (const hear of [...this.#node(listener).listeners]) hear(peer, state, reason)
  }

  /** Sends bytes in a party's name, whatever they are, and resolves with the answer. @throws RemoteFailureError, PeerUnreachableError */
  async inject(from: string, to: string, bytes: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return await this.#request(this.#node(from), from, to, bytes, {
      maximumResponseBytes: Number.POSITIVE_INFINITY,
      ...(signal === undefined ? {} : { signal })
    })
  }

  #node(self: string): Node {
    let node = this.#nodes.get(self)
    if (node === undefined) {
      node = this.#create(self)
      this.#nodes.set(self, node)
    }
    return node
  }

  #create(self: string): Node {
    const sent = new Counter()
    const received = new Counter()
    const transport: Transport = {
      self,
      request: async (peer, request, options) => {
        sent.add(peer, request.length)
        const response = await this.#request(node, self, peer, request, options)
        received.add(peer, response.length)
        return response
      },
      serve: (handler, limits) => {
        node.handler = async (peer, request, context) => {
          received.add(peer, request.length)
          const response = await handler(peer, request, context)
          sent.add(peer, response.length)
          return response
        }
        node.limits = limits
      },
      onPeerChange: listener => {
        node.listeners.add(listener)
        return () => node.listeners.delete(listener)
      },
      bytes: { sent: peer => sent.of(peer), received: peer => received.of(peer), arrived: peer => sent.of(peer) }
    }
    const node: Node = {
      transport,
      handler: undefined,
      limits: undefined,
      alive: true,
      silent: false,
      listeners: new Set(),
      pending: new Set()
    }
    return node
  }

  async #request(node: Node, from: string, to: string, bytes: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    options.signal?.throwIfAborted()
    const target = this.#nodes.get(to)
    if (!node.alive) throw new PeerUnreachableError({ peer: to, reason: 'this party is dead' })
    if (!(target?.alive ?? false) && !(target?.silent ?? false)) throw new PeerUnreachableError({ peer: to, reason: 'no connection' })
    if (target?.handler === undefined) throw new PeerUnreachableError({ peer: to, reason: 'nobody serves' })

    const { promise, reject, resolve } = Promise.withResolvers<Uint8Array>()
    const controller = new AbortController()
    const finish = (): void => {
      controller.abort()
      for (const entry of entries) entry.node.pending.delete(entry.request)
      options.signal?.removeEventListener('abort', onAbort)
    }
    const entries = [
      { node, request: { with: to, fail: reject } },
      { node: target, request: { with: to, fail: reject } }
    ]
    for (const entry of entries) entry.node.pending.add(entry.request)
    const onAbort = (): void => reject(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    this.#exchange(target, from, to, bytes, controller.signal).then(
      response => {
        // `undefined` was lost on the way: the asker waits until it loses patience.
        if (response === undefined) return
        if (response.length > options.maximumResponseBytes) {
          reject(
            new OversizedMessageError({
              peer: to,
              field: 'response',
              expected: `at most ${options.maximumResponseBytes} bytes`,
              actual: `${response.length} bytes`
            })
          )
        } else resolve(response)
      },
      error => reject(error)
    )
    try {
      return await promise
    } finally {
      finish()
    }
  }

  async #exchange(target: Node, from: string, to: string, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const request = await this.#carry({ from, to, direction: 'request', bytes: bytes.slice(), index: this.#count++ })
    if (request === undefined || !target.alive) return undefined
    let answer: { response: Uint8Array } | { failure: Uint8Array }
    try {
      const maximum = target.limits!.maximumRequestBytes
      const bound = typeof maximum === 'number' ? maximum : maximum(from)
      if (request.length > bound) {
        throw new OversizedMessageError({
          peer: from,
          field: 'request',
          expected: `at most ${bound} bytes`,
          actual: `${request.length} bytes`
        })
      }
      answer = { response: (await target.handler!(from, request, { signal })).slice() }
    } catch (error) {
      answer = { failure: encodeFailure(error) }
    }
    if (!target.alive) return undefined
    if ('failure' in answer) throw remoteFailure(answer.failure, to)
    return await this.#carry({ from: to, to: from, direction: 'response', bytes: answer.response, index: this.#count++ })
  }

  async #carry(message: MemoryMessage): Promise<Uint8Array | undefined> {
    const fate = await this.#fault?.(message)
    if (fate === 'drop') return undefined
    return fate ?? message.bytes
  }
}

class Counter {
  readonly #byPeer = new Map<string, number>()
  #total = 0

  add(peer: string, bytes: number): void {
    this.#total += bytes
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + bytes)
  }

  of(peer: string | undefined): number {
    return peer === undefined ? this.#total : (this.#byPeer.get(peer) ?? 0)
  }
}
