/** Matrices by diagonals, of one value or several: baby rotations are made once for every input block, sums of products turned by giant steps. */
import { type EvaluatorCiphertext, isCombiner } from '@slytherin/ckks'
import { GIANT_STEPS_AT_ONCE, PRODUCTS_AT_ONCE } from '../costs/residence.js'
import type { DiagonalItem, DiagonalsPacking, Folding } from '../packing/diagonals.js'
import type { CompiledDiagonals } from '../steps/diagonals.js'
import { bothEncrypted, factorsOf } from '../steps/operands.js'
import { scalarWeights } from '../steps/packed.js'
import type { CompiledSum } from '../steps/sum.js'
import { runCombinations } from './combinations.js'
import { ordersOf } from './diagonal-order.js'
import type { Operand } from './options.js'
import { Turns } from './ownership.js'
import type { Gathered, Workbench } from './workbench.js'

/** Sums that take products together, of several giant steps and batch blocks: between two turns of the event loop no more. */
const SUMS_AT_ONCE = 64

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
  const results: EvaluatorCiphertext[][] = rotated.map(() => [])
  const orders = ordersOf(packing.items, bothEncrypted(factors) ? GIANT_STEPS_AT_ONCE : 1, PRODUCTS_AT_ONCE)
  const offsets = orders.flatMap(({ steps, bias }) => [...steps.flatMap(({ groups }) => groups.flat()), bias].map(({ offset }) => offset))
  let fetched = 0
  const nextWeight = async (): Promise<Operand> => {
    const next = offsets[++fetched] ?? offsets.length
    return await bench.supply.weight(step.firstWeight + offsets[fetched - 1]!, step.firstWeight + next)
  }
  for (const { steps } of orders) {
    const sums = new GiantSums(bench, packing, rotated.length)
    for (const { giants, groups } of steps) {
      for (const group of groups) {
        const gathered: Gathered<DiagonalItem>[] = []
        for (const { offset, item } of group) gathered.push({ offset, item, weight: await nextWeight() })
        await multiply(bench, sums, rotated, gathered)
        bench.releaseAll(step, gathered)
      }
      // the last use of an input block may be any of these
      for (const { offset } of groups.flat()) for (const turns of rotated) turns.used(offset)
      for (const giant of giants) await sums.descend(giant)
    }
    await sums.descend(0)
    const bias = await nextWeight()
    for (const [block, result] of results.entries()) {
      let sum = sums.whole(block)
      for (const folding of packing.foldings) sum = await folded(bench, sum, folding)
      result.push(await bench.finish(step, sum, bias))
    }
    bench.releaseAll(step, [{ weight: bias }])
  }
  return results
}

/** Adds the products of a few giant steps with the baby steps of one input block, of every batch block. */
async function multiply(
  bench: Workbench,
  sums: GiantSums,
  rotated: readonly Turns[],
  gathered: readonly Gathered<DiagonalItem>[]
): Promise<void> {
  const together: { readonly block: number; readonly giant: number; readonly pairs: (readonly [Operand, Operand])[] }[] = []
  for (const [block, turns] of rotated.entries()) {
    for (const [giant, products] of Map.groupBy(gathered, ({ item }) => item.giant)) {
      const pairs: (readonly [Operand, Operand])[] = []
      for (const { item, weight } of products) pairs.push([await turns.get(item.inputBlock, item.baby), weight])
      together.push({ block, giant, pairs })
    }
  }
  for (let from = 0; from < together.length; from += SUMS_AT_ONCE) {
    sums.add(together.slice(from, from + SUMS_AT_ONCE))
    await bench.breathe()
  }
}

/** The sums of one output block, of every batch block: of the giant steps that are being multiplied, and what those before have come to. */
class GiantSums {
  /** by batch block and giant step */
  private readonly partial: Map<number, EvaluatorCiphertext>[]
  private readonly sums: (EvaluatorCiphertext | undefined)[]
  private current: number

  constructor(
    private readonly bench: Workbench,
    private readonly packing: DiagonalsPacking,
    blocks: number
  ) {
    this.partial = Array.from({ length: blocks }, () => new Map())
    this.sums = new Array<undefined>(blocks).fill(undefined)
    this.current = packing.giantSteps - 1
  }

  add(
    products: readonly { readonly block: number; readonly giant: number; readonly pairs: readonly (readonly [Operand, Operand])[] }[]
  ): void {
    const made = this.bench.accumulateMany(products.map(({ block, giant, pairs }) => ({ sum: this.partial[block]!.get(giant), pairs })))
    for (const [k, { block, giant }] of products.entries()) this.partial[block]!.set(giant, made[k]!)
  }

  /** sum ← rot(sum) for the giant steps down to `target`, one by one or in a leap, and what has been multiplied there is added. */
  async descend(target: number): Promise<void> {
    const { bench, packing, current } = this
    const giant = packing.babySteps * bench.program.stride
    const distance = packing.leaps ? current - target : 1
    for (const [block, partial] of this.partial.entries()) {
      for (let rest = current; rest > target && this.sums[block]; rest -= distance)
        this.sums[block] = bench.replace(this.sums[block], bench.evaluator.rotate(this.sums[block], distance * giant))
      const part = partial.get(target)
      if (part) {
        partial.delete(target)
        const linear = bench.linear(part)
        const sum = this.sums[block]
        if (sum) {
          bench.evaluator.addInPlace(sum, linear)
          bench.scope.drop(linear)
        } else this.sums[block] = linear
      }
      await bench.breathe()
    }
    this.current = target
  }

  /** All giant steps of a batch block, which the caller takes over. */
  whole(block: number): EvaluatorCiphertext {
    return this.sums[block]!
  }
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
