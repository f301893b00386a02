/** What an architecture says of its answers, in words. */
import { describeFinal, finalLength } from '../graph/final.js'
import type { Architecture } from './architecture.js'

/** More names of classes than this are counted only. */
const TOLD_LABELS = 12

/** What the querier makes of the logits: the task, its classes by the names that the file has for them, and the operators that are left to it. */
export function describeOutput({ output }: Architecture): string {
  if (output.parts === undefined) return describePart(output)
  return output.parts.map(part => `${part.name}: ${describePart(part)}`).join('; ')
}

function describePart({ features, final, task }: Pick<Architecture['output'], 'features' | 'final' | 'task'>): string {
  const scores = final.filter(({ kind }) => kind !== 'argmax')
  const names = task.labels ?? Array.from({ length: task.kind === 'binary' ? 2 : finalLength(scores, features) }, (_, k) => k)
  const rest = names.length > TOLD_LABELS ? ` and ${names.length - TOLD_LABELS} more` : ''
  const listed = `${names.slice(0, TOLD_LABELS).join(', ')}${rest}`
  const what = {
    classification: `one of ${listed}`,
    binary: `${names[0]}, or ${names[1]} above ${task.threshold}`,
    'multi-label': `those above ${task.threshold} of ${listed}`,
    regression: `${names.length} value(s) in the units of the data`
  }[task.kind]
  return `${task.kind}: ${what}${final.length === 0 ? '' : `, after ${describeFinal(final)}`}`
}
