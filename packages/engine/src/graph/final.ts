/** What a model file applies to its logits at the end: done in the clear by the querier. */
import type { FinalOperator } from './graph.js'

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

function softmax(logits: Float64Array): Float64Array {
  const largest = logits.reduce((bound, value) => Math.max(bound, value), Number.NEGATIVE_INFINITY)
  const powers = logits.map(value => Math.exp(value - largest))
  const total = powers.reduce((sum, value) => sum + value, 0)
  return powers.map(value => value / total)
}

/** Index of the largest value, the first of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index
  return best
}

/**
 * What the model file would have given for these logits.
 * @returns the logits for 'none'; one value for 'argmax', the index of the class; otherwise one value per logit
 */
export function applyFinal(final: FinalOperator, logits: Float64Array): Float64Array {
  switch (final) {
    case 'none':
      return logits.slice()
    case 'softmax':
      return softmax(logits)
    case 'logSoftmax':
      return softmax(logits).map(Math.log)
    case 'sigmoid':
      return logits.map(sigmoid)
    case 'normalizedSigmoid': {
      const scores = logits.map(sigmoid)
      const total = scores.reduce((sum, value) => sum + value, 0)
      return scores.map(value => value / total)
    }
    case 'argmax':
      return Float64Array.of(argmax(logits))
  }
}
