/** From the core of a plan to the whole of it, and back: derivation, and strict parsing of plans that others have made. */
import { floodingDistanceBits, noiseAfterFlooding } from '@slytherin/ckks'
import { type CostModel, KERNEL_COSTS } from '../costs/cost-model.js'
import { InvalidPlanError } from '../errors.js'
import { switchShares } from '../steps/operands.js'
import { coreOf, keepProgram } from './compiled.js'
import type { EvaluationKeyNames } from './epoch-keys.js'
import { floodedNoise as sizingNoise } from './flooded-noise.js'
import { walkNoise } from './noise.js'
import { PLAN_VERSION, type Plan, type PlanCore, parsePlanDocument } from './plan.js'
import { fitsFlooded, floodingOf, worstSlotError } from './precision.js'
import { costsOf } from './price.js'
import { type CompileOptions, compile, type Program } from './program.js'

/** Worst logit error that a plan aims at, relative to the largest logit. */
export const PRECISION_TARGET = 0.005

export interface DeriveOptions extends CompileOptions {
  /** evaluation keys that there are: they cost nothing */
  readonly held?: EvaluationKeyNames
}

/** @throws InvalidPlanError when the core breaks a rule */
export function derivePlan(core: PlanCore, costModel: CostModel = KERNEL_COSTS, options: DeriveOptions = {}): Plan {
  const program = compile(core, options)
  const plan = derive(core, program, costModel, options.held)
  keepProgram(plan, program)
  return plan
}

/**
 * A plan from another party: schema, every rule of compilation, and that what is derivable has been derived rightly. Cost figures are taken as they are.
 * @throws InvalidPlanError, InvalidArchitectureError, and the errors of `Parameters.fromJSON` (security table)
 */
export function parsePlan(json: unknown, options: CompileOptions = {}): Plan {
  const plan = parsePlanDocument(json)
  const core = coreOf(plan)
  const program = compile(core, options)
  const derived = derive(core, program, KERNEL_COSTS)
  for (const field of ['model', 'batchBlocks', 'galoisKeys', 'relinearizationLevel', 'inputs', 'weights', 'refreshes'] as const) {
    if (JSON.stringify(plan[field]) !== JSON.stringify(derived[field])) throw new InvalidPlanError(field, 'is not what the steps imply')
  }
  const { noise, floodedNoise: flooded, ...output } = plan.output
  const { noise: derivedNoise, floodedNoise: derivedFlooded, ...derivedOutput } = derived.output
  if (JSON.stringify(output) !== JSON.stringify(derivedOutput)) throw new InvalidPlanError('output', 'is not what the steps imply')
  if (Math.abs(noise - derivedNoise) > 1e-6) throw new InvalidPlanError('output.noise', `${noise}, tracking gives ${derivedNoise}`)
  if (Math.abs(flooded - derivedFlooded) > 1e-6)
    throw new InvalidPlanError('output.floodedNoise', `${flooded}, the steps give ${derivedFlooded}`)
  if (Math.abs(plan.floodingDistanceBits - derived.floodingDistanceBits) > 1e-6) {
    throw new InvalidPlanError(
      'floodingDistanceBits',
      `${plan.floodingDistanceBits}, ${plan.floodingBits} bits are ${derived.floodingDistanceBits}`
    )
  }
  const error = plan.precision.relativeError / derived.precision.relativeError
  if (!(Math.abs(Math.log2(error)) < 1e-6)) throw new InvalidPlanError('precision', 'is not what the steps imply')
  keepProgram(plan, program)
  return plan
}

/**
 * Worst error of a logit relative to the largest: what of a plan decides whether it is precise enough.
 * @throws InvalidPlanError when the core breaks a rule
 */
export function relativeErrorOf(core: PlanCore, options: CompileOptions = {}): number {
  const program = compile(core, options)
  return errorsOf(core, program, inputsOf(core, program)).worstError / core.architecture.output.largest
}

const inputsOf = (core: PlanCore, program: Program): Plan['inputs'] => ({
  count: program.inputsPerBlock,
  level: core.inputLevel,
  scale: core.inputScale,
  magnitude: core.architecture.input.magnitude * program.slotFactor,
  ...(core.seededInputs ? { seeded: true as const } : {})
})

/**
 * Errors of the logits: as tracked, as their flooding is sized by (both log2 per coefficient), and the worst after flooding.
 * @param weightError log2 of what the weights have besides the error of their encryption, and results are not flooded for (moved.ts)
 */
export function errorsOf(
  core: Pick<PlanCore, 'threshold' | 'operands' | 'floodingBounds' | 'floodingBits' | 'maximumDecryptions'>,
  program: Program,
  inputs: Plan['inputs'],
  weightError?: number
): { readonly noise: number; readonly floodedNoise: number; readonly worstError: number } {
  const { threshold } = core
  const { parameters, noise, output } = program
  const result = walkNoise(weightError === undefined ? program : { ...program, weightError }, inputs).sent
  const sized = sizingNoise(program, inputs, core.floodingBounds)
  // whoever holds the whole key is flooded for by the evaluator, which knows what it has tracked
  const sizing = threshold === 1 ? Math.max(result.noise, sized) : sized
  const flooded = noiseAfterFlooding(noise, result.noise, floodingOf(core), switchShares(threshold, core.operands), sizing)
  if (!fitsFlooded(parameters.logModulus(output.level), flooded, output.scale, output.magnitude)) {
    throw new InvalidPlanError('output.level', `${output.level} does not hold the flooding noise of 2^${flooded.toFixed(1)}`)
  }
  return { noise: result.noise, floodedNoise: sizing, worstError: worstSlotError(parameters.N, flooded, output.scale) }
}

function derive(core: PlanCore, program: Program, costModel: CostModel, held?: EvaluationKeyNames): Plan {
  const { architecture, parties, threshold, batch, batchBlock } = core
  const { parameters, steps, output } = program
  const batchBlocks = Math.ceil(batch / batchBlock)
  if (core.batchBlocksPerPass < 1 || core.batchBlocksPerPass > batchBlocks) {
    throw new InvalidPlanError('batchBlocksPerPass', `${core.batchBlocksPerPass} of ${batchBlocks}`)
  }
  const inputs = inputsOf(core, program)
  const { noise, floodedNoise, worstError } = errorsOf(core, program, inputs)
  const refreshes = steps.flatMap(step => {
    if (step.kind !== 'refresh') return []
    const { level, scale, magnitude, ciphertextsPerBlock } = step.step
    return [{ step: step.index, ciphertextsPerBlock, level, scale, magnitude }]
  })
  return {
    version: PLAN_VERSION,
    model: architecture.name,
    architecture,
    operands: core.operands,
    parties,
    threshold,
    batch,
    packing: core.packing,
    batchBlock,
    batchBlocks,
    batchBlocksPerPass: core.batchBlocksPerPass,
    floodingBits: core.floodingBits,
    floodingDistanceBits: floodingDistanceBits(core.floodingBits, parameters.N),
    floodingBounds: core.floodingBounds,
    maximumDecryptions: core.maximumDecryptions,
    parameters: core.parameters,
    galoisKeys: [...program.galoisKeys],
    relinearizationLevel: program.relinearizationLevel,
    inputs,
    weights: core.operands.weights === 'clear' ? { count: 0, items: [] } : { count: program.weights.length, items: [...program.weights] },
    steps: core.steps,
    refreshes,
    output: {
      level: output.level,
      scale: output.scale,
      magnitude: output.magnitude,
      ciphertextsPerBlock: output.layout.blocks.length,
      features: architecture.output.features,
      noise,
      floodedNoise
    },
    precision: { worstError, relativeError: worstError / architecture.output.largest },
    costs: costsOf(core, program, costModel, batchBlocks, held)
  }
}
