/** Simulated time: what happens next, and when. Nothing here waits. */
import TinyQueue from 'tinyqueue'

interface Event {
  readonly at: number
  /** Of two at the same instant, the one that was planned first. */
  readonly order: number
  readonly happen: () => void
}

export class Clock {
  readonly #events = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.order - b.order)
  #now = 0
  #planned = 0

  /** Seconds since the start. */
  get now(): number {
    return this.#now
  }

  /** @param delay in seconds, 0 or more */
  after(delay: number, happen: () => void): void {
    this.#events.push({ at: this.#now + Math.max(0, delay), order: this.#planned++, happen })
  }

  /** Until nothing is planned, or the next event is later than that. @returns how many events there were */
  run(until = Number.POSITIVE_INFINITY): number {
    let count = 0
    for (let event = this.#events.peek(); event !== undefined && event.at <= until; event = this.#events.peek()) {
      this.#events.pop()
      this.#now = event.at
      event.happen()
      count++
    }
    return count
  }
}
