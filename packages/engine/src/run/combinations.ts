/** Layers of large batches, whose weights are numbers. */
import { doubledSlots, type EvaluatorCiphertext, type LinearCombiner } from '@slytherin/ckks'
import type { CompiledDiagonals } from '../steps/diagonals.js'
import { combinationBatches } from './combination-batches.js'
import type { Workbench } from './workbench.js'

/** A layer of large batches: every output is one linear combination of ciphertexts. */
export async function runCombinations(
  bench: Workbench,
  step: CompiledDiagonals,
  values: readonly EvaluatorCiphertext[][] | undefined,
  [from, to]: readonly [number, number],
  scalars: (index: number) => number,
  combiner: LinearCombiner
): Promise<EvaluatorCiphertext[][]> {
  const complex = bench.program.packing === 'complex'
  const batches = combinationBatches(step.packing, offset => scalars(step.firstWeight + offset))
  const results: EvaluatorCiphertext[][] = Array.from({ length: to - from }, () => [])
  for (let block = from; block < to; block++) {
    const inputs = new Map<number, EvaluatorCiphertext>()
    for (const batch of batches) {
      bench.options.signal?.throwIfAborted()
      for (const k of batch.inputs) {
        if (inputs.has(k)) continue
        const ciphertext = values ? values[block - from]![k]! : ((await bench.supply.input(block, k)) as EvaluatorCiphertext)
        inputs.set(k, bench.atLevel(ciphertext, step.step.level))
      }
      const operands = batch.inputs.map(k => inputs.get(k)!)
      // where a slot holds two samples, a constant has to be added to both
      const rows = complex ? batch.rows.map(({ inputs, coefficients }) => ({ inputs, coefficients })) : batch.rows
      const sums = combiner.linearCombinations(operands, rows, { scale: step.step.weightScale })
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

/** (1 + ι)·constant added, where a slot holds two samples. */
function shifted(bench: Workbench, step: CompiledDiagonals, ciphertext: EvaluatorCiphertext, constant: number): EvaluatorCiphertext {
  const { level, scale } = ciphertext
  using bias = bench.evaluator.plaintext(doubledSlots(new Float64Array(bench.evaluator.slots).fill(constant)), { level, scale })
  return bench.evaluator.withMagnitude(bench.replace(ciphertext, bench.evaluator.addPlain(ciphertext, bias)), step.step.magnitude)
}
