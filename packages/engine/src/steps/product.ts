/** The product of two values, element by element: schema, rule, noise and price. Both must stand in the same layout. */
import { combineNoise } from '@slytherin/ckks'
import * as z from 'zod'
import type { ArchitectureLayer } from '../architecture/architecture.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import { InvalidPlanError } from '../errors.js'
import { sequentialLayout } from '../packing/layout.js'
import { commonLayout } from '../packing/overlap.js'
import { atLevel, type Flow, rescaled } from './flow.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Arrival, type Common, layerIndex, level, magnitude, rescalings, scale } from './step.js'

export const productSchema = z.strictObject({ kind: z.literal('product'), layer: layerIndex, level, rescalings, scale, magnitude })

export type ProductStep = z.infer<typeof productSchema>

export interface CompiledProduct extends Common {
  readonly kind: 'product'
  readonly step: ProductStep
}

/** @throws InvalidPlanError */
export function compileProduct(
  state: CompilerState,
  step: ProductStep,
  layer: ArchitectureLayer,
  path: string,
  arrival: Arrival
): CompiledProduct {
  const { packing, width } = state.setting
  if (layer.kind !== 'product') throw new InvalidPlanError(path, `a product for the ${layer.kind} layer '${layer.name}'`)
  if (packing === 'complex') throw new InvalidPlanError(path, 'a product of values where a slot holds two samples')
  const factors = arrival.reads.map(value => {
    if (value === 0 && state.setting.operands.data === 'clear') throw new InvalidPlanError(path, 'a product of clear data')
    const held = state.value(value, path)
    const layout = held.layout ?? sequentialLayout(layer.features, width)
    state.settle(value, layout)
    state.checkFits(`${path}.level`, step.level, held.scale, held.magnitude)
    if (held.chunk) throw new InvalidPlanError(path, 'a product of a value that is laid out in chunks')
    return { ...held, layout }
  })
  const [left, right] = factors as [(typeof factors)[0], (typeof factors)[0]]
  const layout = commonLayout(left.layout, right.layout, layer.features)
  if (!layout) throw new InvalidPlanError(path, 'a product of values that stand in different layouts')
  state.layout = layout
  state.chunk = undefined
  state.advance(path, step, left.scale * right.scale)
  state.needRelinearization(step.level)
  const blocks = layout.blocks.length
  return { ...arrival, kind: 'product', step, blocksIn: blocks, blocksOut: blocks, layout }
}

/** Errors of the two may come from the same source and add up. */
export function productFlow(setting: Setting, { step }: CompiledProduct, left: Flow, right: Flow): Flow {
  const { rules } = setting
  const [a, b] = [atLevel(left, step.level).metadata, atLevel(right, step.level).metadata]
  const product = rules.multiply('product', a, b, false)
  // (a + e)(b + f) = ab + af + be + ef: half a bit more where e and f are not independent
  const noise = combineNoise(product.noise, product.noise)
  const metadata = rescaled(setting, rules.relinearize({ ...product, noise }, undefined), step.rescalings)
  return { metadata: { ...metadata, magnitude: step.magnitude } }
}

/** Product and relinearisation of one ciphertext. */
export const productOfValuesSeconds = (costs: OperationCosts, at: number): number => costs.multiply(at) + costs.keySwitch(at)
