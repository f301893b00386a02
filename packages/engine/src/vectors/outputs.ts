/** What the querier reads: logits out of decrypted slot vectors. */
import { type SlotValues, unpairSlots } from '@slytherin/ckks'
import { PlanMismatchError } from '../errors.js'
import { locate } from '../packing/layout.js'
import type { SlotPacking } from '../packing/slots.js'
import { programOf } from '../plan/compiled.js'
import type { Plan } from '../plan/plan.js'

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
