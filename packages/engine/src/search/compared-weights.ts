/** What weights cost while packings are compared, at a typical level, at an evaluator that keeps them: clear ones are encoded once, and again, as encrypted ones are read, in every query where they are more than it keeps. */
import type { OperationCosts } from '../costs/operation-costs.js'
import { Residence } from '../costs/residence.js'
import type { Factors } from '../steps/operands.js'
import { type LayerPacking, vectorBytes, waitingBytes, weightCount } from '../steps/packed.js'
import { readingSeconds, weightSeconds } from '../steps/price.js'
import { TYPICAL_LEVEL } from './typical.js'

/** Counts the weights of layers into memory, in the order in which they come. */
export class ComparedWeights {
  private readonly residence = new Residence(0, 0)

  /** @param passes in which blocks are taken through the program: what does not stay in memory is read in each of them */
  constructor(
    private readonly costs: OperationCosts,
    private readonly passes = 1
  ) {}

  /** Seconds of a query for the weights of a layer: the encoding of clear ones as far as preparation counts, and what does not stay in memory. */
  seconds(packing: LayerPacking, factors: Factors): number {
    const { costs, residence, passes } = this
    const count = weightCount(packing)
    const each = weightSeconds(packing, costs, TYPICAL_LEVEL, factors)
    // numbers, which need no encoding
    if (each === 0) return 0
    const N = 2 ** costs.logN
    if (factors.weights === 'encrypted')
      return passes * each * residence.outside('encrypted weights', count, vectorBytes('encrypted', TYPICAL_LEVEL, N))
    const outside = residence.outside('clear weights', count, vectorBytes('clear', TYPICAL_LEVEL, N))
    const copied = residence.stored(outside, waitingBytes(packing, N))
    const read = { made: passes * (outside - copied), copied: passes * copied }
    return count * costs.model.preparation * each + readingSeconds(packing, read, costs, TYPICAL_LEVEL, factors)
  }
}
