/**
 * Lines into a file that is turned over before it grows beyond a size, and of which only so many are kept: FILE, FILE.1, FILE.2 … A disk that is full, or a file that
 * cannot be written, ends nothing: it is told once, lines are dropped and counted, and writing is tried again after a while.
 */
import { basename, dirname } from 'node:path'
import { createStream, type RotatingFileStream } from 'rotating-file-stream'
import { SECRET_MODE } from '../storage/atomic-file.js'

/** Milliseconds before a file that failed is opened again. */
const PAUSE = 10_000
/** Lines that wait for a slow disk, in bytes: more are dropped. */
const WAITING_BYTES = 4 * 2 ** 20

export interface RotatingFileOptions {
  readonly path: string
  /** Of one file, bytes. */
  readonly bytes: number
  /** The present one included. */
  readonly files: number
  onFailure(error: Error): void
  readonly pause?: number
}

export class RotatingFile {
  /** Lines that could not be written. */
  dropped = 0
  readonly #options: RotatingFileOptions
  #stream: RotatingFileStream | undefined
  #failed = 0
  #closed = false

  constructor(options: RotatingFileOptions) {
    this.#options = options
    this.#stream = this.#open()
  }

  write(line: string): void {
    const { pause = PAUSE } = this.#options
    if (this.#closed) return
    if (this.#stream === undefined && performance.now() - this.#failed >= pause) this.#stream = this.#open()
    const stream = this.#stream
    if (stream === undefined || stream.writableLength > WAITING_BYTES) this.dropped++
    else stream.write(line)
  }

  /** Resolves when what was written is with the operating system. */
  async close(): Promise<void> {
    this.#closed = true
    const stream = this.#stream
    this.#stream = undefined
    if (stream === undefined || stream.destroyed) return
    await new Promise<void>(resolve => {
      stream.once('close', () => resolve())
      stream.once('error', () => resolve())
      stream.end()
    })
  }

  #open(): RotatingFileStream {
    const { path, bytes, files, onFailure } = this.#options
    const stream = createStream(basename(path), {
      path: dirname(path),
      size: `${bytes}B`,
      // In the classical way of logrotate: the newest of the old ones is .1.
      rotate: Math.max(1, files - 1),
      mode: SECRET_MODE
    })
    const failed = (error: Error): void => {
      if (this.#stream !== stream) return
      this.#stream = undefined
      this.#failed = performance.now()
      onFailure(error)
    }
    stream.on('error', failed)
    stream.on('warning', failed)
    return stream
  }
}
