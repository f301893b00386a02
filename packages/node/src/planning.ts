/** From an ONNX file to a plan, with the engine. */
import { architectureOf, type CostModel, importOnnx, type OperandKind, type Plan, plan } from '@slytherin/engine'
import type { ApproximationConfiguration, CalibrationConfiguration } from './configuration/schema.js'
import { approximationOptions, openCalibration } from './data/calibration.js'
import { readDataFile } from './data/read.js'

export interface PlanModelOptions {
  readonly calibration: CalibrationConfiguration
  /** How activations are approximated. */
  readonly approximation?: ApproximationConfiguration
  readonly batch: number
  readonly parties: number
  /** Default `encrypted`. */
  readonly data?: OperandKind
  /** Default `encrypted`. */
  readonly weights?: OperandKind
  readonly minimumRefreshes?: number
  readonly floodingBits?: number
  readonly maximumDecryptions?: number
  /** What operations cost; built-in figures of the kernel when not given. */
  readonly costModel?: CostModel
}

/**
 * @param path ONNX file
 * @throws DataFileError, and the engine's errors, which name the node and the remedy
 */
export async function planModel(path: string, options: PlanModelOptions): Promise<Plan> {
  const { calibration: source, approximation, ...rest } = options
  const graph = importOnnx(await readDataFile(path, 'a readable ONNX model'))
  const calibration = await openCalibration(path, source)
  const { network } = calibration.approximate(graph, approximationOptions(approximation))
  const architecture = architectureOf(network, calibration.ranges(network))
  return plan(architecture, {
    data: 'encrypted',
    weights: 'encrypted',
    ...rest
  })
}
