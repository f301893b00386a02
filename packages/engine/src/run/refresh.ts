/** Refreshes: ciphertexts go out to the key holders, fresh ones come back and are held against the plan. */
import type { EvaluatorCiphertext } from '@slytherin/ckks'
import { PlanMismatchError } from '../errors.js'
import type { CompiledRefresh } from '../steps/refresh.js'
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
  for (const ciphertext of fresh) bench.scope.keep(ciphertext)
  if (fresh.length !== given.length)
    throw new PlanMismatchError(`refreshed ciphertexts after '${step.name}'`, String(given.length), String(fresh.length))
  for (const ciphertext of fresh) {
    demandState(`refreshed ciphertext after '${step.name}'`, ciphertext, {
      level: bench.program.parameters.maxLevel,
      scale: step.step.scale
    })
    bench.evaluator.withMagnitude(ciphertext, step.step.magnitude)
  }
  bench.progress(step)
  await bench.breathe()
  return values.map((ciphertexts, block) => ciphertexts.map((_, k) => fresh[block * ciphertexts.length + k]!))
}
