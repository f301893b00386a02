/** Four ways to compute the same answers, held against each other: clear, polynomial, simulated, encrypted. */
import { answerOf, determination, type Label, likeness, type OutputMeaning, type Prediction } from '@slytherin/engine'

/**
 * `clear` is the network as the file writes it, `polynomial` what is left after approximating and fusing, both in float64; `simulated` is the plan on clear slots with
 * modelled errors; `encrypted` is what the querier read. `simulated` is absent when nothing was simulated.
 */
export interface FourWays<T> {
  clear: T
  polynomial: T
  simulated?: T
  encrypted: T
}

export type Logits = readonly ArrayLike<number>[]

export function mapWays<A, B>(ways: FourWays<A>, map: (value: A, way: keyof FourWays<A>) => B): FourWays<B> {
  const { clear, polynomial, simulated, encrypted } = ways
  return {
    clear: map(clear, 'clear'),
    polynomial: map(polynomial, 'polynomial'),
    ...(simulated === undefined ? {} : { simulated: map(simulated, 'simulated') }),
    encrypted: map(encrypted, 'encrypted')
  }
}

export const predictionsOf = (meaning: OutputMeaning, logits: Logits): Prediction[] => logits.map(row => answerOf(meaning, row).prediction)

/** Several labels or values as numbers of one kind; a class or a value as a list of one. */
export const listed = (prediction: Prediction): readonly Label[] => (Array.isArray(prediction) ? prediction : [prediction as Label])

/** A prediction as people read it. */
export function shown(prediction: Prediction): string {
  const one = (label: Label): string => (typeof label === 'number' && !Number.isInteger(label) ? label.toPrecision(5) : String(label))
  return Array.isArray(prediction) ? `{${prediction.map(one).join(', ')}}` : one(prediction as Label)
}

/** Whether two answers are the same; never for a regression, whose values differ by as much as they do. */
export const isSame = (meaning: OutputMeaning, expected: Prediction, actual: Prediction | undefined): boolean =>
  likeness(meaning, expected, actual, 1) === 1

/**
 * How right answers are: the share of classes or labels that are the true ones, of a regression R².
 * @param truth of every sample
 */
export function accuracyOf(meaning: OutputMeaning, truth: readonly Prediction[], logits: Logits): number {
  const answers = truth.map((_, k) => (logits[k] === undefined ? undefined : answerOf(meaning, logits[k])))
  if (meaning.task.kind === 'regression') {
    const numbers = (prediction: Prediction): number[] => listed(prediction).map(Number)
    return determination(
      truth.map(numbers),
      answers.map(answer => (answer === undefined ? [] : numbers(answer.prediction)))
    )
  }
  const sum = truth.reduce<number>((total, expected, k) => {
    const answer = answers[k]
    return total + likeness(meaning, expected, answer?.prediction, answer?.outputs.length ?? 1)
  }, 0)
  return sum / truth.length
}

/** Root of the mean square of what values differ by, over all outputs; in the units of the data. */
export function rootMeanSquare(meaning: OutputMeaning, truth: readonly Prediction[], logits: Logits): number {
  let [sum, count] = [0, 0]
  truth.forEach((expected, k) => {
    const actual = logits[k] === undefined ? [] : listed(answerOf(meaning, logits[k]).prediction)
    listed(expected).forEach((value, output) => {
      sum += (Number(value) - Number(actual[output] ?? Number.NaN)) ** 2
      count++
    })
  })
  return Math.sqrt(sum / count)
}

/** How encrypted answers differ from those of the evaluated network in the clear. */
export interface Disagreements {
  /** Samples where errors within the bar may turn the answer, whether or not they did. */
  readonly nearTies: number
  /** Answers that differ, but within the bar. */
  readonly within: number
  /** Answers that differ beyond the bar: of a regression, values. A missing answer is one. */
  readonly beyond: number
}

/**
 * @param deviation standard deviation of the error of a logit, which makes the bar (`NEAR_TIE_DEVIATIONS` of them)
 * @param bar number of deviations
 */
export function disagreementsOf(meaning: OutputMeaning, expected: Logits, actual: Logits, deviation: number, bar: number): Disagreements {
  let [nearTies, within, beyond] = [0, 0, 0]
  expected.forEach((row, k) => {
    const clear = answerOf(meaning, row, deviation)
    if (clear.nearTie) nearTies++
    const other = actual[k] === undefined ? undefined : answerOf(meaning, actual[k])
    if (meaning.task.kind === 'regression') {
      const ends = [-1, 1].map(
        sign =>
          answerOf(
            meaning,
            Float64Array.from(row, value => value + sign * bar * deviation)
          ).outputs
      )
      const far = [...clear.outputs].some((value, output) => {
        const reach = Math.max(...ends.map(end => Math.abs(end[output]! - value)))
        return !(Math.abs(value - (other?.outputs[output] ?? Number.NaN)) <= reach)
      })
      if (far) beyond++
    } else if (!isSame(meaning, clear.prediction, other?.prediction)) {
      if (clear.nearTie && other !== undefined) within++
      else beyond++
    }
  })
  return { nearTies, within, beyond }
}

/** Largest absolute difference; infinite where `actual` lacks a value that `expected` has. */
export function worstDifference(actual: Logits, expected: Logits): number {
  let worst = 0
  expected.forEach((row, k) => {
    for (let i = 0; i < row.length; i++) {
      const difference = Math.abs((actual[k]?.[i] ?? Number.POSITIVE_INFINITY) - row[i]!)
      worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference)
    }
  })
  return worst
}

export function largestOf(logits: Logits): number {
  let largest = 0
  for (const row of logits) for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i]!))
  return largest
}
