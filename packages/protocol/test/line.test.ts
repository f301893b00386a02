import { MAXIMUM_PADDING_BYTES, measureLine } from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { realSamples, realSession, relativeError, SMALL_RING } from './support/real-session.js'

/** A line of so many bytes a second, each way, and so many seconds there and back, on a clock of its own: its connection is quick after a slow start. */
function line(peer: string, bandwidth: number, roundTrip: number) {
  let time = 0
  let sent = 0
  const connection = {
    peer,
    request: async () => await Promise.reject(new Error('nothing is asked')),
    ping: async (_: AbortSignal, padding = new Uint8Array()): Promise<void> => {
      if (padding.length === 0) time += 1000 * roundTrip
      else {
        const bursts = sent++ / 32
        if (Number.isInteger(bursts)) time += 1000 * roundTrip * (bursts === 0 ? 5 : 1)
        time += (1000 * padding.length) / bandwidth
      }
    }
  }
  return { connection: connection as never, now: () => time }
}

describe('the line to other parties', () => {
  it.each([
    [12.5e6, 0.04],
    [1e6, 0.02],
    [125e6, 0.001]
  ])('of %d bytes a second and %d seconds is found', async (bandwidth, roundTrip) => {
    const { connection, now } = line('far', bandwidth, roundTrip)
    const found = await measureLine([connection], new AbortController().signal, now)
    expect(Math.abs(Math.log2(found.bandwidth / bandwidth))).toBeLessThan(0.5)
    expect(Math.abs(Math.log2(found.roundTrip / roundTrip))).toBeLessThan(0.5)
  })

  it('is measured before a session is planned where that is asked for', async () => {
    const session = await realSession({
      roles: { company: ['model-owner', 'evaluator'], hospital: ['key-holder', 'data-owner', 'querier'] },
      planning: { ...SMALL_RING, batch: 2, data: 'encrypted', weights: 'clear' },
      measuresLine: true
    })
    const run = session.coordinator.run()
    const hospital = session.party('hospital')
    const asked = realSamples(2)
    expect(relativeError(session, asked, await hospital.query(asked))).toBeLessThan(0.01)
    await hospital.leave()
    await run
    const found = session.line()!
    expect(found.bandwidth).toBeGreaterThan(0)
    expect(found.roundTrip).toBeGreaterThan(0)
    const padded = session.wire.seen.filter(({ header }) => header.kind === 'ping' && header.body.length > MAXIMUM_PADDING_BYTES)
    expect(padded.length).toBeGreaterThanOrEqual(32)
    expect(session.refused).toEqual([])
  })
})
