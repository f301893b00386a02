/**
 * One libp2p stream that carries whole frames in both directions:
 *
 *   outgoing frames → encodeFrames → duplex.sink → stream
 *   stream → duplex.source → decodeFrames → incoming frames
 *
 * Sends are taken one after the other; a send settles when the frame has left the write buffer. One receive at a time.
 */
import type { Stream } from '@libp2p/interface'
import { pipe } from 'it-pipe'
import { StreamClosedError } from './errors.js'
import type { Frame, FrameKind } from './frame.js'
import { Handover } from './handover.js'
import { StreamDuplex, type StreamDuplexOptions } from './stream-duplex.js'
import { decodeFrames, encodeFrames } from './transforms.js'

/** How long and how slow the other end may be. */
export interface FrameStreamOptions extends StreamDuplexOptions {
  /** Longest silence inside a frame, in ms. */
  readonly idleMilliseconds: number
  /** Bytes per second that a frame must keep up on average. */
  readonly slowestRate?: number
}

/** The kinds that may come next, each with the largest payload in bytes; a function is asked when a frame of its kind is announced. */
export type Expected = Partial<Record<FrameKind, number | (() => number)>>

/** Frames over one libp2p stream, with back-pressure in both directions. */
export class FrameStream {
  private readonly duplex: StreamDuplex
  private readonly outgoing = new Handover<Frame>()
  private readonly incoming: AsyncGenerator<Frame>
  private expected: Expected = {}
  private pending: Promise<IteratorResult<Frame>> | undefined
  /** A frame has begun to arrive and is not complete. */
  private inside = false
  /** Told of every piece that has left or come. */
  onProgress: (() => void) | undefined

  constructor(
    readonly stream: Stream,
    private readonly options: FrameStreamOptions
  ) {
    this.duplex = new StreamDuplex(stream, {
      ...options,
      onReceived: bytes => {
        options.onReceived?.(bytes)
        this.onProgress?.()
      },
      onSent: bytes => {
        options.onSent?.(bytes)
        this.onProgress?.()
      }
    })
    this.incoming = pipe(
      this.duplex.source,
      decodeFrames({
        peer: options.peer,
        idleMilliseconds: options.idleMilliseconds,
        slowestRate: options.slowestRate ?? 0,
        maximumBytes: kind => {
          const bound = this.expected[kind]
          return typeof bound === 'function' ? bound() : bound
        },
        onFrame: inside => {
          this.inside = inside
        }
      })
    )
    pipe(this.outgoing, encodeFrames(), this.duplex.sink).then(
      () => this.outgoing.fail(new StreamClosedError(options.peer, 'closed for writing')),
      (error: Error) => this.outgoing.fail(error)
    )
  }

  /** Peer id of the other end. */
  get peer(): string {
    return this.options.peer
  }

  /** Bytes waiting for the reader in this process. */
  get queuedBytes(): number {
    return this.duplex.queuedBytes
  }

  /** Nothing of a next frame has arrived and the stream is open: it can carry another exchange. */
  get idle(): boolean {
    return this.stream.status === 'open' && !this.inside && this.duplex.queuedBytes === 0 && this.pending === undefined
  }

  /** Settles when the frame has been handed to the connection. The payload must not change before. */
  async send(kind: FrameKind, payload: Uint8Array): Promise<void> {
    await this.outgoing.push({ kind, payload })
  }

  /**
   * The next frame; undefined when the other end closed between frames.
   *
   * @param expected kinds that may come, with their largest payload in bytes
   * @throws an error of errors.ts; the stream is of no more use then: `abort` it
   * @throws the signal's reason; the frame stays to be received by the next call
   */
  async receive(expected: Expected, signal?: AbortSignal): Promise<Frame | undefined> {
    signal?.throwIfAborted()
    this.expected = expected
    this.pending ??= this.incoming.next()
    const pending = this.pending
    const result = await (signal === undefined ? pending : raceSignal(pending, signal))
    this.pending = undefined
    return result.done === true ? undefined : result.value
  }

  /** Closes the writing end after what was sent, without waiting for the other end. */
  async close(): Promise<void> {
    this.outgoing.end()
    await this.stream.close({ signal: AbortSignal.timeout(this.options.idleMilliseconds) })
  }

  /** Resets the stream; the other end sees it at once. */
  abort(reason: Error): void {
    this.outgoing.fail(reason)
    this.stream.abort(reason)
  }
}

function raceSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
