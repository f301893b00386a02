/** Bounds on what flows through a network, from samples or from activation ranges that were measured before. */
import { readersOf, readsOf } from '../architecture/values.js'
import { InvalidInputError } from '../errors.js'
import { at } from '../numeric/elementwise-polynomial.js'
import type { Matrix } from '../numeric/sparse.js'
import type { LayerNorms, Ranges } from './bounds.js'
import { type MeasuredActivation, MeasuredRanges } from './measured.js'
import { type ActivationLayer, isActivationLayer, type Layer, type Network } from './network.js'
import { type Slope, slopeOf } from './slope.js'

/** How far bounds are widened. */
export interface CalibrationOptions {
  /** Factor on every bound: inputs of a trained network leave the range of its training data by up to a third. */
  readonly margin?: number
}

/** Factor on measured bounds. */
export const DEFAULT_MARGIN = 1.5

/** Logits that are differentiated at once. */
const TOGETHER = 16

/** Bounds are never below this, so that logarithms stay finite. */
const SMALLEST_BOUND = 2 ** -20

const slopesOf = ({ layers }: Network): (Slope | undefined)[] =>
  layers.map(layer => (isActivationLayer(layer) ? slopeOf(layer) : undefined))

function norm(values: Float64Array): number {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += values[index]! * values[index]!
  return Math.sqrt(sum)
}

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
    this.slopes = slopesOf(network)
  }

  add(sample: Float64Array, outputs: readonly Float64Array[]): void {
    const values = [sample, ...outputs]
    const { outputs: logits } = this.network
    for (let first = 0; first < logits; first += TOGETHER) this.addLogits(first, Math.min(TOGETHER, logits - first), values)
  }

  /** Derivatives of `count` logits at once, which stand side by side for every feature. */
  private addLogits(first: number, count: number, values: readonly Float64Array[]): void {
    const { layers, outputs: logits } = this.network
    // by value; those of branches that one value leads to add up
    const derivatives: (Float64Array | undefined)[] = new Array(values.length).fill(undefined)
    const last = new Float64Array(logits * count)
    for (let logit = 0; logit < count; logit++) last[(first + logit) * count + logit] = 1
    derivatives[layers.length] = last
    for (let index = layers.length - 1; index >= 0; index--) {
      const derivative = derivatives[index + 1]!
      this.record(index + 1, derivative, count)
      const reads = readsOf(layers[index]!, index)
      reads.forEach((value, part) => {
        const own = this.back(index, part, derivative, count, reads, values)
        const others = derivatives[value]
        if (others) for (let k = 0; k < own.length; k++) own[k]! += others[k]!
        derivatives[value] = own
      })
      derivatives[index + 1] = undefined
    }
    this.record(0, derivatives[0]!, count)
  }

  /** Derivatives by the part-th value that a layer reads. */
  private back(
    index: number,
    part: number,
    derivative: Float64Array,
    count: number,
    reads: readonly number[],
    values: readonly Float64Array[]
  ): Float64Array {
    const layer = this.network.layers[index]!
    if (layer.kind === 'affine') return layer.matrix.applyTransposedTogether(derivative, count)
    if (layer.kind === 'sum') return layer.parts[part]!.matrix.applyTransposedTogether(derivative, count)
    const slope = this.slopes[index]
    const read = values[reads[layer.kind === 'product' ? 1 - part : 0]!]!
    const factors = slope ? read.map((value, feature) => slope(value, feature)) : read
    const back = new Float64Array(derivative.length)
    for (let feature = 0, k = 0; feature < factors.length; feature++) {
      for (const end = k + count; k < end; k++) back[k] = derivative[k]! * factors[feature]!
    }
    return back
  }

  private record(boundary: number, derivative: Float64Array, count: number): void {
    const squares = new Float64Array(count)
    for (let k = 0; k < derivative.length; )
      for (let logit = 0; logit < count; logit++, k++) squares[logit]! += derivative[k]! * derivative[k]!
    this.largest[boundary] = Math.max(this.largest[boundary]!, Math.sqrt(largest(squares)))
  }

  finish(margin: number): { sensitivities: number[] } {
    const last = this.network.layers.length
    return { sensitivities: [...this.largest].map((value, boundary) => (boundary === last ? 1 : Math.max(value * margin, SMALLEST_BOUND))) }
  }
}

/** Euclidean norms of what the affine maps read, and of what they do to an error before the activation in front of them. */
class NormMeasurement {
  /** by layer, then by what it reads */
  private readonly norms: readonly { input: number; window: number; gain: number }[][]
  private readonly slopes: readonly (Slope | undefined)[]

  constructor(private readonly network: Network) {
    this.slopes = slopesOf(network)
    this.norms = network.layers.map(layer => partsOf(layer).map(() => ({ input: 0, window: 0, gain: 0 })))
    // padding of the last batch block
    const outputs: Float64Array[] = []
    const zero = new Float64Array(network.inputs)
    network.forward(zero, (_, values) => outputs.push(values))
    this.add(zero, outputs)
  }

  add(sample: Float64Array, outputs: readonly Float64Array[]): void {
    const values = [sample, ...outputs]
    this.network.layers.forEach((layer, index) => {
      const reads = readsOf(layer, index)
      partsOf(layer).forEach((matrix, part) => {
        const read = values[reads[part]!]!
        const norms = this.norms[index]![part]!
        norms.input = Math.max(norms.input, norm(read))
        if (layer.kind === 'affine' && layer.convolution) norms.window = Math.max(norms.window, Math.sqrt(matrix.largestWindowSquare(read)))
        const before = reads[part]! - 1
        const slope = this.slopes[before]
        if (!slope) return
        const slopes = values[this.readBy(before)]!.map(slope)
        norms.gain = Math.max(norms.gain, Math.sqrt(matrix.largestRowSquare(slopes)))
      })
    })
  }

  private readBy(layer: number): number {
    return readsOf(this.network.layers[layer]!, layer)[0]!
  }

  finish(margin: number): (readonly LayerNorms[] | null)[] {
    const bounded = (value: number): number => Math.max(value * margin, SMALLEST_BOUND)
    return this.network.layers.map((layer, index) => {
      const norms = this.norms[index]!
      if (norms.length === 0) return null
      const reads = readsOf(layer, index)
      return norms.map(({ input, window, gain }, part) => ({
        input: bounded(input),
        ...(layer.kind === 'affine' && layer.convolution ? { window: bounded(window) } : {}),
        ...(this.slopes[reads[part]! - 1] ? { gain: bounded(gain) } : {})
      }))
    })
  }
}

/** The matrix for each value that a layer reads; none of activations and products. */
function partsOf(layer: Layer): readonly Matrix[] {
  if (layer.kind === 'affine') return [layer.matrix]
  return layer.kind === 'sum' ? layer.parts.map(({ matrix }) => matrix) : []
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
  const ranges = new MeasuredRanges(activations, network.layers.filter(isActivationLayer))
  checkMeasured(network.layers)
  network.layers.forEach((layer, index) => {
    if (!isActivationLayer(layer)) return
    const measured = ranges.find(layer)
    if (!measured) throw new InvalidInputError(`range of activation '${layer.name}'`, 'a measured minimum and maximum', ranges.names)
    const ends = [measured.min, measured.max]
    const features = Array.from({ length: layer.features }, (_, feature) => feature)
    const { scale, shift } = layer.argument
    const before = largest(features.flatMap(feature => ends.map(end => at(scale, feature) * (end + at(shift, feature)))))
    const [read] = readsOf(layer, index)
    if (read! > 0) layers[read! - 1] = Math.max(layers[read! - 1]!, before)
    layers[index] = activationBound(layer, before)
  })
  if (!isActivationLayer(network.layers.at(-1)!)) layers[layers.length - 1] = bounds.largestLogit
  return finish(network, bounds.input, layers, margin, bounds.largestLogit)
}

/** Ranges of activations bound what enters them, and nothing else. @throws InvalidInputError for a layer that neither leads to an activation nor to the logits alone */
function checkMeasured(layers: readonly Layer[]): void {
  const readers = readersOf(layers)
  layers.forEach((layer, index) => {
    if (isActivationLayer(layer) || index === layers.length - 1) return
    if (readers[index + 1]!.some(reader => isActivationLayer(layers[reader]!))) return
    throw new InvalidInputError(`bound on layer '${layer.name}'`, 'samples to calibrate on', 'ranges of activations, which do not tell it')
  })
}

/**
 * Bounds that hold for every input within ±`input`, by the triangle inequality: far above what real data reaches, for networks whose owner has no data.
 */
export function worstCaseRanges(network: Network, input = 1): Ranges {
  const bounds = [input]
  network.layers.forEach((layer, index) => {
    const read = readsOf(layer, index).map(value => bounds[value]!)
    bounds.push(Math.max(worstCase(layer, read), SMALLEST_BOUND))
  })
  return { input, layers: bounds.slice(1), largestLogit: bounds.at(-1)! }
}

function worstCase(layer: Layer, read: readonly number[]): number {
  if (isActivationLayer(layer)) return activationBound(layer, read[0]!)
  if (layer.kind === 'product') return read[0]! * read[1]!
  const sums = layer.bias.map(Math.abs)
  partsOf(layer).forEach((matrix, part) => {
    const { rows, start, values } = matrix.sparse()
    for (let row = 0; row < rows; row++)
      for (let k = start[row]!; k < start[row + 1]!; k++) sums[row]! += Math.abs(values[k]!) * read[part]!
  })
  return largest(sums)
}

/** Bound on |p(x)| for |x| ≤ before. */
function activationBound(layer: ActivationLayer, before: number): number {
  if (layer.kind === 'square') return before * before
  const { basis, coefficients, features } = layer
  const sum = (feature: number): number =>
    coefficients.reduce<number>((total, c, k) => total + Math.abs(at(c, feature)) * basisBound(basis, k, before), 0)
  return largest(Array.from({ length: features }, (_, feature) => sum(feature)))
}

/** Largest |x^k| or |T_k(x)| for |x| ≤ before: T_k grows outside [-1, 1] as cosh(k·arcosh x). */
const basisBound = (basis: 'chebyshev' | 'power', k: number, before: number): number =>
  basis === 'power' ? before ** k : Math.cosh(k * Math.acosh(Math.max(1, before)))

/** Margin on the inputs of activations; what squares and products make follows from what they read. */
function finish(network: Network, input: number, measured: readonly number[], margin: number, largestLogit: number): Ranges {
  const bounds = [input]
  network.layers.forEach((layer, index) => {
    const [first, second] = readsOf(layer, index).map(value => bounds[value]!)
    const follows = layer.kind === 'square' ? first! * first! : layer.kind === 'product' ? first! * second! : undefined
    bounds.push(Math.max(follows ?? measured[index]! * margin, SMALLEST_BOUND))
  })
  return { input: Math.max(input, SMALLEST_BOUND), layers: bounds.slice(1), largestLogit: Math.max(largestLogit, SMALLEST_BOUND) }
}

function checkMargin(options: CalibrationOptions): number {
  const margin = options.margin ?? DEFAULT_MARGIN
  if (!Number.isFinite(margin) || margin < 1) throw new InvalidInputError('margin', 'a number of at least 1', String(margin))
  return margin
}
