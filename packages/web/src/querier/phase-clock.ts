/** How long each phase of a query has taken. */
import type { Phase } from './messages.js'

export class PhaseClock {
  readonly #spent: Record<Phase, number> = { encrypt: 0, queue: 0, compute: 0, read: 0 }
  #phase: Phase = 'encrypt'
  #since = performance.now()

  enter(phase: Phase): void {
    const now = performance.now()
    this.#spent[this.#phase] += now - this.#since
    this.#phase = phase
    this.#since = now
  }

  /** @returns milliseconds of each */
  stop(): Readonly<Record<Phase, number>> {
    this.enter(this.#phase)
    return { ...this.#spent }
  }
}
