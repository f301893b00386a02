/** Batch normalisation in inference:  y = γ·(x - μ)/√(σ² + ε) + β  per channel, as one factor and one shift per element. */
import { MalformedTensorError } from '../errors.js'

export interface NormalizationStatistics {
  readonly gamma: ArrayLike<number>
  readonly beta: ArrayLike<number>
  readonly mean: ArrayLike<number>
  readonly variance: ArrayLike<number>
  readonly epsilon: number
}

/**
 * @param size elements of one sample, channel after channel
 * @throws MalformedTensorError when σ² + ε is not positive
 */
export function normalization(
  node: string,
  statistics: NormalizationStatistics,
  size: number
): { scale: Float64Array; shift: Float64Array } {
  const { gamma, beta, mean, variance, epsilon } = statistics
  const perChannel = size / gamma.length
  const scale = new Float64Array(size)
  const shift = new Float64Array(size)
  for (let index = 0; index < size; index++) {
    const channel = Math.floor(index / perChannel)
    const spread = variance[channel]! + epsilon
    if (!(spread > 0)) throw new MalformedTensorError(node, 'variance', `variance ${variance[channel]} of channel ${channel}`)
    scale[index] = gamma[channel]! / Math.sqrt(spread)
    shift[index] = beta[channel]! - mean[channel]! * scale[index]!
  }
  return { scale, shift }
}
