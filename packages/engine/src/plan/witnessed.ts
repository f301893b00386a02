/**
 * What a query takes longer where witnesses share the processors of the evaluator's machine. A witness is sent what the evaluator is sent, checks it, and computes all that the evaluator
 * computes; key holders help only with what it has endorsed, a round more for every refresh and for the switch. What divides itself among all cores holds the other up; what runs on
 * one thread (compiling, bookkeeping, putting shares together) goes on beside it. On a machine of its own a witness costs the rounds alone.
 */
import type { CostModel } from '../costs/cost-model.js'
import { OperationCosts } from '../costs/operation-costs.js'
import { Sizes } from '../costs/sizes.js'
import { coreOf, programOf } from './compiled.js'
import type { Plan } from './plan.js'
import { costsOf } from './price.js'

/** Of the way of key holders' shares to a witness, what holds the evaluator up: its own end. The other end goes on beside it, and nobody waits for it. */
const SENDER_SHARE = 0.5

/** Seconds beside those of the plan, of one query of its batch. */
export interface WitnessedSeconds {
  /** input ciphertexts and their proofs, once more for each witness */
  readonly inputs: number
  /** of each step */
  readonly steps: readonly number[]
  /** of all refreshes */
  readonly refresh: number
  /** of the switch */
  readonly result: number
  /** steps, refreshes and the switch */
  readonly evaluation: number
}

/**
 * @param model what operations cost, and the way between processes of the machine
 * @param threadsPerProcessor threads with which each of them computes, of the machine's processors: less than 1 where some are left for the others, as by stock SEAL, which has one
 */
export function witnessedSeconds(plan: Plan, model: CostModel, witnesses: number, threadsPerProcessor = 1): WitnessedSeconds {
  const program = programOf(plan)
  const core = coreOf(plan)
  const { parameters, output } = program
  const { threshold, inputLevel } = core
  const { seconds, bytes } = costsOf(core, program, { ...model, step: 0 }, plan.batchBlocks)
  if (witnesses === 0) return { inputs: 0, steps: seconds.steps.map(() => 0), refresh: 0, result: 0, evaluation: 0 }
  const costs = new OperationCosts(model, parameters.logN, parameters.alpha)
  const sizes = new Sizes(
    parameters.logN,
    parameters.primes.map(prime => prime.bits),
    parameters.specialPrimes[0]!.bits,
    parameters.alpha
  )
  const top = parameters.maxLevel
  const passes = Math.ceil(plan.batchBlocks / plan.batchBlocksPerPass)
  // so many times as long again, once there are more threads than processors
  const heldUp = Math.max(0, (1 + witnesses) * threadsPerProcessor - 1)
  let refresh = 0
  const steps = program.steps.map(step => {
    if (step.kind !== 'refresh') return heldUp * seconds.steps[step.index]!
    const { level, ciphertextsPerBlock } = step.step
    const count = ciphertextsPerBlock * plan.batchBlocks
    const shares = count * threshold * (sizes.polynomial(level) + sizes.polynomial(top))
    const added = passes * model.roundTrip + witnesses * SENDER_SHARE * costs.transfer(shares)
    refresh += added
    return added
  })
  const results = output.layout.blocks.length * plan.batchBlocks
  const switched = SENDER_SHARE * costs.transfer(results * threshold * sizes.ciphertext(output.level))
  const result = model.roundTrip + witnesses * switched
  const inputs = witnesses * (costs.transfer(bytes.input) + costs.checkedProofs(inputLevel, plan.inputs.count * plan.batchBlocks))
  return { inputs, steps, refresh, result, evaluation: steps.reduce((sum, value) => sum + value, result) }
}
