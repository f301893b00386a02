/** Seconds of whole program steps, for the planner's search and for the costs that a plan reports. */
import type { OperationCosts } from '../costs/operation-costs.js'
import { diagonalsSeconds } from './diagonals.js'
import type { Factors } from './operands.js'
import { type LayerPacking, scalarWeights } from './packed.js'
import { polynomialSeconds } from './polynomial.js'
import { productOfValuesSeconds } from './product.js'
import { finishingSeconds } from './products.js'
import { squareSeconds } from './square.js'
import { tapsSeconds } from './taps.js'

/**
 * How much of the time counts in which data are encrypted and sent: their owner does it on a machine of its own, and the next query is on its way while one is
 * evaluated. Much more, and a batch would be evaluated longer than a larger one so that less is sent.
 */
export const SENDING_WEIGHT = 1

/** Evaluation of one step for one batch block, without reading weights and inputs. */
export function stepSeconds(packing: LayerPacking, costs: OperationCosts, level: number, rescalings: number, factors: Factors): number {
  const blocks = packing.outputBlocks
  switch (packing.kind) {
    case 'square':
      return blocks * squareSeconds(packing.slots, costs, level) + finishingSeconds(blocks, costs, level, rescalings)
    case 'product':
      return blocks * productOfValuesSeconds(costs, level) + finishingSeconds(blocks, costs, level, rescalings)
    case 'polynomial':
      return blocks * polynomialSeconds(packing.operations, costs, level)
    case 'taps':
      return tapsSeconds(packing, costs, level, rescalings, factors)
    case 'diagonals':
      return diagonalsSeconds(packing, costs, level, factors) + finishingSeconds(blocks, costs, level, rescalings)
  }
}

/** What a step reads of its weights every time that it runs. */
export interface WeightsRead {
  /** loaded, or encoded */
  readonly made: number
  /** encoded before, and copied into the kernel's memory */
  readonly copied: number
}

/** Reading all of them. */
export const readingSeconds = (
  packing: LayerPacking,
  { made, copied }: WeightsRead,
  costs: OperationCosts,
  level: number,
  factors: Factors
): number => {
  const each = weightSeconds(packing, costs, level, factors)
  return made * each + copied * Math.min(each, costs.bringingIn(level))
}

/** Reading one weight of a step: loading a ciphertext, or encoding a clear weight. */
export function weightSeconds(packing: LayerPacking, costs: OperationCosts, level: number, factors: Factors): number {
  if (costs.model.combining && scalarWeights(packing, factors)) return 0
  return factors.weights === 'encrypted' ? costs.loading(level) : costs.encoding(level)
}
