/** Packing of every layer of an architecture at one width: taps or diagonals, layouts, baby steps. */
import { type Architecture, isMap, partsOf } from '../architecture/architecture.js'
import { patternOnce } from '../architecture/linear-operations.js'
import { readsOf } from '../architecture/values.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import type { MapOrder } from '../packing/map-order.js'
import type { SlotPacking } from '../packing/slots.js'
import { type Encrypting, factorsOf } from '../steps/operands.js'
import { inputCount, weightCount } from '../steps/packed.js'
import { stepSeconds, weightSeconds } from '../steps/price.js'
import { ComparedWeights } from './compared-weights.js'
import { inputOrders } from './map-packing.js'
import { type KeyPrices, type KnownPackings, type PackedLayer, Packer, type Patterns } from './packer.js'
import { passesOf, type ReadingSettings } from './reading.js'
import { inputSeconds, TYPICAL_LEVEL, typicalSizes } from './typical.js'

/** Structural patterns of the affine layers, of each value that they read; undefined for dense ones. */
export const patternsOf = (architecture: Architecture): Patterns =>
  architecture.layers.map(layer => (isMap(layer) ? partsOf(layer).map(({ operations }) => patternOnce(operations)) : []))

/** What a packing of all layers is chosen by, beside the operations of one batch block. */
export interface PackingPrices {
  readonly batchBlocks: number
  /** Of these, those that one worker evaluates. */
  readonly turns: number
  readonly reading: ReadingSettings
  /** Seconds that a key costs, as far as preparation counts. */
  readonly key: number
}

/** The packing that costs least of those with maps in some order, and those without. @param keys for one of them; nothing is added to it but what is chosen */
export function packLayers(
  architecture: Architecture,
  patterns: Patterns,
  width: number,
  costs: OperationCosts,
  operands: Encrypting,
  slots: SlotPacking,
  prices: PackingPrices,
  known: KnownPackings,
  keys?: () => KeyPrices
): PackedLayer[] {
  const leap = prices.key / prices.turns
  const pack = (order: MapOrder | undefined, stretch: number): PackedLayer[] =>
    new Packer(architecture, patterns, width, costs, operands, slots, known, order, leap, keys?.(), stretch).run()
  const rough = (packed: readonly PackedLayer[]): Rough => roughSeconds(architecture, packed, costs, operands, prices, keys?.())
  let best = { order: undefined as MapOrder | undefined, packed: pack(undefined, 0) }
  const orders = inputOrders(architecture, width)
  if (orders.length > 0) {
    const candidates = [best, ...orders.map(order => ({ order, packed: pack(order, 0) }))]
    const seconds = candidates.map(({ packed }) => total(rough(packed)))
    best = candidates[seconds.indexOf(Math.min(...seconds))]!
  }
  if (!keys) return best.packed
  const usual = rough(best.packed)
  for (const stretch of KEY_SAVING_STRETCHES) {
    const packed = pack(best.order, stretch)
    const saving = rough(packed)
    if (saving.running <= usual.running && total(saving) < total(usual)) return packed
  }
  return best.packed
}

/**
 * How many times as long steps may take that save keys, tried in this order. A whole query may not take longer for it: keys are made once. But a layer that takes longer with
 * fewer keys can be made up for by one that keys had been too dear for.
 */
const KEY_SAVING_STRETCHES = [1.25, 1]

interface Rough {
  /** seconds of a query */
  readonly running: number
  /** seconds of its keys, as far as they count */
  readonly keys: number
}

const total = ({ running, keys }: Rough): number => running + keys

/** A whole query at a typical level, what is prepared for it included. */
function roughSeconds(
  architecture: Architecture,
  packed: readonly PackedLayer[],
  costs: OperationCosts,
  operands: Encrypting,
  { batchBlocks, turns, reading, key }: PackingPrices,
  keys: KeyPrices | undefined
): Rough {
  const rotations = new Set<number>()
  const sizes = typicalSizes(costs)
  const making = costs.model.preparation * (costs.encryption(TYPICAL_LEVEL) + costs.transfer(sizes.ciphertext(TYPICAL_LEVEL)))
  let seconds = batchBlocks * inputCount(packed[0]!.packing, operands.data) * inputSeconds(costs, operands.data, operands.seededInputs)
  const { passes } = passesOf(packed, turns, reading, { level: TYPICAL_LEVEL, N: 2 ** costs.logN })
  const weights = new ComparedWeights(costs, passes)
  for (const [layer, { packing }] of packed.entries()) {
    const factors = factorsOf(operands, readsOf(architecture.layers[layer]!, layer))
    const count = weightCount(packing)
    seconds += turns * stepSeconds(packing, costs, TYPICAL_LEVEL, 1, factors)
    seconds += costs.model.retaining
      ? weights.seconds(packing, factors)
      : passes * count * weightSeconds(packing, costs, TYPICAL_LEVEL, factors)
    if (factors.weights === 'encrypted') seconds += count * making
    if (packing.kind === 'diagonals') for (const rotation of packing.rotations(factors.input)) rotations.add(rotation)
  }
  return { running: seconds, keys: keys ? turns * keys.seconds([...rotations], TYPICAL_LEVEL) : rotations.size * key }
}
