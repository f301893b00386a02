/**
 * What a network's outputs mean, and so how an answer is read and judged.
 *
 *   classification   one of several classes: the largest output
 *   binary           one output, or the last of two probabilities: the second class where it exceeds the threshold
 *   multi-label      an output for every label: those that exceed the threshold
 *   regression       numbers in the units of the data
 */
import * as z from 'zod'
import { InvalidInputError } from '../errors.js'
import { applyFinal, argmax, describeFinal, type FinalOperator, finalLength } from './final.js'

/** What the outputs of a network may mean. */
export const TASK_KINDS = ['classification', 'binary', 'multi-label', 'regression'] as const
/** One of `TASK_KINDS`. */
export type TaskKind = (typeof TASK_KINDS)[number]

/** Name of a class as the file has it. */
export type Label = string | number

const MAXIMUM_LABELS = 65_536
/** Labels travel to the querier, who prints them: no control characters, nothing endless. */
const label = z.union([
  z.number(),
  z
    .string()
    .max(256)
    .regex(/^\P{Cc}*$/u, { error: 'expected text without control characters' })
])

export const taskSchema = z.strictObject({
  kind: z.enum(TASK_KINDS),
  /** of binary and multi-label tasks, on the scale of the file's output */
  threshold: z.number().optional(),
  /** class or label of every output, in order; of a binary task the one below and the one above the threshold. 0, 1, … when absent. */
  labels: z.array(label).min(1).max(MAXIMUM_LABELS).optional()
})

/** What a network's outputs mean, as it travels in the architecture. */
export type Task = z.infer<typeof taskSchema>

/** A wish for a task: what is left out follows from the file. */
export interface TaskChoice {
  readonly kind?: TaskKind | undefined
  readonly threshold?: number | undefined
  /** Names of the classes in the order of the outputs, instead of those that the file has. */
  readonly labels?: readonly Label[] | undefined
}

/** One of several outputs: how many logits it has, and what they mean. */
export interface OutputPart {
  readonly name: string
  readonly features: number
  readonly final: readonly FinalOperator[]
  readonly task: Task
}

/** Final operators and task: what turns logits into an answer. */
export interface OutputMeaning {
  readonly final: readonly FinalOperator[]
  readonly task: Task
  /** Several outputs by name, whose logits stand one after the other: each has its own meaning, and together they are numbers. */
  readonly parts?: readonly OutputPart[] | undefined
}

/** What a file tells besides its final operators. */
export interface TaskHints {
  readonly labels?: readonly Label[] | undefined
  /** The operator that gives the outputs is a regressor by name. */
  readonly regressor?: boolean
}

const PROBABILITY = 0.5

/** Outputs that are numbers between 0 and 1 which stand for themselves. */
const endsInSigmoid = (final: readonly FinalOperator[]): boolean => ['sigmoid', 'hardSigmoid'].includes(final.at(-1)?.kind ?? '')

const has = (final: readonly FinalOperator[], ...kinds: FinalOperator['kind'][]): boolean => final.some(({ kind }) => kinds.includes(kind))

function defaultThreshold(final: readonly FinalOperator[]): number {
  return has(final, 'sigmoid', 'hardSigmoid', 'complement', 'softmax', 'normalize') ? PROBABILITY : 0
}

/** The most plausible task of a file. A single output that nothing bounds is a number: only its user knows whether its sign is meant. */
function kindOf(final: readonly FinalOperator[], logits: number, { labels, regressor }: TaskHints): TaskKind {
  // one column of several is asked for as a number
  if (regressor === true || has(final, 'select')) return 'regression'
  if (logits === 1) return labels !== undefined || has(final, 'complement', 'argmax') || endsInSigmoid(final) ? 'binary' : 'regression'
  if (labels !== undefined || has(final, 'softmax', 'logSoftmax', 'normalize', 'argmax')) return 'classification'
  if (endsInSigmoid(final)) return 'multi-label'
  return final.length === 0 ? 'classification' : 'regression'
}

/**
 * The task of a network.
 * @param logits number of them
 * @throws InvalidInputError when what is wished for does not fit the outputs
 */
export function taskOf(final: readonly FinalOperator[], logits: number, hints: TaskHints = {}, choice: TaskChoice = {}): Task {
  const kind = choice.kind ?? kindOf(final, logits, { ...hints, labels: choice.labels ?? hints.labels })
  const outputs = finalLength(
    final.filter(operator => operator.kind !== 'argmax'),
    logits
  )
  const got = `${outputs} output(s) after ${describeFinal(final)}`
  if (kind === 'classification' && outputs === 1)
    throw new InvalidInputError("task 'classification'", 'outputs of two classes or more', got)
  if (kind === 'binary' && outputs !== 1 && !(outputs === 2 && has(final, 'complement', 'softmax', 'normalize')))
    throw new InvalidInputError("task 'binary'", 'one output, or two probabilities', got)
  if (kind === 'regression' && has(final, 'argmax')) throw new InvalidInputError("task 'regression'", 'outputs that are not classes', got)
  const thresholded = kind === 'binary' || kind === 'multi-label'
  if (choice.threshold !== undefined && !(thresholded && Number.isFinite(choice.threshold)))
    throw new InvalidInputError('threshold', 'a number, for a binary or multi-label task', `${choice.threshold} for ${kind}`)
  const named = kind === 'binary' ? 2 : outputs
  const labels = choice.labels ?? hints.labels
  if (labels !== undefined && kind !== 'regression' && labels.length !== named)
    throw new InvalidInputError(
      choice.labels === undefined ? 'class labels of the file' : 'names of the classes',
      `${named} of them`,
      `${labels.length}`
    )
  return {
    kind,
    ...(thresholded ? { threshold: choice.threshold ?? defaultThreshold(final) } : {}),
    ...(labels === undefined || kind === 'regression' ? {} : { labels: [...labels] })
  }
}

/** What is told of one sample: a class, labels, a number, or several numbers. */
export type Prediction = Label | readonly Label[]

/** What a network says of one sample, read from its logits. */
export interface Answer {
  /** By the task: a class, labels, a number, or several. */
  readonly prediction: Prediction
  /** what the file's last operator gives; before an ArgMax its scores */
  readonly outputs: Float64Array
  /** Whether errors of the logits within the bar could have made it another class; never for a regression. */
  readonly nearTie: boolean
  /** Of a regression: standard deviation of the error of every output. */
  readonly deviations?: Float64Array
  /** Of several outputs: what each says, in the order of the file. `outputs` has those of all. */
  readonly parts?: readonly (Answer & { readonly name: string })[]
}

/** Values of each part of a row of logits, in order. */
export function splitOutputs<T extends OutputPart>(parts: readonly T[], logits: ArrayLike<number>): { part: T; logits: Float64Array }[] {
  const row = Float64Array.from(logits)
  let start = 0
  return parts.map(part => {
    const first = start
    start += part.features
    return { part, logits: row.slice(first, start) }
  })
}

/** Whether all that is said is numbers. */
export const isNumeric = ({ task, parts }: OutputMeaning): boolean =>
  parts === undefined ? task.kind === 'regression' : parts.every(part => part.task.kind === 'regression')

/**
 * Standard deviations within which a decision counts as a near tie. Errors are sums of very many roundings and Gaussian terms, so that a normal deviate beyond six has a
 * chance of 2·10⁻⁹: over a million answers none is expected, and a class that differs by more means that something is wrong.
 */
export const NEAR_TIE_DEVIATIONS = 6

/**
 * Reads an answer from logits.
 * @param deviation standard deviation of the error of every logit; 0 in the clear
 */
export function answerOf({ final, task, parts }: OutputMeaning, logits: ArrayLike<number>, deviation = 0): Answer {
  if (parts !== undefined) return answerOfParts(parts, logits, deviation)
  const own = Float64Array.from(logits)
  const scores = final.filter(operator => operator.kind !== 'argmax')
  const outputs = applyFinal(scores, own)
  const { labels } = task
  const named = (index: number): Label => labels?.[index] ?? index
  const scored = (change: (k: number) => number): Float64Array =>
    applyFinal(
      scores,
      own.map((value, k) => value + change(k))
    )
  const reach = NEAR_TIE_DEVIATIONS * deviation
  switch (task.kind) {
    case 'classification': {
      const best = argmax(outputs)
      return { prediction: named(best), outputs, nearTie: deviation > 0 && isContested(scores, own, best, deviation) }
    }
    case 'binary': {
      const above = (values: Float64Array): boolean => values.at(-1)! > task.threshold!
      const decided = above(outputs)
      // a logit against all others, whose errors share the difference; a single one alone
      const shift = own.length === 1 ? reach : reach / Math.SQRT2
      const turned = (sign: number): boolean => own.some((_, j) => above(scored(k => (k === j ? sign : -sign) * shift)) !== decided)
      return { prediction: named(decided ? 1 : 0), outputs, nearTie: deviation > 0 && [-1, 1].some(turned) }
    }
    case 'multi-label': {
      const chosen = (values: Float64Array): boolean[] => [...values].map(value => value > task.threshold!)
      const decided = chosen(outputs)
      const turned = (sign: number): boolean => chosen(scored(() => sign * reach)).some((flag, k) => flag !== decided[k])
      return { prediction: decided.flatMap((flag, k) => (flag ? [named(k)] : [])), outputs, nearTie: deviation > 0 && [-1, 1].some(turned) }
    }
    case 'regression': {
      const prediction = outputs.length === 1 ? outputs[0]! : [...outputs]
      if (deviation === 0) return { prediction, outputs, nearTie: false }
      // a central difference over two deviations: what is bent or cut off between them counts by as much as it matters
      const [below, above] = [scored(() => -deviation), scored(() => deviation)]
      return { prediction, outputs, nearTie: false, deviations: outputs.map((_, k) => Math.abs(above[k]! - below[k]!) / 2) }
    }
  }
}

/** Numbers of all outputs together, and what each of them says. */
function answerOfParts(parts: readonly OutputPart[], logits: ArrayLike<number>, deviation: number): Answer {
  const answers = splitOutputs(parts, logits).map(({ part, logits: own }) => ({ name: part.name, ...answerOf(part, own, deviation) }))
  const outputs = Float64Array.from(answers.flatMap(answer => [...answer.outputs]))
  return {
    prediction: [...outputs],
    outputs,
    nearTie: answers.some(({ nearTie }) => nearTie),
    // of scores nobody reads a deviation: what their errors do is told by near ties
    ...(deviation === 0
      ? {}
      : { deviations: Float64Array.from(answers.flatMap(answer => [...(answer.deviations ?? answer.outputs.map(() => 0))])) }),
    parts: answers
  }
}

/** Whether another logit is so near that the errors of the two, of √2 deviations together, may have changed their order. */
function isContested(final: readonly FinalOperator[], logits: Float64Array, best: number, deviation: number): boolean {
  let second = best === 0 ? 1 : 0
  logits.forEach((value, k) => {
    if (k !== best && value > logits[second]!) second = k
  })
  const shift = (NEAR_TIE_DEVIATIONS * deviation) / Math.SQRT2
  const nearer = logits.map((value, k) => (k === best ? value - shift : k === second ? value + shift : value))
  return argmax(applyFinal(final, nearer)) !== best
}
