/** What cohorts of several sizes cost, phase by phase: figures of one, and all of them as a table. */
import { formatBytes } from '@slytherin/engine'
import Table from 'cli-table3'
import * as z from 'zod'
import type { Machine } from '../machine.js'
import { COHORT_EVALUATOR, type CohortRun } from './cohort.js'
import { PHASES, type Phase } from './phases.js'

const bytes = z.number().int().nonnegative()
const traffic = z.strictObject({ sent: bytes, received: bytes })

const phaseSchema = z.strictObject({
  phase: z.enum(Object.keys(PHASES) as [Phase, ...Phase[]]),
  /** From the first request to the last answer. */
  seconds: z.number().nonnegative(),
  /** Of the holder with the most. */
  holder: traffic,
  evaluator: traffic
})

/** One cohort, as the process that played it says. */
export const cohortFiguresSchema = z.strictObject({
  holders: z.number().int().positive(),
  threshold: z.number().int().positive(),
  rotationKeys: z.number().int().nonnegative(),
  seconds: z.strictObject({ ceremony: z.number(), publication: z.number(), query: z.number(), replacement: z.number() }),
  phases: z.array(phaseSchema),
  /** At the evaluator, sent and received, from the first commitment to the last key. */
  keyBytes: bytes,
  /** At the evaluator, sent and received, of one refresh. */
  refreshBytes: bytes,
  /** Largest resident memory of the process, which is all parties. */
  memoryBytes: bytes,
  worstError: z.number().nonnegative()
})

export type CohortFigures = z.infer<typeof cohortFiguresSchema>

export interface CohortsReport {
  readonly logN: number
  readonly cohorts: readonly CohortFigures[]
  readonly machine: Machine
  /** Processes that wanted a core when it began, by cores. */
  readonly loadBefore: number
}

const KEYS: readonly Phase[] = ['commitments', 'sharing', 'public key', 'round one', 'round two', 'rotation keys']

const both = ({ sent, received }: z.infer<typeof traffic>): number => sent + received

/** @param memoryBytes of the process that played it */
export function figuresOf(run: CohortRun, memoryBytes: number): CohortFigures {
  const { holders, threshold, rotationKeys, refreshes, seconds, worstError } = run
  const none = { sent: 0, received: 0 }
  const phases = (Object.keys(PHASES) as Phase[]).map(phase => {
    const counted = run.phases.get(phase)
    const ofHolders = [...(counted?.parties ?? [])].filter(([name]) => name.startsWith('holder-')).map(([, one]) => one)
    const most = ofHolders.reduce((a, b) => (both(b) > both(a) ? b : a), none)
    return {
      phase,
      seconds: counted?.seconds ?? 0,
      holder: { ...most },
      evaluator: { ...(counted?.parties.get(COHORT_EVALUATOR) ?? none) }
    }
  })
  const atEvaluator = (phase: Phase): number => both(phases.find(one => one.phase === phase)!.evaluator)
  return {
    holders,
    threshold,
    rotationKeys,
    seconds,
    phases,
    keyBytes: KEYS.reduce((sum, phase) => sum + atEvaluator(phase), 0),
    refreshBytes: Math.round(atEvaluator('refresh') / Math.max(1, refreshes)),
    memoryBytes,
    worstError
  }
}

/** A row a phase, a column a cohort: seconds, what the busiest holder sends, what the evaluator sends and receives. */
export function renderCohorts({ cohorts }: Pick<CohortsReport, 'cohorts'>): string {
  const style = { head: [], border: [] }
  const table = new Table({ head: ['', ...cohorts.map(({ holders, threshold }) => `${threshold} of ${holders}`)], style })
  for (const phase of Object.keys(PHASES) as Phase[]) {
    const cells = cohorts.map(({ phases }) => {
      const { seconds, holder, evaluator } = phases.find(one => one.phase === phase)!
      return `${seconds.toFixed(2)} s, ${formatBytes(holder.sent)}, ${formatBytes(both(evaluator))}`
    })
    table.push([phase, ...cells])
  }
  table.push(['keys, at the evaluator', ...cohorts.map(({ keyBytes }) => formatBytes(keyBytes))])
  table.push(['a refresh, at the evaluator', ...cohorts.map(({ refreshBytes }) => formatBytes(refreshBytes))])
  table.push(['memory of all parties', ...cohorts.map(({ memoryBytes }) => formatBytes(memoryBytes))])
  return `${table.toString()}\nEach: seconds, bytes that the busiest holder sends, bytes that the evaluator sends and receives.`
}
