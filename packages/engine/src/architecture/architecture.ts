/**
 * What the parties know of a model: shapes, kinds of layers, geometry, and bounds on what flows through them. No weights.
 *
 * Bounds serve two ends: sizing scales and masks, and tracking noise. A weight bound is rounded up to a power of two, so that it tells little.
 */
import * as z from 'zod'
import { InvalidArchitectureError } from '../errors.js'
import { finalLength, finalOperatorSchema, MAXIMUM_FINAL_OPERATORS } from '../graph/final.js'
import { type ConvolutionGeometry, sizeOf } from '../graph/geometry.js'
import { inputPartsSchema, inputsSize, outputPartsSchema, outputsSize } from '../graph/parts.js'
import { taskOf, taskSchema } from '../graph/task.js'
import { convolutionGeometrySchema, featuresOf, type LinearOperation, linearOperationSchema } from './linear-operations.js'
import { readersOf, readsOf } from './values.js'

const size = z
  .int()
  .min(1)
  .max(2 ** 24)
const bound = z
  .number()
  .positive()
  .max(2 ** 40)
const name = z.string().max(4096)

/** Values that a layer reads, where it is not the one before it alone: 0 is the input, k the result of layer k - 1. */
const value = z.int().min(0).max(1023)
const reads = z.array(value).length(1).optional()

const normsSchema = z.strictObject({ input: bound, window: bound.optional(), gain: bound.optional() }).optional()

const affineSchema = z.strictObject({
  kind: z.literal('affine'),
  name,
  reads,
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
  norms: normsSchema
})

/** What a sum does to one of the values that it reads; fields as of an affine layer. */
const partSchema = z.strictObject({
  inputs: size,
  operations: z.array(linearOperationSchema).min(1).max(64),
  weightMagnitude: bound,
  rowNorm: bound.optional(),
  norms: normsSchema
})

/** Values that a sum may read: every concatenation of a densely connected block adds one. */
const MAXIMUM_PARTS = 64

const sumSchema = z.strictObject({
  kind: z.literal('sum'),
  name,
  reads: z.array(value).min(2).max(MAXIMUM_PARTS),
  outputs: size,
  /** one for each value that is read */
  parts: z.array(partSchema).min(2).max(MAXIMUM_PARTS),
  biasMagnitude: bound,
  outputMagnitude: bound,
  sensitivity: bound.optional()
})

const productSchema = z.strictObject({
  kind: z.literal('product'),
  name,
  reads: z.array(value).length(2),
  features: size,
  outputMagnitude: bound,
  sensitivity: bound.optional()
})

const squareSchema = z.strictObject({
  kind: z.literal('square'),
  name,
  reads,
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
  reads,
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
  input: z.strictObject({
    shape: z.array(size).min(1).max(8),
    magnitude: bound,
    sensitivity: bound.optional(),
    /** several inputs by name, one after the other in a row */
    parts: inputPartsSchema.optional()
  }),
  layers: z
    .array(z.discriminatedUnion('kind', [affineSchema, sumSchema, squareSchema, polynomialSchema, productSchema]))
    .min(1)
    .max(1024),
  output: z.strictObject({
    features: size,
    largest: bound,
    /** what the querier applies to the logits, in order, and what comes of it: with the names of the classes as the file has them */
    final: z.array(finalOperatorSchema).max(MAXIMUM_FINAL_OPERATORS),
    task: taskSchema,
    /** several outputs by name, whose logits stand one after the other; each has final operators and a task of its own */
    parts: outputPartsSchema.optional()
  })
})

/** What everybody may know of a network: shapes, operators, bounds; no weights. */
export type Architecture = z.infer<typeof architectureSchema>
/** A layer as everybody may know it. */
export type ArchitectureLayer = Architecture['layers'][number]
export type AffineArchitecture = Extract<ArchitectureLayer, { kind: 'affine' }>
export type PolynomialArchitecture = Extract<ArchitectureLayer, { kind: 'polynomial' }>

export type SumArchitecture = Extract<ArchitectureLayer, { kind: 'sum' }>
export type ProductArchitecture = Extract<ArchitectureLayer, { kind: 'product' }>

/** Bound on |x| of the elements of a value. */
export const magnitudeOf = ({ input, layers }: Architecture, index: number): number =>
  index === 0 ? input.magnitude : layers[index - 1]!.outputMagnitude

/** Bound on |value| of what layer `index` reads first. */
export const magnitudeBefore = (architecture: Architecture, index: number): number =>
  magnitudeOf(architecture, readsOf(architecture.layers[index]!, index)[0]!)

/** Elements of the result of a layer. */
export const outputsOf = (layer: ArchitectureLayer): number =>
  layer.kind === 'affine' || layer.kind === 'sum' ? layer.outputs : layer.features

/** What is done to one of the values that an affine map reads. */
export type MapPart = Pick<AffineArchitecture, 'inputs' | 'operations' | 'weightMagnitude' | 'rowNorm' | 'norms'>

/** An affine map of one or several values. */
export type MapArchitecture = AffineArchitecture | SumArchitecture

export const isMap = (layer: ArchitectureLayer): layer is MapArchitecture => layer.kind === 'affine' || layer.kind === 'sum'

/** Parts of an affine map, in the order of what it reads. */
export const partsOf = (layer: MapArchitecture): readonly MapPart[] => (layer.kind === 'sum' ? layer.parts : [layer])

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
  // elements by value
  const features = [architecture.input.shape.reduce((product, dimension) => product * dimension, 1)]
  checkOrder(architecture.layers)
  const readers = readersOf(architecture.layers)
  architecture.layers.forEach((layer, index) => {
    const path = `layers.${index}`
    checkReads(architecture.layers, index, features, readers, path)
    if (isMap(layer)) for (const part of partsOf(layer)) checkOperations(part, layer.outputs, path)
    if (layer.kind === 'affine' && layer.convolution) checkConvolution(layer, layer.convolution, index, path)
    if (layer.kind === 'polynomial' && layer.coefficients.at(-1) === 0)
      throw new InvalidArchitectureError(`${path}.coefficients`, 'a leading coefficient of zero')
    features.push(outputsOf(layer))
  })
  const unread = readers.findIndex((reading, value) => reading.length === 0 && value < architecture.layers.length)
  if (unread >= 0)
    throw new InvalidArchitectureError('layers', `nothing reads ${unread === 0 ? 'the input' : `the result of layer ${unread - 1}`}`)
  if (features.at(-1) !== architecture.output.features) {
    throw new InvalidArchitectureError('output.features', `${architecture.output.features}, but the last layer gives ${features.at(-1)}`)
  }
  checkMeaning(architecture)
  checked.add(architecture)
  return architecture
}

/** Every layer reads values before it. */
function checkOrder(layers: readonly ArchitectureLayer[]): void {
  layers.forEach((layer, index) => {
    const late = layer.reads?.find(value => value > index)
    if (late !== undefined) throw new InvalidArchitectureError(`layers.${index}.reads`, `value ${late}, which comes later`)
  })
}

/** What a layer reads: values before it, none twice, each of the size that the layer expects, named only where it is not the one before alone. */
function checkReads(
  layers: readonly ArchitectureLayer[],
  index: number,
  features: readonly number[],
  readers: readonly (readonly number[])[],
  path: string
): void {
  const layer = layers[index]!
  const read = readsOf(layer, index)
  const expected = isMap(layer) ? partsOf(layer).map(({ inputs }) => inputs) : read.map(() => (layer as { features: number }).features)
  if (layer.reads?.length === 1 && layer.reads[0] === index)
    throw new InvalidArchitectureError(`${path}.reads`, 'the value before the layer, which goes without saying')
  if (read.length !== expected.length)
    throw new InvalidArchitectureError(`${path}.reads`, `${read.length} values for ${expected.length} parts`)
  if (read.some((value, part) => part > 0 && value >= read[part - 1]!))
    throw new InvalidArchitectureError(`${path}.reads`, 'values that are not named once each, latest first')
  read.forEach((value, part) => {
    if (expected[part] !== features[value])
      throw new InvalidArchitectureError(path, `reads ${expected[part]} features, ${features[value]} arrive`)
    if (layer.kind === 'affine' && value > 0 && layers[value - 1]!.kind === 'affine' && readers[value]!.length === 1)
      throw new InvalidArchitectureError(path, 'two affine layers in a row')
  })
}

/** A task that the outputs can have, with a name for every class. */
function checkMeaning({ input, output }: Architecture): void {
  const { features, final, task, parts } = output
  const elements = sizeOf(input.shape)
  if (input.parts && (inputsSize(input.parts) !== elements || input.shape.length !== 1))
    throw new InvalidArchitectureError('input.parts', `${inputsSize(input.parts)} values in a row of ${input.shape.join('×')}`)
  if (parts) {
    if (outputsSize(parts) !== features) throw new InvalidArchitectureError('output.parts', `${outputsSize(parts)} logits of ${features}`)
    if (final.length > 0 || task.kind !== 'regression')
      throw new InvalidArchitectureError('output.final', 'a meaning of all outputs together, beside that of each')
    for (const [index, part] of parts.entries()) checkPart(part, `output.parts.${index}`)
  }
  checkPart({ features, final, task }, 'output')
}

function checkPart({ features, final, task }: Pick<Architecture['output'], 'features' | 'final' | 'task'>, path: string): void {
  let values = features
  for (const [index, operator] of final.entries()) {
    if (operator.kind === 'select' && operator.index >= values) {
      throw new InvalidArchitectureError(`${path}.final.${index}`, `selects value ${operator.index} of ${values}`)
    }
    values = finalLength([operator], values)
  }
  try {
    taskOf(final, features, { labels: task.labels }, task)
  } catch (error) {
    throw new InvalidArchitectureError(`${path}.task`, (error as Error).message)
  }
}

function checkOperations({ inputs: arriving, operations: all }: MapPart, leaving: number, path: string): void {
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
  walk(all, arriving, leaving)
}

function checkConvolution(layer: AffineArchitecture, geometry: ConvolutionGeometry, index: number, path: string): void {
  const shape = featuresOf({ kind: 'convolution', geometry })
  if (index !== 0 || shape.inputs !== layer.inputs || shape.outputs !== layer.outputs) {
    throw new InvalidArchitectureError(`${path}.convolution`, 'only the first layer may be a convolution, with the shape of its layer')
  }
}
