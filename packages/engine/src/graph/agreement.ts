/** How well answers agree with others, each task by its own measure. */
import { answerOf, type Label, type OutputMeaning, type Prediction, splitOutputs } from './task.js'

/** Share of what is equal, or 1 - the share of the variance that is missed. */
export type Measure = 'share of classes' | 'share of labels' | 'R²' | 'least of the outputs'

/** How answers of a task are compared. */
export function measureOf({ task, parts }: OutputMeaning): Measure {
  if (parts !== undefined) return 'least of the outputs'
  if (task.kind === 'regression') return 'R²'
  return task.kind === 'multi-label' ? 'share of labels' : 'share of classes'
}

/**
 * Coefficient of determination, 1 - Σ(y - ŷ)²/Σ(y - ȳ)², in the mean over the outputs. 1 is perfect, 0 no better than the mean. An output that never changes has no
 * variance to explain: it counts as 1 where it is met to a millionth, as 0 otherwise.
 */
export function determination(expected: readonly ArrayLike<number>[], actual: readonly ArrayLike<number>[]): number {
  const outputs = expected[0]?.length ?? 0
  if (outputs === 0) return 1
  let total = 0
  for (let output = 0; output < outputs; output++) {
    const mean = expected.reduce((sum, row) => sum + row[output]!, 0) / expected.length
    let [missed, variance, largest] = [0, 0, 0]
    expected.forEach((row, k) => {
      missed += (row[output]! - (actual[k]?.[output] ?? Number.NaN)) ** 2
      variance += (row[output]! - mean) ** 2
      largest = Math.max(largest, Math.abs(row[output]!))
    })
    const floor = expected.length * (1e-6 * largest) ** 2
    if (!Number.isFinite(missed)) return Number.NEGATIVE_INFINITY
    total += variance > floor ? 1 - missed / variance : missed <= floor ? 1 : 0
  }
  return total / outputs
}

/** Share of one sample that is the same: 0 or 1, or the share of labels. */
export function likeness({ task }: OutputMeaning, expected: Prediction, actual: Prediction | undefined, outputs: number): number {
  if (actual === undefined) return 0
  if (task.kind !== 'multi-label') return expected === actual ? 1 : 0
  const [left, right] = [new Set(expected as readonly Label[]), new Set(actual as readonly Label[])]
  const differing = [...left].filter(value => !right.has(value)).length + [...right].filter(value => !left.has(value)).length
  return 1 - differing / outputs
}

/**
 * Agreement of networks on the same samples.
 * @param expected logits of every sample, as the file has them
 * @param actual logits of the same samples; one that is missing agrees in nothing
 * @returns share of equal classes or labels; of a regression R²; of several outputs the least of theirs
 */
export function agreementOf(meaning: OutputMeaning, expected: readonly ArrayLike<number>[], actual: readonly ArrayLike<number>[]): number {
  if (meaning.parts !== undefined) {
    const [left, right] = [expected, actual].map(rows =>
      rows.map(row => splitOutputs(meaning.parts!, row).map(({ logits }) => logits))
    ) as [Float64Array[][], Float64Array[][]]
    return meaning.parts.reduce((least, part, k) => {
      const own = agreementOf(
        part,
        left.map(row => row[k]!),
        right.map(row => row[k]!)
      )
      return Math.min(least, own)
    }, 1)
  }
  const exact = expected.map(row => answerOf(meaning, row))
  const others = expected.map((_, k) => (actual[k] === undefined ? undefined : answerOf(meaning, actual[k])))
  if (meaning.task.kind === 'regression') {
    return determination(
      exact.map(answer => answer.outputs),
      others.map(answer => answer?.outputs ?? [])
    )
  }
  const sum = exact.reduce(
    (total, { prediction, outputs }, k) => total + likeness(meaning, prediction, others[k]?.prediction, outputs.length),
    0
  )
  return expected.length === 0 ? 1 : sum / expected.length
}
