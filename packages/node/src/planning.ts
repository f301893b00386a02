/** From an ONNX file to a plan, with the engine. */
import * as engine from '@slytherin/engine'
import type { Plan } from '@slytherin/protocol'

export interface PlanOptions {
  readonly name: string
  readonly batch: number
  readonly parties: number
  readonly minimumRefreshes: number
  readonly floodingBits: number
  readonly maximumDecryptions?: number
}

/** @throws UnsupportedOperatorError and the engine's other errors, naming node and remedy */
export async function planModel(bytes: Uint8Array, options: PlanOptions): Promise<Plan> {
  const { name, ...rest } = options
  const architecture = engine.architectureOf(engine.fuse(engine.importOnnx(bytes, { name })))
  return engine.plan(architecture, { ...rest, data: 'encrypted', weights: 'encrypted', maximumDecryptions: rest.maximumDecryptions ?? 16 })
}
