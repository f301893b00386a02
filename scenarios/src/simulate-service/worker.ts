/** A machine of the fleet: blocks at work, keys and models in memory, failures. */
import type { Clock } from './clock.js'
import { Link } from './link.js'
import { Machine } from './machine.js'
import { Places } from './places.js'
import type { QueryProfile } from './profile.js'

export interface WorkerOptions {
  readonly threads: number
  readonly blocks: number
  readonly memoryBytes: number
  readonly bytesPerSecond: number
  /** One way, in seconds. */
  readonly latency: number
  /** Shared with others; its own when there is none. */
  readonly machine?: Machine
}

export class Worker {
  readonly machine: Machine
  readonly up: Link
  readonly down: Link
  /** Models by when they were last used, the oldest first; those that are on the way have who waits for them. */
  readonly #models = new Map<QueryProfile, { ready: boolean; waiting: (() => void)[] }>()
  /** One computation at a time, on all threads. */
  readonly places: Places
  busy = 0
  alive = true

  constructor(
    readonly name: string,
    clock: Clock,
    readonly options: WorkerOptions
  ) {
    this.machine = options.machine ?? new Machine(name, clock, options.threads)
    this.places = new Places(this.machine, 1, options.threads)
    this.up = new Link(`${name} up`, clock, options.bytesPerSecond, options.latency)
    this.down = new Link(`${name} down`, clock, options.bytesPerSecond, options.latency)
  }

  get free(): boolean {
    return this.alive && this.busy < this.options.blocks
  }

  has(profile: QueryProfile): boolean {
    return this.#models.has(profile)
  }

  /** Once keys and model are in memory; what was not used for longest makes room. */
  load(profile: QueryProfile, store: Link, loaded: () => void): void {
    const known = this.#models.get(profile)
    if (known !== undefined) {
      this.#models.delete(profile)
      this.#models.set(profile, known)
      if (known.ready) loaded()
      else known.waiting.push(loaded)
      return
    }
    const model = { ready: false, waiting: [loaded] }
    this.#makeRoom(profile.coldBytes)
    this.#models.set(profile, model)
    store.send(profile.coldBytes, () =>
      this.down.send(profile.coldBytes, () => {
        model.ready = true
        for (const go of model.waiting.splice(0)) go()
      })
    )
  }

  /** Everything in memory is lost. */
  fail(): void {
    this.alive = false
    this.busy = 0
    this.places.clear()
    this.#models.clear()
  }

  #makeRoom(bytes: number): void {
    let held = bytes
    for (const profile of this.#models.keys()) held += profile.coldBytes
    for (const [profile, { ready }] of this.#models) {
      if (held <= this.options.memoryBytes) return
      if (!ready) continue
      this.#models.delete(profile)
      held -= profile.coldBytes
    }
  }
}
