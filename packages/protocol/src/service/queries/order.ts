/** Who is next: queriers in turn, the one that was not served for longest first; of a querier's queries the oldest. */

export interface Waiting {
  readonly query: string
  readonly querier: string
  /** When it was submitted, milliseconds since 1970. */
  readonly queued: number
}

/**
 * @param served by querier, a number that grows with every query that is begun: the last of each
 * @returns all of them, in the order in which they will be begun if nobody else comes
 */
export function inOrder<T extends Waiting>(waiting: readonly T[], served: ReadonlyMap<string, number>): T[] {
  const byQuerier = new Map<string, T[]>()
  for (const one of [...waiting].sort((a, b) => a.queued - b.queued || (a.query < b.query ? -1 : 1))) {
    const own = byQuerier.get(one.querier)
    if (own === undefined) byQuerier.set(one.querier, [one])
    else own.push(one)
  }
  const last = new Map(served)
  let next = Math.max(0, ...served.values()) + 1
  const ordered: T[] = []
  while (byQuerier.size > 0) {
    const [querier, own] = [...byQuerier].reduce((a, b) => {
      const [ofA, ofB] = [last.get(a[0]) ?? -1, last.get(b[0]) ?? -1]
      if (ofA !== ofB) return ofA < ofB ? a : b
      return a[1][0]!.queued <= b[1][0]!.queued ? a : b
    })
    ordered.push(own.shift()!)
    last.set(querier, next++)
    if (own.length === 0) byQuerier.delete(querier)
  }
  return ordered
}
