/** The sender's side of sequence.ts: hands out a free lane, one request at a time in each, and counts. */
import { MAXIMUM_LANES, UNORDERED_LANE, URGENT_LANE } from './sequence.js'

interface HeldLane {
  readonly number: number
  /** The next sequence number in a scope (session or proposal id, hexadecimal). */
  next(scope: string): number
  release(): void
}

export class Lanes {
  /** The last one is taken first, so that few lanes are in use. */
  readonly #free: number[]
  readonly #counters = new Map<string, number>()
  #urgentTail: Promise<void> = Promise.resolve()
  readonly #waiting: ((lane: number) => void)[] = []

  constructor(count: number = MAXIMUM_LANES - 2) {
    this.#free = Array.from({ length: count }, (_, i) => count - i)
  }

  /** @throws the signal's reason */
  async acquire(urgent: boolean, signal: AbortSignal): Promise<HeldLane> {
    signal.throwIfAborted()
    return urgent ? await this.#acquireUrgent(signal) : await this.#acquireAny(signal)
  }

  /** A lane for a message outside a session: free at any time. */
  unordered(): HeldLane {
    return this.#held(UNORDERED_LANE, () => undefined)
  }

  async #acquireUrgent(signal: AbortSignal): Promise<HeldLane> {
    const previous = this.#urgentTail
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#urgentTail = promise
    await previous
    if (signal.aborted) {
      resolve()
      signal.throwIfAborted()
    }
    return this.#held(URGENT_LANE, resolve)
  }

  async #acquireAny(signal: AbortSignal): Promise<HeldLane> {
    const free = this.#free.pop()
    if (free !== undefined) return this.#held(free, () => this.#give(free))
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const onAbort = (): void => {
      const place = this.#waiting.indexOf(resolve)
      if (place >= 0) {
        this.#waiting.splice(place, 1)
        reject(signal.reason)
      }
    }
    this.#waiting.push(resolve)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const lane = await promise
      return this.#held(lane, () => this.#give(lane))
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #give(lane: number): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(lane)
    else next(lane)
  }

  #held(number: number, release: () => void): HeldLane {
    return {
      number,
      next: scope => {
        const key = `${number} ${scope}`
        const sequence = (this.#counters.get(key) ?? 0) + 1
        this.#counters.set(key, sequence)
        return sequence
      },
      release
    }
  }
}
