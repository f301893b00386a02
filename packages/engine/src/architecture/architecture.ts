/**
 * What the parties know of a model: shapes, kinds of layers, geometry, and bounds on what flows through them. No weights.
 *
 * Bounds serve two ends: sizing scales and masks, and tracking noise. A weight bound is rounded up to a power of two, so that it tells little.
 */
import { z } from 'zod'
import { InvalidArchitectureError, UnsupportedLayerError } from '../errors.js'
import type { ConvolutionGeometry } from '../graph/geometry.js'
import { FINAL_OPERATORS } from '../graph/graph.js'
import { worstCaseRanges } from '../network/calibrate.js'
import type { Network, PolynomialLayer } from '../network/network.js'
import { convolutionGeometrySchema, featuresOf, type LinearOperation, linearOperationSchema } from './linear-operations.js'

/** Bounds on |value|, margins included. */
export interface Ranges {
  readonly input: number
  /** one per layer of the network: bound on its output */
  readonly layers: readonly number[]
  /** the largest logit seen, without margin: precision is relative to it */
  readonly largestLogit: number
  /** one per layer, null for activations: what calibration on samples tells beyond maxima */
  readonly norms?: readonly (LayerNorms | null)[]
  /**
   * How far errors reach: entry k is the largest Euclidean norm of the derivative of a logit by the output of layer k - 1 (of the input for k = 0), margin included.
   * Local norms multiplied over many layers overstate it.
   */
  readonly sensitivities?: readonly number[]
}

/**
 * Euclidean norms over the features of one sample, margins included. A sum of products has the variance Σ w²·σ_x² + Σ x²·σ_w², so norms say what maxima
 * overstate by the square root of the number of terms and more.
 */
export interface LayerNorms {
  /** of what the layer reads */
  readonly input: number
  /** of what one output of a convolution reads */
  readonly window?: number
  /** max over outputs i of ‖(W_ij·p'(u_j))_j‖, p the activation before the layer and u its input: the factor by which an error of u reaches an output */
  readonly gain?: number
}

const size = z
  .int()
  .min(1)
  .max(2 ** 24)
const bound = z
  .number()
  .positive()
  .max(2 ** 40)
const name = z.string().max(4096)

const affineSchema = z.strictObject({
  kind: z.literal('affine'),
  name,
  inputs: size,
  outputs: size,
  operations: z.array(linearOperationSchema).min(1).max(64),
  convolution: convolutionGeometrySchema.optional(),
  weightMagnitude: bound,
  biasMagnitude: bound,
  outputMagnitude: bound,
  /** the largest Euclidean norm of a row of the matrix */
  rowNorm: bound.optional(),
  /** from an error of the layer's output to one of a logit */
  sensitivity: bound.optional(),
  norms: z.strictObject({ input: bound, window: bound.optional(), gain: bound.optional() }).optional()
})

const squareSchema = z.strictObject({
  kind: z.literal('square'),
  name,
  features: size,
  outputMagnitude: bound,
  sensitivity: bound.optional()
})

/**
 * A polynomial activation. Its coefficients are public, like which activation a network has: everybody who evaluates multiplies by them. Weights stay where they are, in
 * the affine layers around it.
 */
const polynomialSchema = z.strictObject({
  kind: z.literal('polynomial'),
  name,
  features: size,
  /** A Chebyshev series is for arguments in [-1, 1], to which the layer before brings them. */
  basis: z.enum(['chebyshev', 'power']),
  /** ascending, of degree above two */
  coefficients: z
    .array(
      z
        .number()
        .min(-(2 ** 40))
        .max(2 ** 40)
    )
    .min(4)
    .max(256),
  outputMagnitude: bound,
  sensitivity: bound.optional()
})

export const architectureSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().max(512),
  input: z.strictObject({ shape: z.array(size).min(1).max(8), magnitude: bound, sensitivity: bound.optional() }),
  layers: z
    .array(z.discriminatedUnion('kind', [affineSchema, squareSchema, polynomialSchema]))
    .min(1)
    .max(1024),
  output: z.strictObject({ features: size, largest: bound, final: z.enum(FINAL_OPERATORS) })
})

export type Architecture = z.infer<typeof architectureSchema>
export type ArchitectureLayer = Architecture['layers'][number]
export type AffineArchitecture = Extract<ArchitectureLayer, { kind: 'affine' }>
export type PolynomialArchitecture = Extract<ArchitectureLayer, { kind: 'polynomial' }>

/** Bound on |value| of what layer `index` reads. */
export const magnitudeBefore = ({ input, layers }: Architecture, index: number): number =>
  index === 0 ? input.magnitude : layers[index - 1]!.outputMagnitude

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
    version: 1,
    name: network.name,
    input: {
      shape: [...network.shape],
      magnitude: ranges.input,
      ...(ranges.sensitivities ? { sensitivity: ranges.sensitivities[0]! } : {})
    },
    layers,
    output: { features: network.outputs, largest: ranges.largestLogit, final: network.final }
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

/** Architectures that came out of `parseArchitecture`: a planner compiles one many times. */
const checked = new WeakSet<object>()

/**
 * Checks an architecture from another party: schema, and that the shapes of neighbouring layers fit.
 * @throws InvalidArchitectureError
 */
export function parseArchitecture(json: unknown): Architecture {
  if (typeof json === 'object' && json !== null && checked.has(json)) return json as Architecture
  const parsed = architectureSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw new InvalidArchitectureError(issue.path.join('.') || 'document', issue.message)
  }
  const architecture = parsed.data
  let features = architecture.input.shape.reduce((product, dimension) => product * dimension, 1)
  let previous: ArchitectureLayer['kind'] | undefined
  architecture.layers.forEach((layer, index) => {
    const path = `layers.${index}`
    const inputs = layer.kind === 'affine' ? layer.inputs : layer.features
    if (inputs !== features) throw new InvalidArchitectureError(path, `reads ${inputs} features, ${features} arrive`)
    if (layer.kind === 'affine') {
      if (previous === 'affine') throw new InvalidArchitectureError(path, 'two affine layers in a row')
      checkOperations(layer, path)
      if (layer.convolution) checkConvolution(layer, layer.convolution, index, path)
      features = layer.outputs
    }
    if (layer.kind === 'polynomial' && layer.coefficients.at(-1) === 0)
      throw new InvalidArchitectureError(`${path}.coefficients`, 'a leading coefficient of zero')
    previous = layer.kind
  })
  if (features !== architecture.output.features) {
    throw new InvalidArchitectureError('output.features', `${architecture.output.features}, but the last layer gives ${features}`)
  }
  checked.add(architecture)
  return architecture
}

function checkOperations(layer: AffineArchitecture, path: string): void {
  const walk = (operations: readonly LinearOperation[], inputs: number, outputs: number): void => {
    let features = inputs
    for (const operation of operations) {
      if (operation.kind === 'transpose') {
        const sorted = [...operation.permutation].sort((a, b) => a - b)
        if (sorted.length !== operation.shape.length || sorted.some((axis, index) => axis !== index)) {
          throw new InvalidArchitectureError(`${path}.operations`, 'a permutation that is none')
        }
      }
      if (operation.kind === 'sum') {
        for (const branch of operation.branches) {
          if (branch.length === 0) throw new InvalidArchitectureError(`${path}.operations`, 'an empty branch')
        }
      }
      const shape = featuresOf(operation)
      if (shape.inputs !== features) {
        throw new InvalidArchitectureError(`${path}.operations`, `${operation.kind} reads ${shape.inputs} features, ${features} arrive`)
      }
      if (operation.kind === 'sum') for (const branch of operation.branches) walk(branch, shape.inputs, shape.outputs)
      features = shape.outputs
    }
    if (features !== outputs) throw new InvalidArchitectureError(`${path}.operations`, `give ${features} features instead of ${outputs}`)
  }
  walk(layer.operations, layer.inputs, layer.outputs)
}

function checkConvolution(layer: AffineArchitecture, geometry: ConvolutionGeometry, index: number, path: string): void {
  const shape = featuresOf({ kind: 'convolution', geometry })
  if (index !== 0 || shape.inputs !== layer.inputs || shape.outputs !== layer.outputs) {
    throw new InvalidArchitectureError(`${path}.convolution`, 'only the first layer may be a convolution, with the shape of its layer')
  }
}
