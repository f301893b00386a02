import { InfeasiblePlanError, type PlanOptions, plan } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

const architecture = architectureFor('cryptonet-square')
const QUERY: PlanOptions = {
  batch: 8,
  data: 'encrypted',
  weights: 'encrypted',
  parties: 3,
  floodingBits: 30,
  floodingBounds: 'norms',
  // many queries make many keys worth it
  expectedQueries: 100
}

describe('how large evaluation keys may be', () => {
  const usual = plan(architecture, QUERY)
  const { keysPerParty } = usual.costs.bytes

  test('changes nothing where they are smaller', () => {
    expect(plan(architecture, { ...QUERY, maximumKeyBytes: keysPerParty })).toEqual(usual)
  })

  test('has a plan with fewer of them chosen', () => {
    const maximumKeyBytes = Math.floor(keysPerParty / 2)
    const fewer = plan(architecture, { ...QUERY, maximumKeyBytes })
    expect(fewer.costs.bytes.keysPerParty).toBeLessThanOrEqual(maximumKeyBytes)
    expect(fewer.galoisKeys.length).toBeLessThan(usual.galoisKeys.length)
    // as many as there may be, nearly, and not everything else paid for it
    expect(fewer.costs.bytes.keysPerParty).toBeGreaterThan(0.5 * maximumKeyBytes)
    expect(fewer.costs.seconds.evaluation).toBeLessThan(1.5 * usual.costs.seconds.evaluation)
    expect(plan(architecture, { ...QUERY, maximumKeyBytes })).toEqual(fewer)
  })

  test('is said where no plan has so few', () => {
    const impossible = () => plan(architecture, { ...QUERY, expectedQueries: 1, maximumKeyBytes: 1000 })
    expect(impossible).toThrow(InfeasiblePlanError)
    expect(impossible).toThrow(/takes [\d.]+ MB of evaluation keys, and may have /)
  })

  test('must be a number of bytes', () => {
    expect(() => plan(architecture, { ...QUERY, maximumKeyBytes: 0 })).toThrow(/maximumKeyBytes/)
  })
})
