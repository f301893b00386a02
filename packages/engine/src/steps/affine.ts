/** What the kinds of affine steps have in common: the fields of the plan, scales and weights, and how errors of operands and weights reach the result. */
import { type CiphertextMetadata, combineNoise } from '@slytherin/ckks'
import * as z from 'zod'
import { type AffineArchitecture, type MapArchitecture, type MapPart, partsOf } from '../architecture/architecture.js'
import { readsOf } from '../architecture/values.js'
import { added, atLevel, encodingNoise, encrypted, type Factor, type Flow, madeWeight, rescaled } from './flow.js'
import { summedTerms } from './gains.js'
import { bothEncrypted, factorsOf } from './operands.js'
import type { AffinePacking } from './packed.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Common, layerIndex, level, magnitude, rescalings, scale } from './step.js'

export const affineSchema = z.strictObject({
  layer: layerIndex,
  /** level at which the operation runs */
  level,
  rescalings,
  weightScale: scale,
  /** scale and magnitude of the result */
  scale,
  magnitude
})

export type AffineStep = z.infer<typeof affineSchema>

/** A compiled affine step of one value. */
export interface AffineOperation extends Common {
  readonly step: AffineStep
  readonly layer: AffineArchitecture
  readonly packing: AffinePacking
  readonly firstWeight: number
}

/** What a step does to each of the values that it reads. */
export const partsOfStep = ({ layer }: { readonly layer: MapArchitecture }): readonly MapPart[] => partsOf(layer)

/**
 * Scales and weight descriptors of an affine step.
 * @param runs how many weights of products its packing uses, how many biases, and so on, in the order of use
 * @throws InvalidPlanError
 */
export function advanceAffine(
  state: CompilerState,
  step: AffineStep,
  layer: AffineArchitecture,
  path: string,
  runs: readonly { readonly products: number; readonly biases: number }[]
): void {
  const { operands, slotFactor } = state.setting
  state.checkFits(`${path}.weightScale`, step.level, step.weightScale, layer.weightMagnitude)
  state.advance(path, step, state.scale * step.weightScale)
  state.checkEncodable(`${path}.weightScale`, step.weightScale, layer.weightMagnitude, operands.weights)
  const biasMagnitude = layer.biasMagnitude * slotFactor
  // a clear bias is added, not multiplied by
  state.checkEncodable(`${path}.scale`, state.scale, biasMagnitude, 'encrypted')
  if (bothEncrypted(factorsOf(operands, readsOf(layer, step.layer)))) state.needRelinearization(step.level)
  const weight = { layer: step.layer, level: step.level, scale: step.weightScale, magnitude: layer.weightMagnitude }
  const bias = { layer: step.layer, level: state.level, scale: state.scale, magnitude: biasMagnitude }
  for (const { products, biases } of runs) {
    for (let k = 0; k < products; k++) state.weights.push(weight)
    for (let k = 0; k < biases; k++) state.weights.push(bias)
  }
}

/**
 * The result of an affine step, bias included.
 * @param products sum of all products of the kind, relinearised, before rescaling
 */
export function affineFlow(
  setting: Setting,
  { step, layer }: AffineOperation,
  operand: Factor,
  products: (operand: Factor, weight: Factor) => CiphertextMetadata
): Flow {
  const weight = madeWeight(setting, { level: step.level, scale: step.weightScale, magnitude: layer.weightMagnitude })
  return finished(setting, step, layer, products(factorAt(operand, step.level), weight))
}

/** A factor at a level below its own. */
export const factorAt = (operand: Factor, level: number): Factor =>
  operand.kind === 'clear'
    ? { kind: 'clear', metadata: { ...operand.metadata, level } }
    : { kind: 'encrypted', flow: atLevel(operand.flow, level) }

/** A sum of products, rescaled and with its bias. */
export function finished(
  setting: Setting,
  step: Pick<AffineStep, 'rescalings' | 'magnitude'>,
  layer: MapArchitecture,
  sum: CiphertextMetadata
): Flow {
  const { slotFactor } = setting
  const result = rescaled(setting, sum, step.rescalings)
  const { level, scale } = result
  const bias = madeWeight(setting, { level, scale, magnitude: layer.biasMagnitude * slotFactor })
  return added({ metadata: { ...result, magnitude: step.magnitude } }, ownNoise(setting, bias))
}

/** One product of a sum. */
export function productOf({ rules }: Setting, a: Factor, b: Factor): CiphertextMetadata {
  if (a.kind === 'clear') return rules.multiplyPlain('product', encrypted(b).metadata, a.metadata)
  return b.kind === 'clear'
    ? rules.multiplyPlain('product', a.flow.metadata, b.metadata)
    : rules.multiply('product', a.flow.metadata, b.flow.metadata, false)
}

export const relinearized = ({ rules }: Setting, product: CiphertextMetadata): CiphertextMetadata =>
  product.degree === 1 ? product : rules.relinearize(product, undefined)

/** log2 of the error of the whole sum of products, folds included: the smaller one of the two views. */
export function sumNoise(
  setting: Setting,
  { step, layer, packing, magnitudeIn }: AffineOperation,
  x: Factor,
  weight: Factor,
  product: CiphertextMetadata
): number {
  const input = packing.kind === 'taps' ? (layer.norms?.window ?? layer.norms?.input) : layer.norms?.input
  return partNoise(
    setting,
    { part: layer, weightScale: step.weightScale, terms: summedTerms(packing), input, magnitudeIn },
    x,
    weight,
    product
  )
}

/** What is summed of one value. */
export interface SummedPart {
  readonly part: MapPart
  readonly weightScale: number
  /** products in one slot of the result, folds included */
  readonly terms: number
  /** Euclidean norm of what one slot of the result reads; undefined when it is not known */
  readonly input: number | undefined
  /** bound on |slot| of what is read */
  readonly magnitudeIn: number
}

export function partNoise(
  setting: Setting,
  { part, weightScale, terms, input, magnitudeIn }: SummedPart,
  x: Factor,
  weight: Factor,
  product: CiphertextMetadata
): number {
  const bounded = product.noise + 0.5 * Math.log2(terms)
  const parts: number[] = []
  if (x.kind === 'encrypted') {
    const { metadata, activation } = x.flow
    const weightBits = Math.log2(weightScale)
    const row = weightBits + Math.log2(part.rowNorm ?? part.weightMagnitude * Math.sqrt(terms))
    const gain = part.norms?.gain
    if (activation && gain !== undefined) parts.push(row + activation.rest, weightBits + Math.log2(gain) + activation.unit)
    else parts.push(row + metadata.noise)
  }
  const { scale } = x.kind === 'encrypted' ? x.flow.metadata : x.metadata
  const magnitude = input === undefined ? magnitudeIn * Math.sqrt(terms) : input * setting.slotFactor
  parts.push(Math.log2(scale) + Math.log2(magnitude) + ownNoise(setting, weight))
  return Math.min(bounded, combineNoise(...parts, crossNoise(setting, x, weight, terms)))
}

/** Error times error. */
function crossNoise(setting: Setting, x: Factor, weight: Factor, terms: number): number {
  return 0.5 * (setting.parameters.logN + Math.log2(terms)) + ownNoise(setting, x) + ownNoise(setting, weight)
}

/** log2 of the error of a factor, that of encoding where it is clear. */
const ownNoise = (setting: Setting, factor: Factor): number =>
  factor.kind === 'encrypted' ? factor.flow.metadata.noise : encodingNoise(setting, factor.metadata)
