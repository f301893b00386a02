/** What a model file applies to its logits at the end: done in the clear by the querier, in order. */
import * as z from 'zod'

const finite = z.number()

/**
 * One operator at the end of a file. `softmax` to `argmax` look at all logits of a sample, the others at one value after the other.
 *
 *   normalize    x / Σ x
 *   complement   p → (1 - p, p), the two probabilities of a binary classifier
 *   select       one of the values
 *   affine       scale·x + shift
 */
export const finalOperatorSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('softmax') }),
  z.strictObject({ kind: z.literal('logSoftmax') }),
  z.strictObject({ kind: z.literal('normalize') }),
  z.strictObject({ kind: z.literal('complement') }),
  z.strictObject({ kind: z.literal('select'), index: z.int().min(0) }),
  z.strictObject({ kind: z.literal('argmax') }),
  z.strictObject({ kind: z.literal('sigmoid') }),
  z.strictObject({ kind: z.literal('tanh') }),
  z.strictObject({ kind: z.literal('exp') }),
  z.strictObject({ kind: z.literal('softplus') }),
  z.strictObject({ kind: z.literal('softsign') }),
  z.strictObject({ kind: z.literal('relu') }),
  z.strictObject({ kind: z.literal('abs') }),
  z.strictObject({ kind: z.literal('leakyRelu'), slope: finite }),
  z.strictObject({ kind: z.literal('elu'), alpha: finite }),
  z.strictObject({ kind: z.literal('celu'), alpha: finite }),
  z.strictObject({ kind: z.literal('selu'), alpha: finite, gamma: finite }),
  z.strictObject({ kind: z.literal('hardSigmoid'), alpha: finite, beta: finite }),
  z.strictObject({ kind: z.literal('clip'), minimum: finite.optional(), maximum: finite.optional() }),
  z.strictObject({ kind: z.literal('affine'), scale: finite, shift: finite })
])

/** What a file does after the logits, and the querier applies. */
export type FinalOperator = z.infer<typeof finalOperatorSchema>
export type ElementwiseFinal = Exclude<FinalOperator, { kind: (typeof JOINT)[number] }>

/** Longest list that a file may end in. */
export const MAXIMUM_FINAL_OPERATORS = 16

const JOINT = ['softmax', 'logSoftmax', 'normalize', 'complement', 'select', 'argmax'] as const

/** Whether an operator treats every value by itself. */
export const isElementwise = (operator: FinalOperator): operator is ElementwiseFinal => !JOINT.some(kind => kind === operator.kind)

function softmax(logits: Float64Array): Float64Array {
  const largest = logits.reduce((bound, value) => Math.max(bound, value), Number.NEGATIVE_INFINITY)
  const powers = logits.map(value => Math.exp(value - largest))
  const total = powers.reduce((sum, value) => sum + value, 0)
  return powers.map(value => value / total)
}

/** By differences from the largest: probabilities that underflow still have a logarithm. */
function logSoftmax(logits: Float64Array): Float64Array {
  const largest = logits.reduce((bound, value) => Math.max(bound, value), Number.NEGATIVE_INFINITY)
  const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - largest), 0))
  return logits.map(value => value - largest - total)
}

function normalized(values: Float64Array): Float64Array {
  const total = values.reduce((sum, value) => sum + Math.abs(value), 0)
  return total === 0 ? values.slice() : values.map(value => value / total)
}

/** Index of the largest value, the first of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index
  return best
}

/** The function of one value. */
function realFinal(operator: ElementwiseFinal): (x: number) => number {
  switch (operator.kind) {
    case 'sigmoid':
      return x => 1 / (1 + Math.exp(-x))
    case 'tanh':
      return Math.tanh
    case 'exp':
      return Math.exp
    case 'softplus':
      return x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
    case 'softsign':
      return x => x / (1 + Math.abs(x))
    case 'relu':
      return x => Math.max(x, 0)
    case 'abs':
      return Math.abs
    case 'leakyRelu':
      return x => (x >= 0 ? x : operator.slope * x)
    case 'elu':
      return x => (x >= 0 ? x : operator.alpha * Math.expm1(x))
    case 'celu':
      return x => (x >= 0 ? x : operator.alpha * Math.expm1(x / operator.alpha))
    case 'selu':
      return x => operator.gamma * (x >= 0 ? x : operator.alpha * Math.expm1(x))
    case 'hardSigmoid':
      return x => Math.max(0, Math.min(1, operator.alpha * x + operator.beta))
    case 'clip':
      // as the operator is defined: the maximum wins where the two are the wrong way round
      return x => Math.min(Math.max(x, operator.minimum ?? Number.NEGATIVE_INFINITY), operator.maximum ?? Number.POSITIVE_INFINITY)
    case 'affine':
      return x => operator.scale * x + operator.shift
  }
}

function applyOne(operator: FinalOperator, values: Float64Array): Float64Array {
  if (isElementwise(operator)) return values.map(realFinal(operator))
  switch (operator.kind) {
    case 'softmax':
      return softmax(values)
    case 'logSoftmax':
      return logSoftmax(values)
    case 'normalize':
      return normalized(values)
    case 'complement':
      return Float64Array.from([...values.map(value => 1 - value), ...values])
    case 'select':
      return values.slice(operator.index, operator.index + 1)
    case 'argmax':
      return Float64Array.of(argmax(values))
  }
}

/**
 * What the model file would have given for these logits.
 * @param final in the order in which the file applies them
 * @returns the logits themselves without final operators; one value after 'argmax', the index of the class
 */
export function applyFinal(final: readonly FinalOperator[], logits: Float64Array): Float64Array {
  return final.reduce<Float64Array>((values, operator) => applyOne(operator, values), logits.slice())
}

/** How many values the final operators make of so many logits. */
export function finalLength(final: readonly FinalOperator[], logits: number): number {
  return final.reduce(
    (length, { kind }) => (kind === 'complement' ? 2 * length : kind === 'select' || kind === 'argmax' ? 1 : length),
    logits
  )
}

/** In words, in the order of the file. */
export const describeFinal = (final: readonly FinalOperator[]): string => final.map(({ kind }) => kind).join(', ') || 'none'
