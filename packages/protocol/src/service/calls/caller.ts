/** Calls to other parties. */
import { DeadlineExceededError, PeerUnreachableError, RemoteFailureError } from '../../errors/errors.js'
import type { Transport } from '../../wire/transport.js'
import type { CallKind, Message } from './call.js'
import { checkCall, decodeCall, encodeCall, messageBound } from './codec.js'

/** How long a call may be silent, milliseconds: nothing sent, nothing answered. */
export const PATIENCE = 60_000

/** How long a call may take, and what gives it up. */
export interface CallOptions {
  /** Gives the call up; it rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Milliseconds without a byte in either direction. */
  readonly patience?: number
  /** Milliseconds that a peer without a connection is waited for; what the network deems right when absent. */
  readonly absence?: number
}

/** What a flow asks others through. */
export interface Caller {
  /** This party's peer id. */
  readonly self: string
  /**
   * @throws RemoteFailureError what the peer answered; PeerUnreachableError; DeadlineExceededError; MalformedMessageError, OversizedMessageError for a reply that is
   * not one; the signal's reason
   */
  call<Q, R>(peer: string, kind: CallKind<Q, R>, head: Q, blobs?: readonly Uint8Array[], options?: CallOptions): Promise<Message<R>>
}

/** Calls over a transport. A peer that is still being started counts as unreachable. */
export class TransportCaller implements Caller {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** This party's peer id, the transport's. */
  get self(): string {
    return this.#transport.self
  }

  async call<Q, R>(
    peer: string,
    kind: CallKind<Q, R>,
    head: Q,
    blobs: readonly Uint8Array[] = [],
    { signal, patience = PATIENCE, absence }: CallOptions = {}
  ): Promise<Message<R>> {
    signal?.throwIfAborted()
    const controller = new AbortController()
    const stop = (): void => controller.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    const late = (): void =>
      controller.abort(new DeadlineExceededError({ peer, kind: kind.kind, expected: `an answer within ${patience} ms` }))
    let timer = setTimeout(late, patience)
    try {
      const bytes = await this.#transport.request(peer, encodeCall(kind.kind, head, blobs), {
        signal: controller.signal,
        ...(absence === undefined ? {} : { absence }),
        maximumResponseBytes: messageBound(kind.replyBlobs),
        onProgress: () => {
          clearTimeout(timer)
          timer = setTimeout(late, patience)
        }
      })
      return checkCall(kind, 'reply', decodeCall(bytes, peer), peer)
    } catch (error) {
      if (controller.signal.aborted) throw controller.signal.reason
      throw isAway(error, peer)
        ? new PeerUnreachableError({ peer, kind: kind.kind, reason: 'it is being started' }, { cause: error })
        : error
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }
}

/** A party that is being started, and says so for whoever is to answer in it: the same as one that is not there. */
function isAway(error: unknown, peer: string): boolean {
  return error instanceof RemoteFailureError && error.remote instanceof PeerUnreachableError && error.remote.peer === peer
}
