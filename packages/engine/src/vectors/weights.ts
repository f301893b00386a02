/** What the model owner encrypts (or encodes): slot vectors of its weights, in the order in which a plan asks for them. */
import { doubledSlots, type SlotValues } from '@slytherin/ckks'
import { NetworkMismatchError, PlanMismatchError } from '../errors.js'
import { sameConvolution } from '../graph/geometry.js'
import type { AffineLayer, ConvolutionTaps, Network, SumLayer } from '../network/network.js'
import type { DiagonalItem, DiagonalsItem, DiagonalsPacking } from '../packing/diagonals.js'
import { repeatOverBatch } from '../packing/layout.js'
import type { TapItem, TapsPacking } from '../packing/taps.js'
import { programOf } from '../plan/compiled.js'
import type { Plan } from '../plan/plan.js'
import { partsOfStep } from '../steps/affine.js'
import type { CompiledDiagonals } from '../steps/diagonals.js'
import { type CompiledMap, isMapStep } from '../steps/kinds.js'
import type { WeightDescriptor } from '../steps/step.js'
import type { CompiledSum } from '../steps/sum.js'
import type { CompiledTaps } from '../steps/taps.js'

/**
 * Level, scale and bound of weight item `index`, whether weights are encrypted (then the plan lists them) or clear.
 * @throws PlanMismatchError for an index out of range
 */
export function weightDescriptor(plan: Plan, index: number): WeightDescriptor {
  const { weights } = programOf(plan)
  const descriptor = weights[index]
  if (!descriptor) throw new PlanMismatchError('weight index', `0 to ${weights.length - 1}`, String(index))
  return descriptor
}

/**
 * Slot vector of weight item `index` of the plan, to be encoded (and encrypted) as `weightDescriptor(plan, index)` says.
 * @throws PlanMismatchError for an index out of range; NetworkMismatchError when the network is not the plan's
 */
export function packWeight(plan: Plan, network: Network, index: number): SlotValues {
  return packValues(plan, index, itemValues(plan, network, index))
}

/**
 * Values of weight item `index` at the positions of a block, which `packValues` makes a slot vector of: what a clear model's weights are where only the plan is known.
 * @throws as `packWeight`
 */
export function itemValues(plan: Plan, network: Network, index: number): Float64Array {
  const { step, offset } = placeOf(plan, index)
  const layer = network.layers[step.step.layer]
  checkLayer(step, layer)
  const { values, bound } = step.kind === 'taps' ? ofTaps(step, layer as AffineLayer, offset) : ofDiagonals(step, layer, offset)
  for (let k = 0; k < values.length; k++)
    if (Math.abs(values[k]!) > bound) throw new NetworkMismatchError(layer.name, `weights within ±${bound}`, String(values[k]))
  return values
}

/**
 * Slot vector of weight item `index` from its values at the positions of a block.
 * @throws PlanMismatchError for an index out of range, or another number of positions
 */
export function packValues(plan: Plan, index: number, values: Float64Array): SlotValues {
  const { packing, stride } = programOf(plan)
  const { step, offset } = placeOf(plan, index)
  const { width } = step.packing
  if (values.length !== width) throw new PlanMismatchError(`positions of weight ${index}`, String(width), String(values.length))
  const repeated = repeatOverBatch(values, stride)
  return step.packing.items[offset]!.kind === 'bias' && packing === 'complex' ? doubledSlots(repeated) : repeated
}

/** How many values each weight item of the plan has: positions of its step's blocks. In the order of the items, whether weights are encrypted or clear. */
export function itemWidths(plan: Plan): number[] {
  return programOf(plan)
    .steps.filter(isMapStep)
    .flatMap(({ packing }) => packing.items.map(() => packing.width))
}

/**
 * The one number that a clear weight, or the bias of every sample, is when blocks have a single position (large batches).
 * @throws as `packWeight`; PlanMismatchError when the plan's blocks have several positions
 */
export function packScalar(plan: Plan, network: Network, index: number): number {
  const { width } = programOf(plan)
  if (width !== 1) throw new PlanMismatchError('positions per block', '1 for scalar weights', String(width))
  return itemValues(plan, network, index)[0]!
}

/** The step that a weight item is of, and which of its items it is. */
function placeOf(plan: Plan, index: number): { readonly step: CompiledMap; readonly offset: number } {
  weightDescriptor(plan, index)
  const step = programOf(plan)
    .steps.filter(isMapStep)
    .findLast(candidate => candidate.firstWeight <= index)!
  return { step, offset: index - step.firstWeight }
}

/** Values of an item, and the bound that they must keep. */
interface Item {
  readonly values: Float64Array
  readonly bound: number
}

function ofTaps({ packing, layer }: CompiledTaps, { convolution }: AffineLayer, offset: number): Item {
  const item = packing.items[offset]!
  const bound = item.kind === 'bias' ? layer.biasMagnitude : layer.weightMagnitude
  return { values: tapsWeight(packing, item, convolution!), bound }
}

function ofDiagonals(step: CompiledDiagonals | CompiledSum, own: AffineLayer | SumLayer, offset: number): Item {
  const { packing, layer } = step
  const item = packing.items[offset]!
  if (item.kind === 'bias') return { values: biasAt(packing, item.outputBlock, own.bias), bound: layer.biasMagnitude }
  if (own.kind === 'affine') {
    const { weightMagnitude } = partsOfStep(step)[0]!
    return { values: diagonalAt(packing, item, own.matrix), bound: weightMagnitude }
  }
  const { part, before } = packing.joint![item.inputBlock]!
  return {
    values: diagonalAt(packing, item, own.parts[part]!.matrix, before),
    bound: partsOfStep(step)[part]!.weightMagnitude
  }
}

function checkLayer(step: CompiledMap, layer: Network['layers'][number] | undefined): asserts layer is AffineLayer | SumLayer {
  const { layer: planned } = step
  const sizes = partsOfStep(step).map(({ inputs }) => `${planned.outputs}×${inputs}`)
  const expected = `${planned.kind === 'sum' ? 'a sum' : 'an affine layer'} of ${sizes.join(' and ')}`
  if (layer?.kind !== planned.kind) throw new NetworkMismatchError(step.name, expected, layer?.kind ?? 'no layer')
  const matrices = layer.kind === 'sum' ? layer.parts.map(({ matrix }) => matrix) : [(layer as AffineLayer).matrix]
  const actual = matrices.map(({ rows, columns }) => `${rows}×${columns}`)
  if (actual.join() !== sizes.join()) throw new NetworkMismatchError(step.name, expected, actual.join(' and '))
  if (step.kind !== 'taps') return
  const { convolution } = layer as AffineLayer
  if (!(convolution && sameConvolution(convolution.geometry, step.packing.geometry)))
    throw new NetworkMismatchError(step.name, 'the convolution of the plan', 'another one')
}

/** Value of a kernel tap or bias at every position. */
export function tapsWeight(packing: TapsPacking, item: TapItem, convolution: ConvolutionTaps): Float64Array {
  return Float64Array.from({ length: packing.width }, (_, place) => {
    const channel = packing.channelAt(item.group, place)
    if (channel < 0) return 0
    if (item.kind === 'tap') return convolution.kernel[channel * packing.taps + item.tap]!
    const held = packing.output.blocks[item.group * packing.blocksPerGroup + item.from]![place]!
    return held < 0 ? 0 : convolution.bias[channel]!
  })
}

/** Value of a diagonal, rotated as its giant step needs it, or of a bias at every position. */
export function diagonalsWeight(
  packing: DiagonalsPacking,
  item: DiagonalsItem,
  { matrix, bias }: Pick<AffineLayer, 'matrix' | 'bias'>
): Float64Array {
  return item.kind === 'bias' ? biasAt(packing, item.outputBlock, bias) : diagonalAt(packing, item, matrix)
}

const biasAt = (packing: DiagonalsPacking, outputBlock: number, bias: Float64Array): Float64Array =>
  Float64Array.from(packing.rowsOf(outputBlock), row => (row < 0 ? 0 : bias[row]!))

/** @param before features of the values before the one that the matrix is of, where the packing has several */
function diagonalAt(packing: DiagonalsPacking, item: DiagonalItem, matrix: AffineLayer['matrix'], before = 0): Float64Array {
  const rows = turned(packing.rowsOf(item.outputBlock), -item.giant * packing.babySteps)
  const columns = turned(packing.input.blocks[item.inputBlock]!, item.baby)
  if (before > 0) for (let position = 0; position < columns.length; position++) columns[position]! -= before
  if (packing.joint) forget(rows, packing, item)
  return matrix.pick(rows, columns)
}

/** `values` from position `by` on, around the end; negative to the other side, by less than their number. */
function turned(values: Int32Array, by: number): Int32Array {
  const first = (by + values.length) % values.length
  const out = new Int32Array(values.length)
  out.set(values.subarray(first))
  out.set(values.subarray(0, first), values.length - first)
  return out
}

/** Takes out rows whose products do not count. */
function forget(rows: Int32Array, packing: DiagonalsPacking, { giant, inputBlock }: DiagonalItem): void {
  const shift = giant * packing.babySteps
  for (let position = 0; position < rows.length; position++)
    if (!packing.counts(inputBlock, (position - shift + rows.length) % rows.length)) rows[position] = -1
}
