/** Matrices applied to the last axis of a sample: one for all rows, or one for each. */
import { ShapeMismatchError } from '../../errors.js'
import { sizeOf } from '../../graph/geometry.js'
import { type ImportContext, MAXIMUM_ELEMENTS } from '../context.js'
import type { OnnxNode } from '../decode.js'

/** A matrix applied to the last axis of a sample: a dense layer, or the same one for every row. */
interface LastAxis {
  readonly inputs: number
  readonly outputs: number
  /** [output][input] */
  readonly weight: Float64Array
  readonly bias?: Float64Array
}

export function dense(context: ImportContext, node: OnnxNode, input: number, layer: LastAxis): number {
  const { inputs, outputs, weight, bias = new Float64Array(outputs) } = layer
  const shape = context.shape(input)
  if (shape.at(-1) !== inputs)
    throw new ShapeMismatchError(
      node.name,
      `an input of ${inputs} features in its last axis (flatten first, if all of it is meant)`,
      shape.join('×') || 'a scalar'
    )
  const rows = shape.slice(0, -1)
  const channels = sizeOf(rows)
  if (channels === 1) return context.push(node, { kind: 'dense', inputs, outputs, weight, bias }, [input], [...rows, outputs])
  return denseRows(context, node, input, { inputs, outputs, weightOf: () => weight, bias })
}

/** A matrix for every row of a sample. */
interface OwnMatrices {
  readonly inputs: number
  readonly outputs: number
  /** [output][input] of a row */
  readonly weightOf: (row: number) => Float64Array
  readonly bias?: Float64Array
}

/** Each row is a channel of its own, and the kernel as long as the row. */
export function denseRows(context: ImportContext, node: OnnxNode, input: number, layer: OwnMatrices): number {
  const { inputs, outputs, weightOf, bias = new Float64Array(outputs) } = layer
  const rows = context.shape(input).slice(0, -1)
  const channels = sizeOf(rows)
  if (channels * outputs * inputs > MAXIMUM_ELEMENTS) {
    throw new ShapeMismatchError(node.name, `at most ${MAXIMUM_ELEMENTS} weights over all rows`, `${channels} rows of ${outputs}×${inputs}`)
  }
  const kernel = new Float64Array(channels * outputs * inputs)
  for (let channel = 0; channel < channels; channel++) kernel.set(weightOf(channel), channel * outputs * inputs)
  const repeated = Float64Array.from({ length: channels * outputs }, (_, row) => bias[row % outputs]!)
  const geometry = {
    channels,
    height: 1,
    width: inputs,
    kernel: [1, inputs] as const,
    strides: [1, 1] as const,
    pads: [0, 0, 0, 0] as const,
    dilations: [1, 1] as const,
    outputChannels: channels * outputs,
    groups: channels
  }
  return context.push(node, { kind: 'convolution', geometry, kernel, bias: repeated }, [input], [...rows, outputs])
}
