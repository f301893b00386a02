/**
 * The same plan on the same samples without cryptography: clear slots that carry errors as large as the noise model says, flooding included. Held against the clear
 * network layer by layer, it tells where precision goes, which the ciphertexts of a real run tell nobody.
 */
import { Parameters, SimulatedCiphertext, SimulationError, type SlotValues, unpairSlots } from '@slytherin/ckks'
import {
  clearInputs,
  locate,
  type Network,
  type Operand,
  type OperandKind,
  type Plan,
  packInput,
  packWeight,
  publicCoins,
  refreshShares,
  rerandomizes,
  run,
  type StepReport,
  switchShares,
  unpackOutputs,
  weightDescriptor
} from '@slytherin/engine'
import { NoisySimulator, slotDeviation } from './noisy-simulator.js'
import { type PlannedStep, plannedSteps } from './plan-layers.js'

export interface LayerError {
  /** Root of the mean square of (simulated - clear) over features and samples. */
  readonly rms: number
  /** Largest |simulated - clear|. */
  readonly worst: number
}

export interface SimulatedStep {
  readonly step: number
  /** Layer of the network whose values these are. */
  readonly layer: number
  readonly name: string
  readonly kind: StepReport['kind']
  /** Standard deviation of a value's error as the evaluator tracks it: a bound, since it knows bounds of the values only. */
  readonly tracked: number
  readonly error: LayerError
}

export interface Simulation {
  /** Of every sample. */
  readonly logits: readonly Float64Array[]
  readonly steps: readonly SimulatedStep[]
}

export interface SimulationOptions {
  readonly evaluator?: 'kernel' | 'seal'
  /** The same seed gives the same errors. */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/** Samples whose layers are compared: enough for a mean, few enough to hold. Logits are compared for all. */
const LAYER_SAMPLES = 128
const DEFAULT_SEED = 20_230_500_690

/**
 * @param network what the plan was made for
 * @param samples any number of them: more than the plan's batch go query by query
 */
export async function simulate(
  plan: Plan,
  network: Network,
  samples: readonly Float64Array[],
  options: SimulationOptions = {}
): Promise<Simulation> {
  const simulator = new Simulator(plan, network, options)
  const logits: Float64Array[] = []
  for (let from = 0; from < samples.length; from += plan.batch) {
    logits.push(...(await simulator.query(samples.slice(from, from + plan.batch))))
    options.onProgress?.(logits.length, samples.length)
  }
  return { logits, steps: simulator.steps }
}

interface Sums {
  square: number
  count: number
  worst: number
  tracked: number
}

class Simulator {
  /** One batch block at a time: then the results of a step come in the order of its layout. */
  readonly #plan: Plan
  readonly #network: Network
  readonly #options: SimulationOptions
  readonly #simulator: NoisySimulator
  readonly #watched: ReturnType<typeof watched>
  readonly #planned: readonly PlannedStep[]
  readonly #sums: Sums[]
  #layerSamples = LAYER_SAMPLES

  constructor(plan: Plan, network: Network, options: SimulationOptions) {
    this.#plan = { ...plan, batchBlocksPerPass: 1 }
    this.#network = network
    this.#options = options
    this.#planned = plannedSteps(plan)
    this.#sums = plan.steps.map(() => ({ square: 0, count: 0, worst: 0, tracked: 0 }))
    this.#simulator = new NoisySimulator(Parameters.fromJSON(plan.parameters, { allowInsecure: true }), {
      parties: plan.parties,
      galoisKeys: plan.galoisKeys,
      relinearizationLevel: plan.relinearizationLevel,
      digits: options.evaluator === 'seal' ? 'positive' : 'centred',
      complex: plan.packing === 'complex',
      seed: options.seed ?? DEFAULT_SEED
    })
    this.#watched = watched(this.#simulator)
  }

  get steps(): SimulatedStep[] {
    return this.#planned.map(({ name, kind, layer }, step) => {
      const { square, count, worst, tracked } = this.#sums[step]!
      return { step, layer, name, kind, tracked, error: { rms: Math.sqrt(square / Math.max(1, count)), worst } }
    })
  }

  async query(samples: readonly Float64Array[]): Promise<Float64Array[]> {
    const plan = this.#plan
    const { data, weights } = plan.operands
    const simulator = this.#simulator
    const { signal } = this.#options
    const outputs = await run(plan, {
      evaluator: this.#watched.evaluator,
      inputs:
        data === 'clear'
          ? clearInputs(plan, samples, simulator)
          : async index => simulator.encrypt(packInput(plan, samples, index), plan.inputs),
      weights: async index => this.#operand(weights, packWeight(plan, this.#network, index), weightDescriptor(plan, index)),
      refresher: {
        refresh: async ciphertexts => {
          const shares = refreshShares(plan.threshold, plan.operands)
          // Before or after the refresh, which adds no error to it.
          const rerandomized = rerandomizes(plan.threshold, plan.operands) || publicCoins(plan.threshold, plan.operands)
          return ciphertexts.map(ciphertext => this.#watched.evaluator.refresh(ciphertext, shares, rerandomized))
        }
      },
      onStep: report => this.#compare(report, samples),
      ...(signal === undefined ? {} : { signal })
    })
    const { floodingBits: securityBits, maximumDecryptions } = plan
    const noise = plan.output.floodedNoise
    const shares = switchShares(plan.threshold, plan.operands)
    const slots = outputs.map(output => simulator.reveal(output, noise, { securityBits, maximumDecryptions }, shares))
    for (const output of outputs) output.dispose()
    return unpackOutputs(plan, slots).slice(0, samples.length)
  }

  #operand(kind: OperandKind, values: SlotValues, options: { level: number; scale: number; magnitude: number }): Operand {
    return kind === 'clear' ? this.#simulator.plaintext(values, options) : this.#simulator.encrypt(values, options)
  }

  #compare({ step, blocks: [block], noise, scale }: StepReport, samples: readonly Float64Array[]): void {
    const results = this.#watched.takeResults()
    const sums = this.#sums[step]!
    sums.tracked = Math.max(sums.tracked, slotDeviation(this.#simulator.parameters, noise, scale))
    const { batchBlock, packing, steps } = this.#plan
    const own = samples.slice(block * batchBlock, (block + 1) * batchBlock).slice(0, this.#layerSamples)
    const { layer, layout } = this.#planned[step]!
    if (results.length !== layout.blocks.length)
      throw new Error(`step ${step}: ${results.length} results for ${layout.blocks.length} blocks`)
    // real parts hold the first half of a block's samples, imaginary parts the other, where a slot holds two
    const slots = results.map(result => this.#simulator.decrypt(result)).map(all => (packing === 'complex' ? unpairSlots(all) : [all.real]))
    const stride = batchBlock / slots[0]!.length
    own.forEach((sample, i) => {
      const clear = this.#clearLayers(sample)[layer]!
      const { block: blockOf, position } = locate(layout, clear.length)
      for (let feature = 0; feature < clear.length; feature++) {
        const error = Math.abs(
          slots[blockOf[feature]!]![Math.floor(i / stride)]![position[feature]! * stride + (i % stride)]! - clear[feature]!
        )
        sums.square += error * error
        sums.worst = Math.max(sums.worst, error)
      }
      sums.count += clear.length
    })
    if (step === steps.length - 1) this.#layerSamples -= own.length
  }

  readonly #layers = new WeakMap<Float64Array, Float64Array[]>()

  /** Values after every layer. */
  #clearLayers(sample: Float64Array): Float64Array[] {
    let layers = this.#layers.get(sample)
    if (layers === undefined) {
      const seen: Float64Array[] = []
      this.#network.forward(sample, (_, values) => seen.push(values))
      layers = seen
      this.#layers.set(sample, layers)
    }
    return layers
  }
}

/**
 * An evaluator that remembers what it has made: what is not disposed when a step ends are the step's results, in the order in which they were made. Weights and inputs come
 * from the simulator itself and are not among them.
 */
function watched(simulator: NoisySimulator): { readonly evaluator: NoisySimulator; takeResults(): SimulatedCiphertext[] } {
  let made = new Set<SimulatedCiphertext>()
  const remember = <T>(value: T): T => {
    for (const item of Array.isArray(value) ? value : [value]) if (item instanceof SimulatedCiphertext) made.add(item)
    return value
  }
  const evaluator = new Proxy(simulator, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? (...given: unknown[]) => remember(value.apply(target, given)) : value
    }
  })
  return {
    evaluator,
    takeResults: () => {
      const results = [...made].filter(isAlive)
      made = new Set()
      return results
    }
  }
}

function isAlive(ciphertext: SimulatedCiphertext): boolean {
  try {
    return ciphertext.slots !== undefined
  } catch (error) {
    if (error instanceof SimulationError) return false
    throw error
  }
}
