/** Boxes as BullMQ queues on Redis or Valkey: a box a queue, a message a job, which is done when its handler is. */
import type { Queue, Worker } from 'bullmq'
import type { Redis, RedisOptions } from 'ioredis'
import type { Mailbox } from './mailbox.js'

/** Where Redis or Valkey is, and which fleet this is. */
export interface BullMailboxOptions {
  /** redis:// or rediss://, without a password. */
  readonly url: string
  /** Of the server. */
  readonly password?: string
  /** Fleets of one Redis that know nothing of each other have different names. */
  readonly fleet: string
  /** Told of lost connections, and of messages whose handler threw. */
  onError?(error: Error): void
}

/** Longest pause between two tries to connect, milliseconds. */
const LONGEST_PAUSE = 2_000
/** How long a message counts as being handled without a sign of life, milliseconds: what a machine may be asleep. */
const LOCK = 60_000
/** Pause after a failure to read, milliseconds. */
const RETRY = 1_000

/** Boxes on a Redis or Valkey server, by BullMQ. */
export class BullMailbox implements Mailbox {
  readonly name: string
  readonly #bull: typeof import('bullmq')
  readonly #connection: Redis
  readonly #options: BullMailboxOptions
  readonly #queues = new Map<string, Queue>()
  readonly #workers = new Set<Worker>()
  readonly #listeners: ((connected: boolean) => void)[] = []
  #connected = false
  #closed = false

  private constructor(bull: typeof import('bullmq'), connection: Redis, options: BullMailboxOptions) {
    this.#bull = bull
    this.#connection = connection
    this.#options = options
    this.name = `Redis at ${options.url}`
    connection.on('ready', () => this.#tell(true))
    connection.on('close', () => this.#tell(false))
    // Being away is told by `connected`; what ioredis says of every try would fill a log.
    connection.on('error', () => undefined)
  }

  /** BullMQ and ioredis are loaded here, and nowhere else. Resolves whether or not Redis is there. */
  static async open(options: BullMailboxOptions): Promise<BullMailbox> {
    const [bull, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')])
    const settings: RedisOptions = {
      // Commands wait for Redis, however long it is away.
      maxRetriesPerRequest: null,
      enableReadyCheck: true,
      retryStrategy: times => Math.min(LONGEST_PAUSE, 50 * times),
      ...(options.password === undefined ? {} : { password: options.password })
    }
    return new BullMailbox(bull, new Redis(options.url, settings), options)
  }

  get connected(): boolean {
    return this.#connected
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.#listeners.push(listener)
  }

  async send(box: string, message: unknown): Promise<void> {
    await this.#queue(box).add('message', message, { removeOnComplete: true, removeOnFail: true })
  }

  async read(box: string, handler: (message: unknown) => Promise<void>): Promise<() => Promise<void>> {
    const worker = new this.#bull.Worker(box, async ({ data }) => await handler(data), {
      connection: this.#connection as never,
      prefix: this.#prefix,
      concurrency: 1,
      lockDuration: LOCK,
      runRetryDelay: RETRY
    })
    worker.on('error', error => this.#fault(error))
    worker.on('failed', (_job, error) => this.#fault(error))
    this.#workers.add(worker)
    return async () => {
      this.#workers.delete(worker)
      await worker.close(true)
    }
  }

  async readers(boxes: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    // A service that was set up to refuse this is asked again and again, which costs nothing.
    const list = await this.#connection.client('LIST').catch(() => undefined)
    if (typeof list !== 'string') return undefined
    const names = new Set(list.split('\n').map(line => /(?:^| )name=(\S*)/.exec(line)?.[1] ?? ''))
    // As BullMQ names the connection that a reader waits on.
    return new Set(boxes.filter(box => names.has(`${this.#prefix}:${Buffer.from(box).toString('base64')}`)))
  }

  async remove(box: string): Promise<void> {
    const queue = this.#queue(box)
    this.#queues.delete(box)
    await queue.obliterate({ force: true })
    await queue.close()
  }

  async close(): Promise<void> {
    this.#closed = true
    // Without Redis there is nobody to take leave of.
    const leave = [...this.#workers].map(async worker => await worker.close(true))
    const queues = [...this.#queues.values()].map(async queue => await queue.close())
    if (this.#connected) await Promise.allSettled([...leave, ...queues])
    else void Promise.allSettled([...leave, ...queues])
    this.#connection.disconnect()
  }

  get #prefix(): string {
    return `slytherin:${this.#options.fleet}`
  }

  #queue(box: string): Queue {
    let queue = this.#queues.get(box)
    if (queue === undefined) {
      queue = new this.#bull.Queue(box, { connection: this.#connection as never, prefix: this.#prefix })
      queue.on('error', error => this.#fault(error))
      this.#queues.set(box, queue)
    }
    return queue
  }

  #fault(error: Error): void {
    if (this.#connected && !this.#closed) this.#options.onError?.(error)
  }

  #tell(connected: boolean): void {
    if (this.#connected === connected || this.#closed) return
    this.#connected = connected
    for (const listener of this.#listeners) listener(connected)
  }
}
