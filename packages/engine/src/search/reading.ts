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

/** Of settings, what reading depends on. */
export type ReadingSettings = Pick<Settings, 'data' | 'weights' | 'costModel' | 'evaluatorMemory'>

/** Size of the ciphertexts to reckon with, while levels are not known. */
export interface TypicalSize {
  readonly level: number
  readonly N: number
}

/** Vectors of weights of a layer; numbers take no room. */
const vectorsOf = (packing: LayerPacking, { data, weights, costModel }: ReadingSettings): number =>
  costModel.combining && scalarWeights(packing, { weights, input: data }) ? 0 : weightCount(packing)

/** How many batch blocks are taken together, in how many passes, and the bytes that a pass holds. */
export function passesOf(
  packed: readonly PackedLayer[],
  batchBlocks: number,
  settings: ReadingSettings,
  { level, N }: TypicalSize
): { readonly passes: number; readonly bytes: number } {
  const held = Math.max(...packed.map(layer => layer.held)) * vectorBytes('encrypted', level, N)
  const vectors = packed.reduce((sum, { packing }) => sum + vectorsOf(packing, settings), 0)
  const perPass = blocksPerPass(batchBlocks, held, vectors * vectorBytes(settings.weights, level, N), settings.evaluatorMemory)
  return { passes: Math.ceil(batchBlocks / perPass), bytes: perPass * held }
}

export function readingOf(packed: readonly PackedLayer[], batchBlocks: number, settings: ReadingSettings, typical: TypicalSize): Reading {
  const bytes = (kind: OperandKind): number => vectorBytes(kind, typical.level, typical.N)
  const { passes, bytes: held } = passesOf(packed, batchBlocks, settings, typical)
  const residence = new Residence(held, 0)
  const outside = (kind: Resident, count: number, operand: OperandKind): number =>
    operand === 'clear' || settings.costModel.retaining ? residence.outside(kind, count, bytes(operand)) : count
  const storing = settings.weights === 'clear' && settings.costModel.retaining
  const weights = packed.map(({ packing }): WeightsRead => {
    const outsideKernel = outside(`${settings.weights} weights`, vectorsOf(packing, settings), settings.weights)
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
