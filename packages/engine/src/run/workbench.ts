/** What every kind of step works with: the evaluator, what is alive, what comes from outside, and the few operations that all of them end with. */
import { type Evaluator, type EvaluatorCiphertext, type EvaluatorPair, isCiphertext, isProductSummer } from '@slytherin/ckks'
import { nextTurn } from '../event-loop.js'
import { walkNoise } from '../plan/noise.js'
import type { Plan } from '../plan/plan.js'
import type { Program } from '../plan/program.js'
import { type CompiledMap, type CompiledStep, isMapStep } from '../steps/kinds.js'
import type { CompiledPolynomial } from '../steps/polynomial.js'
import type { CompiledProduct } from '../steps/product.js'
import type { CompiledSquare } from '../steps/square.js'
import type { Operand, RunOptions } from './options.js'
import { Scope } from './ownership.js'
import { Supply } from './supply.js'

/** Longest stretch of work between turns of the event loop. */
const YIELD_MILLISECONDS = 8

/** Weights whose products are going to be summed at once. */
export interface Gathered<Item> {
  readonly offset: number
  readonly item: Item
  readonly weight: Operand
}

export class Workbench {
  readonly scope = new Scope()
  readonly evaluator: Evaluator
  readonly supply: Supply
  /** log2 of the error after every step that the public bounds allow */
  private readonly claims: readonly number[]
  private readonly total: number
  private done = 0
  private lastYield = performance.now()

  constructor(
    plan: Plan,
    readonly program: Program,
    readonly options: RunOptions
  ) {
    this.evaluator = options.evaluator
    this.supply = new Supply(plan, program, options, this.scope)
    this.claims = walkNoise(program, plan.inputs).claims
    const passes = Math.ceil(plan.batchBlocks / plan.batchBlocksPerPass)
    const other = program.steps.reduce((sum, step) => sum + (isMapStep(step) || step.kind === 'refresh' ? 0 : step.blocksIn), 0)
    this.total = passes * program.weights.length + plan.batchBlocks * other + passes * plan.refreshes.length
  }

  /** Relinearises, rescales and adds the bias to a sum of products, which is taken over. */
  async finish(step: CompiledMap, sum: EvaluatorCiphertext, bias: Operand): Promise<EvaluatorCiphertext> {
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
  claimed(ciphertext: EvaluatorCiphertext, step: CompiledMap | CompiledPolynomial | CompiledProduct): EvaluatorCiphertext {
    const noise = this.claims[step.index]!
    if (ciphertext.noise <= noise) return ciphertext
    return this.evaluator.restateNoise(ciphertext, noise)
  }

  rescaled(ciphertext: EvaluatorCiphertext, step: CompiledMap | CompiledSquare | CompiledProduct): EvaluatorCiphertext {
    let result = ciphertext
    for (let dropped = 0; dropped < step.step.rescalings; dropped++) result = this.replace(result, this.evaluator.rescale(result))
    return this.evaluator.withMagnitude(result, step.step.magnitude)
  }

  linear(ciphertext: EvaluatorCiphertext): EvaluatorCiphertext {
    return ciphertext.degree === 1 ? ciphertext : this.replace(ciphertext, this.evaluator.relinearize(ciphertext))
  }

  atLevel(ciphertext: EvaluatorCiphertext, level: number): EvaluatorCiphertext {
    return ciphertext.level === level ? ciphertext : this.replace(ciphertext, this.evaluator.dropLevel(ciphertext, level))
  }

  /** A ciphertext of its own at this level: what it is made of stays as it is. */
  copyAt(ciphertext: EvaluatorCiphertext, level: number): EvaluatorCiphertext {
    return this.scope.keep(ciphertext.level === level ? this.evaluator.copy(ciphertext) : this.evaluator.dropLevel(ciphertext, level))
  }

  /** sum + Σ a·b, in place when there is a sum; operands stay. */
  accumulate(sum: EvaluatorCiphertext | undefined, pairs: readonly (readonly [Operand, Operand])[]): EvaluatorCiphertext {
    const products = this.evaluator.multiplyAccumulate(pairs.map(orderedPair))
    if (!sum) return this.scope.keep(products)
    try {
      this.evaluator.addInPlace(sum, products)
      return sum
    } finally {
      products.dispose()
    }
  }

  /** The same for many sums with factors in common: together, where the evaluator can. */
  accumulateMany(
    sums: readonly { readonly sum: EvaluatorCiphertext | undefined; readonly pairs: readonly (readonly [Operand, Operand])[] }[]
  ): EvaluatorCiphertext[] {
    const { evaluator } = this
    const encrypted = sums.every(({ pairs }) => pairs.every(pair => pair.every(isCiphertext)))
    if (!encrypted || !isProductSummer(evaluator)) return sums.map(({ sum, pairs }) => this.accumulate(sum, pairs))
    const made = evaluator.multiplyAddMany(sums.map(({ sum, pairs }) => ({ sum, pairs: pairs.map(orderedPair) })))
    for (const result of made) this.scope.keep(result)
    return made
  }

  /** Disposes the old one, keeps the new one. */
  replace(old: EvaluatorCiphertext, made: EvaluatorCiphertext): EvaluatorCiphertext {
    this.scope.keep(made)
    this.scope.drop(old)
    return made
  }

  /** Weights that have been used. Empties the list. */
  releaseAll(step: CompiledStep, used: { readonly weight: Operand }[]): void {
    if (used.length === 0) return
    this.supply.release(used)
    for (const _ of used) this.progress(step)
    used.length = 0
  }

  progress(step: CompiledStep, count = 1): void {
    this.done += count
    this.options.onProgress?.({ layer: step.name, done: this.done, total: this.total })
  }

  /** Lets the event loop turn when it is time, and stops when asked to. */
  async breathe(): Promise<void> {
    if (performance.now() - this.lastYield < YIELD_MILLISECONDS) return
    await nextTurn()
    this.lastYield = performance.now()
    this.options.signal?.throwIfAborted()
  }
}

/** The ciphertext first. */
const orderedPair = ([a, b]: readonly [Operand, Operand]): EvaluatorPair => (isCiphertext(a) ? [a, b] : [b as EvaluatorCiphertext, a])
