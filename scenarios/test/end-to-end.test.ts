import { endToEnd, KERNEL_COSTS, LAN, WAN, witnessedSeconds } from '@slytherin/engine'
import { describe, expect, it } from 'vitest'
import { endToEndSeconds } from '../src/end-to-end.js'
import { recorded } from './observation.js'

describe('seconds from samples to logits', () => {
  it('of several queries are those of the first, and a turn in the stream for each that follows', async () => {
    const { plan } = await recorded()
    const none = witnessedSeconds(plan, KERNEL_COSTS, 0)
    const one = endToEndSeconds(plan, { queries: 1, first: 1.5, last: 1.5 }, KERNEL_COSTS, none)
    expect(one.stream).toBeUndefined()
    const three = endToEndSeconds(plan, { queries: 3, first: 1.5, last: 3.25 }, KERNEL_COSTS, none)
    expect(three.loopback).toBe(one.loopback)
    expect({ ...three.planned, loopback: 0 }).toEqual({ ...one.planned, loopback: 0 })
    // the second is made while the first is evaluated, by the same processors
    const { encryption, proofs, upload, evaluation, refreshes } = endToEnd(plan, KERNEL_COSTS, KERNEL_COSTS)
    const meanwhile = Math.min(encryption + proofs + upload, evaluation + refreshes)
    expect(meanwhile).toBeGreaterThan(0)
    expect(three.planned.loopback).toBeCloseTo(one.planned.loopback! + meanwhile, 9)
    const { loopback, planned } = three.stream!
    expect(loopback).toBe(3.25)
    // machines of their own overlap, processes of one machine share its processors
    for (const [name, link] of [['lan', LAN] as const, ['wan', WAN] as const]) {
      const { total, steady } = endToEnd(plan, KERNEL_COSTS, link)
      expect(planned[name]).toBeCloseTo(total + 2 * steady, 9)
    }
    const { total, steadyShared } = endToEnd(plan, KERNEL_COSTS, KERNEL_COSTS)
    expect(planned.loopback).toBeCloseTo(total + 2 * steadyShared, 9)
    const witnessed = endToEndSeconds(plan, { queries: 3, first: 1.5, last: 3.25 }, KERNEL_COSTS, witnessedSeconds(plan, KERNEL_COSTS, 1))
    expect(witnessed.stream!.planned.loopback).toBeGreaterThan(planned.loopback)
  })
})
