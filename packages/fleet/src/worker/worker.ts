/** A worker of a fleet: does one part after the other, for whoever coordinates, and keeps nothing but what it can fetch again. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { BlockJob, BlockResult } from '@slytherin/protocol/service'
import { WorkerRefusedError } from '../errors.js'
import { boxOf, COORDINATOR, type Mailbox } from '../mailbox/mailbox.js'
import { readAtWorker, type ToCoordinator, type ToWorker } from '../messages.js'

/** What does the parts. */
export interface Workshop {
  /** Of its kernel. */
  readonly variant: string
  /** Hashes of the means whose keys are in memory. */
  readonly ready: readonly string[]
  /** What this machine makes of a known evaluation: a worker is admitted only when it is what the evaluator makes of it, to the byte. */
  knownAnswer(): string
  /** Does one part. @throws the signal's reason; what the evaluation throws */
  compute(job: BlockJob, signal: AbortSignal): Promise<BlockResult>
}

/** Queue, means and size of a worker. */
export interface FleetWorkerOptions {
  /** The queue to the coordinator. */
  readonly mailbox: Mailbox
  /** What does the parts. */
  readonly workshop: Workshop
  /** Release of slytherin. */
  readonly software: string
  /** That share an operation. */
  readonly threads: number
  /** Bytes for keys, weights and evaluations. */
  readonly memory: number
  /** Milliseconds between two signs of life. */
  readonly heartbeat?: number
  /** Told as things happen; must not throw. */
  onEvent?(event: WorkerEvent): void
}

/** What a worker tells, discriminated by `event`. Times in seconds. */
export type WorkerEvent =
  | { readonly event: 'admitted'; readonly coordinator: string }
  | { readonly event: 'connection'; readonly name: string; readonly connected: boolean }
  | { readonly event: 'given'; readonly part: string; readonly query: string }
  | { readonly event: 'done'; readonly part: string; readonly query: string; readonly seconds: number }
  | { readonly event: 'failed'; readonly part: string; readonly query: string; readonly error: Error }
  | { readonly event: 'fault'; readonly error: Error }

const HEARTBEAT = 2_000
/** How long taking leave may take, milliseconds. */
const GOODBYE = 1_000

/** One worker: greets the coordinator, takes parts from its box, says what came of them. */
export class FleetWorker {
  /** A worker that is started again is another one. */
  readonly id = randomUUID().slice(0, 13)
  readonly #options: FleetWorkerOptions
  readonly #abort = new AbortController()
  readonly #ended = Promise.withResolvers<void>()
  readonly #answer: string
  #busy: string | null = null
  #timer: ReturnType<typeof setInterval> | undefined
  #saying = false

  private constructor(options: FleetWorkerOptions) {
    this.#options = options
    this.#answer = options.workshop.knownAnswer()
  }

  /** Reads its box and begins to say that it is there. */
  static async start(options: FleetWorkerOptions): Promise<FleetWorker> {
    const worker = new FleetWorker(options)
    const { mailbox, heartbeat = HEARTBEAT } = options
    mailbox.onConnection(connected => options.onEvent?.({ event: 'connection', name: mailbox.name, connected }))
    await mailbox.read(boxOf(worker.id), async message => await worker.#hear(message))
    worker.#timer = setInterval(() => worker.#hello(), heartbeat)
    worker.#hello()
    return worker
  }

  /** Until it is stopped. @throws WorkerRefusedError when the coordinator does not want it */
  async run(): Promise<void> {
    await this.#ended.promise
  }

  /** Takes leave; a part that is under way is given up, and done by others. */
  async stop(): Promise<void> {
    if (this.#abort.signal.aborted) return
    this.#abort.abort(new Error('the worker was stopped'))
    clearInterval(this.#timer)
    const { mailbox } = this.#options
    if (mailbox.connected) {
      // The queue may go at the same time: its clients wait for it to come back.
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, GOODBYE)
      await Promise.race([this.#say({ kind: 'bye', worker: this.id }), late.promise])
      clearTimeout(timer)
    }
    await mailbox.close()
    this.#ended.resolve()
  }

  #hello(): void {
    // One at a time: they would heap up while the queue is away.
    if (this.#saying) return
    this.#saying = true
    const { workshop, software, threads, memory } = this.#options
    const { variant, ready } = workshop
    void this.#say({
      kind: 'hello',
      worker: this.id,
      host: hostname(),
      software,
      variant,
      answer: this.#answer,
      threads,
      memory,
      ready: [...ready],
      busy: this.#busy
    }).finally(() => {
      this.#saying = false
    })
  }

  async #hear(message: unknown): Promise<void> {
    let heard: ToWorker
    try {
      heard = readAtWorker(message)
    } catch (error) {
      this.#options.onEvent?.({ event: 'fault', error: error as Error })
      return
    }
    switch (heard.kind) {
      case 'admitted':
        this.#options.onEvent?.({ event: 'admitted', coordinator: heard.coordinator })
        return
      case 'refused': {
        const { field, expected, actual } = heard
        this.#abort.abort(new Error('the worker was refused'))
        clearInterval(this.#timer)
        this.#ended.reject(new WorkerRefusedError(this.id, field, expected, actual))
        // Whoever reads this box is this method: it ends first.
        setImmediate(() => void this.#options.mailbox.close())
        return
      }
      case 'part':
        return await this.#do(heard.part, heard.job)
    }
  }

  async #do(part: string, job: BlockJob): Promise<void> {
    const { workshop, onEvent } = this.#options
    const { signal } = this.#abort
    if (signal.aborted) return
    const started = performance.now()
    this.#busy = part
    onEvent?.({ event: 'given', part, query: job.query })
    try {
      const result = await workshop.compute(job, signal)
      const seconds = (performance.now() - started) / 1000
      await this.#say({ kind: 'done', worker: this.id, part, result, seconds })
      onEvent?.({ event: 'done', part, query: job.query, seconds })
    } catch (error) {
      if (signal.aborted) return
      const { name, message } = error as Error
      onEvent?.({ event: 'failed', part, query: String(job.query), error: error as Error })
      await this.#say({ kind: 'failed', worker: this.id, part, code: name.slice(0, 100), message: message.slice(0, 4000) })
    } finally {
      this.#busy = null
    }
  }

  async #say(message: ToCoordinator): Promise<void> {
    try {
      await this.#options.mailbox.send(COORDINATOR, message)
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#options.onEvent?.({ event: 'fault', error: error as Error })
    }
  }
}
