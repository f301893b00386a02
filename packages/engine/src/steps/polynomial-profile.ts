/**
 * What the evaluation of a polynomial activation does. How one is evaluated, at which scales and with how much error, is in one place, `evaluatePolynomial` of the
 * scheme; here it is asked on metadata (`tracePolynomial`), so that plans cannot say anything else than what will be done.
 */
import {
  type CountedOperation,
  EvaluationRules,
  evaluateClear,
  MAXIMUM_PRIME_BITS,
  NoiseModel,
  Parameters,
  type PolynomialTrace,
  polynomialDepth,
  tracePolynomial,
  tracePolynomialOfPairs
} from '@slytherin/ckks'
import type { PolynomialArchitecture } from '../architecture/architecture.js'
import { derivativeOf } from '../numeric/derivative.js'
import { type SlotPacking, samplesPerSlot, slotFactor } from '../packing/slots.js'

/** Primes that the evaluation drops: ⌈log2(degree + 1)⌉. */
export const depthOfLayer = (layer: PolynomialArchitecture): number => polynomialDepth(layer)

export interface TracedStep {
  readonly slots: SlotPacking
  readonly level: number
  readonly scaleIn: number
  /** bounds on |slot| of argument and result */
  readonly magnitudeIn: number
  readonly magnitude: number
  /** scale that the result is to have */
  readonly target: number
}

/**
 * Scale, level and own error of the result, its argument taken as exact.
 * @throws the scheme's errors when levels or scales do not do
 */
export function traceStep(
  parameters: Parameters,
  rules: EvaluationRules,
  layer: PolynomialArchitecture,
  step: TracedStep
): PolynomialTrace {
  const argument = { level: step.level, scale: step.scaleIn, degree: 1, noise: Number.NEGATIVE_INFINITY, magnitude: step.magnitudeIn }
  const factor = slotFactor(step.slots)
  const options = { scale: step.target, magnitude: step.magnitude / factor }
  if (step.slots === 'real') return tracePolynomial(parameters, rules, argument, layer, options)
  return tracePolynomialOfPairs(parameters, rules, argument, layer, { ...options, bound: step.magnitudeIn / factor })
}

/** Points at which a derivative is sampled; it has far fewer extrema. */
const SLOPE_SAMPLES = 2048

/**
 * Largest |p'| where arguments lie: in [-1, 1] for a Chebyshev series, within the bound for powers.
 * @param magnitude bound on |argument|
 */
export function slopeBound(layer: PolynomialArchitecture, magnitude: number): number {
  const known = slopes.get(layer) ?? new Map<number, number>()
  slopes.set(layer, known)
  const bound = known.get(magnitude) ?? sampledSlope(layer, magnitude)
  known.set(magnitude, bound)
  return bound
}

const slopes = new WeakMap<PolynomialArchitecture, Map<number, number>>()

function sampledSlope(layer: PolynomialArchitecture, magnitude: number): number {
  const { basis } = layer
  const derivative = derivativeOf(layer)
  const reach = basis === 'chebyshev' ? 1 : magnitude
  let largest = 0
  for (let k = 0; k <= SLOPE_SAMPLES; k++)
    largest = Math.max(largest, Math.abs(evaluateClear(derivative, reach * Math.cos((Math.PI * k) / SLOPE_SAMPLES))))
  return Math.max(largest, 2 ** -20)
}

/** What one evaluation does and how it treats errors, whatever ring and chain. */
export interface PolynomialProfile {
  readonly depth: number
  /** operations, each so many levels below that of the argument */
  readonly operations: readonly { readonly operation: CountedOperation['operation']; readonly below: number }[]
  /** log2 of the result's own error relative to a rounding, where scales are as large as the primes */
  readonly amplification: number
  /** the same of the errors of powers alone, which a larger scale of the result does not make smaller */
  readonly powerAmplification: number
  /** log2 of the largest |p'| */
  readonly slope: number
}

const profiles = new WeakMap<PolynomialArchitecture, Map<string, PolynomialProfile>>()

/** @param magnitude bound on |argument|, a value */
export function profileOf(layer: PolynomialArchitecture, magnitude: number, slots: SlotPacking): PolynomialProfile {
  const known = profiles.get(layer) ?? new Map<string, PolynomialProfile>()
  profiles.set(layer, known)
  const key = `${slots} ${magnitude}`
  const profile = known.get(key) ?? makeProfile(layer, magnitude, slots)
  known.set(key, profile)
  return profile
}

/** Bits by which a result is scaled up to tell the errors of powers from those of quotients and of the result itself. */
const RAISED_BITS = 24

const reference = new Map<number, Parameters>()

/**
 * One ring for all profiles; finding its primes takes longer than a profile. They are as wide as primes come: then a key switch leaves as much error beside a rounding as
 * it ever does.
 */
function referenceParameters(levels: number): Parameters {
  const bits = MAXIMUM_PRIME_BITS
  const parameters =
    reference.get(levels) ??
    Parameters.generate({ logN: 13, firstPrimeBits: bits, primeBits: bits, levels, specialPrimeBits: bits, insecure: true })
  reference.set(levels, parameters)
  return parameters
}

function makeProfile(layer: PolynomialArchitecture, magnitude: number, slots: SlotPacking): PolynomialProfile {
  const depth = depthOfLayer(layer)
  const parameters = referenceParameters(depth + 1)
  const noise = new NoiseModel(parameters, 1)
  const scale = 2 ** MAXIMUM_PRIME_BITS
  const level = depth + 1
  const traced = (target: number): PolynomialTrace =>
    traceStep(parameters, new EvaluationRules(parameters, noise, 'positive'), layer, {
      slots,
      level,
      scaleIn: scale / samplesPerSlot(slots),
      magnitudeIn: magnitude * slotFactor(slots),
      target,
      magnitude: layer.outputMagnitude * slotFactor(slots)
    })
  const { result, operations } = traced(scale)
  return {
    depth,
    operations: operations.map(({ operation, level: at }) => ({ operation, below: level - at })),
    amplification: result.noise - noise.rounding(1),
    powerAmplification: traced(scale * 2 ** RAISED_BITS).result.noise - RAISED_BITS - noise.rounding(1),
    slope: Math.log2(slopeBound(layer, magnitude))
  }
}
