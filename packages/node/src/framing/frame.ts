/**
 * The frame: one byte of kind, four bytes of length (big-endian), then the payload.
 *
 *   kind u8 | length u32 | payload
 *
 * Message boundaries are announced, never inferred from the end of a stream: a peer killed in mid-message closes its streams without an
 * error, and only the length tells that something is missing. Integrity of the bytes themselves is the secure channel's.
 */
import type { Uint8ArrayList } from 'uint8arraylist'

/** What a frame is for. Values are on the wire. */
export const FrameKind = {
  /** Control stream: the hello of either side (JSON). */
  hello: 0x01,
  /** Control stream: why the hello was refused (JSON). */
  refusal: 0x02,
  /** Control stream: this side is alive, and how many bytes it has received so far. */
  beat: 0x03,
  /** Control stream: this side stops, do not wait for it; UTF-8 reason. */
  goodbye: 0x04,
  /** Request stream: one request, opaque to the transport. */
  request: 0x10,
  /** Request stream: the answer to the request before it. */
  response: 0x11,
  /** Request stream: an encoded failure instead of an answer; the stream is reset after it. */
  failure: 0x12
} as const

/** One of the values of `FrameKind`. */
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind]

const NAMES = new Map<number, string>(Object.entries(FrameKind).map(([name, value]) => [value, name]))

/** @returns the kind's name, or its hexadecimal value when it is none of ours */
export function describeKind(kind: number): string {
  return NAMES.get(kind) ?? `0x${kind.toString(16).padStart(2, '0')}`
}

/** A kind and its payload; the payload is opaque here. */
export interface Frame {
  readonly kind: FrameKind
  /** At most `MAXIMUM_FRAME_BYTES` bytes. */
  readonly payload: Uint8Array
}

/** Bytes before every payload. */
export const FRAME_HEADER_BYTES = 5

/** Largest length that the header can announce. */
export const MAXIMUM_FRAME_BYTES = 0xffff_ffff

/**
 * Payloads go out in pieces of this size, so that back-pressure is felt within a message and other streams get their turn. On the slowest line that is
 * accepted, a heartbeat waits behind one piece for less than the silence that it must break.
 */
export const CHUNK_BYTES = 64 * 1024

/** Whether a byte is a kind that this version knows. */
export function isFrameKind(kind: number): kind is FrameKind {
  return NAMES.has(kind)
}

/** The five bytes before a payload. @param length of the payload, in bytes @throws RangeError above `MAXIMUM_FRAME_BYTES` */
export function encodeHeader(kind: FrameKind, length: number): Uint8Array {
  if (length > MAXIMUM_FRAME_BYTES) throw new RangeError(`a frame holds at most ${MAXIMUM_FRAME_BYTES} bytes, not ${length}`)
  const header = new Uint8Array(FRAME_HEADER_BYTES)
  header[0] = kind
  new DataView(header.buffer).setUint32(1, length)
  return header
}

/** What flows between the framing and a libp2p stream. */
export type Chunk = Uint8Array | Uint8ArrayList
