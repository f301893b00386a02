/** Asking until somebody is there: for calls that may be repeated, of work that outlives a connection. */
import { delay } from '../../base/concurrency.js'
import { DeadlineExceededError, PeerUnreachableError } from '../../errors/errors.js'
import type { CallKind, Message } from './call.js'
import type { Caller } from './caller.js'

/** Pause before a peer that was not there is asked again, milliseconds. */
export const PAUSE = 2_000

/** A call that is repeated until its peer is there. */
export interface PersistentCall<Q, R> {
  readonly peer: string
  readonly kind: CallKind<Q, R>
  readonly head: Q
  readonly blobs?: readonly Uint8Array[]
  readonly signal: AbortSignal
  /** Milliseconds between two tries. */
  readonly pause: number
  /** Milliseconds that a peer without a connection is waited for each time; what the network deems right when absent. */
  readonly absence?: number
  /** Nobody answered; it is asked again after the pause. */
  onAbsent?(error: Error): void
}

/** @throws what the peer answers; the signal's reason */
export async function callUntilThere<Q, R>(
  caller: Caller,
  { peer, kind, head, blobs = [], signal, pause, absence, onAbsent }: PersistentCall<Q, R>
): Promise<Message<R>> {
  for (;;) {
    try {
      return await caller.call(peer, kind, head, blobs, { signal, ...(absence === undefined ? {} : { absence }) })
    } catch (error) {
      if (signal.aborted || !(error instanceof PeerUnreachableError || error instanceof DeadlineExceededError)) throw error
      onAbsent?.(error)
      await delay(pause, signal)
    }
  }
}
