/**
 * What can be wrong with the bytes of a stream. Every class is one of the protocol's, so that it travels back to the peer under its code,
 * and names the peer and the field at fault.
 */
import { DeadlineExceededError, MalformedMessageError, OversizedMessageError, PeerUnreachableError } from '@slytherin/protocol'

/** The announced length is above what this kind of message may have; nothing was allocated. */
export class FrameTooLargeError extends OversizedMessageError {
  constructor(
    peer: string,
    kind: string,
    /** Bytes that the frame's header says. */
    readonly announced: number,
    /** Bytes that its kind may have now. */
    readonly maximum: number
  ) {
    super({ peer, kind, field: 'length', expected: `at most ${maximum} bytes`, actual: `${announced} bytes announced` })
  }
}

/** The stream ended inside a frame. */
export class TruncatedFrameError extends MalformedMessageError {
  constructor(
    peer: string,
    /** Bytes of the payload that came. */
    readonly received: number,
    /** Bytes that its header says. */
    readonly announced: number
  ) {
    super({ peer, kind: 'frame', field: 'payload', expected: `${announced} bytes`, actual: `the end of the stream after ${received}` })
  }
}

/** The kind byte of a frame is none of ours, or not one that may come now: garbage, or another protocol. */
export class UnexpectedFrameError extends MalformedMessageError {
  constructor(peer: string, expected: string, actual: string) {
    super({ peer, kind: 'frame', field: 'kind', expected, actual })
  }
}

/** A peer stopped inside a frame, or stopped taking what is sent to it. */
export class IdleDeadlineError extends DeadlineExceededError {
  constructor(
    peer: string,
    /** How long nothing moved. */
    readonly milliseconds: number,
    direction: 'receiving' | 'sending'
  ) {
    super({ peer, kind: 'frame', field: 'stream', expected: `progress while ${direction}`, actual: `none for ${milliseconds} ms` })
  }
}

/** Bytes of a frame keep coming, but so slowly that the sender might as well hold the receiver up on purpose. */
export class SlowFrameError extends DeadlineExceededError {
  constructor(
    peer: string,
    /** Bytes of the payload that came. */
    readonly received: number,
    /** Bytes that its header says. */
    readonly announced: number,
    /** Since the frame began. */
    readonly milliseconds: number,
    slowestRate: number
  ) {
    super({
      peer,
      kind: 'frame',
      field: 'stream',
      expected: `at least ${slowestRate} bytes per second`,
      actual: `${received} of ${announced} bytes in ${Math.round(milliseconds)} ms`,
      remedy: 'Use a faster line, or lower network.limits.slowestRate.'
    })
  }
}

/** The other end reset the stream, or the connection under it went away. */
export class StreamClosedError extends PeerUnreachableError {
  constructor(peer: string, reason: string, options?: ErrorOptions) {
    super({ peer, kind: 'frame', field: 'stream', reason }, options)
  }
}

/** Whether the peer broke the rules of framing, rather than just being gone. */
export function isFrameFault(error: unknown): boolean {
  return (
    error instanceof FrameTooLargeError ||
    error instanceof TruncatedFrameError ||
    error instanceof UnexpectedFrameError ||
    error instanceof IdleDeadlineError ||
    error instanceof SlowFrameError
  )
}
