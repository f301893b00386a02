/**
 * The planner: from an architecture and who encrypts what to the cheapest plan that keeps security, capacity and precision.
 *
 * Candidates are (ring degree, number of primes, batch block). For each, the packing is fixed by the shapes, the error budget is divided among all sources of noise by
 * walking the gains back from the logits, levels and refreshes come from a shortest path (`schedule.ts`), and the outcome is compiled and its noise tracked by the
 * evaluators' own rules; if it misses the target, the budget is tightened by what is missing. Everything is deterministic: same inputs, same plan.
 */
import { maximumLogQP, NoiseModel, Parameters } from '@slytherin/ckks'
import { type Architecture, parseArchitecture } from './architecture.js'
import { type CostModel, KERNEL_COSTS, OperationCosts, Sizes } from './cost.js'
import { InfeasiblePlanError, InvalidInputError, InvalidPlanError } from './errors.js'
import { gainOf } from './gains.js'
import { factorsOf, type OperandKind, refreshShares, switchShares } from './operands.js'
import { type PackedLayer, packLayers, patternsOf } from './packing/choose.js'
import { nextPowerOfTwo } from './packing/layout.js'
import type { Plan, PlanCore, PlanStep } from './plan.js'
import { derivePlan, PRECISION_TARGET } from './plan-derivation.js'
import { fitsFlooded, floodingFactor, noiseAfterFlooding, WORST_CASE_DEVIATIONS } from './precision.js'
import { ENCODABLE_BITS } from './program.js'
import { MASK_STATISTICAL_BITS } from './refresh-level.js'
import { type Schedule, type ScheduledOperation, type ScheduleProblem, schedule } from './schedule.js'
import type { SparseMatrix } from './sparse.js'
import { inputCount, type LayerPacking, stepSeconds, weightCount, weightSeconds } from './step-costs.js'

export interface PlanOptions {
  /** number of samples */
  readonly batch: number
  /** who encrypts what; not both clear */
  readonly data: OperandKind
  readonly weights: OperandKind
  /** key holders */
  readonly parties: number
  /** collective refreshes that the program must contain at least (default 0) */
  readonly minimumRefreshes?: number
  /** statistical bits of flooding (default 30) */
  readonly floodingBits?: number
  /** decryptions that the session allows; default: one query's result ciphertexts, rounded up to 64 */
  readonly maximumDecryptions?: number
  readonly costModel?: CostModel
  /** bytes of ciphertexts that the evaluator may hold at a time (default 3 GiB) */
  readonly evaluatorMemory?: number
  /** fixes the ring degree instead of searching it */
  readonly logN?: number
  /** ignores the security table: for unit tests with small rings */
  readonly insecure?: boolean
  /** worst logit error relative to the largest logit (default 0.005) */
  readonly precision?: number
}

const DEFAULT_FLOODING_BITS = 30
const DEFAULT_MAXIMUM_DECRYPTIONS = 64
const DEFAULT_EVALUATOR_MEMORY = 3 * 2 ** 30
const RING_DEGREES = [13, 14, 15, 16] as const
const MAXIMUM_PRIME_BITS = 49
const MINIMUM_PRIME_BITS = 30
const MINIMUM_PRIMES = 2
const MAXIMUM_PRIMES = 34
/** A search stops when this many more primes have brought nothing better. */
const PATIENCE = 4
const MAXIMUM_TIGHTENINGS = 6
/** Bits of the error budget that go to there being several sources of noise. */
const SOURCES_BITS = 1.8
/** What rounding up may add to a scale, in bits. */
const SCALE_ROUNDING_BITS = 0.1
/** log2 of 4·2^-1, by which the modulus of a refresh exceeds the sum of the masks, and a little for the message. */
const MASK_MARGIN_BITS = 1.01
/** log2 of the rounding error of a clear vector's coefficients, sqrt(1/12). */
const ENCODING_NOISE = 0.5 * Math.log2(1 / 12)
/** Primes are this little below a power of two, in bits. */
const PRIME_DEFICIT_BITS = 0.001

/**
 * @throws InfeasiblePlanError when nothing within the security table reaches the precision; InvalidInputError for options out of range
 */
export function plan(architecture: Architecture, options: PlanOptions): Plan {
  return new Planner(parseArchitecture(architecture), checkOptions(options)).run()
}

type Settings = Required<Omit<PlanOptions, 'logN'>> & { readonly logN: number | undefined }

function checkOptions(options: PlanOptions): Settings {
  const whole = (name: keyof PlanOptions, value: number, minimum: number): number => {
    if (!Number.isSafeInteger(value) || value < minimum)
      throw new InvalidInputError(`plan option ${name}`, `a whole number of at least ${minimum}`, String(value))
    return value
  }
  const floodingBits = options.floodingBits ?? DEFAULT_FLOODING_BITS
  if (!(floodingBits >= 1 && floodingBits <= 256))
    throw new InvalidInputError('plan option floodingBits', 'from 1 to 256', String(floodingBits))
  const precision = options.precision ?? PRECISION_TARGET
  if (!(precision > 0 && precision <= 1)) throw new InvalidInputError('plan option precision', 'above 0 and up to 1', String(precision))
  if (options.data === 'clear' && options.weights === 'clear')
    throw new InvalidInputError('plan options data and weights', 'one of them encrypted', 'both clear')
  return {
    batch: whole('batch', options.batch, 1),
    data: options.data,
    weights: options.weights,
    parties: whole('parties', options.parties, 1),
    minimumRefreshes: whole('minimumRefreshes', options.minimumRefreshes ?? 0, 0),
    floodingBits,
    maximumDecryptions: whole('maximumDecryptions', options.maximumDecryptions ?? DEFAULT_MAXIMUM_DECRYPTIONS, 1),
    costModel: options.costModel ?? KERNEL_COSTS,
    evaluatorMemory: whole('evaluatorMemory', options.evaluatorMemory ?? DEFAULT_EVALUATOR_MEMORY, 1),
    logN: options.logN,
    insecure: options.insecure ?? false,
    precision
  }
}

interface Candidate {
  readonly core: PlanCore
  readonly chain: Chain
  readonly total: number
}

/** One choice of ring, chain and batch block. */
interface Chain {
  readonly logN: number
  readonly primes: number
  readonly primeBits: number
  readonly specialPrimeBits: number
  readonly batchBlock: number
}

class Planner {
  private readonly patterns: readonly (SparseMatrix | undefined)[]
  private best: Candidate | undefined

  constructor(
    private readonly architecture: Architecture,
    private readonly settings: Settings
  ) {
    this.patterns = patternsOf(architecture)
  }

  run(): Plan {
    const { settings } = this
    const degrees = settings.logN === undefined ? RING_DEGREES : [settings.logN]
    for (const logN of degrees) {
      const blocks = this.batchBlocks(2 ** (logN - 1))
      // how many primes it takes hardly depends on the batch block: the widest and the narrowest tell for all
      const extremes = [...new Set([blocks[0]!, blocks.at(-1)!])]
      const fewest = Math.min(...extremes.map(block => this.searchChains(logN, block, MINIMUM_PRIMES)))
      if (fewest === Number.POSITIVE_INFINITY) continue
      for (const block of blocks) {
        if (!extremes.includes(block)) this.searchChains(logN, block, Math.max(MINIMUM_PRIMES, fewest - 1))
      }
    }
    if (!this.best) {
      throw new InfeasiblePlanError(
        this.architecture.name,
        `no ring up to 2^${degrees.at(-1)} holds its levels with flooding of ${settings.floodingBits} bits and ${settings.maximumDecryptions} decryptions`,
        'use fewer layers, narrower activation ranges, fewer statistical bits, fewer decryptions or more evaluator memory'
      )
    }
    this.shrinkPrimes()
    return derivePlan(this.best.core, settings.costModel, { allowInsecure: settings.insecure })
  }

  /** Powers of two from the whole batch down. */
  private batchBlocks(slots: number): number[] {
    const blocks: number[] = []
    for (let block = Math.min(nextPowerOfTwo(this.settings.batch), slots); block >= 1; block /= 2) blocks.push(block)
    return blocks
  }

  /** @returns the fewest primes that can do it, infinity when none can */
  private searchChains(logN: number, batchBlock: number, from: number): number {
    const costs = new OperationCosts(this.settings.costModel, logN)
    const packed = packLayers(this.architecture, this.patterns, 2 ** (logN - 1) / batchBlock, costs, this.settings)
    let fewest = Number.POSITIVE_INFINITY
    let worse = 0
    for (let primes = from; primes <= MAXIMUM_PRIMES && worse <= PATIENCE; primes++) {
      const primeBits = this.settings.insecure ? MAXIMUM_PRIME_BITS - 1 : widestPrimes(logN, primes)
      if (primeBits === undefined) break
      const outcome = this.consider({ logN, primes, primeBits, specialPrimeBits: MAXIMUM_PRIME_BITS, batchBlock }, packed, costs)
      if (outcome === 'impossible') continue
      fewest = Math.min(fewest, primes)
      if (outcome === 'better') worse = 0
      else worse++
    }
    return fewest
  }

  private consider(chain: Chain, packed: readonly PackedLayer[], costs: OperationCosts): 'better' | 'worse' | 'impossible' {
    const found = new Search(this.architecture, this.settings, chain, packed, costs).run(this.best?.total ?? Number.POSITIVE_INFINITY)
    if (typeof found === 'string') return found
    this.best = found
    return 'better'
  }

  /** Narrower primes make smaller ciphertexts: as long as the same number of them still does. */
  private shrinkPrimes(): void {
    const { logN, batchBlock } = this.best!.chain
    const costs = new OperationCosts(this.settings.costModel, logN)
    const packed = packLayers(this.architecture, this.patterns, 2 ** (logN - 1) / batchBlock, costs, this.settings)
    for (let primeBits = this.best!.chain.primeBits - 1; primeBits >= MINIMUM_PRIME_BITS; primeBits--) {
      if (this.consider({ ...this.best!.chain, primeBits }, packed, costs) !== 'better') return
    }
  }
}

/** Bits of the ciphertext primes when `primes` of them share what the security table leaves beside the special prime. */
function widestPrimes(logN: number, primes: number): number | undefined {
  const bits = Math.min(MAXIMUM_PRIME_BITS, Math.floor((maximumLogQP(logN) - MAXIMUM_PRIME_BITS) / primes))
  return bits >= MINIMUM_PRIME_BITS ? bits : undefined
}

function parametersFor(chain: Chain, insecure: boolean): Parameters {
  return Parameters.generate({
    logN: chain.logN,
    firstPrimeBits: chain.primeBits,
    primeBits: chain.primeBits,
    levels: chain.primes - 1,
    specialPrimeBits: chain.specialPrimeBits,
    scale: 2 ** (chain.primeBits - 1),
    insecure
  })
}

/** Levels, scales and refreshes for one chain. */
class Search {
  private readonly parameters: Parameters
  private readonly noise: NoiseModel
  private readonly sizes: Sizes
  private readonly batchBlocks: number
  private readonly packings: readonly LayerPacking[]
  /** log2 of the bounds on |slot|: input, then after every layer */
  private readonly magnitudes: readonly number[]

  constructor(
    private readonly architecture: Architecture,
    private readonly settings: Settings,
    private readonly chain: Chain,
    private readonly packed: readonly PackedLayer[],
    private readonly costs: OperationCosts
  ) {
    this.parameters = parametersFor(chain, settings.insecure)
    this.noise = new NoiseModel(this.parameters, settings.parties)
    this.sizes = new Sizes(chain.logN, new Array<number>(chain.primes).fill(chain.primeBits), chain.specialPrimeBits)
    this.batchBlocks = Math.ceil(settings.batch / chain.batchBlock)
    this.packings = packed.map(layer => layer.packing)
    this.magnitudes = [architecture.input.magnitude, ...architecture.layers.map(layer => layer.outputMagnitude)].map(Math.log2)
  }

  /** @param bound cost that a candidate must stay below */
  run(bound: number): Candidate | 'worse' | 'impossible' {
    const keys = this.keyCost()
    let tightening = 0
    for (let attempt = 0; attempt < MAXIMUM_TIGHTENINGS; attempt++) {
      const found = this.solve(tightening, bound - keys)
      if (found === 'impossible') return found
      if (found === 'costly') return 'worse'
      const total = found.cost + keys
      if (this.passBytes(found) > this.settings.evaluatorMemory) return 'impossible'
      const core = this.core(found)
      const missing = this.missingBits(core)
      if (missing <= 0) return { core, chain: this.chain, total }
      tightening += missing + 0.1
    }
    return 'impossible'
  }

  private keyCost(): number {
    const { settings, costs, sizes, chain } = this
    const rotations = new Set(
      this.packings.flatMap((packing, layer) => (packing.kind === 'diagonals' ? packing.rotations(factorsOf(settings, layer).input) : []))
    )
    const each = costs.switchingKey(chain.primes, settings.parties) + costs.transfer(settings.parties * sizes.keyShare())
    return settings.costModel.preparation * (rotations.size + 2) * each
  }

  /** Largest relative error per coefficient, log2, at the logits. */
  private errorBudget(): number {
    const { settings, architecture } = this
    const flood = floodingFactor(settings) + 0.5 * Math.log2(switchShares(settings.parties, settings))
    return (
      Math.log2(settings.precision * architecture.output.largest) - Math.log2(WORST_CASE_DEVIATIONS) - 0.5 * (this.chain.logN - 1) - flood
    )
  }

  private solve(tightening: number, bound: number): Schedule | 'costly' | 'impossible' {
    const { architecture, settings, noise, magnitudes, packings, chain, parameters } = this
    const budget = this.errorBudget() - tightening - SOURCES_BITS
    const rotation = noise.keySwitch({ level: parameters.maxLevel, keyNoise: noise.collectiveKey, digits: 'positive' })
    // noise of what enters layer `index`, given the noise of its source
    const entering = (source: number, index: number): number => {
      const packing = packings[index]
      const turned = packing?.kind === 'diagonals' && packing.babySteps > 1 && factorsOf(settings, index).input === 'encrypted'
      return turned ? Math.max(source, rotation) : source
    }
    const made = (kind: OperandKind): number => (kind === 'encrypted' ? noise.fresh() : ENCODING_NOISE)
    const operations: ScheduledOperation[] = []
    // log2 of the factor from an error at the present boundary to one of the logits; argument: at the boundary before a square
    let gain = 0
    let argument: number | undefined
    for (let index = architecture.layers.length - 1; index >= 0; index--) {
      const layer = architecture.layers[index]!
      const packing = packings[index]!
      gain = Math.min(gain, Math.log2(layer.sensitivity ?? Number.POSITIVE_INFINITY))
      const minimum = entering(noise.rounding(1), index + 1) + gain - budget
      let weightMinimum = 0
      let [weightMaximum, maximum] = [0, Number.POSITIVE_INFINITY]
      if (layer.kind === 'affine' && packing.kind !== 'square') {
        const before = architecture.layers[index - 1]
        const argumentMagnitude = before?.kind === 'square' ? 2 ** magnitudes[index - 1]! : 0
        const gains = gainOf(layer, packing, 2 ** magnitudes[index]!, argumentMagnitude)
        weightMinimum = made(settings.weights) + gains.weights + gain - budget
        weightMaximum = ENCODABLE_BITS - SCALE_ROUNDING_BITS - Math.log2(layer.weightMagnitude)
        maximum = ENCODABLE_BITS - SCALE_ROUNDING_BITS - Math.log2(layer.biasMagnitude)
        argument = gain + gains.argument
        gain += gains.input
      } else {
        gain = argument ?? gain + 1 + magnitudes[index]!
        argument = undefined
      }
      operations.unshift({
        kind: layer.kind,
        magnitudeIn: magnitudes[index]!,
        magnitudeOut: magnitudes[index + 1]!,
        weightMinimum,
        weightMaximum,
        minimum,
        maximum,
        cost: (level, rescalings) => this.operationCost(index, level, rescalings)
      })
    }
    gain = Math.min(gain, Math.log2(architecture.input.sensitivity ?? Number.POSITIVE_INFINITY))
    const primeBits = chain.primeBits - PRIME_DEFICIT_BITS
    const problem: ScheduleProblem = {
      operations,
      primes: chain.primes,
      primeBits,
      inputMinimum: entering(made(settings.data), 0) + gain - budget,
      inputMaximum: ENCODABLE_BITS - SCALE_ROUNDING_BITS - magnitudes[0]!,
      inputMagnitude: magnitudes[0]!,
      inputCost: level => this.inputCost(level),
      minimumRefreshes: settings.minimumRefreshes,
      refreshable: (boundary, level, scale) => {
        const maskBits = MASK_STATISTICAL_BITS + Math.max(0, Math.ceil(scale + SCALE_ROUNDING_BITS + magnitudes[boundary]!))
        return (level + 1) * primeBits >= maskBits + MASK_MARGIN_BITS + Math.log2(refreshShares(settings.parties, settings))
      },
      refreshCost: (boundary, level) => {
        const count = packings[boundary - 1]!.outputBlocks * this.batchBlocks
        return this.costs.refresh(level, chain.primes - 1, count, settings.parties, count * this.sizes.refresh(level, settings.parties))
      },
      finishable: (level, scale) => {
        const shares = switchShares(settings.parties, settings)
        const flooded = noiseAfterFlooding(noise, chain.logN, budget + SOURCES_BITS + scale, { ...settings, shares })
        return fitsFlooded((level + 1) * primeBits - 1, flooded, 2 ** scale, 2 ** magnitudes.at(-1)!)
      }
    }
    return schedule(problem, bound)
  }

  private inputCost(level: number): number {
    const { costs, settings } = this
    const each =
      settings.data === 'clear'
        ? costs.encoding(level)
        : costs.encryption(level) + costs.transfer(this.sizes.ciphertext(level)) + costs.loading(level)
    return this.batchBlocks * inputCount(this.packings[0]!, settings.data) * each
  }

  private operationCost(index: number, level: number, rescalings: number): number {
    const { costs, sizes, settings } = this
    const packing = this.packings[index]!
    const factors = factorsOf(settings, index)
    let weights = weightSeconds(packing, costs, level, factors)
    if (factors.weights === 'encrypted') {
      weights += weightCount(packing) * costs.model.preparation * (costs.encryption(level) + costs.transfer(sizes.ciphertext(level)))
    }
    return weights + this.batchBlocks * stepSeconds(packing, costs, level, rescalings, factors)
  }

  /** The plan's core, with exact scales. */
  private core(found: Schedule): PlanCore {
    const { architecture, settings, parameters, packings } = this
    const inputScale = scaleNear(found.steps[0]!.scaleIn)
    const steps: PlanStep[] = []
    let scale = inputScale
    found.steps.forEach((scheduled, index) => {
      const { level, rescalings } = scheduled
      if (scheduled.refreshedFrom !== undefined) {
        const magnitude = architecture.layers[index - 1]!.outputMagnitude
        steps.push({
          kind: 'refresh',
          level: scheduled.refreshedFrom,
          scale,
          magnitude,
          ciphertextsPerBlock: packings[index - 1]!.outputBlocks
        })
      }
      const primes = Array.from({ length: rescalings }, (_, k) => parameters.primes[level - k]!.number)
      const packing = packings[index]!
      const common = { layer: index, level, rescalings, magnitude: architecture.layers[index]!.outputMagnitude }
      if (packing.kind === 'square') {
        scale = primes.reduce((value, prime) => value / prime, scale * scale)
        steps.push({ kind: 'square', ...common, scale })
        return
      }
      const weightScale = primes.reduce((value, prime) => value * prime, scaleNear(scheduled.scaleOut)) / scale
      scale = primes.reduce((value, prime) => value / prime, scale * weightScale)
      if (packing.kind === 'taps') {
        steps.push({ kind: 'taps', ...common, weightScale, scale, arrangement: packing.arrangement })
      } else {
        const { diagonals, babySteps } = packing
        steps.push({ kind: 'diagonals', ...common, weightScale, scale, diagonals, babySteps, chunked: this.packed[index]!.chunked })
      }
    })
    return {
      architecture,
      operands: { data: settings.data, weights: settings.weights },
      parties: settings.parties,
      batch: settings.batch,
      batchBlock: this.chain.batchBlock,
      batchBlocksPerPass: this.blocksPerPass(found),
      floodingBits: settings.floodingBits,
      maximumDecryptions: settings.maximumDecryptions,
      parameters: parameters.toJSON(),
      inputScale,
      inputLevel: found.inputLevel,
      steps
    }
  }

  /** Bytes that one batch block needs in the evaluator. */
  private passBytes(found: Schedule): number {
    return Math.max(...found.steps.map(({ level }, index) => this.packed[index]!.held * 2 * (level + 1) * 8 * this.parameters.N))
  }

  private blocksPerPass(found: Schedule): number {
    return Math.max(1, Math.min(this.batchBlocks, Math.floor(this.settings.evaluatorMemory / this.passBytes(found))))
  }

  /** Bits by which the tracked precision misses the target; not positive when it is met. */
  private missingBits(core: PlanCore): number {
    try {
      const made = derivePlan(core, this.settings.costModel, { allowInsecure: this.settings.insecure })
      return Math.log2(made.precision.relativeError / this.settings.precision)
    } catch (error) {
      if (error instanceof InvalidPlanError) return 0.5
      throw error
    }
  }
}

/** A double within a sixteenth above 2^bits, of so few digits that every machine computes the same. */
function scaleNear(bits: number): number {
  const exponent = Math.floor(bits)
  return 2 ** exponent * (1 + Math.ceil((2 ** (bits - exponent) - 1) * 16) / 16)
}
