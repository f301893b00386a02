/**
 * Calls: what parties of a service ask each other. A call is a request and its reply; each has a head, JSON of a schema, and blobs, byte strings whose number and
 * length the kind bounds. It belongs to no session: a party may restart between two calls. Whatever must happen once carries an identifier in its head, and what
 * must be provable later is a signed document.
 *
 * Each flow defines its kinds beside its handlers, with `defineCall`.
 */
import type * as z from 'zod'

/** Bounds on the byte strings of a request or a reply. A request longer than all of its sender's kinds allow is refused before it is read in full. */
export interface BlobBound {
  /** How many at most. */
  readonly count: number
  /** Bytes of each at most. */
  readonly bytes: number
  /** Bytes of all of them at most, where that is less than what follows from the other two. */
  readonly total?: number
}

/** Of a message that is a head alone. */
export const NO_BLOBS: BlobBound = { count: 0, bytes: 0 }

/** One kind of call: its name on the wire, the schemas of both heads, and the bounds of their blobs. */
export interface CallKind<Q, R> {
  /** Unique among all kinds. */
  readonly kind: string
  /** Schema of the request's head. */
  readonly request: z.ZodType<Q>
  /** Schema of the reply's head. */
  readonly reply: z.ZodType<R>
  /** Of the request. */
  readonly requestBlobs: BlobBound
  /** Of the reply. */
  readonly replyBlobs: BlobBound
}

/** What a call carries in one direction: a head that fits its schema, and byte strings. */
export interface Message<T> {
  /** JSON of the kind's schema. */
  readonly head: T
  /** In the order that the kind says. */
  readonly blobs: readonly Uint8Array[]
}

/** A kind of call; without bounds, a side carries no blobs. */
export function defineCall<Q, R>(
  kind: Pick<CallKind<Q, R>, 'kind' | 'request' | 'reply'> & { requestBlobs?: BlobBound; replyBlobs?: BlobBound }
): CallKind<Q, R> {
  return { requestBlobs: NO_BLOBS, replyBlobs: NO_BLOBS, ...kind }
}
