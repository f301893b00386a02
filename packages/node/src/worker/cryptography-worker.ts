/**
 * A party's cryptography in a thread of its own, so that heavy work never blocks the event loop that answers peers. Secrets live in the
 * worker alone: it opens the sealed keystore itself.
 *
 * Calls go through comlink, whatever methods there are (crossing.ts). When the thread ends, every call in flight and to come fails with a
 * WorkerCrashedError.
 */
import { Worker } from 'node:worker_threads'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import { callService, serviceAt } from './crossing.js'
import type { CryptographyOptions, HostedCryptography } from './cryptography-module.js'
import { WorkerClosedError, WorkerCrashedError } from './errors.js'

/** What the thread hosts, and how long closing may take. */
export interface CryptographyWorkerOptions {
  /** URL of the module to host; the party's real cryptography when absent. */
  readonly module?: string
  /** Time for wiping and closing files before the thread is ended, in ms. */
  readonly closeMilliseconds?: number
}

/** Whatever is hosted ends this way. */
interface Disposed {
  dispose(): Promise<void>
}

const DEFAULT_MODULE = new URL('./local-cryptography.js', import.meta.url).href
const DEFAULT_CLOSE_MILLISECONDS = 3000
/**
 * Of the thread's JavaScript heap, MiB. Left to itself V8 lets the part for new objects grow to 128 MiB as queries go by, and hands little of it back; polynomials are
 * not in it.
 */
const YOUNG_GENERATION = 12

/** The thread, as long as it lives. */
class CryptographyThread {
  readonly ended: Promise<never>
  failure: Error | undefined
  /** Rejections of the calls in flight. A race with `ended` would keep the result of every call for as long as the worker lives. */
  private readonly inFlight = new Set<(error: Error) => void>()

  constructor(readonly worker: Worker) {
    this.ended = new Promise((_, reject) => {
      const fail = (error: Error): void => {
        this.failure ??= error
        reject(this.failure)
        this.abandon(this.failure)
      }
      worker.once('error', error => fail(new WorkerCrashedError(undefined, { cause: error })))
      worker.once('exit', code => fail(new WorkerCrashedError(code)))
    })
    // Whoever calls sees the rejection; with no call in flight nobody needs to.
    this.ended.catch(() => {})
  }

  /** Fails the calls in flight. */
  abandon(reason: Error): void {
    for (const rejectCall of this.inFlight) rejectCall(reason)
  }

  /** Fails a call when the thread ends before it is answered. */
  async guard<T>(pending: Promise<T>): Promise<T> {
    if (this.failure !== undefined) {
      pending.catch(() => {})
      throw this.failure
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.inFlight.add(reject)
    pending.then(resolve, reject)
    try {
      return await promise
    } finally {
      this.inFlight.delete(reject)
    }
  }
}

/** A thread that hosts a party's cryptography, and the handle to call it by. @typeParam H what the hosted module makes */
export class CryptographyWorker<H extends Disposed = HostedCryptography> {
  private constructor(
    private readonly thread: CryptographyThread,
    /** As the module made it; every method runs in the thread. */
    readonly cryptography: H,
    private readonly closeMilliseconds: number
  ) {}

  /** @throws what opening the keystore or loading the model throws */
  static async start<H extends Disposed = HostedCryptography, O = CryptographyOptions>(
    options: O,
    { module = DEFAULT_MODULE, closeMilliseconds = DEFAULT_CLOSE_MILLISECONDS }: CryptographyWorkerOptions = {}
  ): Promise<CryptographyWorker<H>> {
    const worker = new Worker(new URL('./entry.js', import.meta.url), {
      name: 'cryptography',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION }
    })
    const thread = new CryptographyThread(worker)
    const host = serviceAt(nodeEndpoint(worker))
    try {
      const cryptography = await callService(host, 'create', [module, options], pending => thread.guard(pending))
      return new CryptographyWorker(thread, cryptography as H, closeMilliseconds)
    } catch (error) {
      await worker.terminate()
      throw error
    }
  }

  /** Resolves when the thread has ended, with the reason. */
  async whenEnded(): Promise<Error> {
    return await this.thread.ended.catch((error: Error) => error)
  }

  /** Ends what runs, wipes, closes files, ends the thread. Calls in flight fail with WorkerClosedError. */
  async dispose(): Promise<void> {
    const { thread } = this
    if (thread.failure !== undefined) return
    const closed = new WorkerClosedError()
    thread.abandon(closed)
    const patience = new Promise<void>(resolve => setTimeout(resolve, this.closeMilliseconds).unref())
    await Promise.race([this.cryptography.dispose().catch(() => {}), patience])
    thread.failure ??= closed
    await thread.worker.terminate()
  }
}
