/** Bounds on what flows through a network, from samples or from activation ranges that were measured before. */
import { InvalidInputError } from '../errors.js'
import { at } from '../numeric/elementwise-polynomial.js'
import type { LayerNorms, Ranges } from './bounds.js'
import { type MeasuredActivation, MeasuredRanges } from './measured.js'
import type { Network } from './network.js'
import { type Slope, slopeOf } from './slope.js'

/** How far bounds are widened. */
export interface CalibrationOptions {
  /** Factor on every bound: inputs of a trained network leave the range of its training data by up to a third. */
  readonly margin?: number
}

/** Factor on measured bounds. */
export const DEFAULT_MARGIN = 1.5

/** Bounds are never below this, so that logarithms stay finite. */
const SMALLEST_BOUND = 2 ** -20

const largest = (values: ArrayLike<number>): number => {
  let bound = 0
  for (let index = 0; index < values.length; index++) bound = Math.max(bound, Math.abs(values[index]!))
  return bound
}

/**
 * Runs the network on samples in the clear and records the largest value of every layer.
 * @throws InvalidInputError without samples
 */
export function calibrate(network: Network, samples: Iterable<ArrayLike<number>>, options: CalibrationOptions = {}): Ranges {
  const margin = checkMargin(options)
  const layers = network.layers.map(() => 0)
  const norms = new NormMeasurement(network)
  const sensitivities = new SensitivityMeasurement(network)
  let input = 0
  let largestLogit = 0
  let count = 0
  for (const sample of samples) {
    count++
    input = Math.max(input, largest(sample))
    const outputs: Float64Array[] = []
    const logits = network.forward(sample, (layer, values) => {
      layers[layer] = Math.max(layers[layer]!, largest(values))
      outputs.push(values)
    })
    norms.add(Float64Array.from(sample), outputs)
    sensitivities.add(Float64Array.from(sample), outputs)
    largestLogit = Math.max(largestLogit, largest(logits))
  }
  if (count === 0) throw new InvalidInputError('calibration', 'at least one sample', 'none')
  return { ...finish(network, input * margin, layers, margin, largestLogit), norms: norms.finish(margin), ...sensitivities.finish(margin) }
}

/** Largest norms of the derivatives of the logits by what flows, by backward differentiation. */
class SensitivityMeasurement {
  private readonly largest: Float64Array
  private readonly slopes: readonly (Slope | undefined)[]

  constructor(private readonly network: Network) {
    this.largest = new Float64Array(network.layers.length + 1)
    this.slopes = network.layers.map(layer => (layer.kind === 'affine' ? undefined : slopeOf(layer)))
  }

  add(sample: Float64Array, outputs: readonly Float64Array[]): void {
    const { layers, outputs: logits } = this.network
    for (let logit = 0; logit < logits; logit++) {
      let derivative = new Float64Array(logits)
      derivative[logit] = 1
      this.record(layers.length, derivative)
      for (let index = layers.length - 1; index >= 0; index--) {
        const layer = layers[index]!
        const read = index === 0 ? sample : outputs[index - 1]!
        if (layer.kind === 'affine') derivative = layer.matrix.applyTransposed(derivative)
        else {
          const slope = this.slopes[index]!
          derivative = derivative.map((value, feature) => value * slope(read[feature]!, feature))
        }
        this.record(index, derivative)
      }
    }
  }

  private record(boundary: number, derivative: Float64Array): void {
    const norm = Math.sqrt(derivative.reduce((sum, value) => sum + value * value, 0))
    this.largest[boundary] = Math.max(this.largest[boundary]!, norm)
  }

  finish(margin: number): { sensitivities: number[] } {
    const last = this.network.layers.length
    return { sensitivities: [...this.largest].map((value, boundary) => (boundary === last ? 1 : Math.max(value * margin, SMALLEST_BOUND))) }
  }
}

/** Euclidean norms of what the affine layers read, and of what they do to an error before the activation in front of them. */
class NormMeasurement {
  private readonly input: Float64Array
  private readonly window: Float64Array
  private readonly gain: Float64Array
  private readonly slopes: readonly (Slope | undefined)[]

  constructor(private readonly network: Network) {
    const count = network.layers.length
    this.slopes = network.layers.map(layer => (layer.kind === 'affine' ? undefined : slopeOf(layer)))
    this.input = new Float64Array(count)
    this.window = new Float64Array(count)
    this.gain = new Float64Array(count)
    // padding of the last batch block
    const outputs: Float64Array[] = []
    const zero = new Float64Array(network.inputs)
    network.forward(zero, (_, values) => outputs.push(values))
    this.add(zero, outputs)
  }

  add(sample: Float64Array, outputs: readonly Float64Array[]): void {
    this.network.layers.forEach((layer, index) => {
      if (layer.kind !== 'affine') return
      const read = index === 0 ? sample : outputs[index - 1]!
      const { matrix } = layer
      this.input[index] = Math.max(this.input[index]!, Math.sqrt(read.reduce((sum, value) => sum + value * value, 0)))
      if (layer.convolution)
        this.window[index] = Math.max(this.window[index]!, Math.sqrt(matrix.largestRow((_, column) => read[column]! ** 2)))
      const slope = this.slopes[index - 1]
      if (!slope) return
      const slopes = (index === 1 ? sample : outputs[index - 2]!).map(slope)
      this.gain[index] = Math.max(this.gain[index]!, Math.sqrt(matrix.largestRow((weight, column) => (weight * slopes[column]!) ** 2)))
    })
  }

  finish(margin: number): (LayerNorms | null)[] {
    return this.network.layers.map((layer, index) => {
      if (layer.kind !== 'affine') return null
      const bounded = (value: number): number => Math.max(value * margin, SMALLEST_BOUND)
      return {
        input: bounded(this.input[index]!),
        ...(layer.convolution ? { window: bounded(this.window[index]!) } : {}),
        ...(this.slopes[index - 1] ? { gain: bounded(this.gain[index]!) } : {})
      }
    })
  }
}

/**
 * Bounds from the input ranges of the activations as the model file names them, for an owner who has kept those and not the data.
 * @param bounds input: bound on |input value|; largestLogit: the largest |logit| known
 * @throws InvalidInputError when an activation of the network has no range
 */
export function rangesFromActivations(
  network: Network,
  activations: readonly MeasuredActivation[],
  bounds: { readonly input: number; readonly largestLogit: number },
  options: CalibrationOptions = {}
): Ranges {
  const margin = checkMargin(options)
  const layers = network.layers.map(() => 0)
  const ranges = new MeasuredRanges(
    activations,
    network.layers.flatMap(layer => (layer.kind === 'affine' ? [] : [layer]))
  )
  network.layers.forEach((layer, index) => {
    if (layer.kind === 'affine') return
    const measured = ranges.find(layer)
    if (!measured) throw new InvalidInputError(`range of activation '${layer.name}'`, 'a measured minimum and maximum', ranges.names)
    const ends = [measured.min, measured.max]
    const features = Array.from({ length: layer.features }, (_, feature) => feature)
    const { scale, shift } = layer.argument
    const before = largest(features.flatMap(feature => ends.map(end => at(scale, feature) * (end + at(shift, feature)))))
    if (index > 0) layers[index - 1] = before
    layers[index] = activationBound(layer, before)
  })
  if (network.layers.at(-1)?.kind === 'affine') layers[layers.length - 1] = bounds.largestLogit
  return finish(network, bounds.input, layers, margin, bounds.largestLogit)
}

/**
 * Bounds that hold for every input within ±`input`, by the triangle inequality: far above what real data reaches, for networks whose owner has no data.
 */
export function worstCaseRanges(network: Network, input = 1): Ranges {
  let before = input
  const layers = network.layers.map(layer => {
    if (layer.kind === 'affine') {
      const { matrix, bias } = layer
      let bound = 0
      for (let row = 0; row < matrix.rows; row++) {
        let sum = Math.abs(bias[row]!)
        for (let k = matrix.start[row]!; k < matrix.start[row + 1]!; k++) sum += Math.abs(matrix.values[k]!) * before
        bound = Math.max(bound, sum)
      }
      before = bound
    } else before = activationBound(layer, before)
    before = Math.max(before, SMALLEST_BOUND)
    return before
  })
  return { input, layers, largestLogit: before }
}

/** Bound on |p(x)| for |x| ≤ before. */
function activationBound(layer: Exclude<Network['layers'][number], { kind: 'affine' }>, before: number): number {
  if (layer.kind === 'square') return before * before
  const { basis, coefficients, features } = layer
  const sum = (feature: number): number =>
    coefficients.reduce<number>((total, c, k) => total + Math.abs(at(c, feature)) * basisBound(basis, k, before), 0)
  return largest(Array.from({ length: features }, (_, feature) => sum(feature)))
}

/** Largest |x^k| or |T_k(x)| for |x| ≤ before: T_k grows outside [-1, 1] as cosh(k·arcosh x). */
const basisBound = (basis: 'chebyshev' | 'power', k: number, before: number): number =>
  basis === 'power' ? before ** k : Math.cosh(k * Math.acosh(Math.max(1, before)))

/** Margin on the inputs of activations; a square's output follows from its input. */
function finish(network: Network, input: number, measured: readonly number[], margin: number, largestLogit: number): Ranges {
  const layers = measured.map((bound, index) => {
    const before = index === 0 ? input : measured[index - 1]! * margin
    return Math.max(network.layers[index]!.kind === 'square' ? before * before : bound * margin, SMALLEST_BOUND)
  })
  return { input: Math.max(input, SMALLEST_BOUND), layers, largestLogit: Math.max(largestLogit, SMALLEST_BOUND) }
}

function checkMargin(options: CalibrationOptions): number {
  const margin = options.margin ?? DEFAULT_MARGIN
  if (!Number.isFinite(margin) || margin < 1) throw new InvalidInputError('margin', 'a number of at least 1', String(margin))
  return margin
}
