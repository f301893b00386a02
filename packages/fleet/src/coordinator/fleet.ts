/**
 * The coordinator of a fleet, at the evaluator: has parts of evaluations done by the workers that are there and, where that is wanted, in this process. Parts are
 * functions of what they name, so whatever happens to a worker costs time only: one that is silent, or takes far too long, has its part given to somebody else, and
 * whoever is done first has done it.
 */
import { randomUUID } from 'node:crypto'
import type { BlockHooks, BlockJob, BlockResult, BlockRunner } from '@slytherin/protocol/service'
import { PartFailedError, WorkerRefusedError } from '../errors.js'
import { boxOf, COORDINATOR } from '../mailbox/mailbox.js'
import { type Hello, readAtCoordinator, type ToCoordinator, type ToWorker } from '../messages.js'
import type { FleetContents } from '../store/contents.js'
import { Leases } from './leases.js'
import { type FleetEvent, type FleetOptions, type FleetStatus, type FleetTiming, TIMING } from './options.js'
import { Part } from './part.js'
import { Presence } from './presence.js'
import { HERE, Scheduler } from './scheduler.js'

/** By how much a part may be slower than planned. */
const SLOWER = 20
/** By how much it may be slower than others were of late, before a second place does it, too. */
const SLOW = 3
/** Of the last part in that. */
const PACE_WEIGHT = 0.2

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
  #swept = performance.now()
  readonly #presence: Presence
  readonly #timer: ReturnType<typeof setInterval>
  #count = 0
  /** How much longer than planned parts take of late. */
  #pace = 1
  #closed = false

  private constructor(options: FleetOptions) {
    this.#options = options
    this.contents = options.contents
    this.#timing = { ...TIMING, ...options.timing }
    const { querySpaces, otherSpaces } = this.#timing
    this.#leases = new Leases(options.contents, { query: querySpaces, other: otherSpaces })
    this.#presence = new Presence(options.mailbox, this.#timing.absence)
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

  /** Has one part done, wherever there is a place; some are done twice and compared. @throws PartFailedError when it fails everywhere; the signal's reason */
  async run(job: BlockJob, query: { readonly name: string; readonly seconds: number }, hooks: BlockHooks): Promise<BlockResult> {
    const checked = (this.#options.random ?? Math.random)() < this.#options.check
    return await this.#do({
      means: job.means.hash,
      querySeconds: query.seconds,
      bytes: job.expected.bytes,
      patience: Math.max(this.#timing.patience, SLOWER * 1000 * job.expected.seconds),
      checked,
      job,
      hooks,
      mayBeHere: this.#options.here
    })
  }

  /** Work that only this process can do, when its turn comes. @throws what the work throws; the signal's reason */
  async alone<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    let made: { readonly value: T } | undefined
    const local = async (): Promise<BlockResult> => {
      made = { value: await work() }
      return { refresh: null, results: [], values: [], steps: [] }
    }
    await this.#do({
      means: '',
      querySeconds: 0,
      bytes: 0,
      patience: Number.POSITIVE_INFINITY,
      checked: false,
      job: undefined,
      hooks: { signal, local, onWaiting: () => undefined },
      mayBeHere: true
    })
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

  async #do(of: Omit<ConstructorParameters<typeof Part>[0], 'id' | 'since'>): Promise<BlockResult> {
    const { signal } = of.hooks
    signal.throwIfAborted()
    const part = new Part({ ...of, id: `${this.#life}-${++this.#count}`, since: performance.now() })
    const stop = (): void => part.fail(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    this.#parts.set(part.id, part)
    this.#scheduler.put(part)
    this.#assign()
    this.#explain()
    try {
      return await part.result
    } finally {
      signal.removeEventListener('abort', stop)
      this.#parts.delete(part.id)
      this.#scheduler.withdraw(part.id)
      this.#assign()
    }
  }

  #assign(): void {
    if (this.#closed) return
    for (const { id } of this.#scheduler.waiting) {
      const part = this.#parts.get(id)
      if (part !== undefined && !this.#scheduler.hasPlaceFor(part)) part.settle()
    }
    for (const { task, place } of this.#scheduler.assign(performance.now())) {
      const part = this.#parts.get(task.id)!
      // Settled a moment ago.
      if (part.isOver) {
        this.#scheduler.free(place, task.id)
        continue
      }
      part.begin(place, performance.now())
      if (place === HERE) void this.#doHere(part)
      else void this.#send(place, { kind: 'part', part: part.id, job: part.job! })
    }
  }

  async #doHere(part: Part): Promise<void> {
    try {
      const result = await part.hooks.local()
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
      const planned = part.job?.expected.seconds ?? 0
      if (since !== undefined && planned > 0) this.#pace += PACE_WEIGHT * ((performance.now() - since) / 1000 / planned - this.#pace)
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
    const refused = this.#refused.get(worker) ?? this.#obstacle(hello)
    if (refused !== undefined) {
      if (!this.#refused.has(worker)) this.#event({ event: 'refused', worker, host, error: refused })
      this.#refused.set(worker, refused)
      const { field, expected, actual } = refused
      void this.#send(worker, { kind: 'refused', field, expected, actual })
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
      const place = this.#scheduler.places.find(({ id }) => id === worker)
      if (place !== undefined) Object.assign(place, { memory, ready: new Set(ready) })
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

  /** Why a worker would not come to the same bytes. */
  #obstacle({ worker, software, answer, variant }: Hello): WorkerRefusedError | undefined {
    const { software: expected, answer: own } = this.#options
    if (software !== expected) return new WorkerRefusedError(worker, 'software', expected, software)
    if (answer !== own) return new WorkerRefusedError(worker, 'known answer', own, `${answer} on the kernel variant ${variant}`)
    return undefined
  }

  #ban(worker: string): void {
    if (worker === HERE) return
    const host = this.#workers.get(worker)?.hello.host ?? ''
    const error = new WorkerRefusedError(worker, 'result', 'the same that others came to', 'another')
    this.#refused.set(worker, error)
    this.#event({ event: 'refused', worker, host, error })
    const { field, expected, actual } = error
    void this.#send(worker, { kind: 'refused', field, expected, actual })
    this.#forget(worker, 'it was refused')
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

  #tick(): void {
    const now = performance.now()
    const { silence } = this.#timing
    for (const [worker, { seen }] of this.#workers) if (now - seen > silence) this.#gone(worker, 'lost')
    for (const part of this.#parts.values()) {
      const slow = part.slowAt(now, this.#timing.hedge + SLOW * this.#pace * 1000 * (part.job?.expected.seconds ?? 0))
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
    if (now - this.#swept >= this.#timing.sweep) {
      this.#swept = now
      void this.#leases.sweep(now).catch(error => this.#event({ event: 'fault', error: error as Error }))
    }
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
      if (!mailbox.connected) part.hooks.onWaiting(`waiting for the queue of the fleet: ${mailbox.name} cannot be reached`)
      else if (this.#workers.size === 0) part.hooks.onWaiting('waiting for a worker of the fleet: none is there')
      else part.hooks.onWaiting(`waiting for a worker of the fleet with ${Math.ceil(task.bytes / 1e9)} GB of memory, or another one`)
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
