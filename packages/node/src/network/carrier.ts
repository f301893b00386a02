/** What the transport is given: peers, what carries connections, how errors travel, and whom it tells what happens. */
import type { Connection, Stream } from '@libp2p/interface'
import type { NetworkDeadlines, NetworkLimits } from './settings.js'

/** How errors travel; the protocol package's `encodeFailure` and `decodeFailure`. */
export interface FailureCodec {
  /** At most `MAXIMUM_FAILURE_BYTES` bytes; whatever was thrown is encoded. */
  encode(error: unknown): Uint8Array
  /** The error to throw for a failure that `peer` sent; must not throw for malformed bytes. */
  decode(peer: string, bytes: Uint8Array): Error
}

/** A peer that may connect. */
export interface TransportPeer {
  /** Peer id as text. */
  readonly peer: string
  /** Where it can be dialled; none for a peer that dials us. */
  readonly addresses: readonly string[]
}

/** What the network layer has to say, for logs and events. Never contains message contents. */
export type NetworkNotice =
  | { readonly kind: 'refused'; readonly peer: string; readonly error: Error }
  | { readonly kind: 'dial-failed'; readonly peer: string; readonly error: Error }
  | { readonly kind: 'hello-failed'; readonly peer: string; readonly error: Error }
  | { readonly kind: 'up'; readonly peer: string; readonly name: string; readonly encryption: string }
  | { readonly kind: 'down'; readonly peer: string; readonly error: Error | undefined }
  | { readonly kind: 'fault'; readonly peer: string; readonly error: Error }

/** What carries connections: libp2p's node, or what a browser has in its place. It lets peers in that are allowed, and no others. */
export interface TransportHost {
  /** This party's peer id, as text. */
  readonly self: string
  /** Multiaddrs that this party can be reached at, with its peer id. */
  readonly addresses: readonly string[]
  handle(
    protocol: string,
    handler: (stream: Stream, connection: Connection) => void | Promise<void>,
    limits: { readonly maxInboundStreams: number; readonly maxOutboundStreams: number }
  ): Promise<void>
  /** Told of every connection that this side has opened. */
  onOpened(listener: (connection: Connection) => void): void
  /** Where a peer is dialled from now on. */
  know(peer: string, addresses: readonly string[]): Promise<void>
  dial(peer: string, signal: AbortSignal): Promise<void>
  stop(): Promise<void>
}

export interface PeerTransportOptions {
  /** Everyone that may connect; those with addresses are dialled and kept connected. */
  readonly peers: readonly TransportPeer[]
  /** What this party calls itself in the hello. */
  readonly name: string
  /** Release of the software, in the hello. */
  readonly software: string
  readonly failures: FailureCodec
  readonly deadlines?: Partial<NetworkDeadlines>
  readonly limits?: Partial<NetworkLimits>
  /** Told what happens to connections. */
  readonly onNotice?: (notice: NetworkNotice) => void
  /** Protocol version in the hello; for tests. */
  readonly version?: number
}
