/** A process on a machine that does so many computations at a time; others wait for a place, first come, first served. */
import type { Machine, Running } from './machine.js'

interface Asked {
  readonly coreSeconds: number
  readonly done: () => void
}

export class Places {
  readonly #waiting: Asked[] = []
  readonly #running = new Map<Asked, Running>()

  constructor(
    readonly machine: Machine,
    readonly count: number,
    readonly threads: number
  ) {}

  compute(coreSeconds: number, done: () => void): void {
    this.#waiting.push({ coreSeconds, done })
    this.#fill()
  }

  /** What runs and what waits is forgotten. */
  clear(): void {
    for (const running of this.#running.values()) running.cancel()
    this.#running.clear()
    this.#waiting.length = 0
  }

  #fill(): void {
    while (this.#running.size < this.count) {
      const asked = this.#waiting.shift()
      if (asked === undefined) return
      const running = this.machine.compute(asked.coreSeconds, this.threads, () => {
        this.#running.delete(asked)
        this.#fill()
        asked.done()
      })
      this.#running.set(asked, running)
    }
  }
}
