/** What a querier decrypts holds its logits and those of the padding, nothing in between: partial sums would tell of the weights. */
import { unpairSlots } from '@slytherin/ckks'
import { plan } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { networkOf, testSamples } from './data.ts'
import { architectureFor, simulate } from './simulate.ts'

const ENCRYPTED = { data: 'encrypted', weights: 'encrypted' } as const
const CLEAR_WEIGHTS = { data: 'encrypted', weights: 'clear' } as const

describe('every slot of a result is a logit', () => {
  test.each([
    ['breast-cancer-wdbc-mlp-square', 3, CLEAR_WEIGHTS],
    ['breast-cancer-wdbc-mlp-square', 57, CLEAR_WEIGHTS],
    ['breast-cancer-wdbc-logreg', 7, CLEAR_WEIGHTS],
    ['cryptonet-square', 1, CLEAR_WEIGHTS],
    ['cryptonet-square', 20, CLEAR_WEIGHTS],
    ['cryptonet-square', 9, ENCRYPTED]
  ] as const)('%s on %i samples (%o)', async (name, batch, operands) => {
    const network = networkOf(name)
    const samples = testSamples(name, batch)
    const made = plan(architectureFor(name), { ...operands, batch, parties: 1, floodingBits: 30, floodingBounds: 'norms' })
    const { slots } = await simulate(made, network, samples)
    const padding = network.forward(new Float64Array(network.inputs))
    const allowed = Float64Array.from([0, ...padding, ...samples.flatMap(sample => [...network.forward(sample)])]).sort()
    const tolerance = 1e-6 * Math.max(...allowed.map(Math.abs))
    const near = (value: number): boolean => {
      let [low, high] = [0, allowed.length - 1]
      while (low < high) {
        const middle = (low + high) >> 1
        if (allowed[middle]! < value) low = middle + 1
        else high = middle
      }
      return Math.min(Math.abs(allowed[low]! - value), Math.abs((allowed[low - 1] ?? Number.POSITIVE_INFINITY) - value)) <= tolerance
    }
    expect(slots.flatMap(values => unpairSlots(values).flatMap(part => [...part].filter(value => !near(value))))).toEqual([])
  })
})
