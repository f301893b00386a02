/**
 * A libp2p stream as a `source` and a `sink` with real back-pressure, so that `it-pipe` composes over it.
 *
 * Iterating a libp2p 3 stream directly queues without bound behind a slow reader, and `onDrain()` waits only once per stream. So the source
 * pauses the stream when enough is queued and resumes it when that has been taken, and the sink waits for the `drain` event itself.
 * Memory per stream: the high-water mark, plus one receive window, plus what the consumer holds.
 */
import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { IdleDeadlineError, StreamClosedError } from './errors.js'
import type { Chunk } from './frame.js'
import { SilenceTimer } from './timers.js'

/** How much is queued, how long is waited, and who is told of bytes. */
export interface StreamDuplexOptions {
  /** Peer id of the other end, for errors. */
  readonly peer: string
  /** Queued bytes at which the stream is paused. Default 1 MiB. */
  readonly highWaterBytes?: number
  /** Longest wait for the other end to take more, in ms. Default 20 s. */
  readonly stallMilliseconds?: number
  /** Bytes of the whole connection that are known to have arrived; a stream that waits while they grow is not stalled. */
  readonly arrived?: () => number
  /** Told of every piece that has come, in bytes. */
  readonly onReceived?: (bytes: number) => void
  /** Told of every piece that has left, in bytes. */
  readonly onSent?: (bytes: number) => void
}

const DEFAULT_HIGH_WATER_BYTES = 1 << 20
const DEFAULT_STALL_MILLISECONDS = 20_000

/** One libp2p stream as a source and a sink that wait for each other. */
export class StreamDuplex {
  /** What the other end sends; ends when it does. @throws StreamClosedError when the stream breaks */
  readonly source: AsyncGenerator<Chunk>
  /** Sends everything of a source; the stream stays open. @throws StreamClosedError; IdleDeadlineError when the other end takes nothing for too long */
  readonly sink: (source: AsyncIterable<Chunk>) => Promise<void>

  private readonly queue = new Uint8ArrayList()
  private readonly highWaterBytes: number
  private readonly stallMilliseconds: number
  private ended = false
  private failure: Error | undefined
  /** `pause()` inside a message listener during `resume()` is lost, so the listener leaves it to whoever resumes. */
  private resuming = false
  private wakeReader: (() => void) | undefined
  private wakeWriter: (() => void) | undefined

  constructor(
    readonly stream: Stream,
    private readonly options: StreamDuplexOptions
  ) {
    this.highWaterBytes = options.highWaterBytes ?? DEFAULT_HIGH_WATER_BYTES
    this.stallMilliseconds = options.stallMilliseconds ?? DEFAULT_STALL_MILLISECONDS
    stream.addEventListener('remoteCloseWrite', () => this.end(undefined))
    stream.addEventListener('close', event => this.end(event.error))
    stream.addEventListener('drain', () => this.wakeWriter?.())
    stream.addEventListener('message', event => this.take(event.data))
    if (stream.status !== 'open' && stream.status !== 'closing') this.end(new StreamClosedError(options.peer, `stream ${stream.status}`))
    this.source = this.read()
    this.sink = source => this.write(source)
  }

  /** Bytes waiting for the reader in this process: own queue and libp2p's. */
  get queuedBytes(): number {
    return this.queue.byteLength + this.stream.readBufferLength
  }

  private take(data: Chunk): void {
    this.queue.append(data)
    this.options.onReceived?.(data.byteLength)
    this.pauseWhenFull()
    this.wakeReader?.()
  }

  private end(error: Error | undefined): void {
    this.ended = true
    this.failure ??= error
    this.wakeReader?.()
    this.wakeWriter?.()
  }

  private pauseWhenFull(): void {
    if (!this.resuming && this.queue.byteLength >= this.highWaterBytes && this.stream.readStatus === 'readable') this.stream.pause()
  }

  private async *read(): AsyncGenerator<Chunk> {
    for (;;) {
      if (this.queue.byteLength > 0) {
        const chunk = this.queue.sublist()
        this.queue.consume(chunk.byteLength)
        yield chunk
      } else if (this.stream.readStatus === 'paused') {
        this.resuming = true
        try {
          this.stream.resume()
        } finally {
          this.resuming = false
        }
        this.pauseWhenFull()
      } else if (this.failure !== undefined) {
        throw new StreamClosedError(this.options.peer, this.failure.message, { cause: this.failure })
      } else if (this.ended) {
        return
      } else {
        await new Promise<void>(resolve => {
          this.wakeReader = resolve
        })
        this.wakeReader = undefined
      }
    }
  }

  private async write(source: AsyncIterable<Chunk>): Promise<void> {
    for await (const chunk of source) {
      this.throwWhenNotWritable()
      const length = chunk.byteLength
      if (!this.stream.send(chunk)) await this.drained()
      this.options.onSent?.(length)
    }
  }

  /** Waits until everything handed to the stream has left its write buffer. */
  private async drained(): Promise<void> {
    while (this.stream.writableNeedsDrain && this.stream.writeStatus === 'writable') {
      await this.drainEvent()
    }
    this.throwWhenNotWritable()
  }

  private drainEvent(): Promise<void> {
    return new Promise((resolve, reject) => {
      let before = this.options.arrived?.() ?? 0
      const timer = new SilenceTimer(this.stallMilliseconds, () => {
        const now = this.options.arrived?.() ?? 0
        if (now > before) {
          before = now
          return true
        }
        this.wakeWriter = undefined
        reject(new IdleDeadlineError(this.options.peer, this.stallMilliseconds, 'sending'))
        return false
      })
      this.wakeWriter = () => {
        timer.stop()
        this.wakeWriter = undefined
        resolve()
      }
    })
  }

  private throwWhenNotWritable(): void {
    if (this.failure !== undefined) throw new StreamClosedError(this.options.peer, this.failure.message, { cause: this.failure })
    if (this.stream.writeStatus !== 'writable') throw new StreamClosedError(this.options.peer, `stream ${this.stream.status}`)
  }
}
