/** From an ONNX file to a plan, with the engine. */
import { architectureOf, type CostModel, fuse, importOnnx, type OperandKind, type Plan, plan } from '@slytherin/engine'
import type { CalibrationConfiguration } from './configuration/schema.js'
import { readDataFile } from './data/read.js'
import { rangesOf } from './model/calibration.js'

export interface PlanModelOptions {
  readonly calibration: CalibrationConfiguration
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
  const { calibration, ...rest } = options
  const network = fuse(importOnnx(await readDataFile(path, 'a readable ONNX model')))
  const architecture = architectureOf(network, await rangesOf(network, path, calibration))
  return plan(architecture, {
    data: 'encrypted',
    weights: 'encrypted',
    ...rest
  })
}
