/**
 * What the parties know of a model: shapes, kinds of layers, geometry, and bounds on what flows through them. No weights.
 *
 * Bounds serve two ends: sizing scales and masks, and tracking noise. A weight bound is rounded up to a power of two, so that it tells little.
 */
import * as z from 'zod'
import { InvalidArchitectureError } from '../errors.js'
import { finalLength, finalOperatorSchema, MAXIMUM_FINAL_OPERATORS } from '../graph/final.js'
import type { ConvolutionGeometry } from '../graph/geometry.js'
import { taskOf, taskSchema } from '../graph/task.js'
import { convolutionGeometrySchema, featuresOf, type LinearOperation, linearOperationSchema } from './linear-operations.js'

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

/** Raised whenever a description says otherwise what it says. 2: final operators are a list, and a task says what they mean. */
export const ARCHITECTURE_VERSION = 2

export const architectureSchema = z.strictObject({
  version: z.literal(ARCHITECTURE_VERSION),
  name: z.string().max(512),
  input: z.strictObject({ shape: z.array(size).min(1).max(8), magnitude: bound, sensitivity: bound.optional() }),
  layers: z
    .array(z.discriminatedUnion('kind', [affineSchema, squareSchema, polynomialSchema]))
    .min(1)
    .max(1024),
  output: z.strictObject({
    features: size,
    largest: bound,
    /** what the querier applies to the logits, in order, and what comes of it: with the names of the classes as the file has them */
    final: z.array(finalOperatorSchema).max(MAXIMUM_FINAL_OPERATORS),
    task: taskSchema
  })
})

/** What everybody may know of a network: shapes, operators, bounds; no weights. */
export type Architecture = z.infer<typeof architectureSchema>
/** A layer as everybody may know it. */
export type ArchitectureLayer = Architecture['layers'][number]
export type AffineArchitecture = Extract<ArchitectureLayer, { kind: 'affine' }>
export type PolynomialArchitecture = Extract<ArchitectureLayer, { kind: 'polynomial' }>

/** Bound on |value| of what layer `index` reads. */
export const magnitudeBefore = ({ input, layers }: Architecture, index: number): number =>
  index === 0 ? input.magnitude : layers[index - 1]!.outputMagnitude

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
  checkMeaning(architecture)
  checked.add(architecture)
  return architecture
}

/** A task that the outputs can have, with a name for every class. */
function checkMeaning({ output: { features, final, task } }: Architecture): void {
  let values = features
  for (const [index, operator] of final.entries()) {
    if (operator.kind === 'select' && operator.index >= values) {
      throw new InvalidArchitectureError(`output.final.${index}`, `selects value ${operator.index} of ${values}`)
    }
    values = finalLength([operator], values)
  }
  try {
    taskOf(final, features, { labels: task.labels }, task)
  } catch (error) {
    throw new InvalidArchitectureError('output.task', (error as Error).message)
  }
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
