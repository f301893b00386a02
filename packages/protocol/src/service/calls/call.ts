/**
 * Calls: what parties of a service ask each other. A call is a request and its reply; each has a head, JSON of a schema, and blobs, byte strings whose number and
 * length the kind bounds. It belongs to no session: a party may restart between two calls. Whatever must happen once carries an identifier in its head, and what
 * must be provable later is a signed document.
 *
 * Each flow defines its kinds beside its handlers, with `defineCall`.
 */
import type * as z from 'zod'

export interface BlobBound {
  /** How many at most. */
  readonly count: number
  /** Bytes of each at most. */
  readonly bytes: number
  /** Bytes of all of them at most, where that is less than what follows from the other two. */
  readonly total?: number
}

export const NO_BLOBS: BlobBound = { count: 0, bytes: 0 }

export interface CallKind<Q, R> {
  /** Unique among all kinds. */
  readonly kind: string
  readonly request: z.ZodType<Q>
  readonly reply: z.ZodType<R>
  readonly requestBlobs: BlobBound
  readonly replyBlobs: BlobBound
}

export interface Message<T> {
  readonly head: T
  readonly blobs: readonly Uint8Array[]
}

export function defineCall<Q, R>(
  kind: Pick<CallKind<Q, R>, 'kind' | 'request' | 'reply'> & { requestBlobs?: BlobBound; replyBlobs?: BlobBound }
): CallKind<Q, R> {
  return { requestBlobs: NO_BLOBS, replyBlobs: NO_BLOBS, ...kind }
}
