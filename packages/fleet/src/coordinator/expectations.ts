/** Stretches of queries that are about to come: their inputs are put into the store, or their key holders are answering. */
export class Expectations {
  readonly #patience: number
  /** By when it was said. */
  readonly #coming = new Set<{ readonly since: number }>()

  /** @param patience milliseconds after which nobody counts on one any more */
  constructor(patience: number) {
    this.#patience = patience
  }

  /** How many are counted on. @param now milliseconds */
  count(now: number): number {
    return [...this.#coming].filter(({ since }) => now - since < this.#patience).length
  }

  /** One more, until what it returns is called. @param now milliseconds */
  add(now: number): () => void {
    const one = { since: now }
    this.#coming.add(one)
    return () => void this.#coming.delete(one)
  }
}
