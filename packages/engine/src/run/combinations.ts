/** Layers of large batches, whose weights are numbers. */
import { doubledSlots, type EvaluatorCiphertext, type LinearCombiner } from '@slytherin/ckks'
import type { CompiledDiagonals } from '../steps/diagonals.js'
import type { CompiledSum } from '../steps/sum.js'
import { combinationBatches } from './combination-batches.js'
import type { Workbench } from './workbench.js'

/** A layer of large batches: every output is one linear combination of ciphertexts. */
export async function runCombinations(
  bench: Workbench,
  step: CompiledDiagonals | CompiledSum,
  values: readonly EvaluatorCiphertext[][] | undefined,
  [from, to]: readonly [number, number],
  scalars: (index: number) => number,
  combiner: LinearCombiner
): Promise<EvaluatorCiphertext[][]> {
  const complex = bench.program.packing === 'complex'
  const { scale, ratios } = scalesOf(step)
  const { items, joint } = step.packing
  const batches = combinationBatches(step.packing, offset => {
    const item = items[offset]!
    const ratio = item.kind === 'bias' || !joint ? 1 : ratios[joint[item.inputBlock]!.part]!
    return ratio * scalars(step.firstWeight + offset)
  })
  const results: EvaluatorCiphertext[][] = Array.from({ length: to - from }, () => [])
  for (let block = from; block < to; block++) {
    const inputs = new Map<number, EvaluatorCiphertext>()
    for (const batch of batches) {
      bench.options.signal?.throwIfAborted()
      for (const k of batch.inputs) {
        if (inputs.has(k)) continue
        const ciphertext = values ? values[block - from]![k]! : ((await bench.supply.input(block, k)) as EvaluatorCiphertext)
        const operand = bench.atLevel(ciphertext, step.step.level)
        inputs.set(k, joint ? bench.evaluator.withScale(operand, step.scaleIn) : operand)
      }
      const operands = batch.inputs.map(k => inputs.get(k)!)
      // where a slot holds two samples, a constant has to be added to both
      const rows = complex ? batch.rows.map(({ inputs, coefficients }) => ({ inputs, coefficients })) : batch.rows
      const sums = combiner.linearCombinations(operands, rows, { scale })
      for (const sum of sums) bench.scope.keep(sum)
      for (const k of batch.last) {
        bench.scope.drop(inputs.get(k)!)
        inputs.delete(k)
      }
      for (const [k, sum] of sums.entries()) {
        let result = bench.rescaled(sum, step)
        if (complex) result = shifted(bench, step, result, batch.rows[k]!.constant ?? 0)
        results[block - from]![batch.outputs[k]!] = bench.claimed(result, step)
        await bench.breathe()
      }
      if (block === from) bench.progress(step, batch.weights)
    }
  }
  return results
}

/**
 * Scale of the numbers. The values of a sum are read at the scale of the first of them, and so are multiples of what they were; the ratios are what their numbers have to be
 * multiplied by.
 */
function scalesOf(step: CompiledDiagonals | CompiledSum): { readonly scale: number; readonly ratios: readonly number[] } {
  if (step.kind === 'diagonals') return { scale: step.step.weightScale, ratios: [] }
  const [first] = step.step.weightScales
  return { scale: first!, ratios: step.step.weightScales.map(scale => scale / first!) }
}

/** (1 + ι)·constant added, where a slot holds two samples. */
function shifted(
  bench: Workbench,
  step: CompiledDiagonals | CompiledSum,
  ciphertext: EvaluatorCiphertext,
  constant: number
): EvaluatorCiphertext {
  const { level, scale } = ciphertext
  using bias = bench.evaluator.plaintext(doubledSlots(new Float64Array(bench.evaluator.slots).fill(constant)), { level, scale })
  return bench.evaluator.withMagnitude(bench.replace(ciphertext, bench.evaluator.addPlain(ciphertext, bias)), step.step.magnitude)
}
