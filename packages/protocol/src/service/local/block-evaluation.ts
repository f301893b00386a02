/**
 * A query evaluated in parts, each of which any machine of the evaluator's may do. Passes go on beside each other; within a pass all blocks come together at every
 * refresh, which is asked for here, of the whole pass at once: key holders and witnesses see what they see of an evaluator that does everything itself.
 */
import type { EvaluatorCiphertext } from '@slytherin/ckks'
import { refreshedValue } from '@slytherin/engine'
import type { EvaluationProgress } from '../../cryptography/evaluator.js'
import { passCount } from '../../terms/instances.js'
import type { Plan, StepReport } from '../../terms/plan.js'
import type {
  BlockJob,
  BlockResult,
  BlockRunner,
  BlockStretch,
  ContentName,
  KeptCiphertext,
  KeptValue,
  SharedContents
} from '../cryptography/blocks.js'
import type { EvaluationTerms } from '../cryptography/release.js'
import { querySpace } from '../store/content-store.js'
import type { AssistedQuery, AttemptedAssistance } from './attempted-assistance.js'
import type { SharedRelease } from './shared-release.js'
import { computeStretch, keepAll, loadKept, type StretchMeans } from './stretches.js'

export interface BlockEvaluationOptions extends Omit<StretchMeans, 'contents' | 'signal'> {
  readonly blocks: BlockRunner
  readonly shared: SharedRelease
  readonly assistance: AttemptedAssistance
  readonly query: AssistedQuery
  readonly terms: EvaluationTerms
  tell(progress: EvaluationProgress): void
}

/** Batch blocks from..to-1. */
type Blocks = readonly [number, number]

/** @returns output ciphertexts in the order of `run`; the caller disposes them */
export async function evaluateInBlocks(options: BlockEvaluationOptions): Promise<EvaluatorCiphertext[]> {
  const { blocks, shared, terms, session, query, evaluator } = options
  const { contents } = blocks
  const { plan } = session
  const stop = new AbortController()
  const signal = AbortSignal.any([query.signal, stop.signal])
  const space = querySpace(terms.query)
  const loaded: EvaluatorCiphertext[] = []
  const letGo = await blocks.hold(space)
  const coming = Array.from({ length: passCount(plan) }, () => blocks.expect())
  try {
    const means = await shared.name()
    for (const hash of terms.inputs) await shared.share(terms.space, hash)
    const run = new BlockEvaluation(options, means, signal)
    const tasks = coming.map(async (come, pass) => await run.pass(pass, come))
    const outputs = await Promise.all(tasks).catch(async error => {
      stop.abort(error)
      await Promise.allSettled(tasks)
      throw error
    })
    for (const one of outputs.flat(2)) loaded.push(await loadKept(one, { session, evaluator, contents }))
    return loaded
  } catch (error) {
    for (const ciphertext of loaded) ciphertext.dispose()
    throw error
  } finally {
    for (const come of coming) come()
    // What is left of it is computed again when it is asked again, to the same bytes.
    letGo()
    await contents.clear(space).catch(() => undefined)
  }
}

class BlockEvaluation {
  readonly #options: BlockEvaluationOptions
  readonly #means: ContentName
  readonly #signal: AbortSignal
  readonly #contents: SharedContents
  #done = 0

  constructor(options: BlockEvaluationOptions, means: ContentName, signal: AbortSignal) {
    this.#options = options
    this.#means = means
    this.#signal = signal
    this.#contents = options.blocks.contents
  }

  /** @param expected withdraws that its first stretch is expected */
  async pass(pass: number, expected: () => void): Promise<readonly (readonly KeptCiphertext[])[]> {
    const { session, blocks } = this.#options
    const { plan } = session
    const from = pass * plan.batchBlocksPerPass
    const to = Math.min(from + plan.batchBlocksPerPass, plan.batchBlocks)
    let come = expected
    try {
      let { after, values } = await this.#begin(pass, to - from)
      for (;;) {
        const tasks = this.#pieces(after, from, to).map(async piece => await this.#stretch(piece, after, values, from))
        come()
        const found = (await Promise.all(tasks)).flat()
        const results = found.flatMap(part => part.results)
        const { refresh } = found[0]!
        if (refresh === null) return results
        come = blocks.expect()
        const refreshed = await this.#refreshed(pass, refresh, results)
        const others = (found[0]?.values ?? []).map(({ value }, k) => ({ value, blocks: found.flatMap(part => part.values[k]!.blocks) }))
        values = [...others, refreshed]
        after = refresh
      }
    } finally {
      come()
    }
  }

  /** Where a pass begins: at its inputs, or behind the last refresh that is kept of it. */
  async #begin(pass: number, blocks: number): Promise<{ after: number; values: KeptValue[] }> {
    const { query, assistance, session } = this.#options
    const kept = await query.callbacks.kept?.(pass)
    if (kept === undefined || !refreshedValue(session.plan, kept.step).alone) return { after: -1, values: [] }
    const handles = assistance.resumed(kept)
    try {
      return { after: kept.step, values: [await this.#kept(kept.step, handles, blocks)] }
    } finally {
      for (const handle of handles) handle.dispose()
    }
  }

  /** Of a whole pass at once. */
  async #refreshed(pass: number, step: number, results: readonly (readonly KeptCiphertext[])[]): Promise<KeptValue> {
    const { assistance, query, session, evaluator } = this.#options
    const handles: EvaluatorCiphertext[] = []
    for (const one of results.flat()) handles.push(await loadKept(one, { session, evaluator, contents: this.#contents }))
    const fresh = await assistance.refreshed(query, pass, step, handles)
    try {
      return await this.#kept(step, fresh, results.length)
    } finally {
      for (const handle of fresh) handle.dispose()
    }
  }

  async #kept(step: number, handles: readonly EvaluatorCiphertext[], blocks: number): Promise<KeptValue> {
    const { session, evaluator, terms } = this.#options
    const each = handles.length / blocks
    const byBlock = Array.from({ length: blocks }, (_, block) => handles.slice(block * each, (block + 1) * each))
    const { value } = refreshedValue(session.plan, step)
    return { value, blocks: await keepAll(byBlock, querySpace(terms.query), { evaluator, contents: this.#contents }) }
  }

  /** Behind a refresh, for some blocks of a pass, in as many parts as there are places when it is its turn. @param first block of the pass */
  async #stretch([from, to]: Blocks, after: number, values: readonly KeptValue[], first: number): Promise<readonly BlockResult[]> {
    const { terms, session, blocks: runner, tell } = this.#options
    const { plan } = session
    const { query } = terms
    const stretch: BlockStretch = {
      most: to - from,
      divide: parts =>
        rangesOf(from, to, parts).map(range =>
          this.#job(
            range,
            after,
            values.map(value => cut(value, range[0] - first, range[1] - first))
          )
        )
    }
    const total = plan.batchBlocks * (plan.steps.length - plan.refreshes.length)
    const results = await runner.run(
      stretch,
      { name: query, seconds: plan.costs.seconds.evaluation },
      {
        signal: this.#signal,
        onWaiting: reason => tell({ done: this.#done, total, step: reason }),
        local: async job => await computeStretch(job, { ...this.#options, contents: this.#contents, signal: this.#signal })
      }
    )
    for (const { steps } of results) for (const step of steps) this.#step(step, total)
    return results
  }

  #job(blocks: Blocks, after: number, values: readonly KeptValue[]): BlockJob {
    const { terms, session } = this.#options
    const { plan } = session
    const { count } = plan.inputs
    const { query, space, proved } = terms
    const hashes = terms.inputs.slice(blocks[0] * count, blocks[1] * count)
    const expected = { seconds: secondsOf(plan, after, blocks), bytes: plan.costs.bytes.evaluatorMemory }
    return { means: this.#means, query, blocks, after, inputs: { space, hashes, proved }, values, expected }
  }

  #step(step: StepReport, total: number): void {
    const { query, tell } = this.#options
    this.#done += step.blocks[1] - step.blocks[0]
    query.callbacks.step?.(step)
    tell({ done: this.#done, total, step: step.layer })
  }

  /** What is one part at least: it is of one pass, and takes no longer than parts should. */
  #pieces(after: number, from: number, to: number): Blocks[] {
    const { blocks, session } = this.#options
    const short = Math.floor(blocks.partSeconds / secondsOf(session.plan, after, [0, 1]))
    return rangesOf(from, to, Math.ceil((to - from) / Math.max(1, short)))
  }
}

/** About as many blocks each. The largest is the first: parts are done in this order, and what comes last leaves a place without work for as long as it takes. */
function rangesOf(from: number, to: number, parts: number): Blocks[] {
  return Array.from({ length: parts }, (_, k): Blocks => {
    const at = (part: number): number => from + Math.ceil((part * (to - from)) / parts)
    return [at(k), at(k + 1)]
  })
}

const cut = ({ value, blocks }: KeptValue, from: number, to: number): KeptValue => ({ value, blocks: blocks.slice(from, to) })

/** Of the steps from behind `after` to the next refresh, for so many blocks. */
function secondsOf({ costs, steps, refreshes, batchBlocks }: Plan, after: number, [from, to]: Blocks): number {
  const next = Math.min(steps.length, ...refreshes.map(({ step }) => step).filter(step => step > after))
  const whole = costs.seconds.steps.slice(after + 1, next).reduce((sum, seconds) => sum + seconds, 0)
  return (whole * (to - from)) / batchBlocks
}
