/** Packing of every layer of an architecture at one width: taps or diagonals, layouts, baby steps. */
import {
  type AffineArchitecture,
  type Architecture,
  type ArchitectureLayer,
  isMap,
  magnitudeBefore,
  type SumArchitecture
} from '../architecture/architecture.js'
import { readersOf, readsOf, waitingValues } from '../architecture/values.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import type { SparseMatrix } from '../numeric/sparse.js'
import { presentOnce } from '../packing/diagonal-mask.js'
import { DiagonalsPacking, type DiagonalsShape, fullDiagonals, type Stepping } from '../packing/diagonals.js'
import { joint } from '../packing/joint.js'
import { chunkDiagonals, chunkedLayout, type Layout, rowPeriod, sequentialLayout } from '../packing/layout.js'
import { featuresByPosition, type MapOrder, orderedLayout } from '../packing/map-order.js'
import { commonLayout } from '../packing/overlap.js'
import type { SlotPacking } from '../packing/slots.js'
import { type TapArrangement, TapsPacking } from '../packing/taps.js'
import { diagonalsSeconds } from '../steps/diagonals.js'
import { type Encrypting, type Factors, factorsOf, type OperandKind } from '../steps/operands.js'
import { heldVectors, inputCount, type LayerPacking, weightCount } from '../steps/packed.js'
import { profileOf } from '../steps/polynomial-profile.js'
import { stepSeconds, weightSeconds } from '../steps/price.js'
import { groupsAhead, orderAfter } from './map-packing.js'
import { inputSeconds, TYPICAL_LEVEL } from './typical.js'

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

/** By layer, of each value that it reads; undefined where every entry may be a weight. */
export type Patterns = readonly (readonly (SparseMatrix | undefined)[])[]

/** Narrower blocks than this may hold a first convolution as a sparse matrix. */
const NARROW_WIDTH = 16

/**
 * Packings of matrices by all the ways to make their rotations: first those that have a key for everything, then those that save some. Layouts that a planner compares share
 * most of them, and what has been found out of one is kept.
 */
export class KnownPackings {
  private readonly known = new Map<
    Layout,
    { readonly shape: PackingShape; readonly input: OperandKind; readonly all: readonly Steppings[] }[]
  >()

  of(shape: PackingShape, factors: Factors): readonly Steppings[] {
    const { input } = factors
    const packed = this.known.get(shape.input) ?? []
    const found = packed.find(other => other.input === input && sameShape(other.shape, shape))
    if (found) return found.all
    const powers: number[] = []
    for (let babySteps = 1; babySteps <= shape.diagonals; babySteps *= 2) powers.push(babySteps)
    const all = powers.map(babySteps => steppings(new DiagonalsPacking({ ...shape, babySteps }), factors))
    // joint inputs are put together anew every time
    if (!shape.joint) this.known.set(shape.input, [...packed, { shape, input, all }])
    return all
  }
}

const sameShape = (a: PackingShape, b: PackingShape): boolean =>
  a.outputs === b.outputs && a.order === b.order && a.diagonals === b.diagonals && a.present === b.present && a.joint === b.joint

type Steppings = readonly [usual: DiagonalsPacking[], saving: DiagonalsPacking[]]
type Unheld = Omit<PackedLayer, 'held'>
type PackingShape = Omit<DiagonalsShape, 'babySteps' | keyof Stepping>

export class Packer {
  private readonly readers: readonly (readonly number[])[]
  /** by value */
  private readonly layouts: (Layout | undefined)[]
  private readonly orders: (MapOrder | undefined)[]
  /** diagonals of a layout that is made for the one layer that reads it, by value */
  private readonly chunks = new Map<number, number>()

  /**
   * @param first how the data owner lays out its maps; as other kinds of packing have it when not given
   * @param leap seconds that another key costs, for every batch block, so that giant steps can be leapt over
   * @param stretch how many times as long a step may take to save keys as one that has a key for everything; 0 where none is to be saved
   */
  constructor(
    private readonly architecture: Architecture,
    private readonly patterns: Patterns,
    private readonly width: number,
    private readonly costs: OperationCosts,
    private readonly operands: Encrypting,
    private readonly slots: SlotPacking,
    private readonly known: KnownPackings,
    private readonly first: MapOrder | undefined,
    private readonly leap: number,
    private readonly keys: KeyPrices | undefined,
    private readonly stretch: number
  ) {
    this.readers = readersOf(architecture.layers)
    this.layouts = [first && orderedLayout(featuresByPosition(first), width)]
    this.orders = [first]
  }

  run(): PackedLayer[] {
    const { architecture, layouts } = this
    const packed = architecture.layers.map((layer, index): Unheld => {
      if (layer.kind === 'affine') return this.affine(layer, index)
      return layer.kind === 'sum' ? this.sum(layer, index) : this.slotwise(layer, index)
    })
    const waiting = waitingValues(architecture.layers)
    return packed.map((layer, index) => ({
      ...layer,
      held: heldVectors(layer.packing) + waiting[index]!.reduce((sum, value) => sum + layouts[value]!.blocks.length, 0)
    }))
  }

  /** Where a value stands; where its first reader finds it when nobody has chosen. */
  private arriving(value: number, features: number): Layout {
    this.layouts[value] ??= sequentialLayout(features, this.width)
    return this.layouts[value]
  }

  private slotwise(layer: Exclude<ArchitectureLayer, AffineArchitecture | SumArchitecture>, index: number): Unheld {
    const { architecture, slots } = this
    const reads = readsOf(layer, index)
    const [layout, other] = reads.map(value => this.arriving(value, layer.features)) as [Layout, Layout?]
    this.layouts.push(other ? (commonLayout(layout, other, layer.features) ?? layout) : layout)
    this.orders.push(this.orders[reads[0]!])
    const outputBlocks = layout.blocks.length
    if (layer.kind !== 'polynomial') return { packing: { kind: layer.kind, outputBlocks, slots }, chunked: false }
    const { operations } = profileOf(layer, magnitudeBefore(architecture, index), slots)
    return { packing: { kind: 'polynomial', outputBlocks, slots, operations }, chunked: false }
  }

  /** Values meet where they stand; the result stands where the first of them that is maps has it. */
  private sum(layer: SumArchitecture, index: number): Unheld {
    const after = readsOf(layer, index).map((value, part) => this.after(layer.parts[part]!, value))
    const order = this.partnerOrder(
      index + 1,
      layer.outputs,
      // what keeps channels where they are says where; what sums them can stand anywhere
      after.find(found => found?.places) ?? after.find(found => found !== undefined)
    )
    const positions = order && featuresByPosition(order)
    const outputs = positions?.length ?? layer.outputs
    const parts = layer.parts.map(({ inputs }, part) => ({
      layout: this.arriving(layer.reads[part]!, inputs),
      features: inputs,
      pattern: this.patterns[index]![part],
      clear: layer.reads[part] === 0 && this.operands.data === 'clear'
    }))
    const { layout, blocks, diagonals, present } = joint(parts, outputs, positions)
    return this.matrix({ outputs, order: positions, input: layout, diagonals, present, joint: blocks }, index, order)
  }

  private affine(layer: AffineArchitecture, index: number): Unheld {
    const { width, first } = this
    const [value] = readsOf(layer, index) as [number]
    const order = this.partnerOrder(index + 1, layer.outputs, this.after(layer, value, groupsAhead(this.architecture.layers, index + 1)))
    const positions = order && featuresByPosition(order)
    const outputs = positions?.length ?? layer.outputs
    if (index === 0 && !first && this.readers[0]!.length === 1) {
      const taps = this.taps(layer)
      if (taps) return taps
      const rows = rowPeriod(outputs, width)
      const chunk = chunkDiagonals(layer.inputs, width, rows)
      if (chunk !== undefined) {
        this.layouts[0] = chunkedLayout(layer.inputs, width, rows, chunk)
        this.chunks.set(0, chunk)
      }
    }
    const input = this.arriving(value, layer.inputs)
    const diagonals = this.chunks.get(value) ?? fullDiagonals(outputs, input)
    const pattern = this.patterns[index]![0]
    const present = pattern && presentOnce(pattern, input, diagonals, positions)
    const found = this.matrix({ outputs, order: positions, input, diagonals, present }, index, order)
    return { ...found, chunked: index === 0 && this.chunks.has(0), ...(index === 0 && first ? { input: first } : {}) }
  }

  private matrix(shape: PackingShape, index: number, order: MapOrder | undefined): Unheld {
    const factors = factorsOf(this.operands, readsOf(this.architecture.layers[index]!, index))
    const packing = cheapestSteps(this.known.of(shape, factors), this.costs, factors, this.leap, this.keys, this.stretch)
    this.keys?.add(packing.rotations(factors.input))
    this.layouts.push(packing.output)
    this.orders.push(order)
    return { packing, chunked: false, ...(order ? { order } : {}) }
  }

  private after(part: Pick<AffineArchitecture, 'operations'>, value: number, groups?: number): MapOrder | undefined {
    const before = this.orders[value]
    return before && orderAfter(part, before, groups)
  }

  /** The order of a value that is to be multiplied slot by slot by one that has been packed: that one's; otherwise the one that it would have. */
  private partnerOrder(value: number, features: number, own: MapOrder | undefined): MapOrder | undefined {
    const { layers } = this.architecture
    for (const index of this.readers[value]!) {
      const layer = layers[index]!
      if (isMap(layer)) continue
      if (layer.kind !== 'product') return this.partnerOrder(index + 1, features, own)
      const other = layer.reads.find(read => read !== value && this.layouts[read] !== undefined)
      if (other !== undefined) return this.orders[other]
    }
    return own
  }

  /** The first convolution by taps, where that costs less. */
  private taps(layer: AffineArchitecture): Unheld | undefined {
    const { architecture, readers, width, costs } = this
    if (!layer.convolution || meetsProduct(architecture, readers, 1)) return undefined
    const { packing, chunk } = tapsFor(architecture, readers, layer, width)
    const factors = factorsOf(this.operands, [0])
    if (cheaperAsMatrix(packing, layer, this.patterns[0]![0], costs, factors, this.operands.seededInputs, this.known)) return undefined
    this.layouts.push(packing.output)
    this.orders.push(undefined)
    if (chunk !== undefined) this.keepChunk(1, chunk)
    return { packing, chunked: false }
  }

  /** A value is laid out for the layer that reads it through activations. */
  private keepChunk(value: number, diagonals: number): void {
    this.chunks.set(value, diagonals)
    const [reader] = this.readers[value]!
    const layer = reader === undefined ? undefined : this.architecture.layers[reader]
    if (layer && !isMap(layer)) this.keepChunk(reader! + 1, diagonals)
  }
}

/** Whether a value is multiplied by another, slot by slot, before some matrix reads it: then it must stand where that stands. */
function meetsProduct(architecture: Architecture, readers: readonly (readonly number[])[], value: number): boolean {
  return readers[value]!.some(index => {
    const layer = architecture.layers[index]!
    return layer.kind === 'product' || (!isMap(layer) && meetsProduct(architecture, readers, index + 1))
  })
}

/** The layer for which a value can be laid out: the affine one that alone reads it, through activations. */
function soleReader(architecture: Architecture, readers: readonly (readonly number[])[], value: number): AffineArchitecture | undefined {
  const [index, ...others] = readers[value]!
  const layer = index === undefined || others.length > 0 ? undefined : architecture.layers[index]
  if (layer?.kind === 'affine') return layer
  return layer && !isMap(layer) ? soleReader(architecture, readers, index! + 1) : undefined
}

/** The first convolution by taps, in chunks when one block holds it. */
function tapsFor(
  architecture: Architecture,
  readers: readonly (readonly number[])[],
  { convolution, outputs }: AffineArchitecture,
  width: number
): { packing: TapsPacking; chunk: number | undefined } {
  const next = soleReader(architecture, readers, 1)
  const rows = next && rowPeriod(next.outputs, width)
  const chunk = rows === undefined ? undefined : chunkDiagonals(outputs, width, rows)
  const arrangement: TapArrangement = chunk === undefined ? { kind: 'blocks' } : { kind: 'chunks', rows: rows!, diagonals: chunk }
  return { packing: new TapsPacking(convolution!, width, arrangement), chunk }
}

/** With clear weights and narrow blocks, taps repeat each input too often: every repetition is encrypted, sent and read. */
function cheaperAsMatrix(
  taps: TapsPacking,
  layer: AffineArchitecture,
  pattern: SparseMatrix | undefined,
  costs: OperationCosts,
  factors: Factors,
  seeded: boolean,
  known: KnownPackings
): boolean {
  const { width } = taps
  if (width > NARROW_WIDTH || factors.weights === 'encrypted' || !pattern) return false
  const layout = sequentialLayout(layer.inputs, width)
  const diagonals = fullDiagonals(layer.outputs, layout)
  const shape = { outputs: layer.outputs, input: layout, diagonals, present: presentOnce(pattern, layout, diagonals) }
  const matrix = cheapestSteps(known.of(shape, factors), costs, factors, 0)
  const seconds = (packing: LayerPacking): number =>
    stepSeconds(packing, costs, TYPICAL_LEVEL, 1, factors) +
    weightCount(packing) * weightSeconds(packing, costs, TYPICAL_LEVEL, factors) +
    inputCount(packing, factors.input) * inputSeconds(costs, factors.input, seeded)
  return seconds(matrix) < seconds(taps)
}

/** A packing by all the ways to make its rotations that differ. */
function steppings(usual: DiagonalsPacking, factors: Factors): Steppings {
  const leaps: Stepping[] = usual.gaps ? [{}, { leaps: true }] : [{}]
  const saving: Stepping[] = []
  const turning = factors.input === 'encrypted' && usual.babySteps > 2
  const folding = usual.folds.length > 1
  if (turning) saving.push({ successive: true })
  if (folding) saving.push({ fourfold: true })
  if (turning && folding) saving.push({ successive: true, fourfold: true })
  const packings = (ways: Stepping[]): DiagonalsPacking[] => leaps.flatMap(leap => ways.map(way => usual.stepping({ ...leap, ...way })))
  return [packings([{}]), packings(saving)]
}

/** The number of baby steps (a power of two) that costs least, and how rotations are made. @param leap seconds that the key for another distance of leaps costs */
function cheapestSteps(
  all: readonly Steppings[],
  costs: OperationCosts,
  factors: Factors,
  leap: number,
  keys?: KeyPrices,
  stretch = 0
): DiagonalsPacking {
  let best: DiagonalsPacking | undefined
  let lowest = Number.POSITIVE_INFINITY
  /** @param longest seconds that the step may take */
  const consider = (packing: DiagonalsPacking, longest: number): void => {
    const encodings = factors.input === 'clear' ? inputCount(packing, 'clear') * costs.encoding(TYPICAL_LEVEL) : 0
    const leaping = packing.leaps ? leap * (packing.distances.size - 1) : 0
    const making = keys ? keys.seconds(packing.rotations(factors.input), TYPICAL_LEVEL) : leaping
    const step = diagonalsSeconds(packing, costs, TYPICAL_LEVEL, factors)
    if (step > longest || step + encodings + making >= lowest) return
    lowest = step + encodings + making
    best = packing
  }
  for (const [usual] of all) for (const packing of usual) consider(packing, Number.POSITIVE_INFINITY)
  if (stretch === 0) return best!
  const longest = stretch * diagonalsSeconds(best!, costs, TYPICAL_LEVEL, factors)
  for (const [, saving] of all) for (const packing of saving) consider(packing, longest)
  return best!
}
