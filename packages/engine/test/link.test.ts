import { describeEndToEnd, endToEnd, KERNEL_COSTS, LAN, plan, streamSeconds, WAN } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

const QUERY = { batch: 1, data: 'encrypted', weights: 'clear', parties: 1, floodingBits: 30 } as const

describe('the link between the parties', () => {
  const architecture = architectureFor('cryptonet-square')
  const [far, near] = [
    { bandwidth: 1e6, roundTrip: 0.05 },
    { bandwidth: 1e10, roundTrip: 0 }
  ] as const
  const slow = plan(architecture, { ...QUERY, batch: 83, link: far })
  const fast = plan(architecture, { ...QUERY, batch: 83, link: near })

  test('decides what is sent', () => {
    const travels = ({ costs }: typeof slow): number => costs.bytes.input + costs.bytes.refreshesPerParty
    expect(travels(slow)).toBeLessThan(25e6)
    expect(travels(fast)).toBeGreaterThan(1.5 * travels(slow))
    expect(endToEnd(slow, KERNEL_COSTS, far).total).toBeLessThan(endToEnd(fast, KERNEL_COSTS, far).total)
    expect(endToEnd(fast, KERNEL_COSTS, near).total).toBeLessThan(endToEnd(slow, KERNEL_COSTS, near).total)
    const one = plan(architecture, QUERY)
    expect(one.inputs.count).toBe(1)
    expect(one.costs.bytes.input).toBeLessThan(1.5e6)
  })

  test('and so do the queries that keys and weights are shared by', () => {
    const query = { ...QUERY, weights: 'encrypted', parties: 3, threshold: 2 } as const
    const [few, many] = [plan(architecture, query), plan(architecture, { ...query, expectedQueries: 20 })]
    expect(few.inputs.count).toBe(25)
    expect(many.inputs.count).toBe(1)
    expect(many.costs.bytes.input).toBeLessThan(1.5e6)
    expect(many.galoisKeys.length).toBeGreaterThan(few.galoisKeys.length)
    expect(endToEnd(many, KERNEL_COSTS, WAN).total).toBeLessThan(endToEnd(few, KERNEL_COSTS, WAN).total / 2)
    expect(() => plan(architecture, { ...query, expectedQueries: 0 })).toThrow(/expectedQueries/)
  })

  test('costs what its bandwidth and round trips say', () => {
    const lan = endToEnd(slow, KERNEL_COSTS, LAN)
    const wan = endToEnd(slow, KERNEL_COSTS, WAN)
    expect(wan.upload / lan.upload).toBeCloseTo(LAN.bandwidth / WAN.bandwidth, 6)
    expect(wan.evaluation).toBeCloseTo(lan.evaluation, 9)
    const { bytes, total, steady, steadyShared, ...stages } = wan
    expect(Object.values(stages).reduce((sum, value) => sum + value, 0)).toBeCloseTo(total, 9)
    expect(steady).toBeLessThanOrEqual(steadyShared)
    expect(steadyShared).toBeLessThan(total)
    expect(streamSeconds(wan, 1, false)).toBe(total)
    expect(streamSeconds(wan, 3, false)).toBeCloseTo(total + 2 * steady, 9)
    expect(streamSeconds(wan, 3, true)).toBeCloseTo(total + 2 * steadyShared, 9)
    expect(bytes.up).toBe(slow.costs.bytes.input)
    expect(describeEndToEnd(slow, KERNEL_COSTS)).toHaveLength(2)
    expect(describeEndToEnd(slow, KERNEL_COSTS, WAN)[0]).toMatch(/^link {7}\(100 Mbit\/s, 40 ms\) samples to answers \d+\.\d\d s: /)
  })

  test('takes the proofs of inputs with it, where there are any, and the rounds of a query', () => {
    const several = plan(architecture, { ...QUERY, batch: 83, weights: 'encrypted', parties: 3, link: WAN })
    const cost = endToEnd(several, KERNEL_COSTS, WAN)
    const nearer = endToEnd(several, KERNEL_COSTS, { ...WAN, roundTrip: 0 })
    expect(cost.proofs).toBeGreaterThan(0)
    expect(nearer.proofs).toBe(cost.proofs)
    expect(cost.rounds).toBeCloseTo(2 * WAN.roundTrip, 9)
    expect(nearer.rounds).toBe(0)
    // opening, saying that all is there, every refresh, the switch, and the result's way
    expect(cost.total - nearer.total).toBeCloseTo((4 + several.refreshes.length) * WAN.roundTrip, 9)
    const alone = plan(architecture, { ...QUERY, batch: 83, seededInputs: true, link: WAN })
    expect(endToEnd(alone, KERNEL_COSTS, WAN).proofs).toBe(0)
  })

  test('can be one over which nothing is refreshed', () => {
    const made = plan(architecture, { ...QUERY, refreshing: false })
    expect(made.refreshes).toHaveLength(0)
    expect(() => plan(architecture, { ...QUERY, refreshing: false, minimumRefreshes: 1 })).toThrow(/minimumRefreshes/)
    expect(() => plan(architecture, { ...QUERY, link: { bandwidth: 0, roundTrip: 0 } })).toThrow(/bandwidth/)
    expect(() => plan(architecture, { ...QUERY, link: { bandwidth: 1, roundTrip: -1 } })).toThrow(/roundTrip/)
  })
})
