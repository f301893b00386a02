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
import { featuresByPosition, type MapOrder, orderedLayout } from '../packing/map-order.js'
import type { SlotPacking } from '../packing/slots.js'
import { type TapArrangement, TapsPacking } from '../packing/taps.js'
import { diagonalsSeconds } from '../steps/diagonals.js'
import { type Factors, factorsOf, type OperandKind, type Operands } from '../steps/operands.js'
import { heldVectors, inputCount, type LayerPacking, weightCount } from '../steps/packed.js'
import { profileOf } from '../steps/polynomial-profile.js'
import { SENDING_WEIGHT, stepSeconds, weightSeconds } from '../steps/price.js'
import { inputOrders, orderAfter } from './map-packing.js'

export interface PackedLayer {
  readonly packing: LayerPacking
  /** the data owner lays out the input of this layer in chunks */
  readonly chunked: boolean
  /** how the data owner lays out its maps, in front of this layer */
  readonly input?: MapOrder
  /** where the values of this layer's result stand, which are maps */
  readonly order?: MapOrder
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
export const TYPICAL_LEVEL = 3
const TYPICAL_PRIME_BITS = 45

/** What a packing of all layers is chosen by, beside the operations of one batch block. */
export interface PackingPrices {
  readonly batchBlocks: number
  /** Seconds that a key costs, as far as preparation counts. */
  readonly key: number
}

/** The packing that costs least of those with maps in some order, and those without. @param keys for one of them; nothing is added to it but what is chosen */
export function packLayers(
  architecture: Architecture,
  patterns: readonly (SparseMatrix | undefined)[],
  width: number,
  costs: OperationCosts,
  operands: Operands,
  slots: SlotPacking,
  prices: PackingPrices,
  keys?: () => KeyPrices
): PackedLayer[] {
  const pack = (order?: MapOrder): PackedLayer[] => packIn(architecture, patterns, width, costs, operands, slots, order, keys?.())
  const usual = pack()
  const orders = inputOrders(architecture, width)
  if (orders.length === 0) return usual
  const candidates = [usual, ...orders.map(pack)]
  const seconds = candidates.map(packed => roughSeconds(packed, costs, operands, prices, keys?.()))
  return candidates[seconds.indexOf(Math.min(...seconds))]!
}

/** Seconds of a whole query at a typical level, and of what is prepared for it. */
function roughSeconds(
  packed: readonly PackedLayer[],
  costs: OperationCosts,
  operands: Operands,
  { batchBlocks, key }: PackingPrices,
  keys: KeyPrices | undefined
): number {
  const rotations = new Set<number>()
  const sizes = typicalSizes(costs)
  const making = costs.model.preparation * (costs.encryption(TYPICAL_LEVEL) + costs.transfer(sizes.ciphertext(TYPICAL_LEVEL)))
  let seconds = batchBlocks * inputCount(packed[0]!.packing, operands.data) * inputSeconds(costs, operands.data)
  for (const [layer, { packing }] of packed.entries()) {
    const factors = factorsOf(operands, layer)
    // clear ones are encoded once, and then wait in memory
    const reading = factors.weights === 'clear' && costs.model.retaining ? costs.model.preparation : 1
    const weight = reading * weightSeconds(packing, costs, TYPICAL_LEVEL, factors) + (factors.weights === 'encrypted' ? making : 0)
    seconds += batchBlocks * stepSeconds(packing, costs, TYPICAL_LEVEL, 1, factors) + weightCount(packing) * weight
    if (packing.kind === 'diagonals') for (const rotation of packing.rotations(factors.input)) rotations.add(rotation)
  }
  return seconds + (keys ? batchBlocks * keys.seconds([...rotations], TYPICAL_LEVEL) : rotations.size * key)
}

/** @param first how the data owner lays out its maps; as today's kinds of packing have it when not given */
function packIn(
  architecture: Architecture,
  patterns: readonly (SparseMatrix | undefined)[],
  width: number,
  costs: OperationCosts,
  operands: Operands,
  slots: SlotPacking,
  first: MapOrder | undefined,
  keys: KeyPrices | undefined
): PackedLayer[] {
  let layout: Layout | undefined = first && orderedLayout(featuresByPosition(first), width)
  let chunk: number | undefined
  let maps = first
  const packed = architecture.layers.map((layer, index): Omit<PackedLayer, 'held'> => {
    if (layer.kind !== 'affine') {
      layout ??= sequentialLayout(layer.features, width)
      const outputBlocks = layout.blocks.length
      if (layer.kind === 'square') return { packing: { kind: 'square', outputBlocks, slots }, chunked: false }
      const { operations } = profileOf(layer, magnitudeBefore(architecture, index), slots)
      return { packing: { kind: 'polynomial', outputBlocks, slots, operations }, chunked: false }
    }
    const factors = factorsOf(operands, index)
    maps = maps && orderAfter(layer, maps)
    const order = maps && featuresByPosition(maps)
    const outputs = order?.length ?? layer.outputs
    const rows = rowPeriod(outputs, width)
    if (index === 0 && !first) {
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
    const diagonals = chunk ?? fullDiagonals(outputs, layout)
    chunk = undefined
    const packing = cheapestSteps({ outputs, order }, layout, diagonals, patterns[index], costs, factors, keys)
    keys?.add(packing.rotations(factors.input))
    layout = packing.output
    return { packing, chunked, ...(index === 0 && first ? { input: first } : {}), ...(maps ? { order: maps } : {}) }
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
  const matrix = cheapestSteps({ outputs: layer.outputs }, layout, fullDiagonals(layer.outputs, layout), pattern, costs, factors)
  const seconds = (packing: LayerPacking): number =>
    stepSeconds(packing, costs, TYPICAL_LEVEL, 1, factors) +
    weightCount(packing) * weightSeconds(packing, costs, TYPICAL_LEVEL, factors) +
    inputCount(packing, factors.input) * inputSeconds(costs, factors.input)
  return seconds(matrix) < seconds(taps)
}

/** One input ciphertext (or clear slot vector), from its owner to the evaluation. */
function inputSeconds(costs: OperationCosts, input: OperandKind): number {
  if (input === 'clear') return costs.encoding(TYPICAL_LEVEL)
  const sending = costs.encryption(TYPICAL_LEVEL) + costs.transfer(typicalSizes(costs).ciphertext(TYPICAL_LEVEL))
  return SENDING_WEIGHT * sending + costs.loading(TYPICAL_LEVEL)
}

export const typicalSizes = (costs: OperationCosts): Sizes =>
  new Sizes(costs.logN, new Array<number>(TYPICAL_LEVEL + 1).fill(TYPICAL_PRIME_BITS), TYPICAL_PRIME_BITS)

/** The number of baby steps (a power of two) that costs least. */
function cheapestSteps(
  { outputs, order }: { readonly outputs: number; readonly order?: Int32Array | undefined },
  input: Layout,
  diagonals: number,
  pattern: SparseMatrix | undefined,
  costs: OperationCosts,
  factors: Factors,
  keys?: KeyPrices
): DiagonalsPacking {
  const present = pattern && presentOnce(pattern, input, diagonals, order)
  let best: DiagonalsPacking | undefined
  let lowest = Number.POSITIVE_INFINITY
  for (let babySteps = 1; babySteps <= diagonals; babySteps *= 2) {
    const packing = new DiagonalsPacking({ outputs, order, input, diagonals, babySteps, present })
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
