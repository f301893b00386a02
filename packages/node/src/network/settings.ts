/** Settings of the network layer, with units and reasons. Sizes are bytes, times milliseconds. */

/** Protocols of this version. A change that old parties cannot follow changes the number in all of them. */
export const CONTROL_PROTOCOL = '/slytherin/1.0.0/control'
/** The protocol of request streams. */
export const REQUEST_PROTOCOL = '/slytherin/1.0.0/request'

/** What the hello carries; both sides must agree. */
export const PROTOCOL_VERSION = 2

/** How long the network layer waits, in milliseconds. */
export interface NetworkDeadlines {
  /** TCP connect, handshake and multiplexer together. */
  readonly dial: number
  /** From a new connection to the peer's hello. */
  readonly hello: number
  /** Between two signs of life that this side gives. */
  readonly beat: number
  /** Without a sign of life for this long, a peer is down. */
  readonly down: number
  /** A request waits this long for a peer that is down; for one whose connection was just lost it waits until that one is back or down. */
  readonly connect: number
  /** Longest silence inside a frame, receiving. */
  readonly idle: number
  /** Longest wait for a peer to take more bytes, sending. */
  readonly stall: number
  /** Longest wait for an answer without a byte of request or answer moving, when the caller gives no deadline of its own. */
  readonly response: number
}

/** What holds where a party is given nothing else. */
export const DEFAULT_DEADLINES: NetworkDeadlines = {
  dial: 10_000,
  hello: 5_000,
  beat: 2_000,
  down: 8_000,
  connect: 1_000,
  idle: 15_000,
  stall: 20_000,
  response: 15 * 60_000
}

/** How much the network layer takes, in bytes where nothing else is said. */
export interface NetworkLimits {
  /** Connections in all, and half-open ones. */
  readonly connections: number
  /** Streams of one connection in each direction; also the requests in flight to and from one peer. */
  readonly streams: number
  /** Largest yamux receive window of a stream. Wide area: 8 MiB. Must not exceed `readBuffer`. */
  readonly streamWindow: number
  /** What libp2p holds for a stream that is paused. */
  readonly readBuffer: number
  /** Queued bytes at which a stream is paused. */
  readonly highWater: number
  /** Bytes per second that a message must keep up on average, once `idle` is over: what is slower is refused, so that nobody holds memory for ever. */
  readonly slowestRate: number
}

/** What holds where a party is given nothing else: for a local network. */
export const DEFAULT_LIMITS: NetworkLimits = {
  connections: 64,
  streams: 64,
  streamWindow: 2 << 20,
  readBuffer: 4 << 20,
  highWater: 1 << 20,
  slowestRate: 8 << 10
}

/** Hellos, refusals and goodbyes are small. */
export const MAXIMUM_CONTROL_BYTES = 4096

/** First pause of the dial loop, its growth and its longest pause. */
export const DIAL_BACKOFF = { first: 250, factor: 1.6, longest: 2_000 } as const

/** A peer that refused the hello is asked again after this long. */
export const REFUSED_PAUSE = 30_000
