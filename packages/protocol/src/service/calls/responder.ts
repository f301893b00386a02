/**
 * The way in: member → form → kind → permission → head and blobs → handler. What fails any of it changes nothing, and its sender is told why.
 *
 * This party's own calls to itself take the same way, without the network.
 */
import { NotPermittedError, UnknownMemberError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Transport } from '../../wire/transport.js'
import type { CallKind, Message } from './call.js'
import { checkCall, decodeCall, encodeCall, messageBound } from './codec.js'

export interface CallContext {
  readonly peer: string
  readonly signal: AbortSignal
}

export type CallHandler<Q, R> = (message: Message<Q>, context: CallContext) => Promise<{ head: R; blobs?: readonly Uint8Array[] }>

interface Entry {
  readonly kind: CallKind<unknown, unknown>
  readonly allow: (peer: string) => string | undefined
  readonly handler: CallHandler<unknown, unknown>
}

export interface ResponderOptions {
  /** Whether a peer may send anything at all. */
  known(peer: string): boolean
  onRefused?(error: Error, peer: string): void
}

export class Responder {
  readonly #options: ResponderOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /** @param allow who is expected instead, when a peer may not send this kind; undefined when it may */
  on<Q, R>(kind: CallKind<Q, R>, allow: (peer: string) => string | undefined, handler: CallHandler<Q, R>): void {
    if (this.#entries.has(kind.kind)) throw new Error(`two handlers of ${kind.kind}`)
    this.#entries.set(kind.kind, { kind, allow, handler } as unknown as Entry)
  }

  serve(transport: Transport): void {
    transport.serve(async (peer, request, { signal }) => await this.receive(peer, request, signal), {
      maximumRequestBytes: peer => this.maximumRequestBytes(peer)
    })
  }

  /** @throws ProtocolError, always typed */
  async receive(peer: string, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    let name = 'call'
    try {
      if (!this.#options.known(peer)) {
        throw new UnknownMemberError({ peer, kind: name, remedy: 'Add the peer to the roster: slytherin roster add LINE.' })
      }
      const raw = decodeCall(bytes, peer)
      name = raw.kind.slice(0, 80)
      const entry = this.#entries.get(raw.kind)
      if (entry === undefined)
        throw new NotPermittedError({ peer, kind: name, field: 'receiver', expected: 'a call that this party answers' })
      const expected = entry.allow(peer)
      if (expected !== undefined) throw new NotPermittedError({ peer, kind: name, field: 'sender', expected, actual: peer })
      const message = checkCall(entry.kind, 'request', raw, peer)
      const { head, blobs = [] } = await entry.handler(message, { peer, signal })
      return encodeCall(name, head, blobs)
    } catch (error) {
      const typed = translateError(error, { peer, kind: name })
      this.#options.onRefused?.(typed, peer)
      throw typed
    }
  }

  maximumRequestBytes(peer: string): number {
    if (!this.#options.known(peer)) return messageBound({ count: 0, bytes: 0 })
    let most = messageBound({ count: 0, bytes: 0 })
    for (const { kind, allow } of this.#entries.values()) {
      if (allow(peer) === undefined) most = Math.max(most, messageBound(kind.requestBlobs))
    }
    return most
  }
}
