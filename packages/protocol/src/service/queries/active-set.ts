/** Which t holders a query asks: of those that are there, the ones that have been asked least. */
import type { SharingRecord } from '../objects/epoch.js'

export class ActiveSets {
  readonly #isUp: (peer: string) => boolean
  /** Queries and attempts that a holder was chosen for. */
  readonly #load = new Map<string, number>()

  constructor(isUp: (peer: string) => boolean) {
    this.#isUp = isUp
  }

  /**
   * @param without holders that are not to be asked
   * @param kept    holders that go on, where they may: those of the query's last set
   * @returns points of t holders, ascending; undefined when fewer are there
   */
  choose({ holders, threshold }: SharingRecord, without: ReadonlySet<string>, kept: readonly number[] = []): number[] | undefined {
    const there = holders.filter(({ peer }) => this.#isUp(peer) && !without.has(peer))
    if (there.length < threshold) return undefined
    const chosen = there
      .sort((a, b) => {
        const [keepA, keepB] = [kept.includes(a.point), kept.includes(b.point)]
        if (keepA !== keepB) return keepA ? -1 : 1
        return this.#of(a.peer) - this.#of(b.peer) || a.point - b.point
      })
      .slice(0, threshold)
    for (const { peer, point } of chosen) if (!kept.includes(point)) this.#load.set(peer, this.#of(peer) + 1)
    return chosen.map(({ point }) => point).sort((a, b) => a - b)
  }

  /** Whether there are t others, or the same. */
  enough({ holders, threshold }: SharingRecord, without: ReadonlySet<string>): boolean {
    return this.#there(holders, without) >= threshold
  }

  /** Whether there is one more than it takes. */
  spare({ holders, threshold }: SharingRecord, without: ReadonlySet<string>): boolean {
    return this.#there(holders, without) > threshold
  }

  /** How often each holder was chosen. */
  get load(): ReadonlyMap<string, number> {
    return this.#load
  }

  #there(holders: SharingRecord['holders'], without: ReadonlySet<string>): number {
    return holders.filter(({ peer }) => this.#isUp(peer) && !without.has(peer)).length
  }

  #of(peer: string): number {
    return this.#load.get(peer) ?? 0
  }
}
