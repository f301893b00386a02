/**
 * The coordinator of a fleet, at the evaluator: has parts of evaluations done by the workers that are there and, where that is wanted, in this process. Parts are
 * functions of what they name, so whatever happens to a worker costs time only: one that is silent, or takes far too long, has its part given to somebody else, and
 * whoever is done first has done it.
 */
import { randomUUID } from 'node:crypto'
import type { BlockResult, BlockRunner } from '@slytherin/protocol/service'
import { PartFailedError, WorkerRefusedError } from '../errors.js'
import { boxOf, COORDINATOR } from '../mailbox/mailbox.js'
import { type Hello, readAtCoordinator, type ToCoordinator, type ToWorker } from '../messages.js'
import type { FleetContents } from '../store/contents.js'
import { Expectations } from './expectations.js'
import { Leases } from './leases.js'
import { obstacleOf, waitingFor } from './obstacles.js'
import { type FleetEvent, type FleetOptions, type FleetStatus, type FleetTiming, TIMING } from './options.js'
import { Pace } from './pace.js'
import { Part, type PartOptions } from './part.js'
import { Presence } from './presence.js'
import { HERE, Scheduler, type Task, type Turn } from './scheduler.js'

interface KnownWorker {
  hello: Hello
  seen: number
  done: number
}

/** Gives parts of evaluations to the workers that are there, and to this process where it takes part. */
export class Fleet implements BlockRunner {
  readonly contents: FleetContents
  readonly #options: FleetOptions
  readonly #timing: FleetTiming
  /** Parts of another life of this coordinator are none of this one's. */
  readonly #life = randomUUID().slice(0, 8)
  readonly #scheduler = new Scheduler()
  readonly #workers = new Map<string, KnownWorker>()
  readonly #refused = new Map<string, WorkerRefusedError>()
  readonly #parts = new Map<string, Part>()
  readonly #leases: Leases
  readonly #presence: Presence
  readonly #timer: ReturnType<typeof setInterval>
  #count = 0
  readonly #name = (): string => `${this.#life}-${++this.#count}`
  readonly #pace: Pace
  readonly #expected: Expectations
  #closed = false

  private constructor(options: FleetOptions) {
    this.#options = options
    this.contents = options.contents
    this.#timing = { ...TIMING, ...options.timing }
    this.#leases = new Leases(options.contents, { query: this.#timing.querySpaces, other: this.#timing.otherSpaces })
    this.#presence = new Presence(options.mailbox, this.#timing.absence)
    this.#expected = new Expectations(this.#timing.expected)
    this.#pace = new Pace(this.#timing.patience, this.#timing.hedge)
    this.#scheduler.add({ id: HERE, memory: Number.POSITIVE_INFINITY, ready: new Set() })
    this.#timer = setInterval(() => this.#tick(), this.#timing.tick)
    this.#timer.unref()
    options.mailbox.onConnection(connected => {
      this.#event({ event: 'connection', name: options.mailbox.name, connected })
      this.#explain()
    })
  }

  /** Resolves whether or not workers, or the queue, are there. @throws StoreUnreachableError */
  static async start(options: FleetOptions): Promise<Fleet> {
    // Of queries that were under way when the coordinator was killed: all of it is put there again.
    for (const space of await options.contents.spaces()) if (space.startsWith('query-')) await options.contents.clear(space)
    const fleet = new Fleet(options)
    await options.mailbox.read(COORDINATOR, async message => fleet.#hear(message))
    return fleet
  }

  /** Parts that can be done at the same time: one at each worker, and one here where the evaluator takes part. */
  get slots(): number {
    return Math.max(1, this.#workers.size + (this.#options.here ? 1 : 0))
  }

  /** Whether models that are clear at the evaluator may be in the store. */
  get clearModels(): boolean {
    return this.#options.clearModels ?? false
  }

  /** That a space of the store is in use, until what it returns is called. */
  async hold(space: string): Promise<() => void> {
    return await this.#leases.hold(space)
  }

  /** Longest that a part should take, seconds. */
  get partSeconds(): number {
    return this.#options.partSeconds
  }

  /** Queue, workers and what waits, at this moment. */
  status(): FleetStatus {
    const { name: queue, connected } = this.#options.mailbox
    const workers = [...this.#workers.values()].map(({ hello: { worker, host, variant, threads, busy }, done }) => {
      return { worker, host, variant, threads, busy, done }
    })
    return { queue, connected, workers, waiting: this.#scheduler.waiting.length }
  }

  /** That a stretch is about to come, until what it returns is called, or it is late. */
  expect(): () => void {
    return this.#expected.add(performance.now())
  }

  /** In as many parts as there are places for it when it is its turn; some are done twice and compared. @throws PartFailedError when one fails everywhere; the signal's reason */
  async run(...[stretch, query, hooks]: Parameters<BlockRunner['run']>): Promise<readonly BlockResult[]> {
    const { means, expected } = stretch.divide(1)[0]!
    const work = { means: means.hash, querySeconds: query.seconds, bytes: expected.bytes, stretch, hooks }
    return await this.#do({ ...work, mayBeHere: this.#options.here })
  }

  /** Work that only this process can do, when its turn comes. @throws what the work throws; the signal's reason */
  async alone<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    let made: { readonly value: T } | undefined
    const local = async (): Promise<BlockResult> => {
      made = { value: await work() }
      return { refresh: null, results: [], values: [], steps: [] }
    }
    const hooks = { signal, local, onWaiting: () => undefined }
    await this.#do({ means: '', querySeconds: 0, bytes: 0, stretch: undefined, hooks, mayBeHere: true })
    return made!.value
  }

  /** Fails what is under way and lets go of queue and store. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    for (const part of this.#parts.values()) part.fail(new Error('the fleet was closed'))
    await this.#options.mailbox.close()
    this.contents.close()
  }

  async #do(
    of: Pick<PartOptions, 'means' | 'querySeconds' | 'bytes' | 'stretch' | 'hooks' | 'mayBeHere'>
  ): Promise<readonly BlockResult[]> {
    const { signal } = of.hooks
    signal.throwIfAborted()
    const part = new Part({
      ...of,
      id: this.#name(),
      since: performance.now(),
      patience: job => this.#pace.late(job.expected.seconds),
      checked: () => (this.#options.random ?? Math.random)() < this.#options.check
    })
    const stop = (): void => {
      for (const one of part.divided) one.fail(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    this.#put(part)
    // What comes at the same time is divided together.
    queueMicrotask(() => this.#assign())
    this.#explain()
    try {
      return await Promise.all((await part.parts).map(async ({ result }) => await result))
    } finally {
      signal.removeEventListener('abort', stop)
      for (const { id } of part.divided) {
        this.#parts.delete(id)
        this.#scheduler.withdraw(id)
      }
      this.#assign()
    }
  }

  #put(part: Part): void {
    this.#parts.set(part.id, part)
    this.#scheduler.put(part)
  }

  #assign(): void {
    if (this.#closed) return
    for (const task of this.#scheduler.waiting) if (!this.#scheduler.hasPlaceFor(task)) this.#parts.get(task.id)?.settle()
    const now = performance.now()
    const turn: Turn = { expected: this.#expected.count(now), divide: (task, parts) => this.#divide(task, parts) }
    for (const { task, place } of this.#scheduler.assign(now, turn)) {
      const part = this.#parts.get(task.id)!
      // Settled a moment ago.
      if (part.isOver) {
        this.#scheduler.free(place, task.id)
        continue
      }
      part.begin(place, now)
      if (place === HERE) void this.#doHere(part)
      else void this.#send(place, { kind: 'part', part: part.id, job: part.job! })
    }
  }

  #divide({ id }: Task, parts: number): readonly Part[] {
    const divided = this.#parts.get(id)!.divide(parts, this.#name)
    for (const part of divided) this.#put(part)
    return divided
  }

  async #doHere(part: Part): Promise<void> {
    try {
      const result = await part.hooks.local(part.job!)
      this.#came(part.id, HERE, () => part.came(HERE, result))
    } catch (error) {
      // What fails here fails everywhere: everything is there.
      this.#came(part.id, HERE, () => part.fail(error))
    }
  }

  /** Something came of a part at a place. */
  #came(id: string, place: string, take: () => void): void {
    this.#scheduler.free(place, id)
    const part = this.#parts.get(id)
    if (part !== undefined) {
      const since = part.sinceAt(place)
      if (since !== undefined) this.#pace.took((performance.now() - since) / 1000, part.job?.expected.seconds ?? 0)
      take()
      this.#follow(part)
    }
    this.#assign()
  }

  /** Tried again after a while, elsewhere if there is another place by then. */
  #failed(id: string, worker: string, error: PartFailedError): void {
    this.#scheduler.free(worker, id)
    const part = this.#parts.get(id)
    part?.failedAt(worker, error)
    const again = setTimeout(() => {
      if (this.#parts.get(id) !== part || part === undefined) return
      this.#follow(part)
      this.#assign()
    }, this.#timing.retry)
    again.unref()
    this.#assign()
  }

  /** A result waits for a second one, or was found to be wrong. */
  #follow(part: Part): void {
    for (const place of part.takeLiars()) this.#ban(place)
    if (part.isOver) return
    if (part.wantsMore) this.#scheduler.put(part)
    this.#explain()
  }

  async #hear(message: unknown): Promise<void> {
    let heard: ToCoordinator
    try {
      heard = readAtCoordinator(message)
    } catch (error) {
      this.#event({ event: 'fault', error: error as Error })
      return
    }
    switch (heard.kind) {
      case 'hello':
        return this.#hello(heard)
      case 'bye':
        return this.#gone(heard.worker, 'left')
      case 'done': {
        const { worker, part, result } = heard
        if (this.#refused.has(worker)) return
        const known = this.#workers.get(worker)
        if (known !== undefined) known.done++
        return this.#came(part, worker, () => this.#parts.get(part)?.came(worker, result))
      }
      case 'failed': {
        const { worker, part, code, message: text } = heard
        this.#again(this.#parts.get(part), worker, `${code}: ${text}`)
        return this.#failed(part, worker, new PartFailedError(worker, code, text))
      }
    }
  }

  #hello(hello: Hello): void {
    const { worker, host, memory, ready } = hello
    const refused = this.#refused.get(worker) ?? obstacleOf(hello, this.#options)
    if (refused !== undefined) {
      this.#refuse(worker, host, refused)
      return
    }
    const known = this.#workers.get(worker)
    this.#workers.set(worker, { hello, seen: performance.now(), done: known?.done ?? 0 })
    if (known === undefined) {
      this.#presence.joined(worker)
      this.#scheduler.add({ id: worker, memory, ready: new Set(ready) })
      this.#event({ event: 'worker', worker, host, state: 'joined' })
      void this.#send(worker, { kind: 'admitted', coordinator: this.#life })
    } else {
      this.#scheduler.add({ id: worker, memory, ready: new Set(ready) })
      if (hello.busy === null) this.#idle(worker)
    }
    this.#assign()
    this.#explain()
  }

  /** A worker does nothing: what it was given a while ago has been lost with the queue. */
  #idle(worker: string): void {
    const now = performance.now()
    for (const part of this.#parts.values()) {
      const since = part.sinceAt(worker)
      if (since === undefined || now - since < this.#timing.silence) continue
      this.#again(part, worker, 'its worker does not know of it')
      this.#scheduler.free(worker, part.id)
      part.leave(worker)
      this.#follow(part)
    }
  }

  #ban(worker: string): void {
    if (worker === HERE) return
    const host = this.#workers.get(worker)?.hello.host ?? ''
    this.#refuse(worker, host, new WorkerRefusedError(worker, 'result', 'the same that others came to', 'another'))
    this.#forget(worker, 'it was refused')
  }

  #refuse(worker: string, host: string, error: WorkerRefusedError): void {
    if (!this.#refused.has(worker)) this.#event({ event: 'refused', worker, host, error })
    this.#refused.set(worker, error)
    const { field, expected, actual } = error
    void this.#send(worker, { kind: 'refused', field, expected, actual })
  }

  #gone(worker: string, state: 'left' | 'lost'): void {
    const known = this.#workers.get(worker)
    if (known === undefined) return
    this.#event({ event: 'worker', worker, host: known.hello.host, state })
    this.#forget(worker, `its worker is ${state === 'left' ? 'gone' : 'lost'}`)
  }

  #forget(worker: string, reason: string): void {
    this.#workers.delete(worker)
    this.#scheduler.remove(worker)
    this.#presence.left(worker)
    for (const part of this.#parts.values()) {
      if (!part.isAt(worker)) continue
      this.#again(part, worker, reason)
      part.leave(worker)
      this.#follow(part)
    }
    this.#assign()
    this.#explain()
  }

  /** How long a worker may say nothing, milliseconds: an operation of many ciphertexts, for which it hears and says nothing, takes seconds of a slow machine. */
  #silence(worker: string): number {
    const at = [...this.#parts.values()].filter(part => part.isAt(worker))
    return Math.max(this.#timing.silence, ...at.map(({ job }) => this.#pace.slow(job?.expected.seconds ?? 0)))
  }

  #tick(): void {
    const now = performance.now()
    for (const [worker, { seen }] of this.#workers) if (now - seen > this.#silence(worker)) this.#gone(worker, 'lost')
    for (const part of this.#parts.values()) {
      const slow = part.slowAt(now, this.#pace.slow(part.job?.expected.seconds ?? 0))
      if (slow !== undefined) {
        this.#again(part, slow, 'it takes longer than others do')
        this.#scheduler.put(part)
      }
      const late = part.lateSince(now)
      if (late === undefined) continue
      this.#again(part, late, 'it takes far longer than expected')
      // Its place stays busy until it answers, or is lost.
      part.leave(late)
      this.#follow(part)
    }
    void this.#leases.sweepEvery(this.#timing.sweep).catch(error => this.#event({ event: 'fault', error: error as Error }))
    void this.#presence.look([...this.#workers.keys()]).then(gone => {
      for (const worker of gone) this.#gone(worker, 'lost')
    })
    void this.#presence.tidy().catch(error => this.#event({ event: 'fault', error: error as Error }))
    this.#assign()
    this.#explain()
  }

  /** Tells those whose parts wait what for. */
  #explain(): void {
    const { mailbox } = this.#options
    for (const task of this.#scheduler.waiting) {
      const part = this.#parts.get(task.id)
      if (part === undefined || this.#scheduler.hasPlaceFor(task)) continue
      part.hooks.onWaiting(waitingFor(task.bytes, this.#workers.size, mailbox))
    }
  }

  async #send(worker: string, message: ToWorker): Promise<void> {
    try {
      await this.#options.mailbox.send(boxOf(worker), message)
    } catch (error) {
      if (!this.#closed) this.#event({ event: 'fault', error: error as Error })
    }
  }

  #again(part: Part | undefined, worker: string, reason: string): void {
    const since = part?.sinceAt(worker)
    if (part === undefined || since === undefined) return
    this.#event({ event: 'again', part: part.id, worker, reason, seconds: (performance.now() - since) / 1000 })
  }

  #event(event: FleetEvent): void {
    this.#options.onEvent?.(event)
  }
}
