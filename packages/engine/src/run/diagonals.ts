/** Matrices by diagonals, of one value or several: baby rotations are made once for every input block, sums of products turned by giant steps. */
import { type EvaluatorCiphertext, isCombiner } from '@slytherin/ckks'
import { PRODUCTS_AT_ONCE } from '../costs/residence.js'
import type { DiagonalItem, DiagonalsPacking, Folding } from '../packing/diagonals.js'
import type { CompiledDiagonals } from '../steps/diagonals.js'
import { factorsOf } from '../steps/operands.js'
import { scalarWeights } from '../steps/packed.js'
import type { CompiledSum } from '../steps/sum.js'
import { runCombinations } from './combinations.js'
import type { Operand } from './options.js'
import { Turns } from './ownership.js'
import type { Gathered, Workbench } from './workbench.js'

/**
 * Blocks from..to-1, of the values so far or of the inputs of the query.
 * @param values ciphertexts of every batch block, of all that the step reads one after another; absent where they are inputs that nothing else reads, empty where they are clear
 */
export async function runDiagonals(
  bench: Workbench,
  step: CompiledDiagonals | CompiledSum,
  values: readonly EvaluatorCiphertext[][] | undefined,
  from: number,
  to: number
): Promise<EvaluatorCiphertext[][]> {
  const { scalars } = bench.options
  const factors = factorsOf(bench.program.operands, step.reads)
  if (scalars && scalarWeights(step.packing, factors) && isCombiner(bench.evaluator))
    return await runCombinations(bench, step, values, [from, to], scalars, bench.evaluator)
  const rotated = turnsOf(bench, step, values, from, to)
  const { packing } = step
  const { stride } = bench.program
  const results: EvaluatorCiphertext[][] = rotated.map(() => [])
  const giant = packing.babySteps * stride
  let sums: (EvaluatorCiphertext | undefined)[] = rotated.map(() => undefined)
  let partial: (EvaluatorCiphertext | undefined)[] = rotated.map(() => undefined)
  let current = packing.giantSteps - 1
  /** sum ← rot(sum) for the giant steps down to `target`, one by one or in a leap, after adding what has been multiplied at the present one */
  const descend = async (target: number): Promise<void> => {
    for (let block = 0; block < rotated.length; block++) {
      const part = partial[block]
      if (part) {
        const linear = bench.linear(part)
        const sum = sums[block]
        if (sum) {
          bench.evaluator.addInPlace(sum, linear)
          bench.scope.drop(linear)
        } else sums[block] = linear
      }
      const distance = packing.leaps ? current - target : 1
      for (let rest = current; rest > target && sums[block]; rest -= distance)
        sums[block] = bench.replace(sums[block]!, bench.evaluator.rotate(sums[block]!, distance * giant))
      await bench.breathe()
    }
    partial = rotated.map(() => undefined)
    current = target
  }
  const gathered: Gathered<DiagonalItem>[] = []
  const multiply = async (): Promise<void> => {
    for (let block = 0; block < rotated.length && gathered.length > 0; block++) {
      const pairs: [Operand, Operand][] = []
      for (const { item, weight } of gathered) pairs.push([await rotated[block]!.get(item.inputBlock, item.baby), weight])
      partial[block] = bench.accumulate(partial[block], pairs)
      for (const { offset } of gathered) rotated[block]!.used(offset)
      await bench.breathe()
    }
    bench.releaseAll(step, gathered)
  }
  for (const [offset, item] of packing.items.entries()) {
    const weight = await bench.supply.weight(step.firstWeight + offset)
    const previous = gathered.at(-1)?.item
    // one input block at a time, so that no more of them are in memory than need be
    if (item.kind === 'bias' || item.giant !== current || item.inputBlock !== previous?.inputBlock) await multiply()
    if (item.kind === 'bias') {
      await descend(0)
      for (let block = 0; block < rotated.length; block++) {
        let sum = sums[block]!
        for (const folding of packing.foldings) sum = await folded(bench, sum, folding)
        sum = await bench.finish(step, sum, weight)
        results[block]!.push(sum)
      }
      sums = rotated.map(() => undefined)
      current = packing.giantSteps - 1
      bench.releaseAll(step, [{ weight }])
    } else {
      if (item.giant !== current) await descend(item.giant)
      gathered.push({ offset, item, weight })
      if (gathered.length === PRODUCTS_AT_ONCE) await multiply()
    }
  }
  return results
}

/** Rotated inputs of every batch block: from the values so far, which are taken over, or from the inputs of the query. */
function turnsOf(
  bench: Workbench,
  step: CompiledDiagonals | CompiledSum,
  values: readonly EvaluatorCiphertext[][] | undefined,
  from: number,
  to: number
): Turns[] {
  const { packing } = step
  const { data } = bench.program.operands
  const { input } = factorsOf(bench.program.operands, step.reads)
  const last = packing.lastUses()
  const clearTurns = data === 'clear' ? packing.turns() : []
  const firstInput = bench.program.firstInputs.get(step.index) ?? 0
  return Array.from({ length: to - from }, (_, block) => {
    const prepare = async (inputBlock: number): Promise<Map<number, Operand>> => {
      if (!packing.clear(inputBlock, input)) {
        const ciphertext = values
          ? values[block]![inputBlock]!
          : ((await bench.supply.input(from + block, inputBlock)) as EvaluatorCiphertext)
        return await babySteps(bench, bench.atLevel(ciphertext, step.step.level), packing, inputBlock)
      }
      const turns = new Map<number, Operand>()
      for (const [k, turn] of clearTurns.entries()) {
        if (turn.inputBlock === inputBlock) turns.set(turn.baby, await bench.supply.input(from + block, firstInput + k))
      }
      return turns
    }
    return new Turns(last, prepare, operand => bench.scope.drop(operand))
  })
}

/** All baby rotations of one ciphertext, which is taken over. */
async function babySteps(
  bench: Workbench,
  ciphertext: EvaluatorCiphertext,
  packing: DiagonalsPacking,
  inputBlock: number
): Promise<Map<number, Operand>> {
  const babies = packing.babies(inputBlock)
  const turns = babies.filter(baby => baby > 0)
  const steps = packing.turnsBetween(inputBlock).map(positions => positions * bench.program.stride)
  const out = new Map<number, Operand>()
  if (packing.successive) {
    let last = ciphertext
    for (const [index, baby] of turns.entries()) {
      last = bench.scope.keep(bench.evaluator.rotate(last, steps[index]!))
      out.set(baby, last)
      await bench.breathe()
    }
  } else for (const [index, made] of bench.evaluator.rotateMany(ciphertext, steps).entries()) out.set(turns[index]!, bench.scope.keep(made))
  if (babies.includes(0)) out.set(0, ciphertext)
  else bench.scope.drop(ciphertext)
  await bench.breathe()
  return out
}

/** A sum, which is taken over, with its rotations added. */
async function folded(bench: Workbench, sum: EvaluatorCiphertext, { rotation, times }: Folding): Promise<EvaluatorCiphertext> {
  let result = sum
  for (let time = 0; time < times; time++) {
    const turned = bench.scope.keep(bench.evaluator.rotate(result, rotation * bench.program.stride))
    bench.evaluator.addInPlace(turned, sum)
    if (result !== sum) bench.scope.drop(result)
    result = turned
    await bench.breathe()
  }
  bench.scope.drop(sum)
  return result
}
