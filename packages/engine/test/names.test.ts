/** What a network is does not depend on what a file calls its nodes. */
import { approximate, type MeasuredActivation, measureActivations, type NetworkGraph, network } from '@slytherin/engine'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from './random.js'

const values = random(5)
const some = (count: number): number[] => Array.from({ length: count }, () => 2 * values() - 1)

const graph = network({ input: [4] })
  .dense({ outputs: 6, weights: some(24), bias: some(6) })
  .activation('silu')
  .dense({ outputs: 6, weights: some(36), bias: some(6) })
  .activation('tanh')
  .dense({ outputs: 5, weights: some(30) })
  .activation({ polynomial: [0.1, 0.5, 0.2, -0.05] })
  .dense({ outputs: 3, weights: some(15) })
  .activation('relu')
  .dense({ outputs: 2, weights: some(6) })
  .build()

const samples = Array.from({ length: 40 }, () => some(4))

const renamed = (names: readonly string[]): NetworkGraph => ({
  ...graph,
  nodes: graph.nodes.map((node, index) => ({ ...node, name: names[index % names.length]! }))
})

/** Everything but names. */
const shown = (of: NetworkGraph, method: 'fit' | 'minimax'): unknown =>
  approximate(of, { samples }, { method, degree: 5 }).network.layers.map(({ name: _, ...layer }) => layer)

describe('names', () => {
  test.each(['fit', 'minimax'] as const)('of nodes do not change what %s gives', method => {
    const expected = shown(graph, method)
    const names = fc.oneof(
      fc.constant(['']),
      fc.constant(['node']),
      fc.array(fc.constantFrom('', 'act', 'act/mul', 'node_Sigmoid_0/node_silu', 'node_Sigmoid_1/node_silu_1'), {
        minLength: 1,
        maxLength: 12
      })
    )
    fc.assert(
      fc.property(names, given => {
        expect(shown(renamed(given), method)).toEqual(expected)
      }),
      { numRuns: 12, seed: 3 }
    )
  })

  test('ranges that were measured belong to nodes, ranges by name must be of one activation', () => {
    const equal = renamed(['act'])
    const ranges = measureActivations(equal, samples)
    const again = (given: readonly MeasuredActivation[]) => approximate(equal, { ranges: given }, { degree: 5 })
    expect(again(ranges).report.activations.map(({ range }) => range)).toEqual(ranges.filter(({ node }) => node !== 6))
    const byName = ranges.map(({ layer, min, max }) => ({ layer, min, max }))
    expect(() => again(byName.slice(0, 1))).toThrowError(/range of activation 'act'.*one range and one activation of that name/)
    expect(() => again(byName)).toThrowError(/one range and one activation of that name/)
  })
})
