/** Seconds of what every affine step does: products, and what follows their sum. */
import type { OperationCosts } from '../costs/operation-costs.js'
import { bothEncrypted, type Factors } from './operands.js'

/** One product of an operand and a weight. */
export function productSeconds(costs: OperationCosts, level: number, factors: Factors, scalar = false): number {
  if (scalar) return costs.multiplyScalar(level)
  return bothEncrypted(factors) ? costs.multiply(level) : costs.multiplyPlain(level)
}

/** Rescaling and adding the bias. */
export function finishingSeconds(blocks: number, costs: OperationCosts, level: number, rescalings: number): number {
  let sum = 0
  for (let dropped = 0; dropped < rescalings; dropped++) sum += costs.rescale(level - dropped)
  return blocks * (sum + costs.add(level - rescalings))
}
