/** Operators of ai.onnx.ml, as skl2onnx writes them: linear models and scaling. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import type { ImportContext, Operator } from '../context.js'
import type { OnnxNode } from '../decode.js'
import { taken } from './take.js'

function floats(node: OnnxNode, name: string): readonly number[] {
  const values = node.attributes.get(name)?.floats
  if (!values || values.length === 0)
    throw new UnsupportedAttributeError(node.name, node.operator, name, 'none', 'export the model again with its coefficients')
  return values
}

/** Dense layer from coefficients in rows, one row per output. */
function linear(context: ImportContext, node: OnnxNode, intercepts: readonly number[], outputs: number): number {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const coefficients = floats(node, 'coefficients')
  const inputs = coefficients.length / outputs
  if (shape.length !== 1 || shape[0] !== inputs) throw new ShapeMismatchError(node.name, `an input of ${inputs} features`, shape.join('×'))
  if (intercepts.length !== outputs && intercepts.length !== 0) {
    throw new ShapeMismatchError(node.name, `${outputs} intercepts`, String(intercepts.length))
  }
  const bias = intercepts.length === 0 ? new Float64Array(outputs) : Float64Array.from(intercepts)
  return context.push(node, { kind: 'dense', inputs, outputs, weight: Float64Array.from(coefficients), bias }, [input], [outputs])
}

/** Name of a classifier's scores before its post-transformation, where that is left to the querier. */
export const rawScores = ({ name }: OnnxNode): string => `scores of ${name}\u0000`

/**
 * Scores before the post-transformation have a name of their own; the scores that the file names are those after it, where they can be evaluated. Classes have no
 * counterpart: what reads them in the middle of a network finds nothing.
 */
export const linearClassifier: Operator = (context, node) => {
  const labels = node.attributes.get('classlabels_ints')?.integers ?? node.attributes.get('classlabels_strings')?.texts ?? []
  const intercepts = node.attributes.get('intercepts')?.floats ?? []
  const outputs = Math.max(1, intercepts.length || labels.length)
  const raw = linear(context, node, intercepts, outputs)
  context.name(rawScores(node), raw)
  const [, scores = ''] = node.outputs
  const transform = node.attributes.get('post_transform')?.text ?? 'NONE'
  if (scores === '' || (outputs === 1 && transform !== 'LOGISTIC') || (transform !== 'NONE' && transform !== 'LOGISTIC')) return
  if (transform === 'NONE') {
    context.name(scores, raw)
    return
  }
  const probabilities = context.push(node, { kind: 'activation', function: { name: 'sigmoid' } }, [raw], [outputs])
  if (outputs > 1 || labels.length !== 2) {
    context.name(scores, probabilities)
    return
  }
  // one score for two classes: 1 - p beside p
  const both = context.push(node, { kind: 'take', shape: [1], axis: 0, indices: [0, 0] }, [probabilities], [2])
  const operator = { kind: 'scaleShift', scale: Float64Array.of(-1, 1), shift: Float64Array.of(1, 0) } as const
  context.name(scores, context.push(node, operator, [both], [2]))
}

/** Columns by constant positions: of a table, as pipelines with a transformer for each column write it. */
export const arrayFeatureExtractor: Operator = (context, node) => {
  if (context.isConstant(node.inputs[0]))
    throw new UnsupportedAttributeError(
      node.name,
      node.operator,
      'data',
      'a constant',
      'only a final choice of labels is allowed, which the querier applies'
    )
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const { values } = context.constant(node, 1)
  const length = shape.at(-1) ?? 0
  if (values.length === 0 || values.some(position => !Number.isInteger(position) || position < 0 || position >= length))
    throw new ShapeMismatchError(node.name, `positions below ${length}`, values.join(','))
  context.alias(node, taken(context, node, input, shape.length - 1, [...values]))
}

/**
 * What stands in for missing numbers: of samples, and what is cut out of them, none is missing, since nothing is encrypted that is not finite. Of values that the network
 * computes some may be, so that their imputer has a meaning, and is refused.
 */
export const imputer: Operator = (context, node) => {
  const replaced = node.attributes.get('replaced_value_float')?.float ?? (node.attributes.has('replaced_value_int64') ? 0 : Number.NaN)
  const value = context.value(node, 0)
  if (!Number.isNaN(replaced) || !ofSamples(context, value))
    throw new UnsupportedAttributeError(
      node.name,
      node.operator,
      'replaced_value',
      `${replaced}${Number.isNaN(replaced) ? ' of computed values' : ''}`,
      'apply it to the samples before they are encrypted, and export the model without it'
    )
  context.alias(node, value)
}

/** Whether a value is elements of the input as they are. */
function ofSamples(context: ImportContext, value: number): boolean {
  const { operator, inputs } = context.node(value)
  return operator.kind === 'input' || (['take', 'reshape', 'permute'].includes(operator.kind) && ofSamples(context, inputs[0]!))
}

export const linearRegressor: Operator = (context, node) => {
  const transform = node.attributes.get('post_transform')?.text ?? 'NONE'
  if (transform !== 'NONE') throw new UnsupportedAttributeError(node.name, node.operator, 'post_transform', transform, 'export without it')
  linear(context, node, node.attributes.get('intercepts')?.floats ?? [], node.attributes.get('targets')?.integer ?? 1)
}

/** (x - offset)·scale */
export const scaler: Operator = (context, node) => {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const [features] = shape
  const read = (name: string): Float64Array => {
    const values = floats(node, name)
    if (shape.length !== 1 || (values.length !== 1 && values.length !== features)) {
      throw new ShapeMismatchError(node.name, `one ${name} or one per feature of an input of ${shape.join('×')}`, String(values.length))
    }
    return values.length === 1 ? new Float64Array(features!).fill(values[0]!) : Float64Array.from(values)
  }
  const [offset, scale] = [read('offset'), read('scale')]
  context.push(node, { kind: 'scaleShift', scale, shift: offset.map((value, index) => -value * scale[index]!) }, [input], shape)
}
