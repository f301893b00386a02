/** Two samples in a slot: packing, plans, and runs on the simulator and on both real evaluators. */
import {
  type Architecture,
  architectureOf,
  calibrate,
  fuse,
  InvalidPlanError,
  KERNEL_COSTS,
  type Network,
  type Plan,
  packInputs,
  packScalar,
  parsePlan,
  plan,
  unpackOutputs
} from '@slytherin/engine'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { largestDifference, networkOf, testSamples } from './data.ts'
import { runEncrypted } from './encrypted.ts'
import { architectureFor, simulate } from './simulate.ts'
import { tinyGraph } from './tiny.ts'

const BOTH = { data: 'encrypted', weights: 'encrypted' } as const
const CLEAR_WEIGHTS = { data: 'encrypted', weights: 'clear' } as const
const CLEAR_DATA = { data: 'clear', weights: 'encrypted' } as const

function tiny(batch: number): { network: Network; samples: Float64Array[]; architecture: Architecture } {
  const network = fuse(tinyGraph())
  const samples = Array.from({ length: batch }, (_, row) => Float64Array.from({ length: 25 }, (_, k) => Math.cos(row * 7.1 + k * 1.3)))
  return { network, samples, architecture: architectureOf(network, calibrate(network, samples)) }
}

/** Root mean square of the error of all logits. */
function measured(network: Network, samples: readonly Float64Array[], logits: readonly Float64Array[]): number {
  const errors = samples.flatMap((sample, row) => [...network.forward(sample).map((value, k) => value - logits[row]![k]!)])
  return Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length)
}

describe('plans', () => {
  test('put two samples in a slot where that is cheaper, never for one', () => {
    const architecture = architectureFor('cryptonet-square')
    const options = { ...CLEAR_WEIGHTS, parties: 1, floodingBits: 30, floodingBounds: 'norms' } as const
    expect(plan(architecture, { ...options, batch: 1 }).packing).toBe('real')
    const free = plan(architecture, { ...options, batch: 83 })
    const real = plan(architecture, { ...options, batch: 83, packing: 'real' })
    expect(free.packing).toBe('complex')
    const seconds = ({ costs }: typeof free): number => costs.seconds.evaluation + costs.seconds.dataEncryption
    expect(seconds(free)).toBeLessThan(seconds(real))
    expect(free.precision.relativeError).toBeLessThanOrEqual(0.005)
  })

  test('name the key of conjugation for the levels of the squares', () => {
    const made = plan(architectureFor('cryptonet-square'), {
      ...CLEAR_WEIGHTS,
      parties: 1,
      floodingBits: 30,
      floodingBounds: 'norms',
      batch: 83,
      packing: 'complex'
    })
    const squares = made.steps.filter(step => step.kind === 'square').map(step => step.level)
    const element = 2 ** (made.parameters.logN + 1) - 1
    expect(made.galoisKeys.find(key => key.element === element)?.level).toBe(Math.max(...squares))
    const real = plan(architectureFor('cryptonet-square'), {
      ...CLEAR_WEIGHTS,
      parties: 1,
      floodingBits: 30,
      floodingBounds: 'norms',
      batch: 83,
      packing: 'real'
    })
    expect(real.galoisKeys.some(key => key.element === element)).toBe(false)
  })

  const { architecture } = tiny(6)
  const made = plan(architecture, {
    ...BOTH,
    batch: 6,
    parties: 1,
    floodingBits: 30,
    floodingBounds: 'norms',
    logN: 11,
    insecure: true,
    packing: 'complex'
  })

  test('are the same for the same question, and survive JSON', () => {
    expect(
      plan(architecture, {
        ...BOTH,
        batch: 6,
        parties: 1,
        floodingBits: 30,
        floodingBounds: 'norms',
        logN: 11,
        insecure: true,
        packing: 'complex'
      })
    ).toEqual(made)
    expect(parsePlan(JSON.parse(JSON.stringify(made)), { allowInsecure: true })).toEqual(made)
  })

  const changes: [string, (plan: Plan) => void, RegExp][] = [
    ['another packing', p => Object.assign(p, { packing: 'real' }), /./],
    ['an unknown packing', p => Object.assign(p, { packing: 'quaternion' }), /packing/],
    ['a block too small for two to a slot', p => Object.assign(p, { batchBlock: 2, batchBlocks: 3 }), /batchBlock/],
    ['bounds on values in place of slots', p => Object.assign(p.inputs, { magnitude: p.architecture.input.magnitude }), /inputs/],
    ['no key of conjugation', p => p.galoisKeys.pop(), /galoisKeys/]
  ]
  test.each(changes)('%s is refused', (_name, change, message) => {
    const changed = JSON.parse(JSON.stringify(made)) as Plan
    change(changed)
    expect(() => parsePlan(changed, { allowInsecure: true })).toThrow(InvalidPlanError)
    expect(() => parsePlan(changed, { allowInsecure: true })).toThrow(message)
  })
})

describe('slots', () => {
  const { architecture, samples } = tiny(7)
  const made = plan(architecture, {
    ...BOTH,
    batch: 7,
    parties: 1,
    floodingBits: 30,
    floodingBounds: 'norms',
    logN: 10,
    insecure: true,
    packing: 'complex'
  })

  test('hold every sample once, the second half of a block in the imaginary parts with alternating signs', () => {
    const half = made.batchBlock / 2
    const vectors = packInputs(made, samples)
    expect(vectors.length).toBe(made.batchBlocks * made.inputs.count)
    const seen = new Set<number>()
    for (const vector of vectors) {
      if (vector instanceof Float64Array) throw new Error('real slots')
      for (const value of vector.real) seen.add(value)
      vector.imaginary.forEach((value, slot) => {
        seen.add(slot % 2 === 0 ? value : -value)
      })
    }
    for (const sample of samples) for (const value of sample) expect(seen).toContain(value)
    expect(half).toBeGreaterThanOrEqual(2)
  })

  test('outputs without imaginary parts are refused', () => {
    const length = made.batchBlocks * made.output.ciphertextsPerBlock
    const slots = Array.from({ length }, () => new Float64Array(2 ** 9))
    expect(() => unpackOutputs(made, slots)).toThrow(/slots of output/)
    const zero = slots.map(real => ({ real, imaginary: new Float64Array(2 ** 9) }))
    expect(unpackOutputs(made, zero)).toHaveLength(7)
  })
})

describe('simulated runs', () => {
  const operands = [BOTH, CLEAR_WEIGHTS, CLEAR_DATA]
  test.each([3, 4, 5, 7, 8, 9, 16, 31].flatMap(batch => operands.map(kinds => [batch, kinds] as const)))(
    'a small network on %i samples, %o',
    async (batch, kinds) => {
      const { network, samples, architecture } = tiny(batch)
      const made = plan(architecture, {
        ...kinds,
        batch,
        parties: 1,
        floodingBits: 30,
        floodingBounds: 'norms',
        logN: 10,
        insecure: true,
        packing: 'complex',
        precision: 0.5
      })
      const { logits, outputs, evaluator } = await simulate(made, network, samples)
      samples.forEach((sample, row) => {
        expect(largestDifference(logits[row]!, network.forward(sample))).toBeLessThan(1e-9)
      })
      expect(evaluator.live).toBe(0)
      expect(Math.max(...outputs.map(output => output.noise))).toBeLessThanOrEqual(made.output.noise + 1e-6)
    }
  )

  test.each([
    ['cryptonet-square', 83, BOTH, 3, 1],
    ['cryptonet-square', 83, CLEAR_WEIGHTS, 1, 0],
    ['cryptonet-square', 83, CLEAR_DATA, 1, 0],
    ['cryptonet-slytherin-square', 10, CLEAR_WEIGHTS, 1, 0],
    ['breast-cancer-wdbc-mlp-square', 115, CLEAR_DATA, 1, 0]
  ] as const)('%s on %i samples, %o, %i parties', async (name, batch, kinds, parties, minimumRefreshes) => {
    const made = plan(architectureFor(name), { ...kinds, batch, parties, minimumRefreshes, packing: 'complex' })
    const samples = testSamples(name, batch)
    const { logits, outputs, evaluator } = await simulate(made, networkOf(name), samples)
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, networkOf(name).forward(sample))).toBeLessThan(1e-6)
    })
    expect(evaluator.live).toBe(0)
    expect(Math.max(...outputs.map(output => output.noise))).toBeLessThanOrEqual(made.output.noise + 1e-6)
  })
})

describe('batch in slots', () => {
  test('a layer is a linear combination, its bias added to both samples of a slot', async () => {
    const batch = 512
    const { network, samples, architecture } = tiny(40)
    const costModel = { ...KERNEL_COSTS, combining: true }
    const options = {
      ...CLEAR_WEIGHTS,
      batch,
      parties: 1,
      floodingBits: 30,
      floodingBounds: 'norms',
      logN: 9,
      insecure: true,
      packing: 'complex',
      costModel
    } as const
    const made = plan(architecture, options)
    expect(made.batchBlock).toBe(512)
    expect(made.inputs.count).toBe(25)
    const { logits, outputs, evaluator } = await simulate(made, network, samples, { scalars: index => packScalar(made, network, index) })
    samples.forEach((sample, row) => {
      expect(largestDifference(logits[row]!, network.forward(sample))).toBeLessThan(1e-9)
    })
    expect(largestDifference(logits[511]!, network.forward(new Float64Array(25)))).toBeLessThan(1e-9)
    expect(evaluator.live).toBe(0)
    expect(evaluator.counts.get('multiplyScalar')).toBeGreaterThan(0)
    expect(evaluator.counts.get('multiplyPlain') ?? 0).toBe(0)
    expect(Math.max(...outputs.map(output => output.noise))).toBeLessThanOrEqual(made.output.noise + 1e-6)
  })
})

describe('encrypted runs: claimed noise is more than measured, and not much more', () => {
  let kernel: Kernel
  beforeAll(async () => {
    kernel = await loadKernel()
  })

  test.each([
    ['kernel', BOTH, 2],
    ['kernel', CLEAR_WEIGHTS, 1],
    ['kernel', CLEAR_DATA, 1],
    ['seal', BOTH, 1],
    ['seal', CLEAR_WEIGHTS, 1],
    ['seal', CLEAR_DATA, 1]
  ] as const)('%s, %o, noise of %i parties', async (kind, kinds, parties) => {
    const batch = 7
    const { network, samples, architecture } = tiny(batch)
    const made = plan(architecture, { ...kinds, batch, parties, logN: 11, insecure: true, packing: 'complex', minimumRefreshes: 1 })
    expect(made.refreshes.length).toBeGreaterThan(0)
    const { logits, trackedNoise } = await runEncrypted(made, network, samples, kernel, kind)
    const claimed = 2 ** (trackedNoise + 0.5 * (made.parameters.logN - 1)) / made.output.scale
    const error = measured(network, samples, logits)
    expect(error).toBeLessThan(claimed)
    expect(error).toBeGreaterThan(claimed / 256)
    expect(trackedNoise).toBeLessThanOrEqual(made.output.noise + 1e-6)
  })

  test('images, clear weights', async () => {
    const name = 'cryptonet-square'
    const network = networkOf(name)
    const samples = testSamples(name, 5)
    const architecture = architectureOf(network, calibrate(network, testSamples(name, 64, 5000)))
    const made = plan(architecture, {
      ...CLEAR_WEIGHTS,
      batch: 5,
      parties: 1,
      floodingBits: 30,
      floodingBounds: 'norms',
      logN: 14,
      packing: 'complex'
    })
    const { logits, trackedNoise } = await runEncrypted(made, network, samples, kernel, 'kernel')
    const claimed = 2 ** (trackedNoise + 0.5 * (made.parameters.logN - 1)) / made.output.scale
    expect(measured(network, samples, logits)).toBeLessThan(claimed)
    expect(measured(network, samples, logits)).toBeGreaterThan(claimed / 64)
  })
})
