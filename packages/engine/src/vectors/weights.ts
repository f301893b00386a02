/** What the model owner encrypts (or encodes): slot vectors of its weights, in the order in which a plan asks for them. */
import { doubledSlots, type SlotValues } from '@slytherin/ckks'
import { NetworkMismatchError, PlanMismatchError } from '../errors.js'
import { sameConvolution } from '../graph/geometry.js'
import type { AffineLayer, ConvolutionTaps, Network } from '../network/network.js'
import type { DiagonalsItem, DiagonalsPacking } from '../packing/diagonals.js'
import { repeatOverBatch } from '../packing/layout.js'
import type { TapItem, TapsPacking } from '../packing/taps.js'
import { programOf } from '../plan/compiled.js'
import type { Plan } from '../plan/plan.js'
import type { CompiledAffine } from '../steps/kinds.js'
import type { WeightDescriptor } from '../steps/step.js'

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
  const { packing, stride } = programOf(plan)
  const { values, bias } = weightValues(plan, network, index)
  const repeated = repeatOverBatch(values, stride)
  return bias && packing === 'complex' ? doubledSlots(repeated) : repeated
}

/**
 * The one number that a clear weight, or the bias of every sample, is when blocks have a single position (large batches).
 * @throws as `packWeight`; PlanMismatchError when the plan's blocks have several positions
 */
export function packScalar(plan: Plan, network: Network, index: number): number {
  const { width } = programOf(plan)
  if (width !== 1) throw new PlanMismatchError('positions per block', '1 for scalar weights', String(width))
  return weightValues(plan, network, index).values[0]!
}

/** Value of a weight item at every position, and whether it is a bias. */
function weightValues(plan: Plan, network: Network, index: number): { readonly values: Float64Array; readonly bias: boolean } {
  const program = programOf(plan)
  weightDescriptor(plan, index)
  const affine = program.steps.filter((step): step is CompiledAffine => step.kind === 'taps' || step.kind === 'diagonals')
  const step = affine.findLast(candidate => candidate.firstWeight <= index)!
  const layer = network.layers[step.step.layer]
  checkLayer(step, layer)
  const offset = index - step.firstWeight
  const values =
    step.kind === 'taps'
      ? tapsWeight(step.packing, step.packing.items[offset]!, layer.convolution!)
      : diagonalsWeight(step.packing, step.packing.items[offset]!, layer)
  const bias = step.packing.items[offset]!.kind === 'bias'
  const bound = bias ? step.layer.biasMagnitude : step.layer.weightMagnitude
  const excess = values.find(value => Math.abs(value) > bound)
  if (excess !== undefined) throw new NetworkMismatchError(layer.name, `weights within ±${bound}`, String(excess))
  return { values, bias }
}

function checkLayer(step: CompiledAffine, layer: Network['layers'][number] | undefined): asserts layer is AffineLayer {
  const expected = `an affine layer of ${step.layer.outputs}×${step.layer.inputs}`
  if (layer?.kind !== 'affine') throw new NetworkMismatchError(step.name, expected, layer?.kind ?? 'no layer')
  if (layer.matrix.rows !== step.layer.outputs || layer.matrix.columns !== step.layer.inputs) {
    throw new NetworkMismatchError(step.name, expected, `${layer.matrix.rows}×${layer.matrix.columns}`)
  }
  if (step.kind === 'taps' && !(layer.convolution && sameConvolution(layer.convolution.geometry, step.packing.geometry))) {
    throw new NetworkMismatchError(step.name, 'the convolution of the plan', 'another one')
  }
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
  const { width } = packing
  if (item.kind === 'bias') {
    return Float64Array.from({ length: width }, (_, position) => {
      const row = packing.rowAt(item.outputBlock, position)
      return row < 0 ? 0 : bias[row]!
    })
  }
  const shift = item.giant * packing.babySteps
  const features = packing.input.blocks[item.inputBlock]!
  return Float64Array.from({ length: width }, (_, position) => {
    const row = packing.rowAt(item.outputBlock, (position - shift + width) % width)
    const feature = features[(position + item.baby) % width]!
    return row < 0 || feature < 0 ? 0 : matrix.at(row, feature)
  })
}
