/** Operators of ai.onnx.ml, as skl2onnx writes them: linear models and scaling. */
import { ShapeMismatchError, UnsupportedAttributeError } from '../../errors.js'
import type { ImportContext, Operator } from '../context.js'
import type { OnnxNode } from '../decode.js'

function floats(node: OnnxNode, name: string): readonly number[] {
  const values = node.attributes.get(name)?.floats
  if (!values || values.length === 0)
    throw new UnsupportedAttributeError(node.name, node.operator, name, 'none', 'export the model again with its coefficients')
  return values
}

/** Dense layer from coefficients in rows, one row per output. */
function linear(context: ImportContext, node: OnnxNode, intercepts: readonly number[], outputs: number): void {
  const input = context.value(node, 0)
  const shape = context.shape(input)
  const coefficients = floats(node, 'coefficients')
  const inputs = coefficients.length / outputs
  if (shape.length !== 1 || shape[0] !== inputs) throw new ShapeMismatchError(node.name, `an input of ${inputs} features`, shape.join('×'))
  if (intercepts.length !== outputs && intercepts.length !== 0) {
    throw new ShapeMismatchError(node.name, `${outputs} intercepts`, String(intercepts.length))
  }
  const bias = intercepts.length === 0 ? new Float64Array(outputs) : Float64Array.from(intercepts)
  context.push(node, { kind: 'dense', inputs, outputs, weight: Float64Array.from(coefficients), bias }, [input], [outputs])
}

/** Scores before the post-transformation, which the querier applies. */
export const linearClassifier: Operator = (context, node) => {
  const labels = node.attributes.get('classlabels_ints')?.integers ?? node.attributes.get('classlabels_strings')?.texts ?? []
  const intercepts = node.attributes.get('intercepts')?.floats ?? []
  linear(context, node, intercepts, Math.max(1, intercepts.length || labels.length))
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
