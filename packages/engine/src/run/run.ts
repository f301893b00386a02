/**
 * Running a plan: walks the compiled program on any evaluator. Weights stream in one by one in the order of the plan and are dropped after use; products are summed
 * before they are relinearised; every intermediate is disposed; the event loop gets its turn between operations, so that aborting and progress work.
 */
import {
  Ciphertext,
  doubledSlots,
  type Evaluator,
  type EvaluatorCiphertext,
  type EvaluatorPair,
  evaluatePolynomial,
  evaluatePolynomialOfPairs,
  isCiphertext,
  isCombiner,
  type LinearCombiner,
  SimulatorEvaluator,
  squarePairs
} from '@slytherin/ckks'
import { PRODUCTS_AT_ONCE } from '../costs/residence.js'
import { PlanMismatchError } from '../errors.js'
import { nextTurn } from '../event-loop.js'
import type { DiagonalItem } from '../packing/diagonals.js'
import type { TapItem } from '../packing/taps.js'
import { programOf } from '../plan/derive.js'
import { walkNoise } from '../plan/noise.js'
import type { Plan } from '../plan/plan.js'
import type {
  CompiledDiagonals,
  CompiledPolynomial,
  CompiledRefresh,
  CompiledSquare,
  CompiledStep,
  CompiledTaps,
  Program
} from '../plan/program.js'
import { factorsOf } from '../steps/operands.js'
import { scalarWeights } from '../steps/price.js'
import { combinationBatches } from './combination-batches.js'
import type { Operand, RunOptions } from './options.js'
import { Scope, Turns } from './ownership.js'
import { demandState, Supply } from './supply.js'

/** Longest stretch of work between turns of the event loop. */
const YIELD_MILLISECONDS = 8

/**
 * @returns output ciphertexts, block-major: index = block·output.ciphertextsPerBlock + k; the caller disposes them
 * @throws PlanMismatchError when an input, weight or refreshed ciphertext is not as planned; the signal's reason when aborted; whatever evaluator and sources throw
 */
export async function run(plan: Plan, options: RunOptions): Promise<EvaluatorCiphertext[]> {
  const runner = new Runner(plan, programOf(plan), options)
  return await runner.run()
}

/** Weights whose products are going to be summed at once. */
interface Gathered<Item> {
  readonly offset: number
  readonly item: Item
  readonly weight: Operand
}

class Runner {
  private readonly scope = new Scope()
  private readonly evaluator: Evaluator
  private readonly total: number
  private done = 0
  /** log2 of the error after every step that the public bounds allow */
  private readonly claims: readonly number[]
  private lastYield = performance.now()
  private readonly supply: Supply

  constructor(
    private readonly plan: Plan,
    private readonly program: Program,
    private readonly options: RunOptions
  ) {
    this.evaluator = options.evaluator
    this.supply = new Supply(plan, program, options, this.scope)
    this.claims = walkNoise(program, plan.parties, plan.inputs).claims
    const passes = Math.ceil(plan.batchBlocks / plan.batchBlocksPerPass)
    const other = program.steps.reduce((sum, step) => sum + (step.kind === 'square' || step.kind === 'polynomial' ? step.blocksIn : 0), 0)
    this.total = passes * program.weights.length + plan.batchBlocks * other + passes * plan.refreshes.length
  }

  async run(): Promise<EvaluatorCiphertext[]> {
    const { plan, options } = this
    const { inputs } = options
    if (typeof inputs !== 'function') for (const input of inputs) this.scope.keep(input)
    try {
      this.checkParameters()
      if (typeof inputs !== 'function' && inputs.length !== plan.batchBlocks * plan.inputs.count) {
        throw new PlanMismatchError('input ciphertexts', String(plan.batchBlocks * plan.inputs.count), String(inputs.length))
      }
      const outputs: EvaluatorCiphertext[] = []
      for (let from = 0; from < plan.batchBlocks; from += plan.batchBlocksPerPass) {
        const results = await this.pass(from, Math.min(from + plan.batchBlocksPerPass, plan.batchBlocks))
        outputs.push(...results)
      }
      for (const output of outputs) this.scope.take(output)
      // inputs that no weight has met
      this.scope.dropAll()
      return outputs
    } catch (error) {
      this.scope.dropAll()
      throw error
    } finally {
      this.supply.dropPrefetched()
    }
  }

  private checkParameters(): void {
    const { parameters } = this.evaluator
    const expected = this.program.parameters
    if (!parameters.equals(expected)) {
      throw new PlanMismatchError(
        `parameters of evaluator '${this.evaluator.name}'`,
        `N = 2^${expected.logN}, log2(QP) = ${expected.logQP}`,
        `N = 2^${parameters.logN}, log2(QP) = ${parameters.logQP}`
      )
    }
    if (this.plan.refreshes.length > 0 && !this.options.refresher) throw new PlanMismatchError('refresher', 'one', 'none')
  }

  /** Blocks from..to-1 through the whole program. */
  private async pass(from: number, to: number): Promise<EvaluatorCiphertext[]> {
    // values[b][k]: ciphertext k of batch block from + b
    let values: EvaluatorCiphertext[][] | undefined
    for (const step of this.program.steps) {
      const start = performance.now()
      if (step.kind === 'taps') values = await this.taps(step, from, to)
      else if (step.kind === 'diagonals') values = await this.diagonals(step, values, from, to)
      else {
        values ??= await this.supply.readInputs(from, to, step.blocksIn)
        if (step.kind === 'refresh') values = await this.refresh(step, values)
        else values = step.kind === 'square' ? await this.square(step, values) : await this.polynomial(step, values)
      }
      const { level, scale, noise } = values[0]![0]!
      const seconds = (performance.now() - start) / 1000
      this.options.onStep?.({ step: step.index, kind: step.kind, layer: step.name, blocks: [from, to], seconds, level, scale, noise })
    }
    return values!.flat()
  }

  // --- operations -------------------------------------------------------------------------------------------------------------------------------------------------

  private async taps(step: CompiledTaps, from: number, to: number): Promise<EvaluatorCiphertext[][]> {
    const { packing } = step
    const results: EvaluatorCiphertext[][] = Array.from({ length: to - from }, () => [])
    let sums: (EvaluatorCiphertext | undefined)[][] = []
    const gathered: Gathered<Extract<TapItem, { kind: 'tap' }>>[] = []
    const multiply = async (): Promise<void> => {
      for (let block = from; block < to && gathered.length > 0; block++) {
        for (let part = 0; part < packing.blocksPerGroup; part++) {
          const pairs: [Operand, Operand][] = []
          for (const { item, weight } of gathered) {
            pairs.push([await this.supply.input(block, packing.inputIndex(item.group, item.tap, part)), weight])
          }
          sums[block - from]![part] = this.accumulate(sums[block - from]![part], pairs)
          for (const [input] of pairs) this.scope.drop(input)
          await this.breathe()
        }
      }
      this.releaseAll(step, gathered)
    }
    for (const [offset, item] of packing.items.entries()) {
      const weight = await this.supply.weight(step.firstWeight + offset)
      if (item.kind === 'bias') {
        await multiply()
        for (let block = 0; block < results.length; block++) {
          for (let part = item.from; part < item.to; part++) results[block]!.push(await this.finish(step, sums[block]![part]!, weight))
        }
        this.releaseAll(step, [{ weight }])
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

  /** Rotated inputs of every batch block: from the values so far, which are taken over, or from the inputs of the query. */
  private turns(step: CompiledDiagonals, values: readonly EvaluatorCiphertext[][] | undefined, from: number, to: number): Turns[] {
    const { packing } = step
    const last = packing.lastUses()
    const clearTurns = values || this.program.operands.data === 'encrypted' ? undefined : packing.turns()
    return Array.from({ length: to - from }, (_, block) => {
      const prepare = async (inputBlock: number): Promise<Map<number, Operand>> => {
        if (!clearTurns) {
          const ciphertext = values
            ? values[block]![inputBlock]!
            : ((await this.supply.input(from + block, inputBlock)) as EvaluatorCiphertext)
          return await this.babySteps(this.atLevel(ciphertext, step.step.level), packing.babies(inputBlock))
        }
        const turns = new Map<number, Operand>()
        for (const [k, turn] of clearTurns.entries()) {
          if (turn.inputBlock === inputBlock) turns.set(turn.baby, await this.supply.input(from + block, k))
        }
        return turns
      }
      return new Turns(last, prepare, operand => this.scope.drop(operand))
    })
  }

  private async diagonals(
    step: CompiledDiagonals,
    values: readonly EvaluatorCiphertext[][] | undefined,
    from: number,
    to: number
  ): Promise<EvaluatorCiphertext[][]> {
    const { scalars } = this.options
    const factors = factorsOf(this.program.operands, step.step.layer)
    if (scalars && scalarWeights(step.packing, factors) && isCombiner(this.evaluator))
      return await this.combinations(step, values, [from, to], scalars, this.evaluator)
    const rotated = this.turns(step, values, from, to)
    const { packing } = step
    const { stride } = this.program
    const results: EvaluatorCiphertext[][] = rotated.map(() => [])
    const giant = packing.babySteps * stride
    let sums: (EvaluatorCiphertext | undefined)[] = rotated.map(() => undefined)
    let partial: (EvaluatorCiphertext | undefined)[] = rotated.map(() => undefined)
    let current = packing.giantSteps - 1
    /** sum ← rot(sum) once for every giant step down to `target`, after adding what has been multiplied at the present one */
    const descend = async (target: number): Promise<void> => {
      for (let block = 0; block < rotated.length; block++) {
        const part = partial[block]
        if (part) {
          const linear = this.linear(part)
          const sum = sums[block]
          if (sum) {
            this.evaluator.addInPlace(sum, linear)
            this.scope.drop(linear)
          } else sums[block] = linear
        }
        for (let rest = current; rest > target && sums[block]; rest--)
          sums[block] = this.replace(sums[block]!, this.evaluator.rotate(sums[block]!, giant))
        await this.breathe()
      }
      partial = rotated.map(() => undefined)
      current = target
    }
    const gathered: Gathered<DiagonalItem>[] = []
    const multiply = async (): Promise<void> => {
      for (let block = 0; block < rotated.length && gathered.length > 0; block++) {
        const pairs: [Operand, Operand][] = []
        for (const { item, weight } of gathered) pairs.push([await rotated[block]!.get(item.inputBlock, item.baby), weight])
        partial[block] = this.accumulate(partial[block], pairs)
        for (const { offset } of gathered) rotated[block]!.used(offset)
        await this.breathe()
      }
      this.releaseAll(step, gathered)
    }
    for (const [offset, item] of packing.items.entries()) {
      const weight = await this.supply.weight(step.firstWeight + offset)
      const previous = gathered.at(-1)?.item
      // one input block at a time, so that no more of them are in memory than need be
      if (item.kind === 'bias' || item.giant !== current || item.inputBlock !== previous?.inputBlock) await multiply()
      if (item.kind === 'bias') {
        await descend(0)
        for (let block = 0; block < rotated.length; block++) {
          let sum = sums[block]!
          for (const fold of packing.folds) {
            const turned = this.scope.keep(this.evaluator.rotate(sum, fold * stride))
            this.evaluator.addInPlace(sum, turned)
            this.scope.drop(turned)
            await this.breathe()
          }
          sum = await this.finish(step, sum, weight)
          results[block]!.push(sum)
        }
        sums = rotated.map(() => undefined)
        current = packing.giantSteps - 1
        this.releaseAll(step, [{ weight }])
      } else {
        if (item.giant !== current) await descend(item.giant)
        gathered.push({ offset, item, weight })
        if (gathered.length === PRODUCTS_AT_ONCE) await multiply()
      }
    }
    return results
  }

  /** A layer of large batches: every output is one linear combination of ciphertexts. */
  private async combinations(
    step: CompiledDiagonals,
    values: readonly EvaluatorCiphertext[][] | undefined,
    [from, to]: readonly [number, number],
    scalars: (index: number) => number,
    combiner: LinearCombiner
  ): Promise<EvaluatorCiphertext[][]> {
    const complex = this.program.packing === 'complex'
    const batches = combinationBatches(step.packing, offset => scalars(step.firstWeight + offset))
    const results: EvaluatorCiphertext[][] = Array.from({ length: to - from }, () => [])
    for (let block = from; block < to; block++) {
      const inputs = new Map<number, EvaluatorCiphertext>()
      for (const batch of batches) {
        this.options.signal?.throwIfAborted()
        for (const k of batch.inputs) {
          if (inputs.has(k)) continue
          const ciphertext = values ? values[block - from]![k]! : ((await this.supply.input(block, k)) as EvaluatorCiphertext)
          inputs.set(k, this.atLevel(ciphertext, step.step.level))
        }
        const operands = batch.inputs.map(k => inputs.get(k)!)
        // where a slot holds two samples, a constant has to be added to both
        const rows = complex ? batch.rows.map(({ inputs, coefficients }) => ({ inputs, coefficients })) : batch.rows
        const sums = combiner.linearCombinations(operands, rows, { scale: step.step.weightScale })
        for (const sum of sums) this.scope.keep(sum)
        for (const k of batch.last) {
          this.scope.drop(inputs.get(k)!)
          inputs.delete(k)
        }
        for (const [k, sum] of sums.entries()) {
          let result = this.rescaled(sum, step)
          if (complex) result = this.shifted(step, result, batch.rows[k]!.constant ?? 0)
          results[block - from]![batch.outputs[k]!] = this.claimed(result, step)
          await this.breathe()
        }
        if (block === from) this.progress(step, batch.weights)
      }
    }
    return results
  }

  /** (1 + ι)·constant added, where a slot holds two samples. */
  private shifted(step: CompiledDiagonals, ciphertext: EvaluatorCiphertext, constant: number): EvaluatorCiphertext {
    const { level, scale } = ciphertext
    using bias = this.evaluator.plaintext(doubledSlots(new Float64Array(this.evaluator.slots).fill(constant)), { level, scale })
    return this.evaluator.withMagnitude(this.replace(ciphertext, this.evaluator.addPlain(ciphertext, bias)), step.step.magnitude)
  }

  /** All baby rotations of one ciphertext, which is taken over. */
  private async babySteps(ciphertext: EvaluatorCiphertext, babies: readonly number[]): Promise<Map<number, Operand>> {
    const turns = babies.filter(baby => baby > 0)
    const made = this.evaluator.rotateMany(
      ciphertext,
      turns.map(baby => baby * this.program.stride)
    )
    const out = new Map<number, Operand>()
    for (const [index, baby] of turns.entries()) out.set(baby, this.scope.keep(made[index]!))
    if (babies.includes(0)) out.set(0, ciphertext)
    else this.scope.drop(ciphertext)
    await this.breathe()
    return out
  }

  private async square(step: CompiledSquare, values: EvaluatorCiphertext[][]): Promise<EvaluatorCiphertext[][]> {
    const results: EvaluatorCiphertext[][] = []
    for (const ciphertexts of values) {
      const squares: EvaluatorCiphertext[] = []
      for (const ciphertext of ciphertexts) {
        const operand = this.atLevel(ciphertext, step.step.level)
        const square = this.replace(operand, this.squared(step, operand))
        squares.push(this.rescaled(this.linear(square), step))
        this.progress(step)
        await this.breathe()
      }
      results.push(squares)
    }
    return results
  }

  private async polynomial(step: CompiledPolynomial, values: EvaluatorCiphertext[][]): Promise<EvaluatorCiphertext[][]> {
    const { level, magnitude } = step.step
    const results: EvaluatorCiphertext[][] = []
    for (const ciphertexts of values) {
      const made: EvaluatorCiphertext[] = []
      for (const ciphertext of ciphertexts) {
        const operand = this.atLevel(ciphertext, level)
        const result = this.evaluator.withMagnitude(this.evaluated(step, operand), magnitude)
        made.push(this.claimed(this.replace(operand, result), step))
        this.progress(step)
        await this.breathe()
      }
      results.push(made)
    }
    return results
  }

  private evaluated(step: CompiledPolynomial, operand: EvaluatorCiphertext): EvaluatorCiphertext {
    const { packing, slotFactor } = this.program
    const options = { scale: step.step.target, magnitude: step.step.magnitude / slotFactor }
    if (packing === 'real') return evaluatePolynomial(this.evaluator, operand, step.layer, options)
    return evaluatePolynomialOfPairs(this.evaluator, operand, step.layer, { ...options, bound: step.magnitudeIn / slotFactor })
  }

  /** Degree 2. */
  private squared(step: CompiledSquare, operand: EvaluatorCiphertext): EvaluatorCiphertext {
    const { packing, slotFactor } = this.program
    if (packing === 'complex') return squarePairs(this.evaluator, operand, step.magnitudeIn / slotFactor)
    return this.evaluator.square(operand)
  }

  private async refresh(step: CompiledRefresh, values: EvaluatorCiphertext[][]): Promise<EvaluatorCiphertext[][]> {
    const given = values.flat().map(ciphertext => this.atLevel(ciphertext, step.step.level))
    for (const ciphertext of given) this.scope.take(ciphertext)
    const fresh = await this.options.refresher!.refresh(given, { index: step.index, name: step.name }, this.options.signal)
    for (const ciphertext of fresh) this.scope.keep(ciphertext)
    if (fresh.length !== given.length)
      throw new PlanMismatchError(`refreshed ciphertexts after '${step.name}'`, String(given.length), String(fresh.length))
    for (const ciphertext of fresh) {
      demandState(`refreshed ciphertext after '${step.name}'`, ciphertext, {
        level: this.program.parameters.maxLevel,
        scale: step.step.scale
      })
      this.evaluator.withMagnitude(ciphertext, step.step.magnitude)
    }
    this.progress(step)
    await this.breathe()
    return values.map((ciphertexts, block) => ciphertexts.map((_, k) => fresh[block * ciphertexts.length + k]!))
  }

  /** Relinearises, rescales and adds the bias to a sum of products, which is taken over. */
  private async finish(step: CompiledTaps | CompiledDiagonals, sum: EvaluatorCiphertext, bias: Operand): Promise<EvaluatorCiphertext> {
    const result = this.rescaled(this.linear(sum), step)
    await this.breathe()
    if (isCiphertext(bias)) {
      this.evaluator.addInPlace(result, bias)
      return this.claimed(this.evaluator.withMagnitude(result, step.step.magnitude), step)
    }
    return this.claimed(
      this.evaluator.withMagnitude(this.replace(result, this.evaluator.addPlain(result, bias)), step.step.magnitude),
      step
    )
  }

  /** Lowers the tracked noise to what the norms of the architecture allow. */
  private claimed(ciphertext: EvaluatorCiphertext, step: CompiledTaps | CompiledDiagonals | CompiledPolynomial): EvaluatorCiphertext {
    const noise = this.claims[step.index]!
    if (ciphertext.noise <= noise) return ciphertext
    if (this.evaluator instanceof SimulatorEvaluator) return this.evaluator.restateNoise(ciphertext, noise)
    return this.replace(ciphertext, withNoise(this.evaluator, ciphertext, noise))
  }

  private rescaled(ciphertext: EvaluatorCiphertext, step: CompiledTaps | CompiledDiagonals | CompiledSquare): EvaluatorCiphertext {
    let result = ciphertext
    for (let dropped = 0; dropped < step.step.rescalings; dropped++) result = this.replace(result, this.evaluator.rescale(result))
    return this.evaluator.withMagnitude(result, step.step.magnitude)
  }

  private linear(ciphertext: EvaluatorCiphertext): EvaluatorCiphertext {
    return ciphertext.degree === 1 ? ciphertext : this.replace(ciphertext, this.evaluator.relinearize(ciphertext))
  }

  private atLevel(ciphertext: EvaluatorCiphertext, level: number): EvaluatorCiphertext {
    return ciphertext.level === level ? ciphertext : this.replace(ciphertext, this.evaluator.dropLevel(ciphertext, level))
  }

  /** sum + Σ a·b, in place when there is a sum; operands stay. */
  private accumulate(sum: EvaluatorCiphertext | undefined, pairs: readonly (readonly [Operand, Operand])[]): EvaluatorCiphertext {
    const ordered = pairs.map(([a, b]): EvaluatorPair => (isCiphertext(a) ? [a, b] : [b as EvaluatorCiphertext, a]))
    const products = this.evaluator.multiplyAccumulate(ordered)
    if (!sum) return this.scope.keep(products)
    try {
      this.evaluator.addInPlace(sum, products)
      return sum
    } finally {
      products.dispose()
    }
  }

  /** Disposes the old one, keeps the new one. */
  private replace(old: EvaluatorCiphertext, made: EvaluatorCiphertext): EvaluatorCiphertext {
    this.scope.keep(made)
    this.scope.drop(old)
    return made
  }

  /** Weights that have been used. Empties the list. */
  private releaseAll(step: CompiledStep, used: { readonly weight: Operand }[]): void {
    if (used.length === 0) return
    this.supply.release(used)
    for (const _ of used) this.progress(step)
    used.length = 0
  }

  private progress(step: CompiledStep, count = 1): void {
    this.done += count
    this.options.onProgress?.({ layer: step.name, done: this.done, total: this.total })
  }

  /** Lets the event loop turn when it is time, and stops when asked to. */
  private async breathe(): Promise<void> {
    if (performance.now() - this.lastYield < YIELD_MILLISECONDS) return
    await nextTurn()
    this.lastYield = performance.now()
    this.options.signal?.throwIfAborted()
  }
}

/** A copy whose tracked noise is `noise`. */
function withNoise(evaluator: Evaluator, ciphertext: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
  using stored = evaluator.store(ciphertext)
  const { level, scale, magnitude } = ciphertext
  // shares its polynomials with `stored`, which owns them
  return evaluator.load(new Ciphertext(stored.components, { level, scale, noise, magnitude }))
}
