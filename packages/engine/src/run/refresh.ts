/** Refreshes: ciphertexts go out to the key holders, fresh ones come back and are held against the plan. */
import type { EvaluatorCiphertext } from '@slytherin/ckks'
import { PlanMismatchError } from '../errors.js'
import type { CompiledRefresh } from '../steps/refresh.js'
import type { ResumedPass } from './options.js'
import { demandState } from './supply.js'
import type { Workbench } from './workbench.js'

export async function runRefresh(
  bench: Workbench,
  step: CompiledRefresh,
  values: EvaluatorCiphertext[][]
): Promise<EvaluatorCiphertext[][]> {
  const given = values.flat().map(ciphertext => bench.atLevel(ciphertext, step.step.level))
  for (const ciphertext of given) bench.scope.take(ciphertext)
  const fresh = await bench.options.refresher!.refresh(given, { index: step.index, name: step.name }, bench.options.signal)
  const refreshed = taken(bench, step, fresh, values.length)
  bench.progress(step)
  await bench.breathe()
  return refreshed
}

/** What a refresh has come to before, for so many batch blocks. @throws PlanMismatchError unless it is what the plan says */
export function resumeAfter(bench: Workbench, { step: index, ciphertexts }: ResumedPass, blocks: number): EvaluatorCiphertext[][] {
  const step = bench.program.steps[index]
  if (step?.kind !== 'refresh') {
    for (const ciphertext of ciphertexts) ciphertext.dispose()
    throw new PlanMismatchError('step that a pass goes on after', 'a refresh', step?.kind ?? 'none')
  }
  return taken(bench, step, ciphertexts, blocks)
}

function taken(bench: Workbench, step: CompiledRefresh, fresh: readonly EvaluatorCiphertext[], blocks: number): EvaluatorCiphertext[][] {
  for (const ciphertext of fresh) bench.scope.keep(ciphertext)
  const { ciphertextsPerBlock, scale, magnitude } = step.step
  const expected = blocks * ciphertextsPerBlock
  if (fresh.length !== expected)
    throw new PlanMismatchError(`refreshed ciphertexts after '${step.name}'`, String(expected), String(fresh.length))
  const { maxLevel: level } = bench.program.parameters
  for (const ciphertext of fresh) {
    demandState(`refreshed ciphertext after '${step.name}'`, ciphertext, { level, scale })
    bench.evaluator.withMagnitude(ciphertext, magnitude)
  }
  return Array.from({ length: blocks }, (_, block) => fresh.slice(block * ciphertextsPerBlock, (block + 1) * ciphertextsPerBlock))
}
