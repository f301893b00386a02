/** What an evaluator reads or encodes while it evaluates, and how many batch blocks it takes through the program together. */

import { RESIDENT_WEIGHT_BYTES, Residence, type Resident, SHARED_PASS_BYTES } from '../costs/residence.js'
import type { OperandKind } from '../steps/operands.js'
import { inputCount, type LayerPacking, scalarWeights, vectorBytes, waitingBytes, weightCount } from '../steps/packed.js'
import type { WeightsRead } from '../steps/price.js'
import type { Settings } from './options.js'
import type { PackedLayer } from './packer.js'

/** Bytes of a pass that leave room for keys, weights and inputs in the memory of a kernel. */
const COMFORTABLE_BYTES = 1.25 * 2 ** 30

export interface Reading {
  /** weights that do not stay in the evaluator's memory, by layer, in all passes together */
  readonly weights: readonly WeightsRead[]
  /** share of the input ciphertexts that do not wait in memory */
  readonly inputs: number
}

/** @param typical size of the ciphertexts to reckon with, while levels are not known */
export function readingOf(
  packed: readonly PackedLayer[],
  batchBlocks: number,
  settings: Settings,
  typical: { readonly level: number; readonly N: number }
): Reading {
  const bytes = (kind: OperandKind): number => vectorBytes(kind, typical.level, typical.N)
  const held = Math.max(...packed.map(layer => layer.held)) * bytes('encrypted')
  const factors = { weights: settings.weights, input: settings.data }
  // numbers take no room
  const vectors = (packing: LayerPacking): number =>
    settings.costModel.combining && scalarWeights(packing, factors) ? 0 : weightCount(packing)
  const weightBytes = packed.reduce((sum, { packing }) => sum + vectors(packing) * bytes(settings.weights), 0)
  const perPass = blocksPerPass(batchBlocks, held, weightBytes, settings.evaluatorMemory)
  const passes = Math.ceil(batchBlocks / perPass)
  const residence = new Residence(perPass * held, 0)
  const outside = (kind: Resident, count: number, operand: OperandKind): number =>
    operand === 'clear' || settings.costModel.retaining ? residence.outside(kind, count, bytes(operand)) : count
  const storing = settings.weights === 'clear' && settings.costModel.retaining
  const weights = packed.map(({ packing }): WeightsRead => {
    const outsideKernel = outside(`${settings.weights} weights`, vectors(packing), settings.weights)
    const copied = storing ? residence.stored(outsideKernel, waitingBytes(packing, typical.N)) : 0
    return { made: passes * (outsideKernel - copied), copied: passes * copied }
  })
  const inputs = batchBlocks * inputCount(packed[0]!.packing, settings.data)
  return { weights, inputs: settings.data === 'clear' ? 1 : outside('inputs', inputs, 'encrypted') / inputs }
}

/**
 * As many as leave room for weights that stay in memory; where weights are read again for every pass, as many as the kernel's memory has room for with what the evaluation takes beside
 * the vectors of its steps. A single block may take all that the evaluator allows.
 * @param passBytes of one batch block
 */
export function blocksPerPass(batchBlocks: number, passBytes: number, weightBytes: number, evaluatorMemory: number): number {
  const memory = Math.min(weightBytes <= RESIDENT_WEIGHT_BYTES ? COMFORTABLE_BYTES : SHARED_PASS_BYTES, evaluatorMemory)
  return Math.max(1, Math.min(batchBlocks, Math.floor(memory / passBytes)))
}
