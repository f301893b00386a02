/** From an ONNX file to a plan, with the engine. */
import {
  type ApproximationReport,
  architectureOf,
  type CostModel,
  type EpochKeys,
  inputShape as inputShapeOf,
  type Link,
  type OperandKind,
  type Plan,
  type Precision,
  plan
} from '@slytherin/engine'
import type { ApproximationConfiguration, CalibrationConfiguration } from './configuration/schema.js'
import { approximationOptions, openCalibration } from './data/calibration.js'
import { importModelFile, type ModelChoice } from './data/model-file.js'
import { obstacleOf } from './data/obstacle.js'

export interface PlanModelOptions extends ModelChoice {
  /** Where the bounds on the model's values come from. */
  readonly calibration: CalibrationConfiguration
  /** How activations are approximated. */
  readonly approximation?: ApproximationConfiguration
  /** Samples of a query. */
  readonly batch: number
  /** Key holders. */
  readonly parties: number
  /** Key holders that suffice; all of them when not given. */
  readonly threshold?: number
  /** Whether whoever encrypts inputs holds the whole key, and does so with it. */
  readonly seededInputs?: boolean
  /** Default `encrypted`. */
  readonly data?: OperandKind
  /** Default `encrypted`. */
  readonly weights?: OperandKind
  /** Collective refreshes that the plan has at least; 0 when not given. */
  readonly minimumRefreshes?: number
  /** Whether there may be refreshes; true when not given. */
  readonly refreshing?: boolean
  /** s: bits of security of flooding; what the statistical distance takes when not given. */
  readonly floodingBits?: number
  /** Statistical distance over a session, as minus log2, where there is a plan with it. */
  readonly floodingDistanceBits?: number
  /** What of the model owner's word flooding rests on: magnitudes, or norms, too. */
  readonly floodingBounds?: Plan['floodingBounds']
  /** τ: ciphertexts that a session may decrypt. */
  readonly maximumDecryptions?: number
  /** How exact logits must be. */
  readonly precision?: Precision
  /** A key epoch to plan into. */
  readonly epoch?: EpochKeys
  /** The way between the parties that the plan is made for; 100 Mbit/s and 20 ms when not given. */
  readonly link?: Link
  /** Queries that keys and encrypted weights are made for once; what the cost model says when not given. */
  readonly expectedQueries?: number
  /** Bytes of evaluation keys that a key holder makes at most; as many as pay when not given. */
  readonly maximumKeyBytes?: number
  /** Workers of a fleet that evaluate blocks of a query side by side; 1 when not given. */
  readonly workers?: number
  /** What operations cost; built-in figures of the kernel when not given. */
  readonly costModel?: CostModel
}

export interface PlannedModel {
  readonly plan: Plan
  /** How activations became polynomials, and what that does to the answers. */
  readonly approximation: ApproximationReport
}

/**
 * @param path ONNX file
 * @throws DataFileError, and the engine's errors, which name the node and the remedy
 */
export async function planModel(path: string, options: PlanModelOptions): Promise<PlannedModel> {
  const { calibration: source, approximation, output, inputShape, replace, task, ...rest } = options
  const graph = await importModelFile(path, { output, inputShape, replace, task })
  const calibration = await openCalibration(path, source, inputShapeOf(graph), graph.inputs)
  const wishes = { data: 'encrypted', weights: 'encrypted', ...rest } as const
  const { network, report } = calibration.approximate(graph, {
    ...approximationOptions(approximation),
    obstacle: obstacleOf(calibration, wishes)
  })
  return { plan: plan(architectureOf(network, calibration.ranges(network)), wishes), approximation: report }
}
