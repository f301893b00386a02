/**
 * One choice of ring, chain and batch block: its levels, scales and refreshes, checked by compiling what comes out.
 *
 * The error that the logits may have is divided among the sources of noise by walking gains back from the logits; that gives the least scale of everything that is
 * encoded or computed. If the tracked noise of the compiled plan misses the target after all, the budget is tightened by what is missing.
 */
import { CkksError, EvaluationRules, NoiseModel, PAIR_SQUARE_SCALE, type Parameters } from '@slytherin/ckks'
import { type Architecture, magnitudeBefore, type PolynomialArchitecture } from '../architecture/architecture.js'
import { KeyCosts } from '../costs/key-costs.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import { Sizes } from '../costs/sizes.js'
import { InvalidPlanError } from '../errors.js'
import { samplesPerSlot, slotFactor } from '../packing/slots.js'
import { derivePlan } from '../plan/derive.js'
import type { PlanCore } from '../plan/plan.js'
import { fitsFlooded, floodingFactor, noiseAfterFlooding, WORST_CASE_DEVIATIONS } from '../plan/precision.js'
import { gainOf } from '../steps/gains.js'
import type { PlanStep } from '../steps/kinds.js'
import { bothEncrypted, factorsOf, type OperandKind, refreshShares, switchShares } from '../steps/operands.js'
import { inputCount, isActivation, type LayerPacking, vectorBytes, weightCount } from '../steps/packed.js'
import { profileOf, traceStep } from '../steps/polynomial-profile.js'
import { SENDING_WEIGHT, stepSeconds, weightSeconds } from '../steps/price.js'
import { MASK_STATISTICAL_BITS } from '../steps/refresh.js'
import { ENCODABLE_BITS } from '../steps/state.js'
import { type Chain, parametersFor } from './chain.js'
import type { PackedLayer } from './choose-packing.js'
import type { Settings } from './options.js'
import { type Schedule, type ScheduledOperation, type ScheduleProblem, schedule } from './placement.js'
import { blocksPerPass, type Reading, readingOf } from './reading.js'

const MAXIMUM_TIGHTENINGS = 6
/** Bits of the error budget that go to there being several sources of noise. */
const SOURCES_BITS = 1.8
/** What rounding up may add to a scale, in bits. */
const SCALE_ROUNDING_BITS = 0.1
/** log2 of 4·2^-1, by which the modulus of a refresh exceeds the sum of the masks, and a little for the message. */
const MASK_MARGIN_BITS = 1.01
/** log2 of the rounding error of a clear vector's coefficients, sqrt(1/12). */
const ENCODING_NOISE = 0.5 * Math.log2(1 / 12)
/** Bits between the scale of the largest B_n of a polynomial and two primes, which hold it where the result is at level 0. */
const POLYNOMIAL_HEADROOM_BITS = 4
/** Primes are this little below a power of two, in bits. */
const PRIME_DEFICIT_BITS = 0.001

export interface Candidate {
  readonly core: PlanCore
  readonly chain: Chain
  readonly total: number
}

/** Keys that a layer needs. */
interface KeyUse {
  /** rotations in positions */
  readonly galois: readonly (number | 'conjugation')[]
  readonly relinearization: boolean
}

/** Levels, scales and refreshes for one chain. */
export class Search {
  private readonly parameters: Parameters
  private readonly noise: NoiseModel
  private readonly rules: EvaluationRules
  private readonly sizes: Sizes
  private readonly batchBlocks: number
  private readonly packings: readonly LayerPacking[]
  private readonly keys: KeyCosts
  private readonly reading: Reading
  /** by layer */
  private readonly keyUses: readonly KeyUse[]
  /** by layer: the keys that no layer before it needs */
  private readonly firstKeyUses: readonly KeyUse[]
  private readonly slotFactor: number
  /** scale of a square relative to the square of its operand's */
  private readonly squareFactor: number
  /** bounds on |value|: input, then after every layer */
  private readonly values: readonly number[]
  /** log2 of the bounds on |slot| */
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
    this.rules = new EvaluationRules(this.parameters, this.noise, 'positive')
    this.sizes = new Sizes(chain.logN, new Array<number>(chain.primes).fill(chain.primeBits), chain.specialPrimeBits)
    this.batchBlocks = Math.ceil(settings.batch / chain.batchBlock)
    this.packings = packed.map(layer => layer.packing)
    this.keys = new KeyCosts(costs, this.sizes, settings.parties)
    this.keyUses = this.packings.map((packing, layer) => {
      const factors = factorsOf(settings, layer)
      const rotations = packing.kind === 'diagonals' ? packing.rotations(factors.input) : []
      const conjugated = isActivation(packing) && packing.slots === 'complex'
      return {
        galois: conjugated ? ['conjugation' as const] : rotations,
        relinearization: isActivation(packing) || bothEncrypted(factors)
      }
    })
    this.firstKeyUses = this.keyUses.map(({ galois, relinearization }, layer) => {
      const before = this.keyUses.slice(0, layer)
      return {
        galois: galois.filter(key => !before.some(use => use.galois.includes(key))),
        relinearization: relinearization && !before.some(use => use.relinearization)
      }
    })
    this.reading = readingOf(packed, this.batchBlocks, settings, { level: chain.primes >> 1, N: this.parameters.N })
    this.slotFactor = slotFactor(chain.packing)
    this.squareFactor = chain.packing === 'complex' ? PAIR_SQUARE_SCALE : 1
    this.values = [architecture.input.magnitude, ...architecture.layers.map(layer => layer.outputMagnitude)]
    this.magnitudes = this.values.map(value => Math.log2(value * this.slotFactor))
  }

  /** @param bound cost that a candidate must stay below */
  run(bound: number): Candidate | 'worse' | 'impossible' {
    let tightening = 0
    for (let attempt = 0; attempt < MAXIMUM_TIGHTENINGS; attempt++) {
      const found = this.solve(tightening, bound)
      if (found === 'impossible') return found
      if (found === 'costly') return 'worse'
      if (this.passBytes(found) > this.settings.evaluatorMemory) return 'impossible'
      const total = found.cost + this.raisedKeyCost(found)
      if (total >= bound) return 'worse'
      const core = this.core(found)
      if (!core) return 'impossible'
      const missing = this.missingBits(core)
      if (missing <= 0) return { core, chain: this.chain, total }
      tightening += missing + 0.1
    }
    return 'impossible'
  }

  /** Cost of the keys that layer `index` is the first to need, when it runs at this level. */
  private keyCost(index: number, level: number): number {
    const { galois, relinearization } = this.firstKeyUses[index]!
    const { keys, settings } = this
    return settings.costModel.preparation * (galois.length * keys.galois(level) + (relinearization ? keys.relinearization(level) : 0))
  }

  /** What keys cost beyond `keyCost`: after a refresh a layer may run at a higher level than the first one that needs the same key. */
  private raisedKeyCost({ steps }: Schedule): number {
    const { keys, keyUses, firstKeyUses, settings } = this
    let sum = 0
    for (const [layer, first] of firstKeyUses.entries()) {
      const { level } = steps[layer]!
      const highest = (uses: (use: KeyUse) => boolean): number =>
        Math.max(...steps.filter((_, index) => uses(keyUses[index]!)).map(step => step.level))
      for (const key of first.galois) sum += keys.galois(highest(use => use.galois.includes(key))) - keys.galois(level)
      if (first.relinearization) sum += keys.relinearization(highest(use => use.relinearization)) - keys.relinearization(level)
    }
    return settings.costModel.preparation * sum
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
    const { architecture, settings, noise, magnitudes, values, packings, chain, parameters } = this
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
    // log2 of the factor from an error at the present boundary to one of the logits; argument: at the boundary before an activation
    let gain = 0
    let argument: number | undefined
    for (let index = architecture.layers.length - 1; index >= 0; index--) {
      const layer = architecture.layers[index]!
      const packing = packings[index]!
      gain = Math.min(gain, Math.log2(layer.sensitivity ?? Number.POSITIVE_INFINITY))
      const minimum = entering(noise.rounding(1), index + 1) + gain - budget
      let weightMinimum = 0
      let [weightMaximum, maximum] = [0, Number.POSITIVE_INFINITY]
      let polynomial: ScheduledOperation['polynomial']
      if (layer.kind === 'affine' && !isActivation(packing)) {
        const slope = index === 0 ? 0 : 2 ** this.slope(index - 1)
        const gains = gainOf(layer, packing, values[index]!, slope, this.slotFactor)
        weightMinimum = made(settings.weights) + gains.weights + gain - budget
        weightMaximum = ENCODABLE_BITS - SCALE_ROUNDING_BITS - Math.log2(layer.weightMagnitude)
        maximum = ENCODABLE_BITS - SCALE_ROUNDING_BITS - Math.log2(layer.biasMagnitude * this.slotFactor)
        argument = gain + gains.argument
        gain += gains.input
      } else {
        if (layer.kind === 'polynomial') polynomial = this.polynomialDemands(layer, magnitudeBefore(architecture, index), budget - gain)
        gain = argument ?? gain + this.slope(index)
        argument = undefined
      }
      operations.unshift({
        kind: layer.kind,
        squareBits: Math.log2(this.squareFactor),
        magnitudeIn: magnitudes[index]!,
        magnitudeOut: magnitudes[index + 1]!,
        weightMinimum,
        weightMaximum,
        ...(polynomial ? { polynomial } : {}),
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
      minimumRefreshes: Math.min(settings.minimumRefreshes, operations.length - 1),
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

  /** log2 of the largest derivative of an activation; minus infinity for an affine layer. */
  private slope(index: number): number {
    const layer = this.architecture.layers[index]!
    if (layer.kind === 'affine') return Number.NEGATIVE_INFINITY
    return layer.kind === 'square'
      ? 1 + Math.log2(this.values[index]!)
      : profileOf(layer, magnitudeBefore(this.architecture, index), this.chain.packing).slope
  }

  /**
   * Scales that keep a polynomial's own error within what is allowed. B_n has n times the bits of its argument less n - 1 primes, so that an argument b bits short of a
   * prime leaves B_n n·b bits short; and one b bits longer than a prime takes n·b bits from the quotient that multiplies B_n.
   * @param allowed log2 of the error that the result may have, of values
   */
  private polynomialDemands(
    layer: PolynomialArchitecture,
    magnitude: number,
    allowed: number
  ): NonNullable<ScheduledOperation['polynomial']> {
    const { packing } = this.chain
    const { depth, amplification } = profileOf(layer, magnitude, packing)
    // two samples to a slot are told apart at twice the scale
    const doubled = Math.log2(samplesPerSlot(packing))
    const bits = this.chain.primeBits - PRIME_DEFICIT_BITS
    const spare = allowed - (this.noise.rounding(1) + amplification - bits)
    const power = 2 ** (depth - 1)
    const argumentMinimum = (spare >= 0 ? bits - spare / power : bits - spare) - doubled
    return {
      depth,
      argumentMinimum,
      argumentMaximum: bits + (bits - POLYNOMIAL_HEADROOM_BITS) / power - doubled,
      resultMinimum: argument => bits - spare + power * Math.max(0, argument + doubled - bits)
    }
  }

  private inputCost(level: number): number {
    const { costs, settings } = this
    const each =
      settings.data === 'clear'
        ? costs.encoding(level)
        : SENDING_WEIGHT * (costs.encryption(level) + costs.transfer(this.sizes.ciphertext(level))) +
          this.reading.inputs * costs.loading(level)
    return this.batchBlocks * inputCount(this.packings[0]!, settings.data) * each
  }

  private operationCost(index: number, level: number, rescalings: number): number {
    const { costs, sizes, settings } = this
    const packing = this.packings[index]!
    const factors = factorsOf(settings, index)
    const making = factors.weights === 'encrypted' ? costs.encryption(level) + costs.transfer(sizes.ciphertext(level)) : 0
    const weights =
      this.reading.weights[index]! * weightSeconds(packing, costs, level, factors) + weightCount(packing) * costs.model.preparation * making
    return weights + this.keyCost(index, level) + this.batchBlocks * stepSeconds(packing, costs, level, rescalings, factors)
  }

  /** The plan's core, with exact scales; undefined when a polynomial cannot keep its own. */
  private core(found: Schedule): PlanCore | undefined {
    try {
      return this.exactCore(found)
    } catch (error) {
      if (error instanceof CkksError) return undefined
      throw error
    }
  }

  private exactCore(found: Schedule): PlanCore {
    const { architecture, settings, parameters, packings } = this
    const inputScale = scaleNear(found.steps[0]!.scaleIn)
    const steps: PlanStep[] = []
    let scale = inputScale
    found.steps.forEach((scheduled, index) => {
      const { level, rescalings } = scheduled
      if (scheduled.refreshedFrom !== undefined) {
        const magnitude = architecture.layers[index - 1]!.outputMagnitude * this.slotFactor
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
      const common = { layer: index, level, rescalings, magnitude: architecture.layers[index]!.outputMagnitude * this.slotFactor }
      if (packing.kind === 'square') {
        scale = primes.reduce((value, prime) => value / prime, scale * scale * this.squareFactor)
        steps.push({ kind: 'square', ...common, scale })
        return
      }
      if (packing.kind === 'polynomial') {
        const layer = architecture.layers[index]! as PolynomialArchitecture
        const target = scaleNear(scheduled.scaleOut)
        const magnitudeIn = magnitudeBefore(architecture, index) * this.slotFactor
        const slots = this.chain.packing
        const traced = traceStep(parameters, this.rules, layer, {
          slots,
          level,
          scaleIn: scale,
          magnitudeIn,
          target,
          magnitude: common.magnitude
        })
        scale = traced.result.scale
        steps.push({ kind: 'polynomial', ...common, target, scale })
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
      packing: this.chain.packing,
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
    return Math.max(...found.steps.map(({ level }, index) => this.packed[index]!.held * vectorBytes('encrypted', level, this.parameters.N)))
  }

  private blocksPerPass(found: Schedule): number {
    const bytes = this.packings.map(
      (packing, layer) => weightCount(packing) * vectorBytes(this.settings.weights, found.steps[layer]!.level, this.parameters.N)
    )
    const weights = bytes.reduce((sum, layer) => sum + layer, 0)
    return blocksPerPass(this.batchBlocks, this.passBytes(found), weights, this.settings.evaluatorMemory)
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
