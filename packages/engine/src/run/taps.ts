/** Products of a first convolution: inputs, tap by tap, with weights that stream in. */
import type { EvaluatorCiphertext } from '@slytherin/ckks'
import { PRODUCTS_AT_ONCE } from '../costs/residence.js'
import type { TapItem } from '../packing/taps.js'
import type { CompiledTaps } from '../steps/taps.js'
import type { Operand } from './options.js'
import type { Gathered, Workbench } from './workbench.js'

/** Blocks from..to-1. */
export async function runTaps(bench: Workbench, step: CompiledTaps, from: number, to: number): Promise<EvaluatorCiphertext[][]> {
  const { packing } = step
  const results: EvaluatorCiphertext[][] = Array.from({ length: to - from }, () => [])
  let sums: (EvaluatorCiphertext | undefined)[][] = []
  const gathered: Gathered<Extract<TapItem, { kind: 'tap' }>>[] = []
  const multiply = async (): Promise<void> => {
    for (let block = from; block < to && gathered.length > 0; block++) {
      for (let part = 0; part < packing.blocksPerGroup; part++) {
        const pairs: [Operand, Operand][] = []
        for (const { item, weight } of gathered) {
          pairs.push([await bench.supply.input(block, packing.inputIndex(item.group, item.tap, part)), weight])
        }
        sums[block - from]![part] = bench.accumulate(sums[block - from]![part], pairs)
        for (const [input] of pairs) bench.scope.drop(input)
        await bench.breathe()
      }
    }
    bench.releaseAll(step, gathered)
  }
  for (const [offset, item] of packing.items.entries()) {
    const weight = await bench.supply.weight(step.firstWeight + offset)
    if (item.kind === 'bias') {
      await multiply()
      for (let block = 0; block < results.length; block++) {
        for (let part = item.from; part < item.to; part++) results[block]!.push(await bench.finish(step, sums[block]![part]!, weight))
      }
      bench.releaseAll(step, [{ weight }])
    } else {
      if (item.tap === 0) {
        await multiply()
        sums = results.map(() => new Array<EvaluatorCiphertext | undefined>(packing.blocksPerGroup).fill(undefined))
      }
      gathered.push({ offset, item, weight })
      if (gathered.length === PRODUCTS_AT_ONCE) await multiply()
    }
  }
  return results
}
