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
import { inputOrders } from './map-packing.js'
import { type KeyPrices, type PackedLayer, Packer, type Patterns } from './packer.js'
import { inputSeconds, TYPICAL_LEVEL, typicalSizes } from './typical.js'

/** Structural patterns of the affine layers, of each value that they read; undefined for dense ones. */
export const patternsOf = (architecture: Architecture): Patterns =>
  architecture.layers.map(layer => (isMap(layer) ? partsOf(layer).map(({ operations }) => patternOnce(operations)) : []))

/** What a packing of all layers is chosen by, beside the operations of one batch block. */
export interface PackingPrices {
  readonly batchBlocks: number
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
  keys?: () => KeyPrices
): PackedLayer[] {
  const leap = prices.key / prices.batchBlocks
  const pack = (order?: MapOrder): PackedLayer[] =>
    new Packer(architecture, patterns, width, costs, operands, slots, order, leap, keys?.()).run()
  const usual = pack()
  const orders = inputOrders(architecture, width)
  if (orders.length === 0) return usual
  const candidates = [usual, ...orders.map(pack)]
  const seconds = candidates.map(packed => roughSeconds(architecture, packed, costs, operands, prices, keys?.()))
  return candidates[seconds.indexOf(Math.min(...seconds))]!
}

/** Seconds of a whole query at a typical level, and of what is prepared for it. */
function roughSeconds(
  architecture: Architecture,
  packed: readonly PackedLayer[],
  costs: OperationCosts,
  operands: Encrypting,
  { batchBlocks, key }: PackingPrices,
  keys: KeyPrices | undefined
): number {
  const rotations = new Set<number>()
  const sizes = typicalSizes(costs)
  const making = costs.model.preparation * (costs.encryption(TYPICAL_LEVEL) + costs.transfer(sizes.ciphertext(TYPICAL_LEVEL)))
  let seconds = batchBlocks * inputCount(packed[0]!.packing, operands.data) * inputSeconds(costs, operands.data, operands.seededInputs)
  for (const [layer, { packing }] of packed.entries()) {
    const factors = factorsOf(operands, readsOf(architecture.layers[layer]!, layer))
    // clear ones are encoded once, and then wait in memory
    const reading = factors.weights === 'clear' && costs.model.retaining ? costs.model.preparation : 1
    const weight = reading * weightSeconds(packing, costs, TYPICAL_LEVEL, factors) + (factors.weights === 'encrypted' ? making : 0)
    seconds += batchBlocks * stepSeconds(packing, costs, TYPICAL_LEVEL, 1, factors) + weightCount(packing) * weight
    if (packing.kind === 'diagonals') for (const rotation of packing.rotations(factors.input)) rotations.add(rotation)
  }
  return seconds + (keys ? batchBlocks * keys.seconds([...rotations], TYPICAL_LEVEL) : rotations.size * key)
}
