/**
 * How long it is until a query is done, from what is left of it and of those before it: so many places compute, each one part at a time, for so many queries beside each
 * other. It is the longer of two times: all places busy until the work is done; and queries in their order, each in the first lane that is free, as fast as its own
 * parts and its key holders are.
 */

/** What is left of a query. */
export interface Left {
  /** Seconds of one place. */
  readonly work: number
  /** Seconds with key holders, while others may be computed. */
  readonly held: number
  /** Parts that may be done at the same time. */
  readonly parts: number
}

export interface Capacity {
  /** Machines that compute, at least one. */
  readonly places: number
  /** Queries that are evaluated beside each other, at least one. */
  readonly concurrency: number
}

/** @param order in which they are done @returns seconds until the last of them is done; 0 of none */
export function timeLeft(order: readonly Left[], { places, concurrency }: Capacity): number {
  const last = order.at(-1)
  if (last === undefined) return 0
  const lanes = new Array<number>(Math.min(concurrency, order.length)).fill(0)
  let end = 0
  for (const { work, held, parts } of order) {
    const lane = lanes.indexOf(Math.min(...lanes))
    end = lanes[lane]! + work / Math.max(1, Math.min(places, parts)) + held
    lanes[lane] = end
  }
  const busy = order.reduce((sum, { work }) => sum + work, 0) / places
  return Math.max(end, busy + last.held)
}
