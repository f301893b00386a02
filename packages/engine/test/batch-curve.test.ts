import { KERNEL_COSTS, type PlanOptions, plan } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { SENDING_WEIGHT } from '../src/steps/price.ts'
import { architectureFor } from './simulate.ts'

const SCENARIOS = [
  { data: 'encrypted', weights: 'clear', parties: 1, floodingBits: 30, floodingBounds: 'norms' },
  { data: 'clear', weights: 'encrypted', parties: 1, floodingBits: 30, floodingBounds: 'norms' },
  { data: 'encrypted', weights: 'encrypted', parties: 3, floodingBits: 30, floodingBounds: 'norms' }
] as const satisfies Omit<PlanOptions, 'batch'>[]

describe('evaluation, and sending as far as it counts, by batch size', () => {
  test.each(SCENARIOS)('a larger batch takes no less, and a sample of it hardly more: %o', scenario => {
    const architecture = architectureFor('cryptonet-square')
    const batches = [1, 83, 1000, 4096, 8192]
    const seconds = batches.map(batch => {
      const { evaluation, dataEncryption } = plan(architecture, { ...scenario, batch, costModel: KERNEL_COSTS }).costs.seconds
      return evaluation + SENDING_WEIGHT * dataEncryption
    })
    for (let k = 1; k < batches.length; k++) {
      expect(seconds[k]!).toBeGreaterThanOrEqual(seconds[k - 1]!)
      expect(seconds[k]! / seconds[k - 1]!).toBeLessThan((1.4 * batches[k]!) / batches[k - 1]!)
    }
  })

  test('primes that no step uses are left out', () => {
    // so far away that nobody refreshes
    const made = plan(architectureFor('cryptonet-square'), { ...SCENARIOS[0], batch: 1, link: { bandwidth: 1e8, roundTrip: 1 } })
    expect(made.refreshes).toHaveLength(0)
    expect(made.parameters.primes).toHaveLength(made.inputs.level + 1)
  })
})
