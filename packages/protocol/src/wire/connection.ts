/** A way to ask one party, which may be this process itself. */
import type { Bodies, ReplyOf, RequestKind } from './kinds.js'

export interface HandlerContext {
  /** Who asks. */
  readonly peer: string
  readonly signal: AbortSignal
}

/** Answers requests that were checked for form, membership, session and order. */
export type Handler = <K extends RequestKind>(kind: K, body: Bodies[K], context: HandlerContext) => Promise<Bodies[ReplyOf<K>]>

export interface Connection {
  readonly peer: string
  /**
   * @throws PartyMissingError when the party neither answers nor answers pings for the idle deadline, RemoteFailureError when it refuses,
   *         MalformedMessageError or OversizedMessageError for an answer that is none, and the signal's reason
   */
  request<K extends RequestKind>(kind: K, body: Bodies[K], signal: AbortSignal): Promise<Bodies[ReplyOf<K>]>
  /** Resolves when the party answers; rejects otherwise. @param padding that is sent along, there and back; at most `MAXIMUM_PADDING_BYTES` */
  ping(signal: AbortSignal, padding?: Uint8Array): Promise<void>
}

/** The roles of this process, reached without a network but through the same handlers. */
export class LocalConnection implements Connection {
  constructor(
    readonly peer: string,
    private readonly handler: Handler
  ) {}

  async request<K extends RequestKind>(kind: K, body: Bodies[K], signal: AbortSignal): Promise<Bodies[ReplyOf<K>]> {
    signal.throwIfAborted()
    return await this.handler(kind, body, { peer: this.peer, signal })
  }

  async ping(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
  }
}
