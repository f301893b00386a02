/** A matrix by generalised diagonals (`DiagonalsPacking`): schema, rule, noise and price. */
import { type CiphertextMetadata, combineNoise, galoisElementOf } from '@slytherin/ckks'
import * as z from 'zod'
import type { AffineArchitecture } from '../architecture/architecture.js'
import { patternOnce } from '../architecture/linear-operations.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import { InvalidPlanError } from '../errors.js'
import { presentOnce } from '../packing/diagonal-mask.js'
import { DiagonalsPacking, fullDiagonals, type Stepping } from '../packing/diagonals.js'
import { chunkDiagonals, chunkedLayout, rowPeriod, sequentialLayout } from '../packing/layout.js'
import { featuresByPosition, isSound, type MapOrder, mapOrderSchema, orderedLayout } from '../packing/map-order.js'
import { type AffineOperation, advanceAffine, affineFlow, affineSchema, productOf, relinearized, sumNoise } from './affine.js'
import { added, encrypted, type Factor, type Flow, silent } from './flow.js'
import { bothEncrypted, type Factors, factorsOf } from './operands.js'
import { scalarWeights } from './packed.js'
import { productSeconds } from './products.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Arrival, positiveCount } from './step.js'

/** How rotations are made; absent where in the usual way. */
export const steppingSchema = z.strictObject({
  /** giant steps without diagonals are leapt over */
  leaps: z.literal(true).optional(),
  /** baby rotations are made one from the other */
  successive: z.literal(true).optional(),
  /** folds go by four */
  fourfold: z.literal(true).optional()
})

export const diagonalsSchema = z.strictObject({
  kind: z.literal('diagonals'),
  ...affineSchema.shape,
  diagonals: positiveCount,
  babySteps: positiveCount,
  ...steppingSchema.shape,
  /** the data owner lays its input out in chunks (first layer only) */
  chunked: z.boolean(),
  /** the data owner lays its maps out so (first layer only) */
  input: mapOrderSchema.optional(),
  /** where the values of the result stand, which are maps; one after the other when not given */
  order: mapOrderSchema.optional()
})

export type DiagonalsStep = z.infer<typeof diagonalsSchema>

export interface CompiledDiagonals extends AffineOperation {
  readonly kind: 'diagonals'
  readonly step: DiagonalsStep
  readonly packing: DiagonalsPacking
}

/** @throws InvalidPlanError */
export function compileDiagonals(
  state: CompilerState,
  step: DiagonalsStep,
  layer: AffineArchitecture,
  path: string,
  arrival: Arrival
): CompiledDiagonals {
  const { operands, parameters, stride } = state.setting
  const firstWeight = state.weights.length
  const packing = packingOf(state, step, layer, path, arrival.reads[0]!)
  // without a list of items, of which there may be millions: most programs are compiled to see whether they are precise enough
  const runs = Array.from({ length: packing.outputBlocks }, (_, block) => ({ products: packing.productsIn(block), biases: 1 }))
  advanceAffine(state, step, layer, path, runs)
  for (const rotation of packing.rotations(factorsOf(operands, arrival.reads).input))
    state.needGaloisKey(galoisElementOf(rotation * stride, parameters.N), step.level)
  state.layout = packing.output
  state.chunk = undefined
  return {
    ...arrival,
    kind: 'diagonals',
    step,
    layer,
    packing,
    firstWeight,
    blocksIn: packing.inputBlocks,
    blocksOut: packing.outputBlocks,
    layout: packing.output
  }
}

function packingOf(state: CompilerState, step: DiagonalsStep, layer: AffineArchitecture, path: string, read: number): DiagonalsPacking {
  const { width } = state.setting
  const order = step.order && orderOf(step.order, layer.outputs, `${path}.order`)
  const outputs = order?.length ?? layer.outputs
  const rows = rowPeriod(outputs, width)
  if (step.chunked) {
    if (read !== 0 || !state.readOnce(0))
      throw new InvalidPlanError(`${path}.chunked`, 'only an input that one layer reads can be laid out in chunks')
    if (order || step.input) throw new InvalidPlanError(`${path}.chunked`, 'and as maps')
    const diagonals = chunkDiagonals(layer.inputs, width, rows)
    if (diagonals === undefined) throw new InvalidPlanError(`${path}.chunked`, 'the input does not fit one block')
    state.layout = chunkedLayout(layer.inputs, width, rows, diagonals)
    state.chunk = { rows, diagonals }
  }
  if (step.input) {
    if (read !== 0 || state.layout)
      throw new InvalidPlanError(`${path}.input`, 'only the input can be laid out at will, by the first layer')
    state.layout = orderedLayout(orderOf(step.input, layer.inputs, `${path}.input`), width)
  }
  state.layout ??= sequentialLayout(layer.inputs, width)
  state.settle(read, state.layout)
  const { chunk, layout } = state
  if (chunk && chunk.rows !== rows) throw new InvalidPlanError(path, `a layout made for ${chunk.rows} rows, not ${rows}`)
  const diagonals = chunk?.diagonals ?? fullDiagonals(outputs, layout)
  if (step.diagonals !== diagonals) throw new InvalidPlanError(`${path}.diagonals`, `${step.diagonals}, expected ${diagonals}`)
  if (step.babySteps > diagonals) throw new InvalidPlanError(`${path}.babySteps`, `${step.babySteps} of ${diagonals} diagonals`)
  const pattern = patternOnce(layer.operations)
  const present = pattern && presentOnce(pattern, layout, diagonals, order)
  return new DiagonalsPacking({ outputs, order, input: layout, diagonals, babySteps: step.babySteps, ...steppingOf(step), present })
}

/** How a step of the plan makes its rotations. */
export const steppingOf = ({ leaps, successive, fourfold }: z.infer<typeof steppingSchema>): Stepping => ({
  leaps: leaps ?? false,
  successive: successive ?? false,
  fourfold: fourfold ?? false
})

/** @throws InvalidPlanError unless it is an order of so many values */
export function orderOf(order: MapOrder, features: number, path: string): Int32Array {
  const { channels, height, width } = order
  if (channels * height * width !== features) throw new InvalidPlanError(path, `${channels}×${height}×${width} values of ${features}`)
  if (!isSound(order)) throw new InvalidPlanError(path, 'values that share a place')
  return featuresByPosition(order)
}

export function diagonalsFlow(setting: Setting, step: CompiledDiagonals, operand: Factor): Flow {
  return affineFlow(setting, step, operand, (x, weight) => products(setting, step, x, weight))
}

/** Baby rotations, products, giant rotations and folds. */
function products(setting: Setting, step: CompiledDiagonals, x: Factor, weight: Factor): CiphertextMetadata {
  const { packing } = step
  const operand = factorsOf(setting.operands, step.reads).input === 'encrypted' ? turned(setting, packing, x) : x
  const product = productOf(setting, operand, weight)
  return summed(setting, packing, { ...product, noise: sumNoise(setting, step, operand, weight, product) })
}

/**
 * Relinearisations, giant rotations and folds.
 * @param product of one operand and weight, with the error of the whole sum
 */
export function summed(setting: Setting, packing: DiagonalsPacking, product: CiphertextMetadata): CiphertextMetadata {
  const { rules } = setting
  const relinearization = relinearized(setting, silent(product)).noise
  const rotation = rules.automorphism('rotate', { ...silent(product), degree: 1 }, undefined).noise
  // each fold doubles the variance: what the whole sum has, divided among the folds
  const noise = product.noise - 0.5 * packing.folds.length
  let sum: CiphertextMetadata = { ...product, degree: 1, noise }
  const giantRotations = packing.mostGiantRotations
  sum = { ...sum, noise: combineNoise(sum.noise, relinearization + 0.5 * Math.log2(giantRotations + 1)) }
  if (giantRotations > 0) sum = { ...sum, noise: combineNoise(sum.noise, rotation + 0.5 * Math.log2(giantRotations)) }
  for (const { times } of packing.foldings)
    sum = { ...sum, noise: combineNoise(sum.noise + 0.5 * Math.log2(times + 1), rotation + 0.5 * Math.log2(times)) }
  return sum
}

/** An encrypted operand after its baby rotations. */
export function turned(setting: Setting, packing: DiagonalsPacking, x: Factor): Factor {
  if (packing.babySteps === 1) return x
  const flow = encrypted(x)
  // one after the other, each adds its own
  const rotations = packing.successive ? packing.babySteps - 1 : 1
  const noise = setting.rules.automorphism('rotate', silent(flow.metadata), undefined).noise
  return { kind: 'encrypted', flow: added(flow, noise + 0.5 * Math.log2(rotations)) }
}

/** Baby rotations, products, relinearisations, giant rotations and folds of one batch block. */
export function diagonalsSeconds(packing: DiagonalsPacking, costs: OperationCosts, level: number, factors: Factors): number {
  let sum = 0
  // most blocks have as many rotations as the one before
  let [counted, seconds] = [0, 0]
  for (let block = 0; block < packing.inputBlocks; block++) {
    if (packing.clear(block, factors.input)) continue
    const count = packing.turnCount(block)
    if (count !== counted) [counted, seconds] = [count, packing.successive ? count * costs.keySwitch(level) : costs.rotations(level, count)]
    sum += seconds
  }
  let switches = packing.outputBlocks * packing.foldings.reduce((count, { times }) => count + times, 0)
  for (let block = 0; block < packing.outputBlocks; block++) {
    switches += packing.descentCount(block) + (bothEncrypted(factors) ? packing.giants(block).length : 0)
  }
  return (
    sum +
    packing.products * productSeconds(costs, level, factors, costs.model.combining && scalarWeights(packing, factors)) +
    switches * costs.keySwitch(level)
  )
}
