/** What a compiled plan costs: seconds, bytes and memory. */
import { polynomialBytes } from '@slytherin/ckks'
import { waitingValues } from '../architecture/values.js'
import type { CostModel } from '../costs/cost-model.js'
import { KeyCosts } from '../costs/key-costs.js'
import { OperationCosts } from '../costs/operation-costs.js'
import { Residence, type Resident } from '../costs/residence.js'
import { Sizes } from '../costs/sizes.js'
import { type SlotPacking, slotFactor } from '../packing/slots.js'
import { type CompiledStep, valueMade } from '../steps/kinds.js'
import { factorsOf, type OperandKind, publicCoins, rerandomizes } from '../steps/operands.js'
import { heldVectors, type LayerPacking, scalarWeights, vectorBytes, waitingBytes, weightCount } from '../steps/packed.js'
import { profileOf } from '../steps/polynomial-profile.js'
import { readingSeconds, stepSeconds } from '../steps/price.js'
import type { CompiledRefresh } from '../steps/refresh.js'
import { type EvaluationKeyNames, missingKeys, NO_KEYS } from './epoch-keys.js'
import type { Plan, PlanCore } from './plan.js'
import type { Program } from './program.js'

function packingOf(step: Exclude<CompiledStep, CompiledRefresh>, slots: SlotPacking): LayerPacking {
  const outputBlocks = step.blocksOut
  if (step.kind === 'square' || step.kind === 'product') return { kind: step.kind, outputBlocks, slots }
  if (step.kind !== 'polynomial') return step.packing
  const { operations } = profileOf(step.layer, step.magnitudeIn / slotFactor(slots), slots)
  return { kind: 'polynomial', outputBlocks, slots, operations }
}

/** What a step takes beside its operations, of what the first of its kind does, whose code runs for the first time: half of it, as networks of five steps and a few milliseconds of operations were measured. */
const AGAIN = 0.5

/** Rounds in which a query is opened, and its inputs are said to be all there. */
export const QUERY_ROUNDS = 2

/** Seconds in which the inputs of a query are proved to be encryptions, and the proofs checked, both by code that runs for the first time. What the only key holder encrypts is not proved. */
export function inputProofs({ operands, seededInputs, inputLevel }: PlanCore, costs: OperationCosts, inputs: number): number {
  return operands.data === 'clear' || seededInputs ? 0 : 2 * costs.model.step + costs.proofs(inputLevel, inputs)
}

/** Seconds and bytes of a plan by a cost model. @param held keys that there are and that cost nothing */
export function costsOf(
  core: PlanCore,
  program: Program,
  model: CostModel,
  batchBlocks: number,
  held: EvaluationKeyNames = NO_KEYS
): Plan['costs'] {
  const { parameters, steps } = program
  const { threshold, operands } = core
  const coined = publicCoins(threshold, operands)
  const sentAnew = rerandomizes(threshold, operands)
  const costs = new OperationCosts(model, parameters.logN, parameters.alpha)
  const sizes = new Sizes(
    parameters.logN,
    parameters.primes.map(prime => prime.bits),
    parameters.specialPrimes[0]!.bits,
    parameters.alpha
  )
  const top = parameters.maxLevel
  const passes = Math.ceil(batchBlocks / core.batchBlocksPerPass)
  const inputs = batchBlocks * program.inputsPerBlock
  const clearData = core.operands.data === 'clear'
  const sent = clearData ? 0 : inputs * sizes.input(core.inputLevel, core.seededInputs)
  const clearWeights = core.operands.weights === 'clear'
  const memory = evaluatorMemory(core, program)
  const residence = new Residence(memory, keyMemory(program))
  const outside = (kind: Resident, count: number, operand: OperandKind, level: number): number =>
    operand === 'clear' || model.retaining ? residence.outside(kind, count, vectorBytes(operand, level, parameters.N)) : count
  const seconds = steps.map(() => 0)
  let refresh = 0
  let refreshBytes = 0
  let modelBytes = 0
  let encryption = 0
  const seen = new Set<CompiledStep['kind']>()
  for (const step of steps) {
    if (step.kind === 'refresh') {
      const count = step.step.ciphertextsPerBlock * batchBlocks
      const perParty = count * sizes.refresh(step.step.level, 1)
      const anew = (sentAnew ? costs.rerandomization(step.step.level) : 0) + (coined ? costs.coinedRerandomization(top) : 0)
      seconds[step.index] = costs.refresh(step.step.level, top, count, threshold, perParty * threshold) + count * anew
      refresh += seconds[step.index]!
      refreshBytes += perParty
      continue
    }
    const { level, rescalings } = step.step
    const packing = packingOf(step, core.packing)
    const factors = factorsOf(core.operands, step.reads)
    const weights = weightCount(packing)
    const outsideKernel =
      scalarWeights(packing, factors) && model.combining ? 0 : outside(`${factors.weights} weights`, weights, factors.weights, level)
    const copied = clearWeights && model.retaining ? residence.stored(outsideKernel, waitingBytes(packing, parameters.N)) : 0
    const read = { made: passes * (outsideKernel - copied), copied: passes * copied }
    seconds[step.index]! +=
      model.step * (seen.has(step.kind) ? AGAIN : 1) +
      batchBlocks * stepSeconds(packing, costs, level, rescalings, factors) +
      readingSeconds(packing, read, costs, level, factors)
    seen.add(step.kind)
    if (!clearWeights) {
      encryption += weights * (costs.encryption(level) + costs.transfer(sizes.ciphertext(level)))
      modelBytes += weights * sizes.ciphertext(level)
    }
  }
  // inputs come after the weights are there
  if (clearData) seconds[0]! += inputs * costs.encoding(core.inputLevel)
  else seconds[0]! += outside('inputs', inputs, 'encrypted', core.inputLevel) * costs.loading(core.inputLevel)
  if (coined) seconds[0]! += inputs * costs.coinedRerandomization(core.inputLevel)
  const keys = new KeyCosts(costs, sizes, threshold)
  const made = missingKeys(program, held)
  const results = program.output.layout.blocks.length * batchBlocks
  const { level: resultLevel } = program.output
  // Whoever encrypts with the whole key decrypts with it, too.
  const asked = !core.seededInputs
  const switching =
    (asked
      ? costs.switching(resultLevel, results, threshold, results * sizes.switching(resultLevel, threshold))
      : costs.switchShares(resultLevel, results)) + (sentAnew ? results * costs.rerandomization(resultLevel) : 0)
  // weights of the only key holder, whose data are then clear to it or another's, are not proved
  const proved = !clearWeights && (threshold > 1 || !clearData) ? program.weights : []
  const highest = proved.reduce((level, weight) => Math.max(level, weight.level), 0)
  return {
    model: model.name,
    seconds: {
      evaluation: seconds.reduce((sum, value) => sum + value, switching),
      refresh,
      result: switching,
      steps: seconds,
      dataEncryption: clearData
        ? 0
        : inputs * costs.inputEncryption(core.inputLevel, core.seededInputs) +
          costs.transfer(sent) +
          inputProofs(core, costs, inputs) +
          QUERY_ROUNDS * model.roundTrip,
      modelEncryption: encryption + costs.proofs(highest, proved.length),
      keys: keys.seconds(made.galois, made.relinearizationLevel)
    },
    bytes: {
      input: sent,
      model: modelBytes,
      keysPerParty: keys.bytesPerParty(made.galois, made.relinearizationLevel),
      refreshesPerParty: refreshBytes,
      evaluatorMemory: memory
    }
  }
}

/** Bytes of the vectors that a pass holds at a time. */
function evaluatorMemory(core: PlanCore, { architecture, steps, parameters }: Program): number {
  const bytes = (level: number): number => vectorBytes('encrypted', level, parameters.N)
  const blocks = new Map<number, number>()
  const waiting = waitingValues(architecture.layers)
  const held = steps.map(step => {
    blocks.set(valueMade(step), step.blocksOut)
    if (step.kind === 'refresh') return 0
    for (const value of step.reads) if (!blocks.has(value)) blocks.set(value, step.blocksIn)
    // values that later steps read, at most at the top of the chain
    const others = waiting[step.step.layer]!.reduce((sum, value) => sum + blocks.get(value)!, 0)
    return heldVectors(packingOf(step, core.packing)) * bytes(step.step.level) + others * bytes(parameters.maxLevel)
  })
  return core.batchBlocksPerPass * Math.max(...held)
}

/** Bytes of the evaluation keys in the evaluator's memory: two polynomials a digit, over the primes of their level and the special ones. */
function keyMemory({ galoisKeys, relinearizationLevel, parameters }: Program): number {
  const levels = galoisKeys.map(({ level }) => level)
  if (relinearizationLevel !== null) levels.push(relinearizationLevel)
  return levels.reduce((sum, level) => sum + 2 * parameters.digits(level) * polynomialBytes(level + parameters.alpha, parameters.N), 0)
}
