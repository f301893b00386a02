/** Calls of a party that also answers some of them itself: those to itself go to its own responder, by the same checks, without the network. */

import { RemoteFailureError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { CallKind, Message } from './call.js'
import type { Caller, CallOptions } from './caller.js'
import { checkCall, decodeCall, encodeCall } from './codec.js'
import type { Responder } from './responder.js'

export class RoutedCaller implements Caller {
  readonly #others: Caller
  readonly #responder: Responder

  constructor(others: Caller, responder: Responder) {
    this.#others = others
    this.#responder = responder
  }

  /** This party's peer id, that of the caller beneath. */
  get self(): string {
    return this.#others.self
  }

  async call<Q, R>(
    peer: string,
    kind: CallKind<Q, R>,
    head: Q,
    blobs: readonly Uint8Array[] = [],
    options: CallOptions = {}
  ): Promise<Message<R>> {
    if (peer !== this.self) return await this.#others.call(peer, kind, head, blobs, options)
    const { signal = new AbortController().signal } = options
    signal.throwIfAborted()
    try {
      const answer = await this.#responder.receive(peer, encodeCall(kind.kind, head, blobs), signal)
      return checkCall(kind, 'reply', decodeCall(answer, peer), peer)
    } catch (error) {
      // As another party's refusal would come.
      throw new RemoteFailureError(peer, translateError(error, { peer }))
    }
  }
}
