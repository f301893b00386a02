/**
 * What the line to a party carries, found by padded pings before a session is planned.
 *
 *   round trip   the shortest of a few pings
 *   bandwidth    bytes of a burst of pings by the time until all are back, less a round trip; the best of a few bursts, since a connection starts slowly
 *
 * Padding goes both ways at a time, so that the slower of the two directions is what comes out.
 */
import type { Line } from '../terms/plan.js'
import type { Connection } from '../wire/connection.js'

const PINGS = 4
const BURSTS = 3
const BURST_PINGS = 32
/** As much as a ping may carry, with room for its other fields. */
export const MAXIMUM_PADDING_BYTES = 12 << 10
/** Milliseconds after which no further burst begins: a slow line is known by then. */
const BURST_BUDGET = 1500
/** Share of a burst's time that is taken for its way at least, however long the round trip seemed. */
const LEAST_SHARE = 1 / 8
/** Measured figures are powers of this: two sessions over one line are to have one plan. */
const STEP = Math.SQRT2
const LEAST_ROUND_TRIP = 0.001

/** The slowest of the lines to some parties, one after the other. @throws PartyMissingError and the like, the signal's reason */
export async function measureLine(connections: readonly Connection[], signal: AbortSignal, now = () => performance.now()): Promise<Line> {
  let bandwidth = Number.POSITIVE_INFINITY
  let roundTrip = LEAST_ROUND_TRIP
  for (const connection of connections) {
    const line = await measured(connection, signal, now)
    bandwidth = Math.min(bandwidth, line.bandwidth)
    roundTrip = Math.max(roundTrip, line.roundTrip)
  }
  return { bandwidth: stepped(bandwidth), roundTrip: stepped(roundTrip) }
}

async function measured(connection: Connection, signal: AbortSignal, now: () => number): Promise<Line> {
  const seconds = async (work: () => Promise<unknown>): Promise<number> => {
    const start = now()
    await work()
    return (now() - start) / 1000
  }
  let roundTrip = Number.POSITIVE_INFINITY
  for (let k = 0; k < PINGS; k++) roundTrip = Math.min(roundTrip, await seconds(async () => await connection.ping(signal)))
  const padding = new Uint8Array(MAXIMUM_PADDING_BYTES)
  const burst = async (): Promise<unknown> => await Promise.all(Array.from({ length: BURST_PINGS }, () => connection.ping(signal, padding)))
  let bandwidth = 0
  const start = now()
  for (let k = 0; k < BURSTS && now() - start < BURST_BUDGET; k++) {
    const taken = await seconds(burst)
    bandwidth = Math.max(bandwidth, (BURST_PINGS * padding.length) / Math.max(taken - roundTrip, LEAST_SHARE * taken))
  }
  return { bandwidth, roundTrip }
}

const stepped = (value: number): number => Number((STEP ** Math.round(Math.log(value) / Math.log(STEP))).toPrecision(4))
