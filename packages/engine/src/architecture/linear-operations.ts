/**
 * Linear operations as public facts: what is connected to what, without weights. A sequence of them describes one fused affine layer, and gives the pattern of
 * its matrix, so that every party derives the same structural zeros.
 */
import * as z from 'zod'
import {
  type ConvolutionGeometry,
  channelsPerGroup,
  outputSize,
  type PoolGeometry,
  poolWindow,
  sizeOf,
  takeSource,
  transposeSource
} from '../graph/geometry.js'
import { SparseMatrix } from '../numeric/sparse.js'

/** A linear operation by its shape, without weights. */
export type LinearOperation =
  | { readonly kind: 'convolution'; readonly geometry: ConvolutionGeometry }
  | { readonly kind: 'averagePool'; readonly geometry: PoolGeometry }
  | { readonly kind: 'dense'; readonly inputs: number; readonly outputs: number }
  | { readonly kind: 'elementwise'; readonly features: number }
  | { readonly kind: 'transpose'; readonly shape: readonly number[]; readonly permutation: readonly number[] }
  /** along one axis of an input of `shape`: its elements at these positions, zeros where a position is -1 */
  | { readonly kind: 'take'; readonly shape: readonly number[]; readonly axis: number; readonly indices: readonly number[] }
  | { readonly kind: 'sum'; readonly branches: readonly (readonly LinearOperation[])[] }

const MAXIMUM_FEATURES = 2 ** 24
/** Positions that a `take` may list. */
const MAXIMUM_INDICES = 2 ** 20
const size = z.int().min(1).max(MAXIMUM_FEATURES)
const step = z.int().min(1).max(4096)
const pad = z.int().min(0).max(4096)
const pair = z.tuple([step, step])

const window = {
  channels: size,
  height: size,
  width: size,
  kernel: pair,
  strides: pair,
  pads: z.tuple([pad, pad, pad, pad]),
  dilations: pair
}

const fits = (geometry: PoolGeometry | ConvolutionGeometry): boolean =>
  outputSize(geometry).every(dimension => dimension >= 1) && geometry.channels * geometry.height * geometry.width <= MAXIMUM_FEATURES

export const convolutionGeometrySchema: z.ZodType<ConvolutionGeometry> = z
  .strictObject({ ...window, outputChannels: size, groups: size })
  .refine(fits, 'the kernel does not fit its input')
  .refine(
    geometry => geometry.channels % geometry.groups === 0 && geometry.outputChannels % geometry.groups === 0,
    'groups do not divide the channels'
  )

const poolGeometrySchema = z.strictObject({ ...window, countPadding: z.boolean() }).refine(fits, 'the window does not fit its input')

const takeSchema = z
  .strictObject({
    kind: z.literal('take'),
    shape: z.array(size).min(1).max(8),
    axis: z.int().min(0).max(7),
    indices: z.array(z.int().min(-1).max(MAXIMUM_FEATURES)).min(1).max(MAXIMUM_INDICES)
  })
  .refine(({ shape, axis, indices }) => {
    const length = shape[axis]
    return length !== undefined && indices.every(index => index < length)
  }, 'positions beyond the axis')
  .refine(({ shape, axis, indices }) => {
    const inputs = sizeOf(shape)
    return inputs <= MAXIMUM_FEATURES && (inputs / shape[axis]!) * indices.length <= MAXIMUM_FEATURES
  }, 'too many features')

export const linearOperationSchema: z.ZodType<LinearOperation> = z.lazy(() =>
  z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('convolution'), geometry: convolutionGeometrySchema }),
    z.strictObject({ kind: z.literal('averagePool'), geometry: poolGeometrySchema }),
    z.strictObject({ kind: z.literal('dense'), inputs: size, outputs: size }),
    z.strictObject({ kind: z.literal('elementwise'), features: size }),
    z.strictObject({
      kind: z.literal('transpose'),
      shape: z.array(size).min(1).max(8),
      permutation: z.array(z.int().min(0).max(7)).min(1).max(8)
    }),
    takeSchema,
    z.strictObject({ kind: z.literal('sum'), branches: z.array(z.array(linearOperationSchema).max(64)).min(2).max(8) })
  ])
)

/** Features in and out of one operation. */
export function featuresOf(operation: LinearOperation): { inputs: number; outputs: number } {
  switch (operation.kind) {
    case 'convolution': {
      const { channels, height, width, outputChannels } = operation.geometry
      const [rows, columns] = outputSize(operation.geometry)
      return { inputs: channels * height * width, outputs: outputChannels * rows * columns }
    }
    case 'averagePool': {
      const { channels, height, width } = operation.geometry
      const [rows, columns] = outputSize(operation.geometry)
      return { inputs: channels * height * width, outputs: channels * rows * columns }
    }
    case 'dense':
      return operation
    case 'elementwise':
      return { inputs: operation.features, outputs: operation.features }
    case 'transpose': {
      const features = sizeOf(operation.shape)
      return { inputs: features, outputs: features }
    }
    case 'take': {
      const inputs = sizeOf(operation.shape)
      return { inputs, outputs: (inputs / operation.shape[operation.axis]!) * operation.indices.length }
    }
    case 'sum': {
      const [branch] = operation.branches
      return { inputs: featuresOf(branch![0]!).inputs, outputs: featuresOf(branch!.at(-1)!).outputs }
    }
  }
}

interface Known {
  readonly pattern: SparseMatrix | undefined
}

const patterns = new WeakMap<readonly LinearOperation[], Known>()
/** The same by what they say: layers of one shape share a pattern, which may be large, as long as somebody has it. */
const shared = new Map<string, WeakRef<Known>>()
/** Shapes that are remembered. */
const MOST_SHAPES = 256

/** The same as `patternOf`, found once for every list of operations: a planner compiles the same layers many times. The list must not be changed afterwards. */
export function patternOnce(operations: readonly LinearOperation[]): SparseMatrix | undefined {
  let known = patterns.get(operations)
  if (!known) {
    const shape = JSON.stringify(operations)
    known = shared.get(shape)?.deref() ?? { pattern: patternOf(operations) }
    patterns.set(operations, known)
    if (shared.size >= MOST_SHAPES) shared.clear()
    shared.set(shape, new WeakRef(known))
  }
  return known.pattern
}

/**
 * Matrix pattern of a sequence of operations: entries of 1 wherever a weight may stand; undefined when the sequence is dense (every entry may be non-zero).
 */
export function patternOf(operations: readonly LinearOperation[]): SparseMatrix | undefined {
  if (operations.some(operation => operation.kind === 'dense')) return undefined
  let pattern: SparseMatrix | undefined
  let diagonal = false
  for (const operation of operations) {
    // the same pattern
    if (operation.kind === 'elementwise' && pattern) continue
    const next = operationPattern(operation)
    if (!next) return undefined
    pattern = pattern && !diagonal ? next.compose(pattern) : next
    diagonal = operation.kind === 'elementwise'
  }
  return pattern
}

function operationPattern(operation: LinearOperation): SparseMatrix | undefined {
  switch (operation.kind) {
    case 'convolution': {
      return convolutionPattern(operation.geometry)
    }
    case 'averagePool': {
      const { geometry } = operation
      const { inputs, outputs } = featuresOf(operation)
      const positions = outputs / geometry.channels
      return SparseMatrix.build(outputs, inputs, (row, put) => {
        for (const source of poolWindow(geometry, Math.floor(row / positions), row % positions).sources) put(source, 1)
      })
    }
    case 'dense':
      return undefined
    case 'elementwise':
      return SparseMatrix.identity(operation.features)
    case 'transpose': {
      const source = transposeSource(operation.shape, operation.permutation)
      return SparseMatrix.build(source.length, source.length, (row, put) => put(source[row]!, 1))
    }
    case 'take': {
      const source = takeSource(operation.shape, operation.axis, operation.indices)
      return SparseMatrix.build(source.length, sizeOf(operation.shape), (row, put) => {
        if (source[row]! >= 0) put(source[row]!, 1)
      })
    }
    case 'sum': {
      let sum: SparseMatrix | undefined
      for (const branch of operation.branches) {
        const pattern = branch.length === 0 ? undefined : patternOf(branch)
        if (!pattern) return undefined
        sum = sum ? sum.add(pattern) : pattern
      }
      return sum
    }
  }
}

/** By plain loops: a convolution of large maps has millions of entries. */
function convolutionPattern(geometry: ConvolutionGeometry): SparseMatrix {
  const { channels, height, width, outputChannels, groups } = geometry
  const [outputRows, outputColumns] = outputSize(geometry)
  const perGroup = channelsPerGroup(geometry)
  // by output row and column: the rows and columns that its window reads
  const down = windows(geometry, 0, outputRows, height)
  const across = windows(geometry, 1, outputColumns, width)
  const rows = outputChannels * outputRows * outputColumns
  const start = new Int32Array(rows + 1)
  for (let row = 0; row < rows; row++) {
    const [v, u] = [down[Math.floor(row / outputColumns) % outputRows]!, across[row % outputColumns]!]
    start[row + 1] = start[row]! + perGroup * v.length * u.length
  }
  const index = new Int32Array(start[rows]!)
  for (let channel = 0, k = 0; channel < outputChannels; channel++) {
    const first = Math.floor(channel / (outputChannels / groups)) * perGroup
    for (const ys of down) {
      for (const xs of across) {
        for (let input = first; input < first + perGroup; input++)
          for (const y of ys) for (const x of xs) index[k++] = (input * height + y) * width + x
      }
    }
  }
  return new SparseMatrix(rows, channels * height * width, start, index, new Float64Array(index.length).fill(1))
}

/** Along one axis, for every output: what its window reads, without padding. */
function windows({ kernel, strides, pads, dilations }: ConvolutionGeometry, axis: 0 | 1, outputs: number, size: number): number[][] {
  return Array.from({ length: outputs }, (_, output) =>
    Array.from({ length: kernel[axis] }, (__, k) => output * strides[axis] - pads[axis] + k * dilations[axis]).filter(
      source => source >= 0 && source < size
    )
  )
}
