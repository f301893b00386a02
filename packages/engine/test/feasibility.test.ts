/** Networks that are hard to plan, what is said of those that cannot be, and degrees that are chosen among those that can. */
import {
  type ApproximatedNetwork,
  approximate,
  architectureOf,
  calibrate,
  InfeasiblePlanError,
  type NetworkBuilder,
  type NetworkGraph,
  network,
  obstacleToPlan,
  type Plan,
  type PlanOptions,
  packInput,
  plan,
  UnplannableAgreementError
} from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { random } from './random.ts'
import { simulate } from './simulate.ts'

const BOTH = { data: 'encrypted', weights: 'encrypted', parties: 3, floodingBits: 30, floodingBounds: 'norms', batch: 64 } as const
/** A short session, which leaves more room for precision. */
const SHORT = { ...BOTH, maximumDecryptions: 64 } as const

/** Standard normal numbers. */
function gaussian(seed: number): (length: number, deviation: number) => Float64Array {
  const next = random(seed)
  const one = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return (length, deviation) => Float64Array.from({ length }, () => deviation * one())
}

interface Example {
  readonly graph: NetworkGraph
  readonly samples: readonly Float64Array[]
}

/** Dense layers, each but the last followed by what `activate` adds; standard normal inputs. */
function dense(
  name: string,
  widths: readonly number[],
  deviations: readonly number[],
  bias: number,
  activate: (builder: NetworkBuilder) => NetworkBuilder
): Example {
  const numbers = gaussian(widths.length)
  let builder = network({ input: [widths[0]!], name })
  deviations.forEach((deviation, layer) => {
    const [inputs, outputs] = [widths[layer]!, widths[layer + 1]!]
    builder = builder.dense({ outputs, weights: numbers(inputs * outputs, deviation / Math.sqrt(inputs)), bias: numbers(outputs, bias) })
    if (layer < deviations.length - 1) builder = activate(builder)
  })
  return { graph: builder.softmax().build(), samples: Array.from({ length: 80 }, () => numbers(widths[0]!, 1)) }
}

const activated =
  (...names: ('tanh' | 'sigmoid' | 'relu' | 'square')[]) =>
  (builder: NetworkBuilder): NetworkBuilder =>
    names.reduce((result, name) => result.activation(name), builder)

/** Plans as a party would, and evaluates the plan on the simulator: logits are as exact as the plan says. */
async function planned({ graph, samples }: Example, degree?: number, options: PlanOptions = BOTH): Promise<Plan> {
  const { network: approximated } = approximate(graph, { samples }, degree === undefined ? {} : { degree })
  const made = plan(architectureOf(approximated, calibrate(approximated, samples)), options)
  const asked = samples.slice(0, 4)
  const { logits } = await simulate(made, approximated, asked)
  asked.forEach((sample, row) => {
    approximated.forward(sample).forEach((value, k) => {
      expect(Math.abs(logits[row]![k]! - value)).toBeLessThanOrEqual(made.precision.worstError)
    })
  })
  expect(made.precision.relativeError).toBeLessThanOrEqual(0.005)
  return made
}

const steep = dense('steep', [64, 32, 32, 10], [4, 3, 2], 0.1, activated('tanh'))

describe('networks that are hard to plan', () => {
  test.each([13, 19])('steep polynomials of degree %i', async degree => {
    const { steps } = await planned(steep, degree, SHORT)
    expect(steps.filter(({ kind }) => kind === 'polynomial')).toHaveLength(2)
  })

  test('fourteen levels of sigmoid, with refreshes where they are needed', async () => {
    const widths = [...new Array<number>(15).fill(8), 3]
    const { steps, refreshes } = await planned(dense('fourteen', widths, new Array<number>(15).fill(4), 0.1, activated('sigmoid')), 6)
    expect(steps.filter(({ kind }) => kind === 'polynomial')).toHaveLength(14)
    expect(refreshes.length).toBeGreaterThan(0)
  })

  test('a square of rectified values', async () => {
    const { steps } = await planned(dense('relu-squared', [13, 24, 16, 3], [1, 1, 1], 0.3, activated('relu', 'square')), 6)
    expect(steps.filter(({ kind }) => kind === 'polynomial' || kind === 'square').length).toBeGreaterThanOrEqual(2)
  })

  test.each([0, 0.3])('weights of a millionth, biases of %d', async bias => {
    const { precision } = await planned(dense('tiny', [13, 16, 3], [1e-6, 1], bias, activated('relu')))
    expect(precision.worstError).toBeGreaterThan(0)
  })
})

describe('what has no plan', () => {
  const { graph, samples } = steep
  const { network: approximated } = approximate(graph, { samples }, { degree: 19 })
  const architecture = architectureOf(approximated, calibrate(approximated, samples))
  const refusal = (options: Partial<PlanOptions>): InfeasiblePlanError => {
    try {
      plan(architecture, { ...SHORT, ...options })
    } catch (error) {
      if (error instanceof InfeasiblePlanError) return error
      throw error
    }
    throw new Error('planned after all')
  }

  test('a ring with too few levels: the layer, what it takes and what there is; a larger ring helps', () => {
    const { message, layer } = refusal({ logN: 13 })
    expect(layer).toBe('act1')
    expect(message).toMatch(/layer 'act1' \(polynomial of degree 19\) takes 5 levels, of which the largest chain leaves [0-4];/)
    expect(message).toContain('a larger ring')
    expect(message).not.toMatch(/decryptions|memory/)
  })

  test('too much flooding: less of it helps, and only as much less as sessions take', () => {
    const { message } = refusal({ floodingBits: 200 })
    const bits = Number(/(\d+) bits of flooding/.exec(message)![1])
    expect(bits).toBeGreaterThanOrEqual(30)
    expect(obstacleToPlan(architecture, { ...SHORT, floodingBits: bits })).toBeUndefined()
  })

  test('too little memory: more helps, said in bytes', () => {
    const { message, layer } = refusal({ evaluatorMemory: 2 ** 22, logN: 15, packing: 'real' })
    expect(layer).toBeUndefined()
    expect(message).toMatch(/the evaluator would hold .*B of ciphertexts/)
    expect(message).toMatch(/memory for the evaluator's ciphertexts/)
  })

  test('an obstacle is told exactly where there is no plan', () => {
    expect(obstacleToPlan(architecture, SHORT)).toBeUndefined()
    expect(obstacleToPlan(architecture, { ...SHORT, logN: 13 })).toContain("layer 'act1'")
  })
})

describe('the degree of activations', () => {
  const { graph, samples } = dense('degrees', [6, 8, 3], [2, 2], 0.5, activated('relu'))
  const degreeOf = ({ report }: ApproximatedNetwork): number => report.activations[0]!.degree
  const fitted = (agreement: number, obstacle?: (degree: number) => string | undefined): ApproximatedNetwork =>
    approximate(graph, { samples }, { agreement, ...(obstacle ? { obstacle: made => obstacle(degreeOf(made)) } : {}) })
  const smallest = fitted(0.97)

  test('is the smallest that keeps the answers and can be planned', () => {
    expect(degreeOf(smallest)).toBeGreaterThan(2)
    const next = fitted(0.97, degree => (degree === degreeOf(smallest) ? 'taken' : undefined))
    expect(degreeOf(next)).toBeGreaterThan(degreeOf(smallest))
    expect(next.report.agreement).toBeGreaterThanOrEqual(0.97)
  })

  test('where none does both, the best that can be planned is named with what it keeps', () => {
    const limit = degreeOf(smallest) - 1
    const attempt = (): unknown => fitted(0.97, degree => (degree > limit ? "layer 'act1' needs more" : undefined))
    expect(attempt).toThrow(UnplannableAgreementError)
    try {
      attempt()
    } catch (error) {
      const { degree, plannableDegree, obstacle, reached, message } = error as UnplannableAgreementError
      expect([degree, obstacle]).toEqual([degreeOf(smallest), "layer 'act1' needs more"])
      expect(plannableDegree).toBeLessThanOrEqual(limit)
      const kept = approximate(graph, { samples }, { degree: plannableDegree }).report.agreement!
      expect(reached).toBe(`${(100 * kept).toFixed(2)} % of the predictions`)
      expect(message).toContain(`degree ${plannableDegree} has one`)
    }
  })

  test('where nothing can be planned, the planner says why', () => {
    expect(degreeOf(fitted(0.97, () => 'never'))).toBe(degreeOf(smallest))
  })
})

test('values of samples are in no message', () => {
  const { graph, samples } = dense('secrets', [4, 2], [1], 0, activated())
  const { network: approximated } = approximate(graph, { samples })
  const made = plan(architectureOf(approximated, calibrate(approximated, samples)), { ...BOTH, batch: 2 })
  const messageOf = (sample: readonly number[]): string => {
    try {
      packInput(made, [new Float64Array(4), sample], 0)
    } catch (error) {
      return `${(error as Error).message} ${JSON.stringify(error)}`
    }
    return 'accepted'
  }
  const beyond = messageOf([0, 0, 7919.25, 0])
  expect(beyond).toContain('sample 1')
  expect(beyond).toContain('feature 2')
  expect(beyond).toContain(`±${made.architecture.input.magnitude}`)
  expect(beyond).not.toContain('7919')
  const infinite = messageOf([0, Number.NEGATIVE_INFINITY, 0, 0])
  expect(infinite).toContain('feature 1')
  expect(infinite).not.toMatch(/Infinity|-∞/)
})
