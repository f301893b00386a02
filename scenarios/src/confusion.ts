/** How predictions fall upon labels. */
export interface ConfusionMatrix {
  /** Every class that is a label or a prediction, ascending. */
  readonly classes: readonly number[]
  /** counts[i][j]: samples of class classes[i] that were taken for classes[j]. */
  readonly counts: readonly (readonly number[])[]
}

/**
 * @param predictions of the first samples: one that has none is not counted
 * @param classes named even when no sample has them
 */
export function confusionMatrix(
  labels: readonly number[],
  predictions: readonly number[],
  classes: Iterable<number> = []
): ConfusionMatrix {
  if (predictions.length > labels.length) throw new RangeError(`${predictions.length} predictions for ${labels.length} labels`)
  const named = [...new Set([...classes, ...labels, ...predictions])].sort((a, b) => a - b)
  const counts = named.map(() => named.map(() => 0))
  predictions.forEach((prediction, k) => {
    counts[named.indexOf(labels[k]!)]![named.indexOf(prediction)]!++
  })
  return { classes: named, counts }
}
