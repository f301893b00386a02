import { minimumRefreshLevel, Parameters, SECURITY_TABLE } from '@slytherin/ckks'
import {
  type Architecture,
  architectureOf,
  calibrate,
  describePlan,
  InfeasiblePlanError,
  InvalidArchitectureError,
  InvalidInputError,
  InvalidPlanError,
  KERNEL_COSTS,
  type Plan,
  packInput,
  packWeight,
  parseArchitecture,
  parsePlan,
  plan,
  rangesFromActivations,
  SEAL_COSTS,
  unpackOutputs
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { modelOf, networkOf, testSamples } from './data.ts'
import { architectureFor } from './simulate.ts'

const common = { data: 'encrypted', weights: 'encrypted', parties: 3, floodingBits: 30, floodingBounds: 'norms' } as const
const demo = (): Plan => plan(architectureFor('cryptonet-square'), { ...common, batch: 64, minimumRefreshes: 1, costModel: SEAL_COSTS })
const copy = (value: unknown): Plan => JSON.parse(JSON.stringify(value))

describe('plans', () => {
  test('where the security table has room, digits of several primes make keys smaller; stock SEAL takes one special prime', () => {
    const architecture = architectureFor('cryptonet-square')
    const options = { ...common, batch: 83, minimumRefreshes: 0 }
    const made = plan(architecture, options)
    const { alpha, logN, logQP } = Parameters.fromJSON(made.parameters)
    expect(alpha).toBeGreaterThan(1)
    expect(logQP).toBeLessThanOrEqual(SECURITY_TABLE.get(logN)!)
    const seal = plan(architecture, { ...options, costModel: { ...KERNEL_COSTS, hoisting: false } })
    expect(Parameters.fromJSON(seal.parameters).alpha).toBe(1)
    expect(made.costs.bytes.keysPerParty / made.galoisKeys.length).toBeLessThan(seal.costs.bytes.keysPerParty / seal.galoisKeys.length)
    expect(describePlan(made)).toContain(`special ${alpha} of 49.0 bits`)
  })

  test('the same inputs give the same plan', () => {
    expect(JSON.stringify(demo())).toBe(JSON.stringify(demo()))
  })

  test.each([
    ['cryptonet-square', 64, 1],
    ['cryptonet-square', 83, 0],
    ['cryptonet-slytherin', 1, 2],
    ['breast-cancer-wdbc-logreg', 115, 0],
    ['breast-cancer-wdbc-mlp-square', 10000, 0]
  ])('%s, batch %i, %i refreshes: security, levels, masks and counts hold', (name, batch, minimumRefreshes) => {
    const made = plan(architectureFor(name), { ...common, batch, minimumRefreshes })
    const parameters = Parameters.fromJSON(made.parameters)
    expect(parameters.securityBits).toBe(128)
    expect(parameters.logQP).toBeLessThanOrEqual(SECURITY_TABLE.get(parameters.logN)!)
    expect(parameters.specialPrimes.length).toBeGreaterThanOrEqual(1)
    expect(parameters.specialPrimes.length).toBeLessThanOrEqual(parameters.primes.length)
    for (const prime of parameters.primes) expect(prime.log2).toBeLessThanOrEqual(parameters.specialPrimes[0]!.log2)
    expect(Math.log2(made.batchBlock) % 1).toBe(0)
    expect(made.batchBlocks * made.batchBlock).toBeGreaterThanOrEqual(batch)
    expect((made.batchBlocks - 1) * made.batchBlock).toBeLessThan(batch)
    expect(made.refreshes.length).toBeGreaterThanOrEqual(minimumRefreshes)
    for (const refresh of made.refreshes) {
      expect(refresh.level).toBeGreaterThanOrEqual(minimumRefreshLevel(parameters, made.parties, refresh.scale, refresh.magnitude)!)
    }
    expect(made.weights.items.length).toBe(made.weights.count)
    expect(made.output.level).toBeGreaterThanOrEqual(0)
    expect(made.precision.relativeError).toBeLessThanOrEqual(0.005)
    let level = made.inputs.level
    for (const step of made.steps) {
      expect(step.level).toBeLessThanOrEqual(level)
      level = step.kind === 'refresh' ? parameters.maxLevel : step.level - step.rescalings
      expect(level).toBeGreaterThanOrEqual(0)
    }
    expect(level).toBe(made.output.level)
  })

  test('the seconds of its steps and of the result add up to those of the evaluation, and of the refreshes', () => {
    const { costs, steps } = plan(architectureFor('cryptonet-square'), { ...common, batch: 8, minimumRefreshes: 1 })
    expect(costs.seconds.steps).toHaveLength(steps.length)
    for (const seconds of costs.seconds.steps) expect(seconds).toBeGreaterThan(0)
    expect(costs.seconds.steps.reduce((sum, seconds) => sum + seconds, costs.seconds.result)).toBeCloseTo(costs.seconds.evaluation, 9)
    const refreshes = costs.seconds.steps.filter((_, index) => steps[index]!.kind === 'refresh')
    expect(refreshes.reduce((sum, seconds) => sum + seconds, 0)).toBeCloseTo(costs.seconds.refresh, 9)
  })

  test('more bits of flooding cost bits of the chain, and too many are refused with a remedy', () => {
    const architecture = architectureFor('cryptonet-square')
    // one packing, since what is cheapest of all may be evaluated longer so that less is sent
    const options = { ...common, batch: 8, packing: 'complex', costModel: KERNEL_COSTS, logN: 14, maximumDecryptions: 64 } as const
    const few = plan(architecture, { ...options, floodingBits: 30 })
    const many = plan(architecture, { ...options, floodingBits: 40 })
    expect(many.floodingBits).toBe(40)
    expect(many.precision.relativeError).toBeLessThanOrEqual(0.005)
    expect(many.costs.seconds.evaluation).toBeGreaterThan(few.costs.seconds.evaluation)
    expect(() => plan(architecture, { ...options, floodingBits: 250 })).toThrow(InfeasiblePlanError)
  })

  test('options out of range are refused by name', () => {
    const architecture = architectureFor('breast-cancer-wdbc-logreg')
    expect(() => plan(architecture, { ...common, batch: 0 })).toThrow(/plan option batch/)
    expect(() => plan(architecture, { ...common, batch: 1, parties: 0 })).toThrow(InvalidInputError)
    expect(() => plan(architecture, { ...common, batch: 1, precision: 2 })).toThrow(/precision/)
  })

  test('the description names ring, steps, keys and precision', () => {
    const text = describePlan(demo())
    for (const word of [
      'N = 2^',
      '128-bit security',
      "convolution 'conv1'",
      'refresh of',
      "dense 'fc1' 100×845",
      'Galois keys',
      'relinearisation at level',
      'worst logit error'
    ]) {
      expect(text).toContain(word)
    }
  })
})

describe('parsing plans of other parties', () => {
  test('a plan survives JSON and still packs', () => {
    const made = demo()
    const parsed = parsePlan(copy(made))
    expect(parsed).toEqual(made)
    const samples = testSamples('cryptonet-square', 2)
    expect(packInput(parsed, samples, 3)).toEqual(packInput(made, samples, 3))
    expect(packWeight(parsed, networkOf('cryptonet-square'), 40)).toEqual(packWeight(made, networkOf('cryptonet-square'), 40))
  })

  const changes: [string, (plan: Plan) => void, RegExp][] = [
    ['another version', p => Object.assign(p, { version: 1 }), /version/],
    ['an unknown field', p => Object.assign(p, { extra: 1 }), /extra/],
    ['fewer weights', p => p.weights.items.pop(), /weights/],
    ['a weight at another level', p => Object.assign(p.weights.items[5]!, { level: 0 }), /weights/],
    ['a larger weight bound', p => Object.assign(p.weights.items[5]!, { magnitude: 1e6 }), /weights/],
    ['a missing Galois key', p => p.galoisKeys.pop(), /galoisKeys/],
    ['a Galois key for a lower level', p => Object.assign(p.galoisKeys[0]!, { level: p.galoisKeys[0]!.level - 1 }), /galoisKeys/],
    ['a Galois key for a higher level', p => Object.assign(p.galoisKeys[0]!, { level: p.galoisKeys[0]!.level + 1 }), /galoisKeys/],
    ['a Galois key for every level', p => Object.assign(p.galoisKeys[0]!, { level: 64 }), /galoisKeys\.0\.level/],
    ['a relinearisation key for a lower level', p => Object.assign(p, { relinearizationLevel: 0 }), /relinearizationLevel/],
    ['no relinearisation key', p => Object.assign(p, { relinearizationLevel: null }), /relinearizationLevel/],
    ['another input scale', p => Object.assign(p.inputs, { scale: p.inputs.scale * 1.01 }), /scale/],
    ['another scale after a step', p => Object.assign(p.steps[0]!, { scale: p.steps[0]!.scale * 1.01 }), /steps\.0\.scale/],
    ['a lower refresh level', p => Object.assign(p.steps.find(step => step.kind === 'refresh')!, { level: 1 }), /masks/],
    ['a refresh of a smaller bound', p => Object.assign(p.steps.find(step => step.kind === 'refresh')!, { magnitude: 0.1 }), /magnitude/],
    ['a step left out', p => p.steps.pop(), /steps/],
    ['steps in another order', p => p.steps.reverse(), /steps/],
    ['less output noise', p => Object.assign(p.output, { noise: p.output.noise - 5 }), /output\.noise/],
    ['a batch block larger than the ring', p => Object.assign(p, { batchBlock: 2 ** 15, batchBlocks: 1 }), /batchBlock/],
    ['a larger batch block', p => Object.assign(p, { batchBlock: 256, batchBlocks: 1 }), /steps/],
    ['a batch block that is no power of two', p => Object.assign(p, { batchBlock: 48 }), /batchBlock/],
    ['more blocks in a pass than there are', p => Object.assign(p, { batchBlocksPerPass: p.batchBlocks + 1 }), /batchBlocksPerPass/],
    ['one sample to a slot', p => Object.assign(p, { packing: 'real' }), /steps\.0|batchBlock|inputs/],
    ['another precision', p => Object.assign(p.precision, { relativeError: 1e-9 }), /precision/],
    ['more baby steps', p => Object.assign(p.steps.find(step => step.kind === 'diagonals')!, { babySteps: 4096 }), /babySteps/]
  ]
  const made = demo()
  test.each(changes)('%s is refused, naming the field', (_name, change, message) => {
    const changed = copy(made)
    change(changed)
    expect(() => parsePlan(changed)).toThrow(InvalidPlanError)
    expect(() => parsePlan(changed)).toThrow(message)
  })

  test('parameters below the security table are refused', () => {
    const changed = copy(made)
    changed.parameters.logN = 13
    expect(() => parsePlan(changed)).toThrow(/security/)
    const insecure = plan(architectureFor('breast-cancer-wdbc-logreg'), { ...common, batch: 4, logN: 10, insecure: true })
    expect(() => parsePlan(copy(insecure))).toThrow(/security/)
    expect(parsePlan(copy(insecure), { allowInsecure: true })).toEqual(insecure)
  })

  test('what is not a plan at all', () => {
    for (const json of [undefined, null, 1, 'plan', [], {}]) expect(() => parsePlan(json)).toThrow(InvalidPlanError)
  })
})

describe('architectures', () => {
  test('hold no weights and survive JSON', () => {
    const architecture = architectureFor('cryptonet-square')
    const text = JSON.stringify(architecture)
    expect(text.length).toBeLessThan(3000)
    expect(parseArchitecture(JSON.parse(text))).toEqual(architecture)
  })

  test('bounds from activation ranges cover what calibration on real images sees', () => {
    for (const name of ['cryptonet-square', 'cryptonet-slytherin', 'nn20-silu-poly2']) {
      const network = networkOf(name)
      const samples = testSamples(name, 16)
      const seen = calibrate(network, samples, { margin: 1 })
      const stated = rangesFromActivations(network, modelOf(name).activationRanges.train, {
        input: 3,
        largestLogit: modelOf(name).expected.maxAbsLogit
      })
      seen.layers.forEach((bound, index) => {
        expect(bound).toBeLessThanOrEqual(stated.layers[index]!)
      })
    }
  })

  test('without ranges, bounds hold for every input within ±1', () => {
    const network = networkOf('breast-cancer-wdbc-mlp-square')
    const architecture = architectureOf(network)
    expect(architecture.input.magnitude).toBe(1)
    for (let seed = 0; seed < 20; seed++) {
      const corner = Float64Array.from({ length: 30 }, (_, feature) => (Math.sin(seed * 31 + feature * feature) > 0 ? 1 : -1))
      network.forward(corner, (index, values) => {
        for (const value of values) expect(Math.abs(value)).toBeLessThanOrEqual(architecture.layers[index]!.outputMagnitude)
      })
    }
  })

  const broken: [string, (a: Architecture) => void, RegExp][] = [
    ['another version', a => Object.assign(a, { version: 1 }), /version/],
    ['one final operator in place of a list', a => Object.assign(a.output, { final: 'softmax' }), /output\.final/],
    ['no task', a => Object.assign(a.output, { task: undefined }), /output\.task/],
    [
      'more labels than outputs',
      a => Object.assign(a.output.task, { labels: Array.from({ length: 11 }, (_, k) => k) }),
      /output\.task.*10 of them, got 11/
    ],
    ['layers that do not fit', a => Object.assign(a.layers[2]!, { inputs: 5 }), /layers\.2/],
    ['wrong output', a => Object.assign(a.output, { features: 11 }), /output/],
    ['a negative bound', a => Object.assign(a.layers[0]!, { outputMagnitude: -1 }), /outputMagnitude/],
    [
      'operations of another shape',
      a => Object.assign(a.layers[4]!, { operations: [{ kind: 'dense', inputs: 7, outputs: 10 }] }),
      /operations/
    ],
    [
      'a convolution that is not the first layer',
      a => Object.assign(a.layers[2]!, { convolution: (a.layers[0] as { convolution: unknown }).convolution }),
      /convolution/
    ]
  ]
  test.each(broken)('%s: refused by path', (_name, change, message) => {
    const changed = JSON.parse(JSON.stringify(architectureFor('cryptonet-square'))) as Architecture
    change(changed)
    expect(() => parseArchitecture(changed)).toThrow(InvalidArchitectureError)
    expect(() => parseArchitecture(changed)).toThrow(message)
  })
})

describe('packing for the parties', () => {
  const made = plan(architectureFor('cryptonet-square'), { ...common, batch: 3 })
  const samples = testSamples('cryptonet-square', 3)

  test('samples of the wrong size, not finite or out of range are refused', () => {
    expect(() => packInput(made, [new Float64Array(783)], 0)).toThrow(/784 values/)
    expect(() => packInput(made, [new Float64Array(784).fill(Number.NaN)], 0)).toThrow(/finite/)
    expect(() => packInput(made, [new Float64Array(784).fill(255)], 0)).toThrow(/normalised/)
    expect(() => packInput(made, [...samples, samples[0]!], 0)).toThrow(/at most 3/)
    expect(() => packInput(made, samples, 1e6)).toThrow(/input index/)
  })

  test('another network is refused', () => {
    expect(() => packWeight(made, networkOf('lenet-square'), 0)).toThrow(/conv1/)
    expect(() => packWeight(made, networkOf('cryptonet-slytherin'), 30)).toThrow(/layer/)
    expect(() => packWeight(made, networkOf('cryptonet-square'), -1)).toThrow(/weight index/)
  })

  test('too few or too short outputs are refused', () => {
    expect(() => unpackOutputs(made, [])).toThrow(/output ciphertexts/)
    const short = Array.from({ length: made.batchBlocks * made.output.ciphertextsPerBlock }, () => new Float64Array(8))
    expect(() => unpackOutputs(made, short)).toThrow(/slots/)
  })
})
