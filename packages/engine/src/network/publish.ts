/** What is published of a network: its architecture, with bounds rounded so that they tell little of the weights. */
import { ARCHITECTURE_VERSION, type Architecture, type ArchitectureLayer, parseArchitecture } from '../architecture/architecture.js'
import type { LinearOperation } from '../architecture/linear-operations.js'
import { InvalidArchitectureError, UnsupportedLayerError } from '../errors.js'
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
    if (layer.kind === 'polynomial') {
      const { name, features, basis } = layer
      return { kind: 'polynomial', name, features, basis, coefficients: commonCoefficients(layer), outputMagnitude, ...reach }
    }
    if (layer.kind === 'square') return { kind: 'square', name: layer.name, features: layer.features, outputMagnitude, ...reach }
    const { matrix, bias, operations, convolution } = layer
    const affine = {
      kind: 'affine' as const,
      name: layer.name,
      inputs: matrix.columns,
      outputs: matrix.rows,
      operations: operations as LinearOperation[],
      weightMagnitude: powerOfTwoBound(matrix.largest),
      biasMagnitude: powerOfTwoBound(bias.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)),
      outputMagnitude,
      rowNorm: coarseBound(Math.sqrt(matrix.largestRow(value => value * value)))
    }
    const norms = ranges.norms?.[index]
    return {
      ...affine,
      ...(convolution ? { convolution: convolution.geometry } : {}),
      ...(norms ? { norms } : {}),
      ...reach
    }
  })
  return parseArchitecture({
    version: ARCHITECTURE_VERSION,
    name: network.name,
    input: {
      shape: [...network.shape],
      magnitude: ranges.input,
      ...(ranges.sensitivities ? { sensitivity: ranges.sensitivities[0]! } : {})
    },
    layers,
    output: { features: network.outputs, largest: ranges.largestLogit, final: [...network.final], task: network.task }
  })
}

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
