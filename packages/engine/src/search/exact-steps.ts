/** The steps of a plan with exact scales, out of a schedule that reckons in bits. */
import { magnitudeBefore, type PolynomialArchitecture } from '../architecture/architecture.js'
import { readsOf } from '../architecture/values.js'
import type { PlanCore } from '../plan/plan.js'
import type { PlanStep } from '../steps/kinds.js'
import { traceStep } from '../steps/polynomial-profile.js'
import type { Schedule } from './schedule.js'
import type { Trial } from './trial.js'

/** @throws CkksError when a polynomial cannot keep its scales */
export function exactCore(trial: Trial, found: Schedule, batchBlocksPerPass: number): PlanCore {
  const { architecture, settings, parameters, packings, packed, chain, rules, slotFactor, squareFactor } = trial
  const inputScale = scaleNear(found.steps[0]!.scaleIn)
  const steps: PlanStep[] = []
  // by value
  const scales = [inputScale]
  found.steps.forEach((scheduled, index) => {
    const { level, rescalings } = scheduled
    for (const { value, level: from } of scheduled.refreshed ?? []) {
      const magnitude = architecture.layers[value - 1]!.outputMagnitude * slotFactor
      const ciphertextsPerBlock = packings[value - 1]!.outputBlocks
      const which = value === index ? {} : { value }
      steps.push({ kind: 'refresh', ...which, level: from, scale: scales[value]!, magnitude, ciphertextsPerBlock })
    }
    const primes = Array.from({ length: rescalings }, (_, k) => parameters.primes[level - k]!.number)
    const packing = packings[index]!
    const layer = architecture.layers[index]!
    const common = { layer: index, level, rescalings, magnitude: layer.outputMagnitude * slotFactor }
    const reads = readsOf(layer, index)
    const [scaleIn] = reads.map(value => scales[value]!) as [number]
    const dropped = (scale: number): number => primes.reduce((value, prime) => value / prime, scale)
    if (packing.kind === 'square') {
      const scale = dropped(scaleIn * scaleIn * squareFactor)
      steps.push({ kind: 'square', ...common, scale })
      scales.push(scale)
      return
    }
    if (packing.kind === 'product') {
      const scale = dropped(scaleIn * scales[reads[1]!]!)
      steps.push({ kind: 'product', ...common, scale })
      scales.push(scale)
      return
    }
    if (packing.kind === 'polynomial') {
      const target = scaleNear(scheduled.scaleOut)
      const magnitudeIn = magnitudeBefore(architecture, index) * slotFactor
      const slots = chain.packing
      const traced = traceStep(parameters, rules, layer as PolynomialArchitecture, {
        slots,
        level,
        scaleIn,
        magnitudeIn,
        target,
        magnitude: common.magnitude
      })
      const { scale } = traced.result
      steps.push({ kind: 'polynomial', ...common, target, scale })
      scales.push(scale)
      return
    }
    const product = primes.reduce((value, prime) => value * prime, scaleNear(scheduled.scaleOut))
    const weightScale = product / scaleIn
    const scale = dropped(scaleIn * weightScale)
    scales.push(scale)
    if (packing.kind === 'taps') {
      steps.push({ kind: 'taps', ...common, weightScale, scale, arrangement: packing.arrangement })
      return
    }
    const { diagonals, babySteps } = packing
    const stepping = {
      ...(packing.leaps ? ({ leaps: true } as const) : {}),
      ...(packing.successive ? ({ successive: true } as const) : {}),
      ...(packing.fourfold ? ({ fourfold: true } as const) : {})
    }
    const { chunked, input, order } = packed[index]!
    if (layer.kind === 'sum') {
      const weightScales = reads.map(value => product / scales[value]!)
      steps.push({ kind: 'sum', ...common, weightScales, scale, diagonals, babySteps, ...stepping, ...(order ? { order } : {}) })
      return
    }
    steps.push({
      kind: 'diagonals',
      ...common,
      weightScale,
      scale,
      diagonals,
      babySteps,
      ...stepping,
      chunked,
      ...(input ? { input } : {}),
      ...(order ? { order } : {})
    })
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
    seededInputs: settings.seededInputs,
    inputLevel: found.inputLevel,
    steps
  }
}

/** A double within a sixteenth above 2^bits, of so few digits that every machine computes the same. */
function scaleNear(bits: number): number {
  const exponent = Math.floor(bits)
  return 2 ** exponent * (1 + Math.ceil((2 ** (bits - exponent) - 1) * 16) / 16)
}
