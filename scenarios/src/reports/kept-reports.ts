/** Reports that lie in a folder, one per run of the list. */
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import type { ScenarioReport } from '../report/scenario-report.js'
import { batchesOf, partiesOf, type Scenario } from '../scenario.js'
import type { Run } from './run-list.js'

export interface KeptReport {
  readonly run: Run
  readonly report: ScenarioReport
}

export const reportFile = (folder: string, { name }: Run): string => join(folder, `${name}.json`)

/** Without these it is no report of a scenario, or one of a release that is too old. */
const NEEDED = ['operands', 'rolesByParty', 'activations', 'accuracy', 'planned', 'secondsByPhase', 'machine'] as const
/** What a report of a release lacks that knew of classifications alone; it compared with the polynomial network, and did not tell disagreements apart. */
const EARLIER = { task: 'classification' } as const

/** The run's report, which may be of an earlier release: such a one stays until there is a newer; undefined where there is none, or none that can be read. */
export async function readReport(folder: string, run: Run): Promise<ScenarioReport | undefined> {
  try {
    const report = JSON.parse(await readFile(reportFile(folder, run), 'utf8')) as Partial<ScenarioReport>
    return NEEDED.every(key => report[key] !== undefined) ? ({ ...EARLIER, ...report } as ScenarioReport) : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

export async function readReports(folder: string, runs: readonly Run[]): Promise<KeptReport[]> {
  const found = await Promise.all(runs.map(async run => ({ run, report: await readReport(folder, run) })))
  return found.flatMap(({ run, report }) => (report === undefined ? [] : [{ run, report }]))
}

/**
 * Whether a report is of this very run, as far as what it tells of itself goes, and was made after its scenario file and its model were last changed.
 * @param since the report must be younger than this, too
 */
export async function isCurrent(report: ScenarioReport, run: Run, scenario: Scenario, list: string, since?: Date): Promise<boolean> {
  const holders = partiesOf(scenario).filter(party => party.roles.includes('key-holder')).length
  const same =
    report.scenario === scenario.name &&
    report.model === basename(scenario.model, extname(scenario.model)) &&
    report.images === scenario.images &&
    report.batch === batchesOf(scenario).batch &&
    report.parties === holders &&
    report.evaluator === scenario.evaluator
  const made = Date.parse(report.createdAt)
  const changed = await Promise.all([resolve(dirname(list), run.scenario), scenario.model].map(async path => (await stat(path)).mtimeMs))
  return same && made > Math.max(...changed, since?.getTime() ?? 0)
}
