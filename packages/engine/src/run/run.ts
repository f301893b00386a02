/**
 * Running a plan: walks the compiled program on any evaluator. Weights stream in one by one in the order of the plan and are dropped after use; products are summed
 * before they are relinearised; every intermediate is disposed after its last use; the event loop gets its turn between operations, so that aborting and progress work.
 */
import type { EvaluatorCiphertext } from '@slytherin/ckks'
import { PlanMismatchError } from '../errors.js'
import { programOf } from '../plan/compiled.js'
import type { Plan } from '../plan/plan.js'
import type { Program } from '../plan/program.js'
import { type CompiledStep, valueMade } from '../steps/kinds.js'
import { runPolynomial, runProduct, runSquare } from './activations.js'
import { runDiagonals } from './diagonals.js'
import type { RunOptions } from './options.js'
import { resumeAfter, runRefresh } from './refresh.js'
import { runTaps } from './taps.js'
import { Values } from './values.js'
import { Workbench } from './workbench.js'

/**
 * @returns output ciphertexts, block-major: index = block·output.ciphertextsPerBlock + k; the caller disposes them
 * @throws PlanMismatchError when an input, weight or refreshed ciphertext is not as planned; the signal's reason when aborted; whatever evaluator and sources throw
 */
export async function run(plan: Plan, options: RunOptions): Promise<EvaluatorCiphertext[]> {
  const runner = new Runner(plan, programOf(plan), options)
  return await runner.run()
}

class Runner {
  private readonly bench: Workbench

  constructor(
    private readonly plan: Plan,
    private readonly program: Program,
    private readonly options: RunOptions
  ) {
    this.bench = new Workbench(plan, program, options)
  }

  async run(): Promise<EvaluatorCiphertext[]> {
    const { plan, options } = this
    const { inputs } = options
    if (typeof inputs !== 'function') for (const input of inputs) this.bench.scope.keep(input)
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
      for (const output of outputs) this.bench.scope.take(output)
      // inputs that no weight has met
      this.bench.scope.dropAll()
      return outputs
    } catch (error) {
      this.bench.scope.dropAll()
      throw error
    } finally {
      this.bench.supply.dropPrefetched()
    }
  }

  private checkParameters(): void {
    const { parameters } = this.bench.evaluator
    const expected = this.program.parameters
    if (!parameters.equals(expected)) {
      throw new PlanMismatchError(
        `parameters of evaluator '${this.bench.evaluator.name}'`,
        `N = 2^${expected.logN}, log2(QP) = ${expected.logQP}`,
        `N = 2^${parameters.logN}, log2(QP) = ${parameters.logQP}`
      )
    }
    if (this.plan.refreshes.length > 0 && !this.options.refresher) throw new PlanMismatchError('refresher', 'one', 'none')
  }

  /** Blocks from..to-1 through the whole program. */
  private async pass(from: number, to: number): Promise<EvaluatorCiphertext[]> {
    const values = new Values(this.bench, this.program, from, to)
    const done = await this.resumed(from / this.plan.batchBlocksPerPass, values, to - from)
    for (const step of this.program.steps) {
      if (step.index <= done) continue
      const start = performance.now()
      const results = await this.step(step, values, from, to)
      values.set(valueMade(step), results)
      const { level, scale, noise } = results[0]![0]!
      const seconds = (performance.now() - start) / 1000
      this.options.onStep?.({ step: step.index, kind: step.kind, layer: step.name, blocks: [from, to], seconds, level, scale, noise })
    }
    return values.last.flat()
  }

  /** Takes up what a pass has come to before. @returns index of the last step that need not be done; -1 where all must be */
  private async resumed(pass: number, values: Values, blocks: number): Promise<number> {
    const resumed = await this.options.resume?.(pass)
    if (resumed === undefined) return -1
    const refresh = this.program.steps[resumed.step]
    // Something else than what was refreshed may be needed later: a branch beside it.
    if (refresh?.kind === 'refresh' && !this.standsAlone(refresh)) {
      for (const ciphertext of resumed.ciphertexts) ciphertext.dispose()
      return -1
    }
    values.set(refresh === undefined ? -1 : valueMade(refresh), resumeAfter(this.bench, resumed, blocks))
    return resumed.step
  }

  /** Whether all that is read after a refresh is what it has made, or is made later. */
  private standsAlone(refresh: CompiledStep): boolean {
    const there = new Set([valueMade(refresh)])
    return this.program.steps.slice(refresh.index + 1).every(step => {
      const reads = step.reads.every(value => there.has(value))
      there.add(valueMade(step))
      return reads
    })
  }

  private async step(step: CompiledStep, values: Values, from: number, to: number): Promise<EvaluatorCiphertext[][]> {
    const { bench } = this
    switch (step.kind) {
      case 'taps':
        return await runTaps(bench, step, from, to)
      case 'diagonals':
      case 'sum':
        return await runDiagonals(bench, step, await values.side(step), from, to)
      case 'refresh':
        return await runRefresh(bench, step, await values.take(step))
      case 'square':
        return await runSquare(bench, step, await values.take(step))
      case 'polynomial':
        return await runPolynomial(bench, step, await values.take(step))
      case 'product':
        return await runProduct(bench, step, await values.take(step), await values.take(step, 1))
    }
  }
}
