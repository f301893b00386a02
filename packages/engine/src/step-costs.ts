/** Seconds of whole program steps, for the planner's search and for the costs that a plan reports. */
import type { OperationCosts } from './cost.js'
import type { DiagonalsPacking } from './packing/diagonals.js'
import type { TapsPacking } from './packing/taps.js'

/** How one layer is packed; a square only needs to know how many ciphertexts it has. */
export type LayerPacking = { readonly kind: 'square'; readonly outputBlocks: number } | TapsPacking | DiagonalsPacking

/** Rescaling and adding the bias. */
function finishing(blocks: number, costs: OperationCosts, level: number, rescalings: number): number {
  let sum = 0
  for (let dropped = 0; dropped < rescalings; dropped++) sum += costs.rescale(level - dropped)
  return blocks * (sum + costs.add(level - rescalings))
}

/** Baby rotations, products, relinearisations, giant rotations and folds of one batch block. */
export function diagonalsSeconds(packing: DiagonalsPacking, costs: OperationCosts, level: number): number {
  let sum = 0
  for (let block = 0; block < packing.inputBlocks; block++) {
    sum += costs.rotations(level, packing.babies(block).filter(baby => baby > 0).length)
  }
  const switches = packing.outputBlocks * (2 * packing.giantSteps - 1 + packing.folds.length)
  return sum + packing.products * costs.multiply(level) + switches * costs.keySwitch(level)
}

/** Evaluation of one step for one batch block, without reading weights. */
export function stepSeconds(packing: LayerPacking, costs: OperationCosts, level: number, rescalings: number): number {
  const blocks = packing.outputBlocks
  const finish = finishing(blocks, costs, level, rescalings)
  switch (packing.kind) {
    case 'square':
      return blocks * (costs.multiply(level) + costs.keySwitch(level)) + finish
    case 'taps':
      return packing.inputCount * costs.multiply(level) + blocks * costs.keySwitch(level) + finish
    case 'diagonals':
      return diagonalsSeconds(packing, costs, level) + finish
  }
}

/** Weight ciphertexts of a step, biases included. */
export function weightCount(packing: LayerPacking): number {
  if (packing.kind === 'square') return 0
  return packing.kind === 'taps' ? packing.items.length : packing.products + packing.outputBlocks
}

/** Input ciphertexts per batch block of the first step. */
export const inputCount = (packing: LayerPacking): number =>
  packing.kind === 'taps' ? packing.inputCount : packing.kind === 'diagonals' ? packing.inputBlocks : packing.outputBlocks
