/**
 * An affine map of several values: branches that meet. One product of a matrix by diagonals with the blocks of all values (`joint`), so that they share relinearisations,
 * giant rotations, folds and the rescaling. Values meet at the level of the step, to which dropping primes costs nothing; each has a scale of its own, which that of its
 * weights makes up for.
 */
import { combineNoise, galoisElementOf } from '@slytherin/ckks'
import * as z from 'zod'
import { type ArchitectureLayer, partsOf, type SumArchitecture } from '../architecture/architecture.js'
import { patternOnce } from '../architecture/linear-operations.js'
import { InvalidPlanError } from '../errors.js'
import { DiagonalsPacking } from '../packing/diagonals.js'
import { joint } from '../packing/joint.js'
import { sequentialLayout } from '../packing/layout.js'
import { mapOrderSchema } from '../packing/map-order.js'
import { affineSchema, factorAt, finished, partNoise, productOf } from './affine.js'
import { orderOf, steppingOf, steppingSchema, summed, turned } from './diagonals.js'
import { type Factor, type Flow, madeWeight } from './flow.js'
import { partTerms } from './gains.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Arrival, type Common, positiveCount, scale } from './step.js'

const { weightScale: _, ...shape } = affineSchema.shape

export const sumSchema = z.strictObject({
  kind: z.literal('sum'),
  ...shape,
  /** of the weights of every value that is read */
  weightScales: z.array(scale).min(2).max(64),
  diagonals: positiveCount,
  babySteps: positiveCount,
  ...steppingSchema.shape,
  /** where the values of the result stand, which are maps; one after the other when not given */
  order: mapOrderSchema.optional()
})

export type SumStep = z.infer<typeof sumSchema>

/** What a sum does with one of its values. */
export interface Summand {
  readonly value: number
  readonly scaleIn: number
  readonly magnitudeIn: number
  /** its input blocks: from `first` on */
  readonly first: number
  readonly blocks: number
  readonly clear: boolean
}

export interface CompiledSum extends Common {
  readonly kind: 'sum'
  readonly step: SumStep
  readonly layer: SumArchitecture
  readonly packing: DiagonalsPacking
  readonly firstWeight: number
  readonly summands: readonly Summand[]
}

/** @throws InvalidPlanError */
export function compileSum(state: CompilerState, step: SumStep, layer: ArchitectureLayer, path: string, arrival: Arrival): CompiledSum {
  if (layer.kind !== 'sum') throw new InvalidPlanError(path, `a sum for the ${layer.kind} layer '${layer.name}'`)
  const { operands, parameters, stride, slotFactor } = state.setting
  const { packing, summands } = packed(state, step, layer, path, arrival.reads)
  if (step.weightScales.length !== summands.length)
    throw new InvalidPlanError(`${path}.weightScales`, `${step.weightScales.length} for ${summands.length} values`)
  const product = summands[0]!.scaleIn * step.weightScales[0]!
  summands.forEach(({ scaleIn, magnitudeIn }, part) => {
    const weightScale = step.weightScales[part]!
    const { weightMagnitude } = layer.parts[part]!
    const field = `${path}.weightScales.${part}`
    if (!(Math.abs(scaleIn * weightScale - product) <= SCALE_TOLERANCE * product))
      throw new InvalidPlanError(field, `${weightScale} makes a product of scale ${scaleIn * weightScale}, where others have ${product}`)
    state.checkFits(`${path}.level`, step.level, scaleIn, magnitudeIn)
    state.checkFits(field, step.level, weightScale, weightMagnitude)
    state.checkEncodable(field, weightScale, weightMagnitude, operands.weights)
  })
  state.advance(path, step, product)
  const biasMagnitude = layer.biasMagnitude * slotFactor
  state.checkEncodable(`${path}.scale`, state.scale, biasMagnitude, 'encrypted')
  if (operands.weights === 'encrypted') state.needRelinearization(step.level)
  const firstWeight = state.weights.length
  const bias = { layer: step.layer, level: state.level, scale: state.scale, magnitude: biasMagnitude }
  const weights = layer.parts.map(({ weightMagnitude }, part) => ({
    layer: step.layer,
    level: step.level,
    scale: step.weightScales[part]!,
    magnitude: weightMagnitude
  }))
  for (const item of packing.items) state.weights.push(item.kind === 'bias' ? bias : weights[packing.joint![item.inputBlock]!.part]!)
  for (const rotation of packing.rotations()) state.needGaloisKey(galoisElementOf(rotation * stride, parameters.N), step.level)
  state.layout = packing.output
  state.chunk = undefined
  const { inputBlocks: blocksIn, outputBlocks: blocksOut } = packing
  return { ...arrival, kind: 'sum', step, layer, packing, firstWeight, summands, blocksIn, blocksOut, layout: packing.output }
}

/** Scales count as equal within this. */
const SCALE_TOLERANCE = 2 ** -40

function packed(
  state: CompilerState,
  step: SumStep,
  layer: SumArchitecture,
  path: string,
  reads: readonly number[]
): { readonly packing: DiagonalsPacking; readonly summands: readonly Summand[] } {
  const { operands, width } = state.setting
  let first = 0
  const parts = reads.map((value, part) => {
    const { inputs, operations } = partsOf(layer)[part]!
    const held = state.value(value, path)
    if (held.chunk) throw new InvalidPlanError(path, 'a sum of a value that is laid out in chunks')
    const layout = held.layout ?? sequentialLayout(inputs, width)
    state.settle(value, layout)
    const clear = value === 0 && operands.data === 'clear'
    const blocks = layout.blocks.length
    const summand: Summand = { value, scaleIn: held.scale, magnitudeIn: held.magnitude, first, blocks, clear }
    first += blocks
    return { layout, features: inputs, pattern: patternOnce(operations), clear, summand }
  })
  const order = step.order && orderOf(step.order, layer.outputs, `${path}.order`)
  const outputs = order?.length ?? layer.outputs
  const input = joint(parts, outputs, order)
  if (step.diagonals !== input.diagonals) throw new InvalidPlanError(`${path}.diagonals`, `${step.diagonals}, expected ${input.diagonals}`)
  if (step.babySteps > input.diagonals) throw new InvalidPlanError(`${path}.babySteps`, `${step.babySteps} of ${input.diagonals} diagonals`)
  const { layout, diagonals, present, blocks } = input
  const { babySteps } = step
  return {
    packing: new DiagonalsPacking({ outputs, order, input: layout, diagonals, babySteps, ...steppingOf(step), present, joint: blocks }),
    summands: parts.map(({ summand }) => summand)
  }
}

/** Errors of the values may come from the same source and add up; those of weights and operations do not. */
export function sumFlow(setting: Setting, compiled: CompiledSum, read: readonly Factor[]): Flow {
  const { step, layer, packing, summands } = compiled
  const parts = summands.map(({ magnitudeIn, clear }, part) => {
    const weightScale = step.weightScales[part]!
    const own = layer.parts[part]!
    const weight = madeWeight(setting, { level: step.level, scale: weightScale, magnitude: own.weightMagnitude })
    const arrived = factorAt(read[part]!, step.level)
    const operand = clear ? arrived : turned(setting, packing, arrived)
    const product = productOf(setting, operand, weight)
    const terms = partTerms(packing, part)
    const noise = partNoise(setting, { part: own, weightScale, terms, input: own.norms?.input, magnitudeIn }, operand, weight, product)
    return { product, noise }
  })
  const widest = parts.reduce((a, b) => (b.product.degree > a.product.degree ? b : a)).product
  return finished(setting, step, layer, summed(setting, packing, { ...widest, noise: correlated(parts.map(({ noise }) => noise)) }))
}

/** log2 of the sum of errors that may all point the same way. */
export function correlated(noises: readonly number[]): number {
  const largest = Math.max(...noises)
  return largest === Number.NEGATIVE_INFINITY
    ? combineNoise(...noises)
    : largest + Math.log2(noises.reduce((sum, noise) => sum + 2 ** (noise - largest), 0))
}
