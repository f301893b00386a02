/** Errors of the network layer that are not about the bytes of a frame. */
import { DeadlineExceededError, MalformedMessageError, PeerUnreachableError, UnknownMemberError } from '@slytherin/protocol'

/** The peer is not in the roster: refused before any protocol. */
export class UnknownPeerError extends UnknownMemberError {
  constructor(
    peer: string,
    /** Where it came from, where that is known. */
    readonly address?: string
  ) {
    super({
      peer,
      field: 'peer id',
      expected: 'a peer of the roster',
      actual: address === undefined ? peer : `${peer} at ${address}`,
      remedy: 'Add it to the roster, or leave it refused.'
    })
  }
}

/** The hello of the other end does not fit ours. */
export class HelloMismatchError extends MalformedMessageError {
  constructor(peer: string, field: string, expected: string, actual: string) {
    super({ peer, kind: 'hello', field, expected, actual, remedy: 'Run the same release of slytherin at all parties.' })
  }
}

/** The other end refused our hello. */
export class HelloRefusedError extends PeerUnreachableError {
  constructor(peer: string, field: string, reason: string) {
    super({ peer, kind: 'hello', field, reason: `it refused our hello: ${reason}` })
  }
}

/** The hello did not come, so the peer counts as unreachable. */
export class HelloMissingError extends PeerUnreachableError {
  constructor(
    peer: string,
    /** How long it was waited for. */
    readonly milliseconds: number
  ) {
    super({ peer, kind: 'hello', reason: `no hello within ${milliseconds} ms` })
  }
}

/** A multiplexer frame announced more than any stream may have in flight. */
export class MultiplexerFrameError extends Error {
  override name = 'MultiplexerFrameError'

  constructor(
    /** Bytes that the frame's header says. */
    readonly announced: number,
    /** Largest receive window of a stream, bytes. */
    readonly maximum: number
  ) {
    super(`a yamux frame announces ${announced} bytes; the largest window is ${maximum}`)
  }
}

/** A peer gave no sign of life. */
export class HeartbeatMissedError extends PeerUnreachableError {
  constructor(
    peer: string,
    /** Since its last sign of life. */
    readonly milliseconds: number
  ) {
    super({ peer, reason: `no sign of life for ${Math.round(milliseconds)} ms` })
  }
}

/** The peer said goodbye: nothing is wrong with it, or with the line. */
export class PeerLeftError extends PeerUnreachableError {
  constructor(
    peer: string,
    /** What it said. */
    readonly goodbye: string
  ) {
    super({ peer, reason: `it has left: ${goodbye}` })
  }
}

/** The peer's process is another one than before: whatever it had under way is lost. */
export class PeerRestartedError extends PeerUnreachableError {
  constructor(peer: string) {
    super({ peer, reason: 'it was started anew and knows nothing of what was under way' })
  }
}

/** Nothing of the answer came for longer than it may take. */
export class ResponseDeadlineError extends DeadlineExceededError {
  constructor(
    peer: string,
    /** How long nothing of the answer came. */
    readonly milliseconds: number
  ) {
    super({ peer, field: 'response', expected: `some of the answer within ${milliseconds} ms`, actual: 'none' })
  }
}

/** This side is stopping. */
export class TransportStoppedError extends Error {
  override name = 'TransportStoppedError'

  constructor() {
    super('the transport has stopped')
  }
}
