/** Cores that computations share: each has as many as it has threads, or its part of them when there are too few (processor sharing). */
import type { Clock } from './clock.js'

interface Computation {
  /** Core seconds that are left. */
  left: number
  readonly threads: number
  readonly done: () => void
}

/** @returned by compute: what a machine that is killed in the middle forgets */
export interface Running {
  cancel(): void
}

export class Machine {
  readonly #running = new Set<Computation>()
  #since = 0
  #version = 0
  #coreSeconds = 0

  constructor(
    readonly name: string,
    readonly clock: Clock,
    readonly cores: number
  ) {}

  /** @param coreSeconds of one thread's work, which `threads` share evenly */
  compute(coreSeconds: number, threads: number, done: () => void): Running {
    this.#advance()
    const computation: Computation = { left: coreSeconds, threads, done }
    this.#running.add(computation)
    this.#plan()
    return {
      cancel: () => {
        this.#advance()
        if (this.#running.delete(computation)) this.#plan()
      }
    }
  }

  /** Part of the cores that was busy. */
  utilisation(seconds: number): number {
    return this.#coreSeconds / (seconds * this.cores)
  }

  /** Cores that each thread has now, at most one. */
  #share(): number {
    let threads = 0
    for (const computation of this.#running) threads += computation.threads
    return threads === 0 ? 1 : Math.min(1, this.cores / threads)
  }

  #advance(): void {
    const share = this.#share() * (this.clock.now - this.#since)
    this.#since = this.clock.now
    for (const computation of this.#running) {
      const worked = Math.min(computation.left, share * computation.threads)
      computation.left -= worked
      this.#coreSeconds += worked
    }
  }

  /** The one that ends first; whatever begins or ends before that plans anew. */
  #plan(): void {
    const version = ++this.#version
    const share = this.#share()
    let first: Computation | undefined
    let soonest = Number.POSITIVE_INFINITY
    for (const computation of this.#running) {
      const seconds = computation.left / (share * computation.threads)
      if (seconds < soonest) {
        soonest = seconds
        first = computation
      }
    }
    if (first === undefined) return
    const ending = first
    this.clock.after(soonest, () => {
      if (version !== this.#version) return
      this.#advance()
      this.#running.delete(ending)
      this.#plan()
      ending.done()
    })
  }
}
