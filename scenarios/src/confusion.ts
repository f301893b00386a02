/** How predictions fall upon labels. */
import type { Label } from '@slytherin/engine'

export interface ConfusionMatrix {
  /** Every class that is a label or a prediction: in the order of the model, then ascending. */
  readonly classes: readonly Label[]
  /** counts[i][j]: samples of class classes[i] that were taken for classes[j]. */
  readonly counts: readonly (readonly number[])[]
}

/**
 * @param predictions of the first samples: one that has none is not counted
 * @param classes named even when no sample has them
 */
export function confusionMatrix(labels: readonly Label[], predictions: readonly Label[], classes: readonly Label[] = []): ConfusionMatrix {
  if (predictions.length > labels.length) throw new RangeError(`${predictions.length} predictions for ${labels.length} labels`)
  const others = [...labels, ...predictions].filter(label => !classes.includes(label))
  const named = [...classes, ...[...new Set(others)].sort((a, b) => Number(a) - Number(b))]
  const counts = named.map(() => named.map(() => 0))
  predictions.forEach((prediction, k) => {
    counts[named.indexOf(labels[k]!)]![named.indexOf(prediction)]!++
  })
  return { classes: named, counts }
}
