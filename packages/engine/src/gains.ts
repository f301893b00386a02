/** How errors grow through the layers, as the noise walk and the planner's error budget count them. */
import type { AffineArchitecture } from './architecture.js'
import type { LayerPacking } from './step-costs.js'

/** Products that are summed in one slot of a layer's result, folds included. */
export function summedTerms(packing: Exclude<LayerPacking, { kind: 'square' }>): number {
  return packing.kind === 'taps' ? packing.taps : Math.ceil(packing.products / packing.outputBlocks) * 2 ** packing.folds.length
}

export interface LayerGain {
  /** log2 of the factor from an error of the layer's input to one of its result */
  readonly input: number
  /** log2 of the factor from an error of the weights */
  readonly weights: number
  /** log2 of the factor from an error of the argument of a square in front of the layer */
  readonly argument: number
}

/**
 * @param magnitudeIn bound on |input| of the layer
 * @param argumentMagnitude bound on |argument| of the square in front of it, if there is one
 */
export function gainOf(
  layer: AffineArchitecture,
  packing: Exclude<LayerPacking, { kind: 'square' }>,
  magnitudeIn: number,
  argumentMagnitude: number
): LayerGain {
  const terms = Math.sqrt(summedTerms(packing))
  const row = Math.min(layer.rowNorm ?? Number.POSITIVE_INFINITY, layer.weightMagnitude * terms)
  const norm = packing.kind === 'taps' ? (layer.norms?.window ?? layer.norms?.input) : layer.norms?.input
  const input = Math.min(norm ?? Number.POSITIVE_INFINITY, magnitudeIn * terms)
  const argument = Math.min(layer.norms?.gain ?? Number.POSITIVE_INFINITY, 2 * argumentMagnitude * row)
  return { input: Math.log2(row), weights: Math.log2(input), argument: Math.log2(argument) }
}
