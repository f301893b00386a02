/**
 * Frames to bytes and bytes to frames, as transforms for `it-pipe`:
 *
 *   pipe(frames, encodeFrames(), duplex.sink)
 *   pipe(duplex.source, decodeFrames(options))
 *
 * The decoder knows the largest size of the message it waits for before it allocates anything, and gives a peer that stops inside a frame
 * only so long.
 */
import { Uint8ArrayList } from 'uint8arraylist'
import { FrameTooLargeError, IdleDeadlineError, SlowFrameError, TruncatedFrameError, UnexpectedFrameError } from './errors.js'
import {
  CHUNK_BYTES,
  type Chunk,
  describeKind,
  encodeHeader,
  FRAME_HEADER_BYTES,
  type Frame,
  type FrameKind,
  isFrameKind
} from './frame.js'

/** A transform from frames to chunks of at most 64 KiB (and a header). Payloads are not copied: they must not change until sent. */
export function encodeFrames(): (source: AsyncIterable<Frame>) => AsyncGenerator<Chunk> {
  return async function* encode(source) {
    for await (const { kind, payload } of source) {
      const header = encodeHeader(kind, payload.byteLength)
      const first = payload.subarray(0, CHUNK_BYTES)
      yield first.byteLength > 0 ? new Uint8ArrayList(header, first) : header
      for (let offset = CHUNK_BYTES; offset < payload.byteLength; offset += CHUNK_BYTES) {
        yield payload.subarray(offset, Math.min(offset + CHUNK_BYTES, payload.byteLength))
      }
    }
  }
}

/** What frames may come, and how long one may take. */
export interface DecodeOptions {
  /** Peer id of the other end, for errors. */
  readonly peer: string
  /**
   * Called with each frame's kind before anything is allocated.
   * @returns the largest payload in bytes, or undefined when that kind may not come now
   */
  readonly maximumBytes: (kind: FrameKind) => number | undefined
  /** Longest silence inside a frame, in ms. Between frames the caller's own deadline holds. */
  readonly idleMilliseconds: number
  /** Bytes per second that a frame must keep up on average, beyond the longest silence. Default 0: any. */
  readonly slowestRate?: number
  /** The decoder has begun (true) or finished (false) a frame. */
  readonly onFrame?: (inside: boolean) => void
}

/**
 * A transform from chunks to whole frames.
 * @throws FrameTooLargeError, UnexpectedFrameError before the payload is read
 * @throws TruncatedFrameError when the bytes end inside a frame
 * @throws IdleDeadlineError when they stop coming inside a frame
 * @throws SlowFrameError when they come too slowly
 */
export function decodeFrames(options: DecodeOptions): (source: AsyncIterable<Chunk>) => AsyncGenerator<Frame> {
  const { peer } = options
  return async function* decode(source) {
    const bytes = new ByteReader(source[Symbol.asyncIterator](), peer, options.idleMilliseconds, options.slowestRate ?? 0)
    while (await bytes.more()) {
      options.onFrame?.(true)
      const header = await bytes.take(FRAME_HEADER_BYTES)
      const kind = header[0]!
      if (!isFrameKind(kind)) throw new UnexpectedFrameError(peer, 'a known frame kind', describeKind(kind))
      const length = new DataView(header.buffer, header.byteOffset).getUint32(1)
      const maximum = options.maximumBytes(kind)
      if (maximum === undefined) throw new UnexpectedFrameError(peer, 'a kind that may come now', describeKind(kind))
      if (length > maximum) throw new FrameTooLargeError(peer, describeKind(kind), length, maximum)
      const payload = await bytes.take(length)
      options.onFrame?.(false)
      yield { kind, payload }
    }
  }
}

/** What reading from a socket takes. */
const READING_MILLISECONDS = 100

/** Takes exact byte counts from a source of chunks. */
class ByteReader {
  private readonly pending = new Uint8ArrayList()

  constructor(
    private readonly iterator: AsyncIterator<Chunk>,
    private readonly peer: string,
    private readonly idleMilliseconds: number,
    private readonly slowestRate: number
  ) {}

  /** @returns false at the end of the stream; waits as long as it takes */
  async more(): Promise<boolean> {
    while (this.pending.byteLength === 0) {
      const next = await this.iterator.next()
      if (next.done === true) return false
      this.pending.append(next.value)
    }
    return true
  }

  /** @returns a new array of `length` bytes; memory beyond it is one chunk */
  async take(length: number): Promise<Uint8Array> {
    const target = new Uint8Array(length)
    let filled = 0
    const start = performance.now()
    while (filled < length) {
      if (this.pending.byteLength === 0) {
        const next = await this.nextWithinDeadline()
        const late = performance.now() - start - this.idleMilliseconds
        if (late * this.slowestRate > 1000 * filled)
          throw new SlowFrameError(this.peer, filled, length, performance.now() - start, this.slowestRate)
        if (next.done === true) throw new TruncatedFrameError(this.peer, filled, length)
        this.pending.append(next.value)
      }
      const count = Math.min(this.pending.byteLength, length - filled)
      let copied = 0
      for (const part of this.pending) {
        const piece = part.byteLength > count - copied ? part.subarray(0, count - copied) : part
        target.set(piece, filled + copied)
        copied += piece.byteLength
        if (copied === count) break
      }
      this.pending.consume(count)
      filled += count
    }
    return target
  }

  private async nextWithinDeadline(): Promise<IteratorResult<Chunk>> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const deadline = new Promise<never>((_, reject) => {
      const miss = (): void => reject(new IdleDeadlineError(this.peer, this.idleMilliseconds, 'receiving'))
      timer = setTimeout(() => {
        // Where this process itself was held up, the bytes wait in its socket: they are read before anybody is blamed.
        timer = setTimeout(miss, READING_MILLISECONDS)
      }, this.idleMilliseconds)
    })
    try {
      return await Promise.race([this.iterator.next(), deadline])
    } finally {
      clearTimeout(timer)
    }
  }
}
