/** One run of a scenario as a command shows it: progress while it goes, the report as files and as tables, and why it counts as failed. */
import { mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { forgetSessions, sessionsIn } from '@slytherin/node'
import { ProgressView } from './progress.js'
import { failuresOf } from './report/failures.js'
import { renderReport } from './report/render-report.js'
import { runScenario, type ScenarioOutcome } from './run-scenario.js'
import { partiesOf, type Scenario } from './scenario.js'
import { writeReport } from './write-report.js'

export interface PerformOptions {
  /** Where the report goes as JSON; the page lies beside it. */
  readonly report?: string | undefined
  /** Simulated samples, at most; 0: none. */
  readonly simulatedSamples: number
  readonly keep?: boolean | undefined
  /** Where parties keep evidence; what an earlier run left there is replaced. */
  readonly evidence?: string | undefined
  readonly signal: AbortSignal
}

export interface Performance extends ScenarioOutcome {
  /** Why the run counts as failed; empty when it does not. */
  readonly failures: readonly string[]
}

/** Progress goes to standard error, tables to standard output. @throws PartyFailedError and what the signal was aborted with */
export async function perform(scenario: Scenario, options: PerformOptions): Promise<Performance> {
  const { report: file, simulatedSamples, keep, evidence, signal } = options
  const names = partiesOf(scenario).map(party => party.name)
  process.stderr.write(`${scenario.name}: ${scenario.description}\n${names.length} processes, ${scenario.images} samples\n`)
  if (evidence !== undefined) await Promise.all(names.map(async name => await forgetSessions(join(evidence, name))))
  const view = new ProgressView(names)
  try {
    const outcome = await runScenario(scenario, {
      keep: keep === true,
      evidence: evidence === undefined ? undefined : resolve(evidence),
      simulatedSamples,
      signal,
      onSimulated: (done, total) => view.note(`simulated ${done} of ${total} samples`),
      onEvent: (party, event) => view.update(party, event),
      onNoise: (party, line) => view.note(`${party}: ${line}`)
    })
    view.stop()
    const { report, predictions, clear } = outcome
    if (file !== undefined) {
      await mkdir(dirname(file), { recursive: true })
      const page = await writeReport(file, outcome)
      process.stderr.write(`report: ${file}, ${page}\n`)
    }
    process.stdout.write(`\n${renderReport(report, predictions, clear)}\n`)
    if (evidence !== undefined) process.stdout.write(`${await describeEvidence(scenario, evidence)}\n`)
    const failures = failuresOf(report, scenario)
    for (const failure of failures) process.stderr.write(`failed: ${failure}\n`)
    return { ...outcome, failures }
  } finally {
    view.stop()
  }
}

/** What the evaluator has kept, and how to run it again. */
async function describeEvidence(scenario: Scenario, evidence: string): Promise<string> {
  const { name } = partiesOf(scenario).find(party => party.roles.includes('evaluator'))!
  const directory = join(evidence, name)
  const bytes = (await sessionsIn(directory)).reduce((sum, session) => sum + session.bytes, 0)
  return `evidence: ${directory} (${(bytes / 1e6).toFixed(0)} MB); to check it: npx slytherin audit --evidence ${directory}`
}
