/** One direction of a network link: bytes leave one after the other, at its rate, and arrive a latency later. */
import type { Clock } from './clock.js'

export class Link {
  #freeAt = 0
  #busySeconds = 0
  #bytes = 0

  /**
   * @param bytesPerSecond Infinity for none that counts
   * @param latency one way, in seconds
   */
  constructor(
    readonly name: string,
    readonly clock: Clock,
    readonly bytesPerSecond: number,
    readonly latency: number
  ) {}

  send(bytes: number, arrived: () => void): void {
    const seconds = bytes / this.bytesPerSecond
    this.#freeAt = Math.max(this.clock.now, this.#freeAt) + seconds
    this.#busySeconds += seconds
    this.#bytes += bytes
    this.clock.after(this.#freeAt - this.clock.now + this.latency, arrived)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Part of that time in which bytes left. */
  utilisation(seconds: number): number {
    return this.#busySeconds / seconds
  }
}
