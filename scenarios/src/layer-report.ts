/** One line per step of the plan: what it took, what it left, what it needed. */
import { Parameters } from '@slytherin/ckks'
import type { Plan, StepReport } from '@slytherin/engine'
import { slotDeviation } from './noisy-simulator.js'
import { plannedSteps } from './plan-layers.js'
import type { LayerError, Simulation } from './simulation.js'

export interface LayerReport {
  /** Layer of the network; for a refresh the one before it. */
  name: string
  kind: StepReport['kind']
  /** Of all passes and queries together. */
  seconds: number
  /** By the plan's cost model, of all queries together, with what witnesses on the same processors take. */
  predictedSeconds: number
  /** Of the results. */
  level: number
  scale: number
  /** log2 of the tracked standard deviation per coefficient. */
  noiseBits: number
  /** Standard deviation of a value that the tracked noise amounts to. */
  trackedError: number
  /** Simulated values against clear ones. */
  simulatedError?: LayerError
  /** Encrypted weights, biases included, and their bytes. */
  weights: number
  bytes: number
}

/**
 * @param reports steps of every pass of every query
 * @param queries how many queries they are of
 * @param beside by step, seconds in which witnesses hold the evaluator up in one query
 */
export function layerReports(
  plan: Plan,
  reports: readonly StepReport[],
  queries: number,
  beside: readonly number[],
  simulation?: Simulation
): LayerReport[] {
  const parameters = Parameters.fromJSON(plan.parameters, { allowInsecure: true })
  return plannedSteps(plan).flatMap(({ kind, name, weights, bytes }, step) => {
    const own = reports.filter(report => report.step === step)
    if (own.length === 0) return []
    const { level, scale } = own[0]!
    const noiseBits = Math.max(...own.map(report => report.noise))
    const error = simulation?.steps[step]?.error
    return [
      {
        name,
        kind,
        seconds: own.reduce((sum, report) => sum + report.seconds, 0),
        predictedSeconds: queries * (plan.costs.seconds.steps[step]! + beside[step]!),
        level,
        scale,
        noiseBits,
        trackedError: slotDeviation(parameters, noiseBits, scale),
        ...(error === undefined ? {} : { simulatedError: error }),
        weights,
        bytes
      }
    ]
  })
}
