/** Slot vectors of a plan: what the data owner encrypts, what the model owner encrypts, and what the querier reads. */
import { doubledSlots, pairSlots, type SlotValues, unpairSlots } from '@slytherin/ckks'
import { InvalidInputError, NetworkMismatchError, PlanMismatchError } from '../errors.js'
import { sameConvolution } from '../graph/geometry.js'
import type { AffineLayer, Network } from '../network/network.js'
import { locate, repeatOverBatch } from '../packing/layout.js'
import type { SlotPacking } from '../packing/slots.js'
import { programOf } from '../plan/derive.js'
import type { Plan, WeightDescriptor } from '../plan/plan.js'
import type { CompiledAffine } from '../plan/program.js'

/** Slot vectors of one batch of samples. */
export class InputPacker {
  readonly #plan: Plan
  readonly #samples: readonly ArrayLike<number>[]

  /**
   * @param samples the whole batch, each in the network's input order; fewer than the batch leave the rest zero
   * @throws InvalidInputError when a sample has the wrong length, is not finite or exceeds the architecture's input bound; PlanMismatchError for too many samples
   */
  constructor(plan: Plan, samples: readonly ArrayLike<number>[]) {
    checkSamples(plan, samples)
    this.#plan = plan
    this.#samples = [...samples]
  }

  /**
   * Slot vector of input `index` = block·inputs.count + k, for k in order of use.
   * @throws PlanMismatchError for an index out of range
   */
  pack(index: number): SlotValues {
    const { batchBlock, batchBlocks, inputs } = this.#plan
    const total = batchBlocks * inputs.count
    if (!Number.isInteger(index) || index < 0 || index >= total)
      throw new PlanMismatchError('input index', `0 to ${total - 1}`, String(index))
    const block = Math.floor(index / inputs.count)
    const { inputFeatures, packing, stride } = programOf(this.#plan)
    const features = inputFeatures(index % inputs.count)
    const first = block * batchBlock
    const real = this.#values(features, first, stride)
    return packing === 'complex' ? pairSlots(real, this.#values(features, first + stride, stride)) : real
  }

  /** One value per slot: `stride` samples from `first` on, those that there are. */
  #values(features: Int32Array, first: number, stride: number): Float64Array {
    const samples = this.#samples
    const out = new Float64Array(features.length * stride)
    const count = Math.max(0, Math.min(stride, samples.length - first))
    for (let position = 0; position < features.length; position++) {
      const feature = features[position]!
      if (feature < 0) continue
      for (let i = 0; i < count; i++) out[position * stride + i] = samples[first + i]![feature]!
    }
    return out
  }
}

/** One input slot vector. @throws as `InputPacker` */
export function packInput(plan: Plan, samples: readonly ArrayLike<number>[], index: number): SlotValues {
  return new InputPacker(plan, samples).pack(index)
}

/** All input slot vectors of a batch, block-major. @throws as `InputPacker` */
export function packInputs(plan: Plan, samples: readonly ArrayLike<number>[]): SlotValues[] {
  const packer = new InputPacker(plan, samples)
  return Array.from({ length: plan.batchBlocks * plan.inputs.count }, (_, index) => packer.pack(index))
}

function checkSamples(plan: Plan, samples: readonly ArrayLike<number>[]): void {
  if (samples.length > plan.batch) throw new PlanMismatchError('samples', `at most ${plan.batch}`, String(samples.length))
  const { shape, magnitude } = plan.architecture.input
  const size = shape.reduce((product, dimension) => product * dimension, 1)
  samples.forEach((sample, row) => {
    if (sample.length !== size) throw new InvalidInputError(`sample ${row}`, `${size} values`, String(sample.length))
    for (let feature = 0; feature < size; feature++) {
      const value = sample[feature]!
      if (!Number.isFinite(value)) throw new InvalidInputError(`sample ${row}`, 'finite values', `${value} at feature ${feature}`)
      if (Math.abs(value) > magnitude) {
        throw new InvalidInputError(
          `sample ${row}`,
          `values within ±${magnitude} (is the input normalised as the model expects?)`,
          `${value} at feature ${feature}`
        )
      }
    }
  })
}

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
  const values =
    step.kind === 'taps'
      ? step.packing.weight(step.packing.items[index - step.firstWeight]!, layer.convolution!)
      : step.packing.weight(step.packing.items[index - step.firstWeight]!, layer)
  const bias = step.packing.items[index - step.firstWeight]!.kind === 'bias'
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

/**
 * Logits of every sample of the batch.
 * @param slots decrypted slot vectors, block-major: index = block·output.ciphertextsPerBlock + k
 * @throws PlanMismatchError when there are too few, they are too short, or imaginary parts are missing where they hold samples
 */
export function unpackOutputs(plan: Plan, slots: readonly SlotValues[]): Float64Array[] {
  const { batchBlock, output } = plan
  const { output: compiled, packing, stride } = programOf(plan)
  const { layout } = compiled
  const expected = plan.batchBlocks * output.ciphertextsPerBlock
  if (slots.length !== expected) throw new PlanMismatchError('output ciphertexts', String(expected), String(slots.length))
  const parts = slots.map((values, k) => partsOf(values, packing, layout.width * stride, k))
  const { block, position } = locate(layout, output.features)
  return Array.from({ length: plan.batch }, (_, sample) => {
    const first = Math.floor(sample / batchBlock) * output.ciphertextsPerBlock
    const part = Math.floor((sample % batchBlock) / stride)
    return Float64Array.from(
      { length: output.features },
      (_, feature) => parts[first + block[feature]!]![part]![position[feature]! * stride + (sample % stride)]!
    )
  })
}

/** Values of the samples in the real parts, and of those in the imaginary parts. */
function partsOf(values: SlotValues, packing: SlotPacking, length: number, output: number): Float64Array[] {
  const { real, imaginary } = values instanceof Float64Array ? { real: values, imaginary: new Float64Array(0) } : values
  const shortest = packing === 'complex' ? Math.min(real.length, imaginary.length) : real.length
  if (shortest < length) throw new PlanMismatchError(`slots of output ${output}`, String(length), String(shortest))
  return packing === 'complex' ? unpairSlots({ real, imaginary }) : [real]
}
