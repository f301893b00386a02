/**
 * How long byte strings stay in the store of a fleet. Whoever works with a space holds it; a space that nobody has held for its lifetime is erased, whoever has put it
 * there: a worker that was given up and put its results into the space of a query that was over, a release that was withdrawn. What is needed again is put there again.
 */
import type { FleetContents } from '../store/contents.js'

/** How long a space stays that nobody holds, milliseconds. */
export interface Lifetimes {
  /** Spaces of queries. */
  readonly query: number
  /** Keys and models. */
  readonly other: number
}

export class Leases {
  readonly #contents: Pick<FleetContents, 'spaces' | 'clear'>
  readonly #lifetimes: Lifetimes
  /** By space, how many hold it. */
  readonly #held = new Map<string, number>()
  /** By space that nobody holds, since when, as far as is known here. */
  readonly #idle = new Map<string, number>()
  /** What is being erased. */
  readonly #clearing = new Map<string, Promise<void>>()

  #swept = performance.now()

  constructor(contents: Pick<FleetContents, 'spaces' | 'clear'>, lifetimes: Lifetimes) {
    this.#contents = contents
    this.#lifetimes = lifetimes
  }

  /** As `sweep`, unless it was done a shorter while ago. @param pause milliseconds */
  async sweepEvery(pause: number): Promise<void> {
    const now = performance.now()
    if (now - this.#swept < pause) return
    this.#swept = now
    await this.sweep(now)
  }

  /** Resolves when the space is safe to be used. @returns lets go of it; once */
  async hold(space: string): Promise<() => void> {
    this.#held.set(space, (this.#held.get(space) ?? 0) + 1)
    this.#idle.delete(space)
    let over = false
    await this.#clearing.get(space)?.catch(() => undefined)
    return () => {
      if (over) return
      over = true
      const left = this.#held.get(space)! - 1
      if (left === 0) this.#held.delete(space)
      else this.#held.set(space, left)
    }
  }

  /** Erases what has outlived its lifetime. @param now milliseconds, of a clock that only goes on @returns names of what was erased @throws StoreUnreachableError */
  async sweep(now: number): Promise<string[]> {
    const spaces = new Set(await this.#contents.spaces())
    for (const space of this.#idle.keys()) if (!spaces.has(space)) this.#idle.delete(space)
    const erased: string[] = []
    for (const space of spaces) {
      if (this.#held.has(space)) continue
      const since = this.#idle.get(space) ?? now
      this.#idle.set(space, since)
      if (now - since < (space.startsWith('query-') ? this.#lifetimes.query : this.#lifetimes.other)) continue
      const clearing = this.#contents.clear(space).finally(() => this.#clearing.delete(space))
      this.#clearing.set(space, clearing)
      await clearing
      this.#idle.delete(space)
      erased.push(space)
    }
    return erased
  }
}
