/** Packing of every layer of an architecture at one width: taps or diagonals, layouts, baby steps. */
import { type AffineArchitecture, type Architecture, magnitudeBefore } from '../architecture/architecture.js'
import { patternOnce } from '../architecture/linear-operations.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import { Sizes } from '../costs/sizes.js'
import type { ConvolutionGeometry } from '../graph/geometry.js'
import type { SparseMatrix } from '../numeric/sparse.js'
import { presentOnce } from '../packing/diagonal-mask.js'
import { DiagonalsPacking, fullDiagonals } from '../packing/diagonals.js'
import { chunkDiagonals, chunkedLayout, type Layout, rowPeriod, sequentialLayout } from '../packing/layout.js'
import type { SlotPacking } from '../packing/slots.js'
import { type TapArrangement, TapsPacking } from '../packing/taps.js'
import { diagonalsSeconds } from '../steps/diagonals.js'
import { type Factors, factorsOf, type OperandKind, type Operands } from '../steps/operands.js'
import { heldVectors, inputCount, type LayerPacking, weightCount } from '../steps/packed.js'
import { profileOf } from '../steps/polynomial-profile.js'
import { SENDING_WEIGHT, stepSeconds, weightSeconds } from '../steps/price.js'

export interface PackedLayer {
  readonly packing: LayerPacking
  /** the data owner lays out the input of this layer in chunks */
  readonly chunked: boolean
  /** slot vectors of one batch block that are alive at a time */
  readonly held: number
}

/** What keys cost that a packing needs and that there are not. */
export interface KeyPrices {
  /** Seconds that the keys for these rotations, in positions, add to every batch block. */
  seconds(rotations: readonly number[], level: number): number
  /** There will be keys for these. */
  add(rotations: readonly number[]): void
}

/** Structural patterns of the affine layers; undefined for dense ones. */
export const patternsOf = (architecture: Architecture): (SparseMatrix | undefined)[] =>
  architecture.layers.map(layer => (layer.kind === 'affine' ? patternOnce(layer.operations) : undefined))

/** Narrower blocks than this may hold a first convolution as a sparse matrix. */
const NARROW_WIDTH = 16
/** Level whose costs decide how many baby steps there are. */
const TYPICAL_LEVEL = 3
const TYPICAL_PRIME_BITS = 45

export function packLayers(
  architecture: Architecture,
  patterns: readonly (SparseMatrix | undefined)[],
  width: number,
  costs: OperationCosts,
  operands: Operands,
  slots: SlotPacking,
  keys?: KeyPrices
): PackedLayer[] {
  let layout: Layout | undefined
  let chunk: number | undefined
  const packed = architecture.layers.map((layer, index): Omit<PackedLayer, 'held'> => {
    if (layer.kind !== 'affine') {
      layout ??= sequentialLayout(layer.features, width)
      const outputBlocks = layout.blocks.length
      if (layer.kind === 'square') return { packing: { kind: 'square', outputBlocks, slots }, chunked: false }
      const { operations } = profileOf(layer, magnitudeBefore(architecture, index), slots)
      return { packing: { kind: 'polynomial', outputBlocks, slots, operations }, chunked: false }
    }
    const factors = factorsOf(operands, index)
    const rows = rowPeriod(layer.outputs, width)
    if (index === 0) {
      const taps = layer.convolution && tapsFor(architecture, layer.convolution, layer.outputs, width)
      if (taps && !cheaperAsMatrix(taps.packing, layer, patterns[0], costs, factors)) {
        chunk = taps.chunk
        layout = taps.packing.output
        return { packing: taps.packing, chunked: false }
      }
      chunk = chunkDiagonals(layer.inputs, width, rows)
      if (chunk !== undefined) layout = chunkedLayout(layer.inputs, width, rows, chunk)
    }
    layout ??= sequentialLayout(layer.inputs, width)
    const chunked = index === 0 && chunk !== undefined
    const diagonals = chunk ?? fullDiagonals(layer.outputs, layout)
    chunk = undefined
    const packing = cheapestSteps(layer, layout, diagonals, patterns[index], costs, factors, keys)
    keys?.add(packing.rotations(factors.input))
    layout = packing.output
    return { packing, chunked }
  })
  return packed.map(layer => ({ ...layer, held: heldVectors(layer.packing) }))
}

/** The first convolution by taps, in chunks when one block holds it. */
function tapsFor(
  architecture: Architecture,
  geometry: ConvolutionGeometry,
  outputs: number,
  width: number
): { packing: TapsPacking; chunk: number | undefined } {
  const next = architecture.layers.slice(1).find((later): later is AffineArchitecture => later.kind === 'affine')
  const rows = next && rowPeriod(next.outputs, width)
  const chunk = rows === undefined ? undefined : chunkDiagonals(outputs, width, rows)
  const arrangement: TapArrangement = chunk === undefined ? { kind: 'blocks' } : { kind: 'chunks', rows: rows!, diagonals: chunk }
  return { packing: new TapsPacking(geometry, width, arrangement), chunk }
}

/** With clear weights and narrow blocks, taps repeat each input too often: every repetition is encrypted, sent and read. */
function cheaperAsMatrix(
  taps: TapsPacking,
  layer: AffineArchitecture,
  pattern: SparseMatrix | undefined,
  costs: OperationCosts,
  factors: Factors
): boolean {
  const { width } = taps
  if (width > NARROW_WIDTH || factors.weights === 'encrypted' || !pattern) return false
  const layout = sequentialLayout(layer.inputs, width)
  const matrix = cheapestSteps(layer, layout, fullDiagonals(layer.outputs, layout), pattern, costs, factors)
  const seconds = (packing: LayerPacking): number =>
    stepSeconds(packing, costs, TYPICAL_LEVEL, 1, factors) +
    weightCount(packing) * weightSeconds(packing, costs, TYPICAL_LEVEL, factors) +
    inputCount(packing, factors.input) * inputSeconds(costs, factors.input)
  return seconds(matrix) < seconds(taps)
}

/** One input ciphertext (or clear slot vector), from its owner to the evaluation. */
function inputSeconds(costs: OperationCosts, input: OperandKind): number {
  if (input === 'clear') return costs.encoding(TYPICAL_LEVEL)
  const sizes = new Sizes(costs.logN, new Array<number>(TYPICAL_LEVEL + 1).fill(TYPICAL_PRIME_BITS), TYPICAL_PRIME_BITS)
  const sending = costs.encryption(TYPICAL_LEVEL) + costs.transfer(sizes.ciphertext(TYPICAL_LEVEL))
  return SENDING_WEIGHT * sending + costs.loading(TYPICAL_LEVEL)
}

/** The number of baby steps (a power of two) that costs least. */
function cheapestSteps(
  layer: AffineArchitecture,
  input: Layout,
  diagonals: number,
  pattern: SparseMatrix | undefined,
  costs: OperationCosts,
  factors: Factors,
  keys?: KeyPrices
): DiagonalsPacking {
  const present = pattern && presentOnce(pattern, input, diagonals)
  let best: DiagonalsPacking | undefined
  let lowest = Number.POSITIVE_INFINITY
  for (let babySteps = 1; babySteps <= diagonals; babySteps *= 2) {
    const packing = new DiagonalsPacking({ outputs: layer.outputs, input, diagonals, babySteps, present })
    const encodings = factors.input === 'clear' ? inputCount(packing, 'clear') * costs.encoding(TYPICAL_LEVEL) : 0
    const making = keys?.seconds(packing.rotations(factors.input), TYPICAL_LEVEL) ?? 0
    const seconds = diagonalsSeconds(packing, costs, TYPICAL_LEVEL, factors) + encodings + making
    if (seconds < lowest) {
      lowest = seconds
      best = packing
    }
  }
  return best!
}
