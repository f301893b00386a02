/**
 * What the protocol asks of a network: authenticated peers, request and response as whole byte strings, news of peers that come and go.
 *
 * The memory network in testing/ and the libp2p host of the node package implement it.
 */

export interface RequestOptions {
  /** Gives the request up; it rejects with the signal's reason. */
  signal?: AbortSignal
  /** A longer answer is refused before it is read in full (OversizedMessageError). */
  maximumResponseBytes: number
  /** Milliseconds that a peer without a connection is waited for; what the network deems right when absent. */
  absence?: number
  /** Bytes of this request have left, or bytes of its answer have come. */
  onProgress?(): void
}

/** Bounds on what a served request may be. */
export interface ServeLimits {
  /** A longer request is refused before it is read in full (OversizedMessageError). Asked anew for every request. */
  maximumRequestBytes: number | ((peer: string) => number)
}

/** Answers a peer's request. The signal fires when the peer is gone or gives the request up. */
export type RequestHandler = (peer: string, request: Uint8Array, context: { signal: AbortSignal }) => Promise<Uint8Array>

/**
 * - `up`: connected, by a process that this side has not spoken with, or has given up;
 * - `down`: gone for good, silent for too long, or another process than before;
 * - `back`: the same process after a loss of the connection too short to be called down. It may have given this side up meanwhile, so what both ends
 *   believe of each other must be compared.
 */
export type PeerState = 'up' | 'down' | 'back'

/** Told when a peer comes or goes. @param reason why it is down, where the network knows */
export type PeerListener = (peer: string, state: PeerState, reason?: string) => void

/** A network of authenticated peers. */
export interface Transport {
  /** This party's peer id, as text. */
  readonly self: string

  /**
   * Sends one request and resolves with the answer.
   * @throws PeerUnreachableError no connection, or it broke; RemoteFailureError the peer answered with a Failure (decode with `decodeFailure`);
   *         OversizedMessageError the answer is longer than allowed; the signal's reason when it fires
   */
  request(peer: string, request: Uint8Array, options: RequestOptions): Promise<Uint8Array>

  /** Registers the one handler. What it throws goes back as a Failure (`encodeFailure`) and the stream is reset. */
  serve(handler: RequestHandler, limits: ServeLimits): void

  /** News of peers; a process that was restarted is first 'down', then 'up'. Returns the way to unsubscribe. */
  onPeerChange(listener: PeerListener): () => void

  /** Payload bytes since start, in total or for one peer; only ever growing. */
  readonly bytes: {
    /** Handed to the network. */
    sent(peer?: string): number
    /** Read from the network. */
    received(peer?: string): number
    /** Of the bytes sent to a peer, those that it has said to have received, parts of messages included. */
    arrived(peer: string): number
  }
}
