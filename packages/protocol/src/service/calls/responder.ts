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

/** Who has called, and a signal that fires when the caller is gone. */
export interface CallContext {
  /** Peer id of the caller, as the transport has proved it. */
  readonly peer: string
  /** Fires when the answer is of no use any more. */
  readonly signal: AbortSignal
}

/** Answers one kind of call; its request has been checked against the kind. What it throws goes back as a typed failure (`translateError`). */
export type CallHandler<Q, R> = (message: Message<Q>, context: CallContext) => Promise<{ head: R; blobs?: readonly Uint8Array[] }>

interface Entry {
  readonly kind: CallKind<unknown, unknown>
  readonly allow: (peer: string) => string | undefined
  readonly handler: CallHandler<unknown, unknown>
}

/** Whom a responder lets in. */
export interface ResponderOptions {
  /** Whether a peer may send anything at all. */
  known(peer: string): boolean
  /** Told of every request that was refused or failed, with what its sender was told. */
  onRefused?(error: Error, peer: string): void
}

/** Checks requests of other parties and hands them to the handlers of their kinds. */
export class Responder {
  readonly #options: ResponderOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /**
   * Registers the one handler of a kind; a second one is a programming error, and throws.
   * @param allow who is expected instead, when a peer may not send this kind; undefined when it may
   */
  on<Q, R>(kind: CallKind<Q, R>, allow: (peer: string) => string | undefined, handler: CallHandler<Q, R>): void {
    if (this.#entries.has(kind.kind)) throw new Error(`two handlers of ${kind.kind}`)
    this.#entries.set(kind.kind, { kind, allow, handler } as unknown as Entry)
  }

  /** Takes every request of the transport. */
  serve(transport: Transport): void {
    transport.serve(async (peer, request, { signal }) => await this.receive(peer, request, signal), {
      maximumRequestBytes: peer => this.maximumRequestBytes(peer)
    })
  }

  /** @param among kinds that are taken here; all when not given @throws ProtocolError, always typed */
  async receive(peer: string, bytes: Uint8Array, signal: AbortSignal, among?: ReadonlySet<string>): Promise<Uint8Array> {
    let name = 'call'
    try {
      if (!this.#options.known(peer)) {
        throw new UnknownMemberError({ peer, kind: name, remedy: 'Add the peer to the roster: slytherin roster add LINE.' })
      }
      const raw = decodeCall(bytes, peer)
      name = raw.kind.slice(0, 80)
      const entry = among?.has(raw.kind) === false ? undefined : this.#entries.get(raw.kind)
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

  /** Most bytes of a request that this peer may send: of the kinds it is allowed, the longest. A stranger may send a head alone. */
  maximumRequestBytes(peer: string): number {
    if (!this.#options.known(peer)) return messageBound({ count: 0, bytes: 0 })
    let most = messageBound({ count: 0, bytes: 0 })
    for (const { kind, allow } of this.#entries.values()) {
      if (allow(peer) === undefined) most = Math.max(most, messageBound(kind.requestBlobs))
    }
    return most
  }
}
