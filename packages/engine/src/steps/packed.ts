/** How one layer is packed, and what can be counted of it. */
import { polynomialBytes } from '@slytherin/ckks'
import type { DiagonalsPacking } from '../packing/diagonals.js'
import type { SlotPacking } from '../packing/slots.js'
import type { TapsPacking } from '../packing/taps.js'
import type { Factors, OperandKind } from './operands.js'
import type { PolynomialProfile } from './polynomial-profile.js'

/** An activation or product only needs to know how many ciphertexts it has. */
export type LayerPacking =
  | { readonly kind: 'square'; readonly outputBlocks: number; readonly slots: SlotPacking }
  | { readonly kind: 'product'; readonly outputBlocks: number; readonly slots: SlotPacking }
  | {
      readonly kind: 'polynomial'
      readonly outputBlocks: number
      readonly slots: SlotPacking
      readonly operations: PolynomialProfile['operations']
    }
  | AffinePacking
export type AffinePacking = TapsPacking | DiagonalsPacking

/** Whether a layer works on every slot by itself, without weights. */
export const isSlotwise = (packing: LayerPacking): packing is Exclude<LayerPacking, AffinePacking> =>
  packing.kind !== 'taps' && packing.kind !== 'diagonals'

/** With one position to a block, a clear weight is one number for all slots. */
export const scalarWeights = (packing: LayerPacking, factors: Factors): boolean =>
  packing.kind === 'diagonals' && packing.width === 1 && factors.weights === 'clear' && factors.input === 'encrypted'

/** Weights of a step, biases included. */
export function weightCount(packing: LayerPacking): number {
  if (isSlotwise(packing)) return 0
  return packing.kind === 'taps' ? packing.items.length : packing.products + packing.outputBlocks
}

/** Input ciphertexts (or clear slot vectors) per batch block of the first step. */
export function inputCount(packing: LayerPacking, data: OperandKind): number {
  if (packing.kind === 'taps') return packing.inputCount
  if (isSlotwise(packing)) return packing.outputBlocks
  return data === 'clear' ? packing.turns().length : packing.inputBlocks
}

/** Slot vectors of one batch block that a step holds at a time. */
export function heldVectors(packing: LayerPacking): number {
  const working = isSlotwise(packing) && packing.slots === 'complex' ? 8 : 2
  // powers of one ciphertext at a time, each the result of a relinearisation
  if (packing.kind === 'polynomial')
    return packing.outputBlocks + working + packing.operations.filter(({ operation }) => operation === 'relinearize').length
  return packing.outputBlocks + working + (packing.kind === 'diagonals' ? packing.peakInputs : 1)
}

/** Bytes of an encoded weight that waits outside the evaluator's memory: coefficients, of which those of slots that repeat are few. */
export function waitingBytes(packing: LayerPacking, N: number): number {
  const repetitions = packing.kind === 'diagonals' ? packing.width / Math.max(packing.rows, packing.input.period) : 1
  return polynomialBytes(0, N) / repetitions
}

/** Bytes of a ciphertext, or an encoded clear vector, in the evaluator. */
export const vectorBytes = (kind: OperandKind, level: number, N: number): number =>
  (kind === 'encrypted' ? 2 : 1) * polynomialBytes(level, N)
