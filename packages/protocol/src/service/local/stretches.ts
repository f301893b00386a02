/** One part of an evaluation, done here: its inputs and values are read by their hash, what it comes to is put beside them. */
import { deserializeCiphertext, type Evaluator, type EvaluatorCiphertext, serializeCiphertext } from '@slytherin/ckks'
import { type RunOptions, runStretch, type StepReport } from '@slytherin/engine'
import { type CoinedQuery, coinedInput } from '../../local/coined.js'
import { type OpenSession, SessionStateError } from '../../local/open-session.js'
import type { BlockJob, BlockResult, KeptCiphertext, KeptValue, SharedContents } from '../cryptography/blocks.js'
import { querySpace } from '../store/content-store.js'
import { InputsAhead } from './inputs-ahead.js'
import type { ReleaseParts } from './release-parts.js'

export interface StretchMeans {
  readonly session: OpenSession
  readonly evaluator: Evaluator
  readonly parts: ReleaseParts
  readonly coined: Omit<CoinedQuery, 'query'>
  readonly contents: SharedContents
  weights(): Pick<RunOptions, 'weights' | 'scalars' | 'retainWeights'>
  readonly signal?: AbortSignal
}

/** @throws the engine's PlanMismatchError, ckks's MalformedCiphertextError, what the contents throw; the signal's reason */
export async function computeStretch(job: BlockJob, means: StretchMeans): Promise<BlockResult> {
  const { session, evaluator, parts, contents, coined, signal } = means
  const { query, inputs, blocks, after } = job
  const { count } = session.plan.inputs
  const space = querySpace(query)
  const values = new Map<number, EvaluatorCiphertext[][]>()
  try {
    for (const { value, blocks: kept } of job.values) {
      const loaded: EvaluatorCiphertext[][] = []
      values.set(value, loaded)
      for (const ciphertexts of kept) {
        loaded.push([])
        for (const one of ciphertexts) loaded.at(-1)!.push(await loadKept(one, means))
      }
    }
  } catch (error) {
    for (const ciphertext of [...values.values()].flat(2)) ciphertext.dispose()
    throw error
  }
  const steps: StepReport[] = []
  using ahead = new InputsAhead(blocks[1] * count, async index => {
    const hash = inputs.hashes[index - blocks[0] * count]
    if (hash === undefined) throw new SessionStateError(`input ${index} is not in the part of query ${query}`)
    return await contents.borrow(inputs.space, hash)
  })
  const end = await runStretch(
    session.plan,
    { blocks, after, values },
    {
      evaluator,
      inputs: async index => {
        using borrowed = await ahead.take(index)
        using ciphertext = parts.read('input', index, borrowed.bytes, inputs.proved)
        return coinedInput(session, evaluator, { query, ...coined }, index, ciphertext)
      },
      ...means.weights(),
      onStep: report => steps.push(report),
      ...(signal === undefined ? {} : { signal })
    }
  )
  const left = [...end.results, ...[...end.values.values()].flat()].flat()
  try {
    const kept: KeptValue[] = []
    for (const [value, of] of end.values) kept.push({ value, blocks: await keepAll(of, space, means) })
    return { refresh: end.refresh ?? null, results: await keepAll(end.results, space, means), values: kept, steps }
  } finally {
    for (const ciphertext of left) ciphertext.dispose()
  }
}

/** A ciphertext that was kept, loaded; the caller disposes it. @throws MalformedCiphertextError unless it is what its record says */
export async function loadKept(
  { space, hash, level, scale, degree }: KeptCiphertext,
  { session, evaluator, contents }: Pick<StretchMeans, 'session' | 'evaluator' | 'contents'>
): Promise<EvaluatorCiphertext> {
  using borrowed = await contents.borrow(space, hash)
  using ciphertext = deserializeCiphertext(session.context, borrowed.bytes, { level, scale, degree })
  return evaluator.load(ciphertext)
}

/** Keeps ciphertexts, which stay the caller's. */
export async function keepAll(
  blocks: readonly (readonly EvaluatorCiphertext[])[],
  space: string,
  { evaluator, contents }: Pick<StretchMeans, 'evaluator' | 'contents'>
): Promise<KeptCiphertext[][]> {
  const kept: KeptCiphertext[][] = []
  for (const ciphertexts of blocks) {
    const names: KeptCiphertext[] = []
    for (const handle of ciphertexts) {
      using stored = evaluator.store(handle)
      const { level, scale } = stored
      const hash = await contents.put(space, serializeCiphertext(stored))
      names.push({ space, hash, level, scale, degree: stored.components.length - 1 })
    }
    kept.push(names)
  }
  return kept
}
