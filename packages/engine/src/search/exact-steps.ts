/** The steps of a plan with exact scales, out of a schedule that reckons in bits. */
import { magnitudeBefore, type PolynomialArchitecture } from '../architecture/architecture.js'
import type { PlanCore } from '../plan/plan.js'
import type { PlanStep } from '../steps/kinds.js'
import { traceStep } from '../steps/polynomial-profile.js'
import type { Schedule } from './placement.js'
import type { Trial } from './trial.js'

/** @throws CkksError when a polynomial cannot keep its scales */
export function exactCore(trial: Trial, found: Schedule, batchBlocksPerPass: number): PlanCore {
  const { architecture, settings, parameters, packings, packed, chain, rules, slotFactor, squareFactor } = trial
  const inputScale = scaleNear(found.steps[0]!.scaleIn)
  const steps: PlanStep[] = []
  let scale = inputScale
  found.steps.forEach((scheduled, index) => {
    const { level, rescalings } = scheduled
    if (scheduled.refreshedFrom !== undefined) {
      const magnitude = architecture.layers[index - 1]!.outputMagnitude * slotFactor
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
    const common = { layer: index, level, rescalings, magnitude: architecture.layers[index]!.outputMagnitude * slotFactor }
    if (packing.kind === 'square') {
      scale = primes.reduce((value, prime) => value / prime, scale * scale * squareFactor)
      steps.push({ kind: 'square', ...common, scale })
      return
    }
    if (packing.kind === 'polynomial') {
      const layer = architecture.layers[index]! as PolynomialArchitecture
      const target = scaleNear(scheduled.scaleOut)
      const magnitudeIn = magnitudeBefore(architecture, index) * slotFactor
      const slots = chain.packing
      const traced = traceStep(parameters, rules, layer, {
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
      const { chunked, input, order } = packed[index]!
      steps.push({
        kind: 'diagonals',
        ...common,
        weightScale,
        scale,
        diagonals,
        babySteps,
        chunked,
        ...(input ? { input } : {}),
        ...(order ? { order } : {})
      })
    }
  })
  return {
    architecture,
    operands: { data: settings.data, weights: settings.weights },
    parties: settings.parties,
    threshold: settings.threshold,
    batch: settings.batch,
    packing: chain.packing,
    batchBlock: chain.batchBlock,
    batchBlocksPerPass,
    floodingBits: trial.flooding.securityBits,
    floodingBounds: settings.floodingBounds,
    maximumDecryptions: settings.maximumDecryptions,
    parameters: parameters.toJSON(),
    inputScale,
    inputLevel: found.inputLevel,
    steps
  }
}

/** A double within a sixteenth above 2^bits, of so few digits that every machine computes the same. */
function scaleNear(bits: number): number {
  const exponent = Math.floor(bits)
  return 2 ** exponent * (1 + Math.ceil((2 ** (bits - exponent) - 1) * 16) / 16)
}
