/** Inputs of a part, each used once: while one is computed with, those behind it are on their way. */
import type { BorrowedBytes } from '../cryptography/blocks.js'

/** Inputs of megabytes that are fetched before they are asked for, behind each that is. */
const AHEAD = 4

/** Fetches the inputs from..to-1 of a query before they are wanted. */
export class InputsAhead implements Disposable {
  readonly #fetch: (index: number) => Promise<BorrowedBytes>
  readonly #end: number
  readonly #coming = new Map<number, Promise<BorrowedBytes>>()
  /** Those that have been asked for need not come again by themselves. */
  readonly #taken = new Set<number>()

  /** @param end index behind the last input */
  constructor(end: number, fetch: (index: number) => Promise<BorrowedBytes>) {
    this.#end = end
    this.#fetch = fetch
  }

  /** The caller gives it back. @throws what fetching it throws */
  async take(index: number): Promise<BorrowedBytes> {
    const bytes = this.#coming.get(index) ?? this.#fetch(index)
    this.#coming.delete(index)
    this.#taken.add(index)
    for (let next = index + 1; next < Math.min(index + 1 + AHEAD, this.#end); next++) {
      if (this.#taken.has(next) || this.#coming.has(next)) continue
      const coming = this.#fetch(next)
      // A rejection is reported when the input is asked for.
      coming.catch(() => undefined)
      this.#coming.set(next, coming)
    }
    return await bytes
  }

  /** Gives back what nobody has asked for. */
  [Symbol.dispose](): void {
    for (const coming of this.#coming.values()) {
      coming.then(
        bytes => bytes[Symbol.dispose](),
        () => undefined
      )
    }
    this.#coming.clear()
  }
}
