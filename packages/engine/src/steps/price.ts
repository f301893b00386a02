/** Seconds of whole program steps, for the planner's search and for the costs that a plan reports. */
import { polynomialBytes } from '@slytherin/ckks'
import type { OperationCosts } from '../costs/operation-costs.js'
import type { DiagonalsPacking } from '../packing/diagonals.js'
import type { SlotPacking } from '../packing/slots.js'
import type { TapsPacking } from '../packing/taps.js'
import { bothEncrypted, type Factors, type OperandKind } from './operands.js'
import type { PolynomialProfile } from './polynomial.js'

/** How one layer is packed; an activation only needs to know how many ciphertexts it has. */
export type LayerPacking =
  | { readonly kind: 'square'; readonly outputBlocks: number; readonly slots: SlotPacking }
  | {
      readonly kind: 'polynomial'
      readonly outputBlocks: number
      readonly slots: SlotPacking
      readonly operations: PolynomialProfile['operations']
    }
  | AffinePacking
export type AffinePacking = TapsPacking | DiagonalsPacking

/**
 * How much of the time counts in which data are encrypted and sent: their owner does it on a machine of its own, and the next query is on its way while one is
 * evaluated. Much more, and a batch would be evaluated longer than a larger one so that less is sent.
 */
export const SENDING_WEIGHT = 0.1

/** Rescaling and adding the bias. */
function finishing(blocks: number, costs: OperationCosts, level: number, rescalings: number): number {
  let sum = 0
  for (let dropped = 0; dropped < rescalings; dropped++) sum += costs.rescale(level - dropped)
  return blocks * (sum + costs.add(level - rescalings))
}

/** Baby rotations, products, relinearisations, giant rotations and folds of one batch block. */
export function diagonalsSeconds(packing: DiagonalsPacking, costs: OperationCosts, level: number, factors: Factors): number {
  let sum = 0
  if (factors.input === 'encrypted') {
    for (let block = 0; block < packing.inputBlocks; block++) {
      sum += costs.rotations(level, packing.babies(block).filter(baby => baby > 0).length)
    }
  }
  const relinearizations = bothEncrypted(factors) ? packing.giantSteps : 0
  const switches = packing.outputBlocks * (relinearizations + packing.giantSteps - 1 + packing.folds.length)
  return (
    sum +
    packing.products * product(costs, level, factors, costs.model.combining && scalarWeights(packing, factors)) +
    switches * costs.keySwitch(level)
  )
}

function product(costs: OperationCosts, level: number, factors: Factors, scalar = false): number {
  if (scalar) return costs.multiplyScalar(level)
  return bothEncrypted(factors) ? costs.multiply(level) : costs.multiplyPlain(level)
}

/** With one position to a block, a clear weight is one number for all slots. */
export const scalarWeights = (packing: LayerPacking, factors: Factors): boolean =>
  packing.kind === 'diagonals' && packing.width === 1 && factors.weights === 'clear' && factors.input === 'encrypted'

/** Everything that one polynomial activation does to one ciphertext. */
function polynomialSeconds(operations: PolynomialProfile['operations'], costs: OperationCosts, level: number): number {
  return operations.reduce((sum, { operation, below }) => {
    const at = level - below
    switch (operation) {
      case 'multiply':
        return sum + costs.multiply(at)
      case 'multiplyPlain':
        return sum + costs.multiplyPlain(at)
      case 'relinearize':
      case 'automorphism':
        return sum + costs.keySwitch(at)
      case 'rescale':
        return sum + costs.rescale(at)
      case 'plaintext':
        return sum + costs.encoding(at)
      default:
        return sum + costs.add(at)
    }
  }, 0)
}

/** Evaluation of one step for one batch block, without reading weights and inputs. */
export function stepSeconds(packing: LayerPacking, costs: OperationCosts, level: number, rescalings: number, factors: Factors): number {
  const blocks = packing.outputBlocks
  const finish = finishing(blocks, costs, level, rescalings)
  switch (packing.kind) {
    case 'square':
      return blocks * squareSeconds(packing.slots, costs, level) + finish
    case 'polynomial':
      return blocks * polynomialSeconds(packing.operations, costs, level)
    case 'taps': {
      const relinearization = bothEncrypted(factors) ? costs.keySwitch(level) : 0
      return packing.inputCount * product(costs, level, factors) + blocks * relinearization + finish
    }
    case 'diagonals':
      return diagonalsSeconds(packing, costs, level, factors) + finish
  }
}

/** Product and relinearisation; two samples in a slot take a conjugation, two products, and sums about as large as another. */
function squareSeconds(slots: SlotPacking, costs: OperationCosts, level: number): number {
  return slots === 'complex' ? 3 * costs.multiply(level) + 2 * costs.keySwitch(level) : costs.multiply(level) + costs.keySwitch(level)
}

/** Weights of a step, biases included. */
export function weightCount(packing: LayerPacking): number {
  if (isActivation(packing)) return 0
  return packing.kind === 'taps' ? packing.items.length : packing.products + packing.outputBlocks
}

/** Reading one weight of a step: loading a ciphertext, or encoding a clear weight. */
export function weightSeconds(packing: LayerPacking, costs: OperationCosts, level: number, factors: Factors): number {
  if (costs.model.combining && scalarWeights(packing, factors)) return 0
  return factors.weights === 'encrypted' ? costs.loading(level) : costs.encoding(level)
}

/** Bytes of a ciphertext, or an encoded clear vector, in the evaluator. */
export const vectorBytes = (kind: OperandKind, level: number, N: number): number =>
  (kind === 'encrypted' ? 2 : 1) * polynomialBytes(level, N)

/** Input ciphertexts (or clear slot vectors) per batch block of the first step. */
export function inputCount(packing: LayerPacking, data: OperandKind): number {
  if (packing.kind === 'taps') return packing.inputCount
  if (isActivation(packing)) return packing.outputBlocks
  return data === 'clear' ? packing.turns().length : packing.inputBlocks
}

/** Whether a layer works on every slot by itself. */
export const isActivation = (packing: LayerPacking): packing is Exclude<LayerPacking, AffinePacking> =>
  packing.kind === 'square' || packing.kind === 'polynomial'

/** Slot vectors of one batch block that a step holds at a time. */
export function heldVectors(packing: LayerPacking): number {
  const working = isActivation(packing) && packing.slots === 'complex' ? 8 : 2
  // powers of one ciphertext at a time, each the result of a relinearisation
  if (packing.kind === 'polynomial')
    return packing.outputBlocks + working + packing.operations.filter(({ operation }) => operation === 'relinearize').length
  return packing.outputBlocks + working + (packing.kind === 'diagonals' ? packing.peakInputs : 1)
}
