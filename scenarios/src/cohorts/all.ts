/** Cohorts of several sizes, one after the other. */
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { describeMachine } from '../machine.js'
import { COHORT_LOG_N } from './cohort.js'
import { type CohortFigures, type CohortsReport, cohortFiguresSchema } from './report.js'

const ONE = fileURLToPath(new URL('./one.js', import.meta.url))

export interface CohortsOptions {
  /** Sizes, the smallest first. */
  readonly holders: readonly number[]
  /** Of one: how many suffice. */
  thresholdOf(holders: number): number
  readonly signal: AbortSignal
  onLine(text: string): void
}

/** @throws what the process of a cohort ended with */
export async function runCohorts({ holders, thresholdOf, signal, onLine }: CohortsOptions): Promise<CohortsReport> {
  const loadBefore = loadavg()[0]! / cpus().length
  const cohorts: CohortFigures[] = []
  for (const count of holders) {
    const threshold = thresholdOf(count)
    const { stdout } = await execa(process.execPath, [ONE, `${count}`, `${threshold}`], { cancelSignal: signal, stderr: 'inherit' })
    const figures = cohortFiguresSchema.parse(JSON.parse(stdout))
    cohorts.push(figures)
    onLine(`${threshold} of ${count}: keys in ${figures.seconds.ceremony.toFixed(1)} s`)
  }
  return { logN: COHORT_LOG_N, cohorts, machine: describeMachine(), loadBefore }
}
