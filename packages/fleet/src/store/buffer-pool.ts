/**
 * Buffers that are used again: byte strings of megabytes that come one after the other would otherwise each take fresh memory of the system, and have the garbage collector
 * go through the whole heap for every few dozen megabytes.
 */
export class BufferPool {
  readonly #most: number
  /** By their length; those given back last come last. */
  readonly #idle = new Map<number, Uint8Array[]>()
  #bytes = 0

  /** @param most bytes that are kept while nobody uses them */
  constructor(most: number) {
    this.#most = most
  }

  /** Of buffers that nobody uses. */
  get bytes(): number {
    return this.#bytes
  }

  /** @returns a buffer of exactly this length, with anything in it */
  take(length: number): Uint8Array {
    const known = this.#idle.get(length)?.pop()
    if (known === undefined) return new Uint8Array(length)
    this.#bytes -= length
    return known
  }

  /** Whoever gives a buffer back reads and writes it no more. What there is no room for is left to the garbage collector. */
  give(buffer: Uint8Array): void {
    const { length } = buffer
    if (length === 0 || this.#bytes + length > this.#most) return
    const same = this.#idle.get(length)
    if (same === undefined) this.#idle.set(length, [buffer])
    else same.push(buffer)
    this.#bytes += length
  }
}
