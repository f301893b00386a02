/** What the protocol reads of the engine's plan: how many messages of which kind a session will carry, and which keys it needs. */
import { Parameters, type ParametersJson } from '@slytherin/ckks'
import {
  type Architecture,
  type Link as Line,
  movedPrecision,
  type Plan,
  parseArchitecture,
  parsePlan as parseEnginePlan,
  type StepReport
} from '@slytherin/engine'

export type { Architecture, Line, Plan, StepReport }
export { parseArchitecture }
/** CKKS parameters as a plan and a descriptor write them. */
export type PlanParameters = ParametersJson

/**
 * A plan from another party: its schema, and that it is consistent. Whether its parameters are secure is checked by `checkParameters`.
 * @throws InvalidPlanError and others of the engine
 */
export function parsePlan(json: unknown): Plan {
  return parseEnginePlan(json, { allowInsecure: true })
}

/** @throws InvalidParametersError; InsecureParametersError when they are below the security table and that is not allowed */
export function checkParameters(parameters: ParametersJson, options: { allowInsecure: boolean }): void {
  Parameters.fromJSON(parameters, options)
}

/** Why a plan's weights cannot be switched to another key so many times; undefined when they can. */
export function obstacleToMove(plan: Plan, moves: number): string | undefined {
  const { relativeError, allowed, tight } = movedPrecision(plan, moves)
  if (tight !== null) return `the modulus of weight ${tight} has no room for the flooding of a switch`
  if (relativeError <= allowed) return undefined
  const percent = (error: number): string => `${(100 * error).toPrecision(2)} %`
  return `the flooding of ${moves === 1 ? 'a switch' : `${moves} switches`} would leave errors of ${percent(relativeError)} of the largest logit, ${percent(allowed)} are allowed`
}

/** Galois elements of the keys that a plan needs, ascending. */
export function galoisElements(plan: Plan): number[] {
  return plan.galoisKeys.map(({ element }) => element)
}

/** Ciphertexts of one query's input; none where the data are clear at the evaluator. */
export function inputCount(plan: Plan): number {
  return plan.operands.data === 'clear' ? 0 : plan.inputs.count * plan.batchBlocks
}

/** Ciphertexts that one query has refreshed. */
export function refreshCount(plan: Plan): number {
  return plan.refreshes.reduce((sum, { ciphertextsPerBlock }) => sum + ciphertextsPerBlock, 0) * plan.batchBlocks
}

/** Ciphertexts of one query's result, and so of its switch. */
export function outputCount(plan: Plan): number {
  return plan.output.ciphertextsPerBlock * plan.batchBlocks
}

/** Ciphertexts that are refreshed together: those of one pass (of the batch blocks that are evaluated together, from 0) at a step. */
export function refreshedCount({ refreshes, batchBlocks, batchBlocksPerPass }: Plan, step: number, pass: number): number {
  const blocks = Math.min(batchBlocksPerPass, batchBlocks - pass * batchBlocksPerPass)
  return blocks * (refreshes.find(refresh => refresh.step === step)?.ciphertextsPerBlock ?? 0)
}
