/** The first convolution by kernel taps (`TapsPacking`): schema, rule, noise and price. */
import * as z from 'zod'
import type { AffineArchitecture } from '../architecture/architecture.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import { InvalidPlanError } from '../errors.js'
import { chunkDiagonals } from '../packing/layout.js'
import { TapsPacking } from '../packing/taps.js'
import { type AffineOperation, advanceAffine, affineFlow, affineSchema, productOf, relinearized, sumNoise } from './affine.js'
import type { Factor, Flow } from './flow.js'
import { bothEncrypted, type Factors } from './operands.js'
import { finishingSeconds, productSeconds } from './products.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Arrival, positiveCount } from './step.js'

export const tapsSchema = z.strictObject({
  kind: z.literal('taps'),
  ...affineSchema.shape,
  arrangement: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('blocks') }),
    z.strictObject({ kind: z.literal('chunks'), rows: positiveCount, diagonals: positiveCount })
  ])
})

export type TapsStep = z.infer<typeof tapsSchema>

export interface CompiledTaps extends AffineOperation {
  readonly kind: 'taps'
  readonly step: TapsStep
  readonly packing: TapsPacking
}

/** @throws InvalidPlanError */
export function compileTaps(state: CompilerState, step: TapsStep, layer: AffineArchitecture, path: string, arrival: Arrival): CompiledTaps {
  const firstWeight = state.weights.length
  const packing = packingOf(state, step, layer, path)
  const blocksOut = packing.outputBlocks
  const runs = packing.items.map(({ kind }) => (kind === 'bias' ? { products: 0, biases: 1 } : { products: 1, biases: 0 }))
  advanceAffine(state, step, layer, path, runs)
  state.layout = packing.output
  return { ...arrival, kind: 'taps', step, layer, packing, firstWeight, blocksIn: blocksOut, blocksOut, layout: packing.output }
}

function packingOf(state: CompilerState, step: TapsStep, layer: AffineArchitecture, path: string): TapsPacking {
  const { width } = state.setting
  if (step.layer !== 0 || !layer.convolution || !state.readOnce(0))
    throw new InvalidPlanError(path, `layer '${layer.name}' is not a convolution of an input that nothing else reads`)
  if (step.arrangement.kind === 'chunks') {
    const { rows, diagonals } = step.arrangement
    if (chunkDiagonals(layer.outputs, width, rows) !== diagonals)
      throw new InvalidPlanError(`${path}.arrangement`, 'chunks that do not fit')
    state.chunk = { rows, diagonals }
  }
  return new TapsPacking(layer.convolution, width, step.arrangement)
}

export function tapsFlow(setting: Setting, step: CompiledTaps, operand: Factor): Flow {
  return affineFlow(setting, step, operand, (x, weight) => {
    const product = productOf(setting, x, weight)
    return relinearized(setting, { ...product, noise: sumNoise(setting, step, x, weight, product) })
  })
}

/** Products, one relinearisation per block, rescaling and bias of one batch block. */
export function tapsSeconds(packing: TapsPacking, costs: OperationCosts, level: number, rescalings: number, factors: Factors): number {
  const blocks = packing.outputBlocks
  const relinearization = bothEncrypted(factors) ? costs.keySwitch(level) : 0
  return (
    packing.inputCount * productSeconds(costs, level, factors) +
    blocks * relinearization +
    finishingSeconds(blocks, costs, level, rescalings)
  )
}
