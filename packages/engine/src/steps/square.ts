/** The square activation: schema, rule, noise and price. */
import { type CiphertextMetadata, conjugationElement, PAIR_SQUARE_SCALE, squarePairsState } from '@slytherin/ckks'
import * as z from 'zod'
import type { ArchitectureLayer } from '../architecture/architecture.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import { InvalidPlanError } from '../errors.js'
import { sequentialLayout } from '../packing/layout.js'
import type { SlotPacking } from '../packing/slots.js'
import { type Flow, rescaled, silent } from './flow.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Arrival, type Common, layerIndex, level, magnitude, rescalings, scale } from './step.js'

export const squareSchema = z.strictObject({ kind: z.literal('square'), layer: layerIndex, level, rescalings, scale, magnitude })

export type SquareStep = z.infer<typeof squareSchema>

export interface CompiledSquare extends Common {
  readonly kind: 'square'
  readonly step: SquareStep
}

/** @throws InvalidPlanError */
export function compileSquare(
  state: CompilerState,
  step: SquareStep,
  layer: ArchitectureLayer,
  path: string,
  arrival: Arrival
): CompiledSquare {
  const { packing, parameters, width } = state.setting
  if (layer.kind !== 'square') throw new InvalidPlanError(path, `a square for the ${layer.kind} layer '${layer.name}'`)
  state.layout ??= sequentialLayout(layer.features, width)
  state.settle(arrival.reads[0]!, state.layout)
  const { layout } = state
  const blocks = layout.blocks.length
  const paired = packing === 'complex'
  state.advance(path, step, state.scale * state.scale * (paired ? PAIR_SQUARE_SCALE : 1))
  state.needRelinearization(step.level)
  if (paired) state.needGaloisKey(conjugationElement(parameters.N), step.level)
  return { ...arrival, kind: 'square', step, blocksIn: blocks, blocksOut: blocks, layout }
}

/** @param flow at the step's level */
export function squareFlow(setting: Setting, step: CompiledSquare, { metadata }: Flow): Flow {
  const { rules, parameters, packing } = setting
  const { level, rescalings, magnitude } = step.step
  let product: CiphertextMetadata
  let unit: number
  if (packing === 'complex') {
    const { conjugate, square } = squarePairsState(rules, metadata, step.magnitudeIn / setting.slotFactor)
    product = square
    // 2·scale for each half, and both halves of a slot have an error of their own in real and imaginary part
    unit = Math.log2(4 * metadata.scale) + conjugate.noise
  } else {
    product = rules.multiply('square', metadata, metadata, true)
    unit = Math.log2(metadata.scale) + metadata.noise
  }
  const whole = rescaled(setting, rules.relinearize(product, undefined), rescalings)
  const rest = rescaled(setting, rules.relinearize(silent(product), undefined), rescalings)
  for (let dropped = 0; dropped < rescalings; dropped++) unit -= parameters.primes[level - dropped]!.log2
  return { metadata: { ...whole, magnitude }, activation: { unit, rest: rest.noise } }
}

/** Product and relinearisation; two samples in a slot take a conjugation, two products, and sums about as large as another. */
export function squareSeconds(slots: SlotPacking, costs: OperationCosts, level: number): number {
  return slots === 'complex' ? 3 * costs.multiply(level) + 2 * costs.keySwitch(level) : costs.multiply(level) + costs.keySwitch(level)
}
