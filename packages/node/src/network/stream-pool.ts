/**
 * Request streams to one peer. A stream carries one exchange at a time and is kept open for the next (0.2 ms for a small round trip
 * against 1.3 ms on a new stream); parallel requests use parallel streams, up to a limit, then wait their turn.
 */
import type { Stream } from '@libp2p/interface'
import { FrameStream, type FrameStreamOptions } from '../framing/frame-stream.js'

/** Idle streams kept per peer; more are closed when their exchange ends. */
const KEPT_STREAMS = 4

export class StreamPool {
  private readonly idle: FrameStream[] = []
  private readonly active = new Set<FrameStream>()
  private readonly queue: (() => void)[] = []
  private leases = 0

  constructor(
    private readonly maximum: number,
    private readonly open: (signal: AbortSignal) => Promise<Stream>,
    private readonly options: FrameStreamOptions
  ) {}

  /**
   * Runs one exchange on a stream of its own. The stream is used again only when the exchange returned; when it threw, it is reset.
   * @throws what opening or the exchange throws
   */
  async use<T>(signal: AbortSignal, exchange: (frames: FrameStream) => Promise<T>): Promise<T> {
    await this.turn(signal)
    try {
      const frames = this.takeIdle() ?? new FrameStream(await this.open(signal), this.options)
      this.active.add(frames)
      try {
        const result = await exchange(frames)
        this.keep(frames)
        return result
      } catch (error) {
        frames.abort(error instanceof Error ? error : new Error(String(error)))
        throw error
      } finally {
        this.active.delete(frames)
      }
    } finally {
      this.leases--
      this.queue.shift()?.()
    }
  }

  /** Resets every stream; exchanges in flight fail with the reason. */
  abort(reason: Error): void {
    for (const frames of [...this.active, ...this.idle.splice(0)]) frames.abort(reason)
  }

  private takeIdle(): FrameStream | undefined {
    for (;;) {
      const frames = this.idle.pop()
      if (frames === undefined || frames.idle) return frames
      frames.abort(new Error('no longer usable'))
    }
  }

  private keep(frames: FrameStream): void {
    if (frames.idle && this.idle.length < KEPT_STREAMS) this.idle.push(frames)
    else frames.close().catch((error: Error) => frames.abort(error))
  }

  private async turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.leases >= this.maximum) {
      await new Promise<void>((resolve, reject) => {
        const next = (): void => {
          signal.removeEventListener('abort', abort)
          resolve()
        }
        const abort = (): void => {
          this.queue.splice(this.queue.indexOf(next), 1)
          reject(signal.reason)
        }
        this.queue.push(next)
        signal.addEventListener('abort', abort, { once: true })
      })
    }
    this.leases++
  }
}
