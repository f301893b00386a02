/** Convolutions in groups whose weights are encrypted: right, and with no more ciphertexts of weights than the groups allow. */
import {
  architectureOf,
  calibrate,
  evaluate,
  fuse,
  type Network,
  type NetworkBuilder,
  type NetworkGraph,
  network,
  type Plan,
  plan,
  weightDescriptor
} from '@slytherin/engine'
import { featuresByPosition, isSound, type MapOrder, orderAfter } from '@slytherin/engine/testing'
import { loadKernel } from '@slytherin/ring'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { runEncrypted } from './encrypted.ts'
import { samplesOf } from './graphs.ts'
import { random } from './random.ts'
import { simulate } from './simulate.ts'

const next = random(47)
const uniform = (length: number, bound: number): Float64Array => Float64Array.from({ length }, () => bound * (2 * next() - 1))

interface Shape {
  readonly groups: number
  readonly channels?: number
  readonly outputs?: number
  readonly strides?: number
  /** one axis instead of two */
  readonly line?: true
}

/** A convolution of all channels, one in groups, and a dense layer. */
function example({ groups, channels = 8, outputs = channels, strides = 1, line }: Shape): NetworkGraph {
  const conv = (inputs: number, made: number, side: number, more: { groups?: number; strides?: number }) => (x: NetworkBuilder) => {
    const taps = (inputs / (more.groups ?? 1)) * (line ? side : side * side)
    const kernel = line ? ([1, side] as const) : side
    const pads = (side - 1) / 2
    const weights = uniform(made * taps, 1.2 / Math.sqrt(taps))
    const stride = line ? ([1, more.strides ?? 1] as const) : (more.strides ?? 1)
    const given = { outputChannels: made, kernel, weights, bias: uniform(made, 0.2), pads: line ? ([0, pads, 0, pads] as const) : pads }
    return x.conv({ ...given, groups: more.groups ?? 1, strides: stride })
  }
  const square = { polynomial: [0.2, 0.5, 0.2] }
  const first = conv(channels, channels, 1, {})(network({ input: line ? [channels, 1, 16] : [channels, 8, 8] }))
  const grouped = conv(channels, outputs, 3, { groups, strides })(first.activation(square))
  return grouped
    .activation(square)
    .globalAveragePool()
    .dense({ outputs: 3, weights: uniform(3 * outputs, 1) })
    .build()
}

function planned(graph: NetworkGraph, batch: number): { made: Plan; fused: Network } {
  const fused = fuse(graph)
  const architecture = architectureOf(fused, calibrate(fused, samplesOf(graph, 8)))
  return { made: plan(architecture, { batch, data: 'encrypted', weights: 'encrypted', parties: 3, floodingBits: 30 }), fused }
}

/** Ciphertexts of weights of the second convolution, bias included. */
function weightCiphertexts(shape: Shape, batch = 1): number {
  const { made } = planned(example(shape), batch)
  const layer = made.architecture.layers.findIndex(({ kind }, index) => index > 0 && kind === 'affine')
  let count = 0
  for (let index = 0; index < made.weights.count; index++) if (weightDescriptor(made, index).layer === layer) count++
  return count
}

const SHAPES: Record<string, Shape> = {
  'every channel for itself': { groups: 8 },
  'with two results each': { groups: 8, outputs: 16 },
  'with a stride of two': { groups: 8, strides: 2 },
  'with both': { groups: 8, outputs: 16, strides: 2 },
  'in groups': { groups: 2 },
  'in groups, more results': { groups: 4, outputs: 16 },
  'in groups, fewer results, a stride of two': { groups: 2, outputs: 4, strides: 2 },
  'channels that fill no block': { groups: 3, channels: 6, outputs: 9, strides: 2 },
  'along one axis': { groups: 8, outputs: 16, line: true },
  'along one axis, with a stride of two': { groups: 4, strides: 2, line: true }
}

describe.each(Object.entries(SHAPES))('%s', (_, shape) => {
  test.each([1, 5])('gives what the network gives, batch %i', async batch => {
    const graph = example(shape)
    const { made, fused } = planned(graph, batch)
    const samples = samplesOf(graph, batch)
    const { logits } = await simulate(made, fused, samples)
    expect(logits.length).toBe(batch)
    for (const [k, sample] of samples.entries()) expect(largestDifference(logits[k]!, evaluate(graph, sample))).toBeLessThan(0.01)
  })
})

test('under encryption', async () => {
  const graph = example({ groups: 8, outputs: 16, strides: 2 })
  const { made, fused } = planned(graph, 2)
  const samples = samplesOf(graph, 2)
  const { logits, context } = await runEncrypted(made, fused, samples, await loadKernel(), 'kernel')
  for (const [k, sample] of samples.entries()) expect(largestDifference(logits[k]!, evaluate(graph, sample))).toBeLessThan(0.01)
  context.dispose()
})

describe('weights', () => {
  test.each([
    ['of every channel for itself are as many as the kernel has places', { groups: 8 }, 9],
    ['and no more where each has two results', { groups: 8, outputs: 16 }, 9],
    // (kernel + stride - 1)²: results stand in the holes that the stride leaves
    ['and with a stride as many as places that windows of neighbours take', { groups: 8, outputs: 16, strides: 2 }, 16],
    ['of a group are as many as it has channels, for each place of the kernel', { groups: 2 }, 4 * 9],
    ['along one axis', { groups: 8, outputs: 16, line: true }, 3],
    ['along one axis, with a stride', { groups: 8, strides: 2, line: true }, 4]
  ] as const)('%s', (_, shape: Shape, diagonals) => {
    for (const batch of [1, 5]) expect(weightCiphertexts(shape, batch)).toBe(diagonals + 1)
  })

  test('are less than a sixth of those of a convolution of all channels, less than a third where results fill more blocks', () => {
    for (const [shape, share] of [
      [{}, 6],
      [{ outputs: 16 }, 3]
    ] as const)
      expect(weightCiphertexts({ ...shape, groups: 8 }, 64)).toBeLessThan(weightCiphertexts({ ...shape, groups: 1 }, 64) / share)
  })
})

test('channels keep places of their own through layers in groups', () => {
  const divisor = (of: number): number[] => Array.from({ length: of }, (_, k) => k + 1).filter(k => of % k === 0)
  const orders = fc.record({
    channels: fc.integer({ min: 1, max: 12 }),
    gap: fc.constantFrom(1, 2),
    spread: fc.integer({ min: 1, max: 5 })
  })
  fc.assert(
    fc.property(
      orders,
      fc.nat(),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(1, 2),
      fc.boolean(),
      ({ channels, gap, spread }, pick, more, stride, flat) => {
        const groups = divisor(channels)[pick % divisor(channels).length]!
        const side = 4
        const height = flat ? 1 : side
        const places = Array.from({ length: channels }, (_, channel) => (channels - 1 - channel) * spread)
        const row = side * gap
        const before: MapOrder = {
          channels,
          height,
          width: side,
          row,
          plane: 2 * row * row,
          gap,
          origin: 0,
          places,
          ...(flat ? { flat } : {})
        }
        expect(isSound(before)).toBe(true)
        const geometry = { channels, height, width: side, kernel: [1, 1], strides: [stride, stride], pads: [0, 0, 0, 0], dilations: [1, 1] }
        const operation = { kind: 'convolution', geometry: { ...geometry, outputChannels: groups * more, groups } }
        const after = orderAfter({ operations: [operation] } as unknown as Parameters<typeof orderAfter>[0], before)!
        const features = featuresByPosition(after).filter(feature => feature >= 0)
        expect(features.sort()).toEqual(
          Int32Array.from({ length: groups * more * Math.ceil(height / stride) * (side / stride) }, (_, k) => k)
        )
      }
    ),
    { numRuns: 100, seed: 5 }
  )
  const order: MapOrder = { channels: 2, height: 1, width: 4, row: 4, plane: 4, gap: 1, origin: 0 }
  expect(isSound({ ...order, places: [1, 0], flat: true })).toBe(true)
  expect(isSound({ ...order, places: [1, 1] })).toBe(false)
  expect(isSound({ ...order, places: [0] })).toBe(false)
  expect(isSound({ ...order, places: [0, 2 ** 22] })).toBe(false)
  expect(isSound({ ...order, height: 2, row: 4, plane: 8, flat: true })).toBe(false)
})
