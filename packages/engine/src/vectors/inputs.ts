/** What the data owner encrypts (or encodes): slot vectors of its samples. */
import { pairSlots, type SlotValues } from '@slytherin/ckks'
import { InvalidInputError, PlanMismatchError } from '../errors.js'
import { programOf } from '../plan/compiled.js'
import type { Plan } from '../plan/plan.js'

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

/** Says where a value is wrong, never the value: messages reach logs, and samples are what is kept secret. */
function checkSamples(plan: Plan, samples: readonly ArrayLike<number>[]): void {
  if (samples.length > plan.batch) throw new PlanMismatchError('samples', `at most ${plan.batch}`, String(samples.length))
  const { shape, magnitude } = plan.architecture.input
  const size = shape.reduce((product, dimension) => product * dimension, 1)
  samples.forEach((sample, row) => {
    if (sample.length !== size) throw new InvalidInputError(`sample ${row}`, `${size} values`, String(sample.length))
    for (let feature = 0; feature < size; feature++) {
      const value = sample[feature]!
      if (!Number.isFinite(value)) throw new InvalidInputError(`sample ${row}`, 'finite values', `one that is not at feature ${feature}`)
      if (Math.abs(value) > magnitude) {
        throw new InvalidInputError(
          `sample ${row}`,
          `values within ±${magnitude} (is the input normalised as the model expects?)`,
          `one beyond at feature ${feature}`
        )
      }
    }
  })
}
