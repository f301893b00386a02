/**
 * The error that the logits may have, divided among the sources of noise by walking gains back from the logits: that gives the least scale of everything that is encoded
 * or computed, and with the bounds on values the largest.
 */
import { floodedBits, floodingGrowth, maskedModulusBits, noiseAfterFlooding, wholeKeyModulusBits } from '@slytherin/ckks'
import { isMap, type MapArchitecture, magnitudeBefore, type PolynomialArchitecture, partsOf } from '../architecture/architecture.js'
import { readersOf, readsOf, waitingValues } from '../architecture/values.js'
import { samplesPerSlot } from '../packing/slots.js'
import { fitsFlooded, WORST_CASE_DEVIATIONS } from '../plan/precision.js'
import { gainOf, partTerms, summedTerms } from '../steps/gains.js'
import { factorsOf, type OperandKind, publicCoins, refreshShares, switchShares } from '../steps/operands.js'
import { isSlotwise } from '../steps/packed.js'
import { profileOf } from '../steps/polynomial-profile.js'
import { encodableBits } from '../steps/state.js'
import { Gains } from './gains.js'
import type { RunningCosts } from './running-costs.js'
import type { ScheduledOperand, ScheduledOperation, ScheduleProblem } from './schedule.js'
import type { Trial } from './trial.js'

/** Bits of the error budget that go to there being several sources of noise. */
const SOURCES_BITS = 1.8
/** What one more encryption of zero adds to the error of one. */
const SECOND_ENCRYPTION_BITS = 0.5
/** What rounding up may add to a scale, in bits. */
const SCALE_ROUNDING_BITS = 0.1
/** Bits that primes a little below a power of two may take from the modulus of a refresh. */
const MASK_MARGIN_BITS = 0.01
/** log2 of the rounding error of a clear vector's coefficients, sqrt(1/12). */
const ENCODING_NOISE = 0.5 * Math.log2(1 / 12)
/** Bits between the scale of the largest B_n of a polynomial and the primes that hold it. */
const POLYNOMIAL_HEADROOM_BITS = 4
/** Primes are this little below a power of two, in bits. */
const PRIME_DEFICIT_BITS = 0.001

/** @param tightening bits by which the error must be smaller than reckoned here */
export function problemOf(trial: Trial, costs: RunningCosts, tightening: number): ScheduleProblem {
  const {
    architecture,
    flooded: bounds,
    settings,
    noise,
    magnitudes,
    values,
    packings,
    chain,
    parameters,
    slotFactor,
    squareFactor
  } = trial
  const budget = errorBudget(trial) - tightening - SOURCES_BITS
  const rotation = noise.keySwitch({ level: parameters.maxLevel, keyNoise: noise.collectiveKey, digits: 'positive' })
  const readers = readersOf(architecture.layers)
  const waiting = waitingValues(architecture.layers)
  // noise of a value as its readers multiply it, given the noise of its source
  const entering = (source: number, value: number): number =>
    readers[value]!.some(index => turns(trial, index)) ? Math.max(source, rotation) : source
  // what is clear is rounded by its encoding, for which there is no flooding
  const unflooded = settings.threshold === 1 ? 0 : floodingGrowth(trial.flooding, switchShares(settings.threshold, settings))
  const made = (kind: OperandKind): number => (kind === 'encrypted' ? noise.fresh() : ENCODING_NOISE - unflooded)
  const operations: ScheduledOperation[] = []
  const gains = new Gains(architecture.layers.length)
  for (let index = architecture.layers.length - 1; index >= 0; index--) {
    const layer = bounds.layers[index]!
    const packing = packings[index]!
    const reads = readsOf(layer, index)
    const gain = gains.of(index + 1, layer.sensitivity)
    const minimum = entering(noise.rounding(1), index + 1) + gain - budget
    let maximum = Number.POSITIVE_INFINITY
    let polynomial: ScheduledOperation['polynomial']
    let operands = reads.map((value): ScheduledOperand => ({ value, magnitude: magnitudes[value]!, weightMinimum: 0, weightMaximum: 0 }))
    if (isMap(layer) && !isSlotwise(packing)) {
      const own = partsOf(architecture.layers[index] as MapArchitecture)
      operands = partsOf(layer).map((part, k): ScheduledOperand => {
        const value = reads[k]!
        const terms = packing.kind === 'diagonals' && packing.joint ? partTerms(packing, k) : summedTerms(packing)
        const found = gainOf(
          part,
          terms,
          packing.kind === 'taps',
          values[value]!,
          value === 0 ? 0 : 2 ** slope(trial, value - 1),
          slotFactor
        )
        gains.add(value, gain + found.input, gain + found.argument)
        return {
          value,
          magnitude: magnitudes[value]!,
          weightMinimum: made(settings.weights) + found.weights + gain - budget,
          weightMaximum: encodableBits(settings.weights) - SCALE_ROUNDING_BITS - Math.log2(own[k]!.weightMagnitude)
        }
      })
      maximum = encodableBits('encrypted') - SCALE_ROUNDING_BITS - Math.log2(layer.biasMagnitude * slotFactor)
    } else if (layer.kind === 'product') {
      reads.forEach((value, k) => {
        gains.add(value, gain + Math.log2(values[reads[1 - k]!]!))
      })
    } else {
      if (layer.kind === 'polynomial') polynomial = polynomialDemands(trial, layer, magnitudeBefore(architecture, index), budget - gain)
      gains.add(reads[0]!, gains.argumentOf(index + 1) ?? gain + slope(trial, index))
    }
    operations.unshift({
      kind: isMap(layer) ? 'affine' : layer.kind,
      operands: operands as [ScheduledOperand, ...ScheduledOperand[]],
      waiting: waiting[index]!,
      squareBits: Math.log2(squareFactor),
      magnitudeOut: magnitudes[index + 1]!,
      ...(polynomial ? { polynomial } : {}),
      minimum,
      maximum,
      cost: (level, rescalings) => costs.operationCost(index, level, rescalings)
    })
  }
  const gain = gains.of(0, bounds.input.sensitivity)
  const primeBits = chain.primeBits - PRIME_DEFICIT_BITS
  const shares = switchShares(settings.threshold, settings)
  const flooded = (scale: number): number => noiseAfterFlooding(noise, budget + SOURCES_BITS + scale, trial.flooding, shares)
  let last = { value: -1, scale: 0, bits: 0 }
  /** least bits of a modulus in which a value of this scale is refreshed; what was asked last is asked again for other levels */
  const refreshedModulus = (value: number, scale: number): number => {
    if (last.value === value && last.scale === scale) return last.bits
    const messageBits = scale + SCALE_ROUNDING_BITS + magnitudes[value]!
    const modulusBits =
      settings.threshold === 1
        ? wholeKeyModulusBits(messageBits, chain.logN)
        : maskedModulusBits(messageBits, refreshShares(settings.threshold, settings))
    last = { value, scale, bits: modulusBits + MASK_MARGIN_BITS }
    return last.bits
  }
  const leavingModulus = (level: number): number => (level + 1) * primeBits - 1
  return {
    operations,
    primes: chain.primes,
    primeBits,
    inputMinimum:
      entering(
        settings.seededInputs
          ? noise.secretKeyError()
          : made(settings.data) + (publicCoins(settings.threshold, settings) ? SECOND_ENCRYPTION_BITS : 0),
        0
      ) +
      gain -
      budget,
    inputMaximum: encodableBits(settings.data) - SCALE_ROUNDING_BITS - magnitudes[0]!,
    inputMagnitude: magnitudes[0]!,
    inputCost: level => costs.inputCost(level),
    minimumRefreshes: Math.min(settings.minimumRefreshes, operations.length - 1),
    refreshable: (value, level, scale) => settings.refreshing && (level + 1) * primeBits >= refreshedModulus(value, scale),
    refreshCost: (value, level) => costs.refreshCost(value, level),
    finishable: (level, scale) => fitsFlooded(leavingModulus(level), flooded(scale), 2 ** scale, 2 ** magnitudes.at(-1)!),
    floodedBits: leaving =>
      leaving
        .map(({ level, low }) => ({ needed: floodedBits(flooded(low), low + magnitudes.at(-1)!), available: leavingModulus(level) - 1 }))
        .reduce((closest, other) => (other.needed - other.available < closest.needed - closest.available ? other : closest))
  }
}

/** Whether the operands of a layer are rotated before they are multiplied. */
function turns({ packings, settings, architecture }: Trial, index: number): boolean {
  const packing = packings[index]!
  return (
    packing.kind === 'diagonals' &&
    packing.babySteps > 1 &&
    factorsOf(settings, readsOf(architecture.layers[index]!, index)).input === 'encrypted'
  )
}

/** Largest relative error per coefficient, log2, at the logits. */
function errorBudget({ settings, architecture, chain, flooding }: Trial): number {
  const flood = floodingGrowth(flooding, switchShares(settings.threshold, settings))
  return Math.log2(settings.precision * architecture.output.largest) - Math.log2(WORST_CASE_DEVIATIONS) - 0.5 * (chain.logN - 1) - flood
}

/** log2 of the largest derivative of an activation; minus infinity for other layers. */
function slope({ architecture, values, chain }: Trial, index: number): number {
  const layer = architecture.layers[index]!
  if (layer.kind !== 'square' && layer.kind !== 'polynomial') return Number.NEGATIVE_INFINITY
  const [read] = readsOf(layer, index)
  return layer.kind === 'square'
    ? 1 + Math.log2(values[read!]!)
    : profileOf(layer, magnitudeBefore(architecture, index), chain.packing).slope
}

/**
 * Scales that keep a polynomial's own error within what is allowed. B_n has n times the bits of its argument less n - 1 primes: an argument b bits short of a prime leaves
 * B_n n·b bits short, and one b bits longer makes every B_n, n ≥ 2, at least 2·b bits more precise. It then takes n·b bits from the quotient that multiplies B_n, and that
 * quotient's own quotients as much again for B_{n/2} … B_2: 2n - 2 times b in all, which the result must have more.
 * @param allowed log2 of the error that the result may have, of values
 */
function polynomialDemands(
  { chain, noise }: Trial,
  layer: PolynomialArchitecture,
  magnitude: number,
  allowed: number
): NonNullable<ScheduledOperation['polynomial']> {
  const { packing } = chain
  const { depth, amplification, powerAmplification } = profileOf(layer, magnitude, packing)
  // two samples to a slot are told apart at twice the scale
  const doubled = Math.log2(samplesPerSlot(packing))
  const bits = chain.primeBits - PRIME_DEFICIT_BITS
  const spare = (amplified: number): number => allowed - (noise.rounding(1) + amplified - bits)
  const ofPowers = spare(powerAmplification)
  const power = 2 ** (depth - 1)
  const argumentMinimum = bits - ofPowers / (ofPowers >= 0 ? power : 2) - doubled
  return {
    depth,
    argumentMinimum,
    // B_power, of p + power·b bits, is needed one level above the result
    argumentMaximum: level => bits + ((level + 1) * bits - POLYNOMIAL_HEADROOM_BITS) / power - doubled,
    resultMinimum: argument => bits - spare(amplification) + (2 * power - 2) * Math.max(0, argument + doubled - bits)
  }
}
