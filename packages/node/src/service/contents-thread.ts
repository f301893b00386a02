/**
 * The byte strings of a fleet in a thread of their own: a worker computes in its own for seconds on end, and what it needs next is meanwhile received, hashed and written to
 * its disk. What was fetched is handed over, not copied.
 */
import type { BorrowedBytes, ContentName, SharedContents } from '@slytherin/protocol/service'
import type { ContentsListener, HostedContents, HostedContentsOptions } from '../worker/contents-module.js'
import { CryptographyWorker } from '../worker/cryptography-worker.js'
import { WorkerClosedError } from '../worker/errors.js'

const MODULE = new URL('../worker/contents-module.js', import.meta.url).href

/** Fetches beside whoever computes. */
export class ContentsThread implements SharedContents {
  readonly #started: Promise<CryptographyWorker<HostedContents>>

  private constructor(started: Promise<CryptographyWorker<HostedContents>>) {
    this.#started = started
    // Whoever asks for something hears of it.
    started.catch(() => undefined)
  }

  /** Returns at once; what is asked before it is there waits. */
  static start(options: HostedContentsOptions, listener: ContentsListener): ContentsThread {
    const started = CryptographyWorker.start<HostedContents, HostedContentsOptions>(options, { module: MODULE })
    started.then(({ cryptography }) => cryptography.follow(listener)).catch(() => undefined)
    return new ContentsThread(started)
  }

  /** Resolves when it has ended by itself, or could not be started, with the reason; never when it was closed. */
  async whenLost(): Promise<Error> {
    const reason = await this.#started.then(
      async worker => await worker.whenEnded(),
      (error: Error) => error
    )
    return reason instanceof WorkerClosedError ? await new Promise<never>(() => undefined) : reason
  }

  /** @throws StoreUnreachableError */
  async put(space: string, bytes: Uint8Array): Promise<string> {
    return await (await this.#contents()).put(space, bytes)
  }

  /** @throws ContentMissingError, CorruptStoreError, StoreUnreachableError */
  async get(space: string, hash: string): Promise<Uint8Array> {
    return await (await this.#contents()).get(space, hash)
  }

  /** Its memory is free as soon as it is given back: left to the garbage collector, every few dozen megabytes have it go through the whole heap. @throws as `get` */
  async borrow(space: string, hash: string): Promise<BorrowedBytes> {
    const bytes = await (await this.#contents()).take(space, hash)
    const { buffer } = bytes
    const giveBack = (): void => {
      if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0)
    }
    return { bytes, [Symbol.dispose]: giveBack }
  }

  /** To its disk. @throws as `get` */
  async stage(names: readonly ContentName[]): Promise<boolean> {
    return await (await this.#contents()).stage(names)
  }

  async has(space: string, hash: string): Promise<boolean> {
    return await (await this.#contents()).has(space, hash)
  }

  async clear(space: string): Promise<void> {
    await (await this.#contents()).clear(space)
  }

  /** Ends the thread; what is stored stays. */
  async close(): Promise<void> {
    await (await this.#started.catch(() => undefined))?.dispose()
  }

  async #contents(): Promise<HostedContents> {
    return (await this.#started).cryptography
  }
}
