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

/** What is alive between two steps of a program: of each value that a later step reads, but the inputs, the ciphertexts by batch block. */
export type AliveValues = ReadonlyMap<number, readonly (readonly EvaluatorCiphertext[])[]>

/** A part of a run that needs nobody but who computes. */
export interface Stretch {
  /** batch blocks from..to-1 */
  readonly blocks: readonly [number, number]
  /** index of the step that was done last; -1 at the beginning */
  readonly after: number
  /** what is alive after that step, for these blocks; taken over */
  readonly values: AliveValues
}

/** Where a stretch has come to. The caller disposes all ciphertexts. */
export interface StretchEnd {
  /** index of the refresh that it stands before; undefined at the end */
  readonly refresh: number | undefined
  /** what is to be refreshed, at the level of the plan, or the outputs; by batch block */
  readonly results: readonly (readonly EvaluatorCiphertext[])[]
  /** what else is alive */
  readonly values: AliveValues
}

/**
 * Runs blocks from behind one refresh to the next: what a machine can do that has no way to the key holders. The blocks of a pass come to the same ciphertexts, whether
 * they are run together or apart.
 * @throws as `run`
 */
export async function runStretch(plan: Plan, stretch: Stretch, options: Omit<RunOptions, 'refresher' | 'resume'>): Promise<StretchEnd> {
  const runner = new Runner(plan, programOf(plan), options)
  return await runner.stretch(stretch)
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
      if (plan.refreshes.length > 0 && !options.refresher) throw new PlanMismatchError('refresher', 'one', 'none')
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
  }

  async stretch({ blocks: [from, to], after, values: alive }: Stretch): Promise<StretchEnd> {
    const { program, plan, bench } = this
    try {
      for (const blocks of alive.values())
        for (const ciphertexts of blocks) for (const ciphertext of ciphertexts) bench.scope.keep(ciphertext)
      this.checkParameters()
      if (!(from >= 0 && from < to && to <= plan.batchBlocks)) {
        throw new PlanMismatchError('blocks of a stretch', `within 0 to ${plan.batchBlocks}`, `${from} to ${to}`)
      }
      const values = new Values(bench, program, from, to)
      const begun = program.steps[after]
      for (const [value, blocks] of alive) {
        const refreshed = begun?.kind === 'refresh' && value === valueMade(begun)
        values.set(
          value,
          refreshed
            ? resumeAfter(bench, { step: after, ciphertexts: blocks.flat() }, to - from)
            : blocks.map(ciphertexts => [...ciphertexts])
        )
      }
      for (const step of program.steps.slice(after + 1)) {
        if (step.kind === 'refresh') {
          const taken = await values.take(step)
          const results = taken.map(ciphertexts => ciphertexts.map(ciphertext => bench.atLevel(ciphertext, step.step.level)))
          return this.end(step.index, results, values.others(step.reads[0]!))
        }
        await this.report(step, values, from, to)
      }
      return this.end(undefined, values.last, new Map())
    } catch (error) {
      bench.scope.dropAll()
      throw error
    } finally {
      bench.supply.dropPrefetched()
    }
  }

  private end(refresh: number | undefined, results: StretchEnd['results'], values: AliveValues): StretchEnd {
    const { scope } = this.bench
    for (const blocks of [results, ...values.values()]) for (const ciphertexts of blocks) for (const one of ciphertexts) scope.take(one)
    scope.dropAll()
    return { refresh, results, values }
  }

  /** Blocks from..to-1 through the whole program. */
  private async pass(from: number, to: number): Promise<EvaluatorCiphertext[]> {
    const values = new Values(this.bench, this.program, from, to)
    const done = await this.resumed(from / this.plan.batchBlocksPerPass, values, to - from)
    for (const step of this.program.steps) {
      if (step.index > done) await this.report(step, values, from, to)
    }
    return values.last.flat()
  }

  private async report(step: CompiledStep, values: Values, from: number, to: number): Promise<void> {
    const start = performance.now()
    const results = await this.step(step, values, from, to)
    values.set(valueMade(step), results)
    const { level, scale, noise } = results[0]![0]!
    const seconds = (performance.now() - start) / 1000
    this.options.onStep?.({ step: step.index, kind: step.kind, layer: step.name, blocks: [from, to], seconds, level, scale, noise })
  }

  /** Takes up what a pass has come to before. @returns index of the last step that need not be done; -1 where all must be */
  private async resumed(pass: number, values: Values, blocks: number): Promise<number> {
    const resumed = await this.options.resume?.(pass)
    if (resumed === undefined) return -1
    const refresh = this.program.steps[resumed.step]
    // Something else than what was refreshed may be needed later: a branch beside it.
    if (refresh?.kind === 'refresh' && !standsAlone(this.program, refresh)) {
      for (const ciphertext of resumed.ciphertexts) ciphertext.dispose()
      return -1
    }
    values.set(refresh === undefined ? -1 : valueMade(refresh), resumeAfter(this.bench, resumed, blocks))
    return resumed.step
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

/** Whether all that is read after a refresh is what it has made, or is made later. */
function standsAlone({ steps }: Program, refresh: CompiledStep): boolean {
  const there = new Set([valueMade(refresh)])
  return steps.slice(refresh.index + 1).every(step => {
    const reads = step.reads.every(value => there.has(value))
    there.add(valueMade(step))
    return reads
  })
}

/**
 * What a refresh of the plan makes, for who carries values from one stretch to the next.
 * @returns index of the value, and whether nothing else that is alive then is read later
 * @throws PlanMismatchError when the step is none
 */
export function refreshedValue(plan: Plan, step: number): { readonly value: number; readonly alone: boolean } {
  const program = programOf(plan)
  const refresh = program.steps[step]
  if (refresh?.kind !== 'refresh') throw new PlanMismatchError('step of a refresh', 'a refresh', refresh?.kind ?? 'none')
  return { value: valueMade(refresh), alone: standsAlone(program, refresh) }
}
