/** From the core of a plan to the whole of it, and back: derivation, and strict parsing of plans that others have made. */

import { polynomialBytes } from '@slytherin/ckks'
import { type CostModel, KERNEL_COSTS } from '../costs/cost-model.js'
import { KeyCosts } from '../costs/key-costs.js'
import { OperationCosts } from '../costs/operation-costs.js'
import { Residence } from '../costs/residence.js'
import { Sizes } from '../costs/sizes.js'
import { InvalidPlanError } from '../errors.js'
import { type SlotPacking, slotFactor } from '../packing/slots.js'
import { factorsOf, type OperandKind, switchShares } from '../steps/operands.js'
import { profileOf } from '../steps/polynomial.js'
import { heldVectors, type LayerPacking, stepSeconds, vectorBytes, weightCount, weightSeconds } from '../steps/price.js'
import { walkNoise } from './noise.js'
import { type Plan, type PlanCore, parsePlanDocument } from './plan.js'
import { fitsFlooded, noiseAfterFlooding, worstSlotError } from './precision.js'
import { type CompiledRefresh, type CompiledStep, type CompileOptions, compile, type Program } from './program.js'

/** Worst logit error that a plan aims at, relative to the largest logit. */
export const PRECISION_TARGET = 0.005

const programs = new WeakMap<Plan, Program>()

/** The compiled form of a plan that has been made or parsed here. */
export function programOf(plan: Plan): Program {
  let program = programs.get(plan)
  if (!program) {
    // Security was checked where the plan was made or parsed; a copy of it (from a worker) is compiled as it is.
    program = compile(coreOf(plan), { allowInsecure: true })
    programs.set(plan, program)
  }
  return program
}

const coreOf = (plan: Plan): PlanCore => ({ ...plan, inputScale: plan.inputs.scale, inputLevel: plan.inputs.level })

/** @throws InvalidPlanError when the core breaks a rule */
export function derivePlan(core: PlanCore, costModel: CostModel = KERNEL_COSTS, options: CompileOptions = {}): Plan {
  const program = compile(core, options)
  const plan = derive(core, program, costModel)
  programs.set(plan, program)
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
  const { noise, ...output } = plan.output
  const { noise: derivedNoise, ...derivedOutput } = derived.output
  if (JSON.stringify(output) !== JSON.stringify(derivedOutput)) throw new InvalidPlanError('output', 'is not what the steps imply')
  if (Math.abs(noise - derivedNoise) > 1e-6) throw new InvalidPlanError('output.noise', `${noise}, tracking gives ${derivedNoise}`)
  const error = plan.precision.relativeError / derived.precision.relativeError
  if (!(Math.abs(Math.log2(error)) < 1e-6)) throw new InvalidPlanError('precision', 'is not what the steps imply')
  programs.set(plan, program)
  return plan
}

function derive(core: PlanCore, program: Program, costModel: CostModel): Plan {
  const { architecture, parties, batch, batchBlock } = core
  const { parameters, noise, steps } = program
  const batchBlocks = Math.ceil(batch / batchBlock)
  if (core.batchBlocksPerPass < 1 || core.batchBlocksPerPass > batchBlocks) {
    throw new InvalidPlanError('batchBlocksPerPass', `${core.batchBlocksPerPass} of ${batchBlocks}`)
  }
  const inputs = {
    count: program.inputsPerBlock,
    level: core.inputLevel,
    scale: core.inputScale,
    magnitude: architecture.input.magnitude * program.slotFactor
  }
  const result = walkNoise(program, parties, inputs).sent
  const { output } = program
  const flooded = noiseAfterFlooding(noise, parameters.logN, result.noise, { ...core, shares: switchShares(parties, core.operands) })
  if (!fitsFlooded(parameters.logModulus(output.level), flooded, output.scale, output.magnitude)) {
    throw new InvalidPlanError('output.level', `${output.level} does not hold the flooding noise of 2^${flooded.toFixed(1)}`)
  }
  const worstError = worstSlotError(parameters.logN, flooded, output.scale)
  const refreshes = steps.flatMap(step => {
    if (step.kind !== 'refresh') return []
    const { level, scale, magnitude, ciphertextsPerBlock } = step.step
    return [{ step: step.index, ciphertextsPerBlock, level, scale, magnitude }]
  })
  return {
    version: 1,
    model: architecture.name,
    architecture,
    operands: core.operands,
    parties,
    batch,
    packing: core.packing,
    batchBlock,
    batchBlocks,
    batchBlocksPerPass: core.batchBlocksPerPass,
    floodingBits: core.floodingBits,
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
      noise: result.noise
    },
    precision: { worstError, relativeError: worstError / architecture.output.largest },
    costs: costsOf(core, program, costModel, batchBlocks)
  }
}

function packingOf(step: Exclude<CompiledStep, CompiledRefresh>, slots: SlotPacking): LayerPacking {
  const outputBlocks = step.blocksOut
  if (step.kind === 'square') return { kind: 'square', outputBlocks, slots }
  if (step.kind !== 'polynomial') return step.packing
  const { operations } = profileOf(step.layer, step.magnitudeIn / slotFactor(slots), slots)
  return { kind: 'polynomial', outputBlocks, slots, operations }
}

function costsOf(core: PlanCore, program: Program, model: CostModel, batchBlocks: number): Plan['costs'] {
  const { parameters, steps } = program
  const { parties } = core
  const costs = new OperationCosts(model, parameters.logN)
  const sizes = new Sizes(
    parameters.logN,
    parameters.primes.map(prime => prime.bits),
    parameters.specialPrimes[0]!.bits
  )
  const top = parameters.maxLevel
  const passes = Math.ceil(batchBlocks / core.batchBlocksPerPass)
  const inputs = batchBlocks * program.inputsPerBlock
  const clearData = core.operands.data === 'clear'
  const clearWeights = core.operands.weights === 'clear'
  const memory = evaluatorMemory(core, program)
  const residence = new Residence(memory, keyMemory(program))
  const outside = (kind: 'weights' | 'inputs', count: number, operand: OperandKind, level: number): number =>
    operand === 'clear' || model.retaining ? residence.outside(kind, count, vectorBytes(operand, level, parameters.N)) : count
  const seconds = steps.map(() => 0)
  let refresh = 0
  let refreshBytes = 0
  let modelBytes = 0
  let encryption = 0
  for (const step of steps) {
    if (step.kind === 'refresh') {
      const count = step.step.ciphertextsPerBlock * batchBlocks
      const perParty = count * sizes.refresh(step.step.level, 1)
      seconds[step.index] = costs.refresh(step.step.level, top, count, parties, perParty * parties)
      refresh += seconds[step.index]!
      refreshBytes += perParty
      continue
    }
    const { level, rescalings, layer } = step.step
    const packing = packingOf(step, core.packing)
    const factors = factorsOf(core.operands, layer)
    const weights = weightCount(packing)
    const read = passes * outside('weights', weights, factors.weights, level)
    seconds[step.index]! +=
      model.step +
      batchBlocks * stepSeconds(packing, costs, level, rescalings, factors) +
      read * weightSeconds(packing, costs, level, factors)
    if (!clearWeights) {
      encryption += weights * (costs.encryption(level) + costs.transfer(sizes.ciphertext(level)))
      modelBytes += weights * sizes.ciphertext(level)
    }
  }
  // inputs come after the weights are there
  if (clearData) seconds[0]! += inputs * costs.encoding(core.inputLevel)
  else seconds[0]! += outside('inputs', inputs, 'encrypted', core.inputLevel) * costs.loading(core.inputLevel)
  const keys = new KeyCosts(costs, sizes, parties)
  const results = program.output.layout.blocks.length * batchBlocks
  const switching = costs.switching(program.output.level, results, parties)
  return {
    model: model.name,
    seconds: {
      evaluation: seconds.reduce((sum, value) => sum + value, switching),
      refresh,
      result: switching,
      steps: seconds,
      dataEncryption: clearData ? 0 : inputs * (costs.encryption(core.inputLevel) + costs.transfer(sizes.ciphertext(core.inputLevel))),
      modelEncryption: encryption,
      keys: keys.seconds(program.galoisKeys, program.relinearizationLevel)
    },
    bytes: {
      input: clearData ? 0 : inputs * sizes.ciphertext(core.inputLevel),
      model: modelBytes,
      keysPerParty: keys.bytesPerParty(program.galoisKeys, program.relinearizationLevel),
      refreshesPerParty: refreshBytes,
      evaluatorMemory: memory
    }
  }
}

/** Bytes of the vectors that a pass holds at a time. */
function evaluatorMemory(core: PlanCore, { steps, parameters }: Program): number {
  const held = steps.map(step =>
    step.kind === 'refresh' ? 0 : heldVectors(packingOf(step, core.packing)) * vectorBytes('encrypted', step.step.level, parameters.N)
  )
  return core.batchBlocksPerPass * Math.max(...held)
}

/** Bytes of the evaluation keys in the evaluator's memory: two polynomials a digit, over the primes of their level and the special one. */
function keyMemory({ galoisKeys, relinearizationLevel, parameters }: Program): number {
  const levels = galoisKeys.map(({ level }) => level)
  if (relinearizationLevel !== null) levels.push(relinearizationLevel)
  return levels.reduce((sum, level) => sum + 2 * (level + 1) * polynomialBytes(level + 1, parameters.N), 0)
}
