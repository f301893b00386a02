/** Byte strings in memory within a budget: what was not used for longest goes first. */
export class MemoryCache {
  readonly #budget: number
  /** Those used last come last. */
  readonly #kept = new Map<string, Uint8Array>()
  #bytes = 0

  /** @param budget bytes */
  constructor(budget: number) {
    this.#budget = budget
  }

  get bytes(): number {
    return this.#bytes
  }

  /** It stays the cache's. */
  get(hash: string): Uint8Array | undefined {
    const bytes = this.#kept.get(hash)
    if (bytes === undefined) return undefined
    this.#kept.delete(hash)
    this.#kept.set(hash, bytes)
    return bytes
  }

  /** Takes it over. */
  put(hash: string, bytes: Uint8Array): void {
    if (this.#kept.has(hash) || bytes.length > this.#budget) return
    this.#kept.set(hash, bytes)
    this.#bytes += bytes.length
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= this.#budget) break
      this.#kept.delete(oldest)
      this.#bytes -= length
    }
  }
}
