/** How errors grow through the layers, as the noise walk and the planner's error budget count them. */
import type { MapPart } from '../architecture/architecture.js'
import type { DiagonalsPacking } from '../packing/diagonals.js'
import type { AffinePacking } from './packed.js'

/** Products that are summed in one slot of a layer's result, folds included. */
export function summedTerms(packing: AffinePacking): number {
  return packing.kind === 'taps' ? packing.taps : Math.ceil(packing.products / packing.outputBlocks) * 2 ** packing.folds.length
}

/** The same of the products with one of the values of a sum. */
export const partTerms = (packing: DiagonalsPacking, part: number): number =>
  Math.max(1, Math.ceil(packing.productsOf(part) / packing.outputBlocks) * 2 ** packing.folds.length)

export interface LayerGain {
  /** log2 of the factor from an error of the layer's input to one of its result */
  readonly input: number
  /** log2 of the factor from an error of the weights */
  readonly weights: number
  /** log2 of the factor from an error of the argument of an activation in front of the layer */
  readonly argument: number
}

/**
 * @param terms products that are summed in one slot of the result, folds included
 * @param windowed whether a slot of the result reads a window of a convolution
 * @param magnitudeIn bound on |input value| of the layer
 * @param slope bound on the derivative of the activation in front of it, 0 when there is none
 * @param slotFactor bound on |slot| relative to the bound on the values in it: an error of a weight meets the values of both samples in a slot
 */
export function gainOf(
  layer: MapPart,
  terms: number,
  windowed: boolean,
  magnitudeIn: number,
  slope: number,
  slotFactor: number
): LayerGain {
  const root = Math.sqrt(terms)
  const row = Math.min(layer.rowNorm ?? Number.POSITIVE_INFINITY, layer.weightMagnitude * root)
  const norm = windowed ? (layer.norms?.window ?? layer.norms?.input) : layer.norms?.input
  const input = Math.min(norm ?? Number.POSITIVE_INFINITY, magnitudeIn * root)
  const argument = Math.min(layer.norms?.gain ?? Number.POSITIVE_INFINITY, slope * row)
  return { input: Math.log2(row), weights: Math.log2(input * slotFactor), argument: Math.log2(argument) }
}
