/**
 * Clear reference of the layer graph in float64, node by node with plain loops. It shares no code with fusing, packing or evaluation, so that it can judge them.
 */

import { InvalidInputError } from '../errors.js'
import { elementFunction } from '../numeric/activation-functions.js'
import { toUnit } from '../numeric/chebyshev.js'
import { compileExpression } from '../numeric/expression.js'
import { type ConvolutionGeometry, channelsPerGroup, outputSize, poolWindow, sizeOf, tapCount, tapSource } from './geometry.js'
import { type GraphOperator, inputShape, type NetworkGraph } from './graph.js'

/**
 * Logits of one sample.
 * @param input one sample, row-major in the graph's input shape
 * @param observe receives the output of every node as it is computed
 * @throws InvalidInputError when the length is wrong or a value is not finite
 */
export function evaluate(
  graph: NetworkGraph,
  input: ArrayLike<number>,
  observe?: (node: number, values: Float64Array) => void
): Float64Array {
  const size = sizeOf(inputShape(graph))
  if (input.length !== size) throw new InvalidInputError(`input of '${graph.name}'`, `${size} values`, `${input.length}`)
  const values: Float64Array[] = []
  graph.nodes.forEach((node, index) => {
    const operands = node.inputs.map(source => values[source]!)
    const result = node.operator.kind === 'input' ? Float64Array.from(input) : apply(node.operator, operands)
    if (index === 0 && !result.every(Number.isFinite))
      throw new InvalidInputError(`input of '${graph.name}'`, 'finite values', 'NaN or infinity')
    values.push(result)
    observe?.(index, result)
  })
  return values[graph.output]!.slice()
}

const element = (value: number | Float64Array, index: number): number => (typeof value === 'number' ? value : value[index]!)

function apply(operator: Exclude<GraphOperator, { kind: 'input' }>, operands: readonly Float64Array[]): Float64Array {
  const x = operands[0]!
  switch (operator.kind) {
    case 'convolution': {
      const { geometry, kernel, bias } = operator
      const positions = outputSize(geometry)[0] * outputSize(geometry)[1]
      const taps = tapCount(geometry)
      const out = new Float64Array(geometry.outputChannels * positions)
      const sources = sourcesOf(geometry)
      const groupChannels = geometry.outputChannels / geometry.groups
      const groupInputs = channelsPerGroup(geometry) * geometry.height * geometry.width
      for (let channel = 0; channel < geometry.outputChannels; channel++) {
        const first = Math.floor(channel / groupChannels) * groupInputs
        for (let position = 0; position < positions; position++) {
          let sum = bias[channel]!
          for (let tap = 0; tap < taps; tap++) {
            const source = sources[position * taps + tap]!
            if (source >= 0) sum += kernel[channel * taps + tap]! * x[first + source]!
          }
          out[channel * positions + position] = sum
        }
      }
      return out
    }
    case 'dense': {
      const out = operator.bias.slice()
      for (let row = 0; row < operator.outputs; row++) {
        for (let column = 0; column < operator.inputs; column++) out[row]! += operator.weight[row * operator.inputs + column]! * x[column]!
      }
      return out
    }
    case 'averagePool': {
      const { geometry } = operator
      const positions = outputSize(geometry)[0] * outputSize(geometry)[1]
      return Float64Array.from({ length: geometry.channels * positions }, (_, index) => {
        const { sources, divisor } = poolWindow(geometry, Math.floor(index / positions), index % positions)
        return sources.reduce((sum, source) => sum + x[source]!, 0) / divisor
      })
    }
    case 'scaleShift':
      return x.map((value, index) => element(operator.scale, index) * value + element(operator.shift, index))
    case 'add':
      return x.map((value, index) => value + operands[1]![index]!)
    case 'subtract':
      return x.map((value, index) => value - operands[1]![index]!)
    case 'multiply':
      return x.map((value, index) => value * operands[1]![index]!)
    case 'power':
      return x.map(value => value ** operator.exponent)
    case 'activation':
      return x.map(elementFunction(operator.function))
    case 'elementwise': {
      const value = compileExpression(operator.expression)
      return x.map((_, index) =>
        value(
          operands.map(operand => operand[index]!),
          index
        )
      )
    }
    case 'polynomial': {
      if (operator.basis === 'chebyshev')
        return x.map((value, index) => chebyshevSum(operator.coefficients, index, toUnit(operator.interval, value)))
      return x.map(value => operator.coefficients.reduce((sum, coefficient, k) => sum + coefficient * value ** k, 0))
    }
    case 'permute':
      return Float64Array.from(operator.source, source => x[source]!)
    case 'take': {
      const { shape, axis, indices } = operator
      const inner = sizeOf(shape.slice(axis + 1))
      const length = shape[axis]!
      const out: number[] = []
      for (let outer = 0; outer < sizeOf(shape.slice(0, axis)); outer++) {
        for (const position of indices) {
          for (let k = 0; k < inner; k++) out.push(position < 0 ? 0 : x[(outer * length + position) * inner + k]!)
        }
      }
      return Float64Array.from(out)
    }
    case 'reshape':
      return x
  }
}

/** Σ c_k·T_k(t) term by term, with T_{k+1} = 2t·T_k - T_{k-1} */
function chebyshevSum(coefficients: readonly (number | Float64Array)[], index: number, t: number): number {
  let [previous, current] = [t, 1]
  let sum = 0
  for (const coefficient of coefficients) {
    sum += element(coefficient, index) * current
    ;[previous, current] = [current, 2 * t * current - previous]
  }
  return sum
}

/** Of every position and tap of the first group's channels, the input that is read, or -1 for padding; the same for every sample. */
const knownSources = new WeakMap<ConvolutionGeometry, Int32Array>()

function sourcesOf(geometry: ConvolutionGeometry): Int32Array {
  const known = knownSources.get(geometry)
  if (known) return known
  const taps = tapCount(geometry)
  const positions = outputSize(geometry)[0] * outputSize(geometry)[1]
  const sources = Int32Array.from({ length: positions * taps }, (_, k) => tapSource(geometry, k % taps, 0, Math.floor(k / taps)))
  knownSources.set(geometry, sources)
  return sources
}
