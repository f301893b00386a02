/** Packing of every layer of an architecture at one width: taps or diagonals, layouts, baby steps. */
import type { AffineArchitecture, Architecture } from '../architecture.js'
import type { OperationCosts } from '../cost.js'
import { type Factors, factorsOf, type Operands } from '../operands.js'
import { patternOf } from '../operations.js'
import type { SparseMatrix } from '../sparse.js'
import { diagonalsSeconds, type LayerPacking } from '../step-costs.js'
import { DiagonalsPacking, fullDiagonals, presentDiagonals, rowPeriod } from './diagonals.js'
import { chunkDiagonals, chunkedLayout, type Layout, sequentialLayout } from './layout.js'
import { type TapArrangement, TapsPacking } from './taps.js'

export interface PackedLayer {
  readonly packing: LayerPacking
  /** the data owner lays out the input of this layer in chunks */
  readonly chunked: boolean
}

/** Structural patterns of the affine layers; undefined for dense ones. */
export const patternsOf = (architecture: Architecture): (SparseMatrix | undefined)[] =>
  architecture.layers.map((layer, index) =>
    layer.kind === 'affine' && !(index === 0 && layer.convolution) ? patternOf(layer.operations) : undefined
  )

/** Level whose costs decide how many baby steps there are. */
const TYPICAL_LEVEL = 3

export function packLayers(
  architecture: Architecture,
  patterns: readonly (SparseMatrix | undefined)[],
  width: number,
  costs: OperationCosts,
  operands: Operands
): PackedLayer[] {
  let layout: Layout | undefined
  let chunk: number | undefined
  return architecture.layers.map((layer, index): PackedLayer => {
    if (layer.kind === 'square') {
      layout ??= sequentialLayout(layer.features, width)
      return { packing: { kind: 'square', outputBlocks: layout.blocks.length }, chunked: false }
    }
    if (layer.convolution && index === 0) {
      const next = architecture.layers.slice(1).find((later): later is AffineArchitecture => later.kind === 'affine')
      const rows = next && rowPeriod(next.outputs, width)
      chunk = rows === undefined ? undefined : chunkDiagonals(layer.outputs, width, rows)
      const arrangement: TapArrangement = chunk === undefined ? { kind: 'blocks' } : { kind: 'chunks', rows: rows!, diagonals: chunk }
      const packing = new TapsPacking(layer.convolution, width, arrangement)
      layout = packing.output
      return { packing, chunked: false }
    }
    const rows = rowPeriod(layer.outputs, width)
    if (index === 0) {
      chunk = chunkDiagonals(layer.inputs, width, rows)
      if (chunk !== undefined) layout = chunkedLayout(layer.inputs, width, rows, chunk)
    }
    layout ??= sequentialLayout(layer.inputs, width)
    const chunked = index === 0 && chunk !== undefined
    const diagonals = chunk ?? fullDiagonals(layer.outputs, layout)
    chunk = undefined
    const packing = cheapestSteps(layer, layout, diagonals, patterns[index], costs, factorsOf(operands, index))
    layout = packing.output
    return { packing, chunked }
  })
}

/** The number of baby steps (a power of two) that costs least. */
function cheapestSteps(
  layer: AffineArchitecture,
  input: Layout,
  diagonals: number,
  pattern: SparseMatrix | undefined,
  costs: OperationCosts,
  factors: Factors
): DiagonalsPacking {
  const present = pattern && presentDiagonals(pattern, input, diagonals)
  let best: DiagonalsPacking | undefined
  let lowest = Number.POSITIVE_INFINITY
  for (let babySteps = 1; babySteps <= diagonals; babySteps *= 2) {
    const packing = new DiagonalsPacking({ outputs: layer.outputs, input, diagonals, babySteps, present })
    const seconds = diagonalsSeconds(packing, costs, TYPICAL_LEVEL, factors)
    if (seconds < lowest) {
      lowest = seconds
      best = packing
    }
  }
  return best!
}
