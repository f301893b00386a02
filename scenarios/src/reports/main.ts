/** `npm run reports`: runs the list of kept reports one after the other and sums them up. */
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, positive, stopping } from '../command-line.js'
import { perform } from '../perform.js'
import { renderCurve } from './curve.js'
import { renderHeadlines, withHeadlines } from './headlines.js'
import { isCurrent, readReport, readReports, reportFile } from './kept-reports.js'
import { renderOverview } from './overview.js'
import { choose, loadRuns, type Run, RunListError, scenarioOf } from './run-list.js'

interface CommandLine {
  list: string
  folder: string
  readme: string
  force?: boolean
  since?: Date
  limit: number
  summary?: boolean
}

const LIST = fileURLToPath(new URL('../../reports.yaml', import.meta.url))
const FOLDER = fileURLToPath(new URL('../../../docs/reports', import.meta.url))
const README = fileURLToPath(new URL('../../../README.md', import.meta.url))
const CURVE = 'curve.svg'
/** No run of the list takes nearly as long. */
const DEFAULT_LIMIT_SECONDS = 900

function date(text: string): Date {
  const value = new Date(text)
  if (Number.isNaN(value.getTime())) throw new InvalidArgumentError('expected a date and time such as 2026-01-31T18:00')
  return value
}

const program = new Command('reports')
  .description('Runs the scenarios of a list one after the other, keeps their reports, and sums them up in a page.')
  .argument('[names...]', 'runs of the list (default: all)')
  .option('--list <file>', 'list of runs', relative('.', LIST))
  .option('--folder <folder>', 'where reports are kept', relative('.', FOLDER))
  .option('--readme <file>', 'page whose figures are renewed, between its marks', relative('.', README))
  .option('--force', 'also runs whose report is newer than their scenario and model')
  .option('--since <time>', 'also runs whose report was made before this time', date)
  .option('--limit <seconds>', 'a run that takes longer is stopped and counts as failed', positive, DEFAULT_LIMIT_SECONDS)
  .option('--summary', 'run nothing: sum up the reports that there are')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()

process.exitCode = await main(program.args, program.opts<CommandLine>())

async function main(names: readonly string[], options: CommandLine): Promise<number> {
  try {
    const runs = await loadRuns(options.list)
    const chosen = options.summary === true ? [] : choose(runs, names)
    const signal = stopping()
    const failures: string[] = []
    const start = performance.now()
    for (const [index, run] of chosen.entries()) {
      if (signal.aborted) break
      tell(`\n=== ${run.name} (${index + 1} of ${chosen.length}, ${minutes(start)}) ===`)
      const failure = await one(run, options, signal)
      if (failure !== undefined) failures.push(`${run.name}: ${failure}`)
      await summarize(runs, options)
    }
    if (chosen.length === 0) await summarize(runs, options)
    const kept = (await readReports(options.folder, runs)).length
    tell(`\n${kept} of ${runs.length} runs of the list have a report. ${minutes(start)} in all.`)
    for (const failure of failures) tell(`failed: ${failure}`)
    return failures.length === 0 && !signal.aborted ? 0 : EXIT_FAILED
  } catch (error) {
    tell(message(error))
    return error instanceof RunListError ? EXIT_USAGE : EXIT_FAILED
  }
}

/** Why it failed, or undefined. */
async function one(run: Run, { list, folder, force, since, limit }: CommandLine, stop: AbortSignal): Promise<string | undefined> {
  const start = performance.now()
  try {
    const scenario = await scenarioOf(run, list)
    const kept = await readReport(folder, run)
    if (force !== true && kept !== undefined && (await isCurrent(kept, run, scenario, list, since))) {
      tell(`there is a report of ${kept.createdAt}`)
      return undefined
    }
    const { failures } = await perform(scenario, {
      report: reportFile(folder, run),
      simulatedSamples: run.simulation === false ? 0 : run.simulation,
      signal: AbortSignal.any([stop, AbortSignal.timeout(1000 * (run.limit ?? limit))])
    })
    tell(`${run.name}: ${((performance.now() - start) / 1000).toFixed(0)} s`)
    return failures.length === 0 ? undefined : failures.join('; ')
  } catch (error) {
    const failure = error instanceof Error && error.name === 'TimeoutError' ? `took more than ${run.limit ?? limit} s` : message(error)
    tell(`failed: ${failure}`)
    return failure
  }
}

async function summarize(runs: readonly Run[], { folder, readme }: CommandLine): Promise<void> {
  const kept = await readReports(folder, runs)
  const points = kept.filter(({ run }) => run.curve).map(({ report }) => report)
  const curve = points.length > 1 ? CURVE : undefined
  if (curve !== undefined) await writeFile(join(folder, curve), renderCurve(points))
  if (kept.length === 0) return
  await writeFile(join(folder, 'README.md'), renderOverview(kept, curve))
  const page = await readFile(readme, 'utf8')
  const renewed = withHeadlines(page, renderHeadlines(kept, relative(dirname(resolve(readme)), resolve(folder)), curve))
  if (renewed !== page) await writeFile(readme, renewed)
}

function minutes(start: number): string {
  return `${((performance.now() - start) / 60_000).toFixed(1)} min`
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}
