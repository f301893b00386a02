/** What is published of a network: its architecture, with bounds rounded so that they tell little of the weights. */
import { ARCHITECTURE_VERSION, type Architecture, type ArchitectureLayer, parseArchitecture } from '../architecture/architecture.js'
import type { LinearOperation } from '../architecture/linear-operations.js'
import { InvalidArchitectureError, UnsupportedLayerError } from '../errors.js'
import type { Matrix } from '../numeric/sparse.js'
import type { Ranges } from './bounds.js'
import { worstCaseRanges } from './calibrate.js'
import type { Network, PolynomialLayer } from './network.js'

/** Smallest power of two that is not below the value. */
const powerOfTwoBound = (value: number): number => 2 ** Math.ceil(Math.log2(Math.max(value, 2 ** -20)))

/** The value rounded up to three bits, so that it tells little of the weights. */
const coarseBound = (value: number): number => {
  const unit = powerOfTwoBound(value) / 16
  return Math.ceil(Math.max(value, 2 ** -20) / unit) * unit
}

/**
 * The public description of a network.
 * @param ranges from `calibrate` or `rangesFromActivations`; when left out, worst-case bounds for inputs within ±1, which cost precision
 * @throws UnsupportedLayerError for a layer that cannot be evaluated under encryption
 */
export function architectureOf(network: Network, ranges: Ranges = worstCaseRanges(network)): Architecture {
  if (ranges.layers.length !== network.layers.length) {
    throw new InvalidArchitectureError('ranges.layers', `${ranges.layers.length} bounds for ${network.layers.length} layers`)
  }
  const layers = network.layers.map((layer, index): ArchitectureLayer => {
    const outputMagnitude = ranges.layers[index]!
    const sensitivity = ranges.sensitivities?.[index + 1]
    const reach = sensitivity === undefined ? {} : { sensitivity }
    const reads = layer.reads === undefined ? {} : { reads: [...layer.reads] }
    if (layer.kind === 'polynomial') {
      const { name, features, basis } = layer
      return { kind: 'polynomial', name, ...reads, features, basis, coefficients: commonCoefficients(layer), outputMagnitude, ...reach }
    }
    if (layer.kind === 'square') return { kind: 'square', name: layer.name, ...reads, features: layer.features, outputMagnitude, ...reach }
    if (layer.kind === 'product')
      return { kind: 'product', name: layer.name, reads: [...layer.reads], features: layer.features, outputMagnitude, ...reach }
    const norms = ranges.norms?.[index]
    const biasMagnitude = powerOfTwoBound(layer.bias.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0))
    if (layer.kind === 'sum') {
      const parts = layer.parts.map((part, k) => ({
        inputs: part.matrix.columns,
        operations: part.operations as LinearOperation[],
        ...weightBounds(part.matrix),
        ...(norms ? { norms: norms[k]! } : {})
      }))
      return {
        kind: 'sum',
        name: layer.name,
        reads: [...layer.reads],
        outputs: layer.bias.length,
        parts,
        biasMagnitude,
        outputMagnitude,
        ...reach
      }
    }
    const { matrix, operations, convolution } = layer
    const { weightMagnitude, rowNorm } = weightBounds(matrix)
    return {
      kind: 'affine' as const,
      name: layer.name,
      ...reads,
      inputs: matrix.columns,
      outputs: matrix.rows,
      operations: operations as LinearOperation[],
      weightMagnitude,
      biasMagnitude,
      outputMagnitude,
      rowNorm,
      ...(convolution ? { convolution: convolution.geometry } : {}),
      ...(norms ? { norms: norms[0]! } : {}),
      ...reach
    }
  })
  return parseArchitecture({
    version: ARCHITECTURE_VERSION,
    name: network.name,
    input: {
      shape: [...network.shape],
      ...(network.named.inputs ? { parts: network.named.inputs.map(({ name, shape }) => ({ name, shape: [...shape] })) } : {}),
      magnitude: ranges.input,
      ...(ranges.sensitivities ? { sensitivity: ranges.sensitivities[0]! } : {})
    },
    layers,
    output: {
      features: network.outputs,
      largest: ranges.largestLogit,
      final: [...network.final],
      task: network.task,
      ...(network.named.parts ? { parts: network.named.parts.map(part => ({ ...part, final: [...part.final] })) } : {})
    }
  })
}

const weightBounds = (matrix: Matrix): { weightMagnitude: number; rowNorm: number } => ({
  weightMagnitude: powerOfTwoBound(matrix.largest),
  rowNorm: coarseBound(Math.sqrt(matrix.largestRowSquare()))
})

/** @throws UnsupportedLayerError when features have polynomials of their own */
function commonCoefficients({ name, coefficients }: PolynomialLayer): number[] {
  return coefficients.map(coefficient => {
    if (typeof coefficient === 'number') return coefficient
    throw new UnsupportedLayerError(
      name,
      `a polynomial of degree ${coefficients.length - 1} with coefficients that differ from feature to feature`,
      'use one polynomial for the whole layer, with scales and shifts before and after it, or one of degree two'
    )
  })
}
