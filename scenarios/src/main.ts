/** `npm run scenario -- scenarios/<file>.yaml`: runs a scenario, shows progress and a table, writes a report. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { ProgressView } from './progress.js'
import { failuresOf, renderReport } from './report.js'
import { runScenario } from './run-scenario.js'
import { loadScenario, partiesOf, ScenarioFileError } from './scenario.js'
import { writeReport } from './write-report.js'

const EXIT_FAILED = 1
const EXIT_USAGE = 2

interface CommandLine {
  parties?: number
  images?: number
  batch?: number
  evaluator?: 'kernel' | 'seal'
  model?: string
  report?: string
  keep?: boolean
  simulation: boolean
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a positive whole number')
  return value
}

const program = new Command('scenario')
  .description('Runs a scenario on this machine: one process per party, real data, answers held against the clear network.')
  .argument('<file>', 'scenario file, for example scenarios/both-encrypted.yaml')
  .option('--parties <count>', 'number of key holders in all', positive)
  .option('--images <count>', 'number of samples', positive)
  .option('--batch <count>', 'samples per query that the plan is made for', positive)
  .addOption(new Option('--evaluator <name>', 'which evaluator computes').choices(['kernel', 'seal']))
  .option('--model <file>', 'another ONNX file with the same input')
  .option('--report <file>', 'write the report as JSON, and as HTML beside it')
  .option('--no-simulation', 'leave the simulated run out of the report')
  .option('--keep', 'leave the state directories of the parties in place')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()

process.exitCode = await main(program.args[0]!, program.opts<CommandLine>())

async function main(file: string, { report: reportFile, keep, simulation, ...overrides }: CommandLine): Promise<number> {
  const stopping = new AbortController()
  process.once('SIGINT', () => stopping.abort(new Error('interrupted')))
  process.once('SIGTERM', () => stopping.abort(new Error('terminated')))
  let view: ProgressView | undefined
  try {
    const scenario = await loadScenario(file, overrides)
    const names = partiesOf(scenario).map(party => party.name)
    process.stderr.write(`${scenario.name}: ${scenario.description}\n${names.length} processes, ${scenario.images} samples\n`)
    view = new ProgressView(names)
    const progress = view
    const outcome = await runScenario(scenario, {
      keep: keep === true,
      simulate: simulation && reportFile !== undefined,
      signal: stopping.signal,
      onSimulated: (done, total) => progress.note(`simulated ${done} of ${total} samples`),
      onEvent: (party, event) => progress.update(party, event),
      onNoise: (party, line) => progress.note(`${party}: ${line}`)
    })
    view.stop()
    const { report, predictions, clear } = outcome
    if (reportFile !== undefined) {
      const page = await writeReport(reportFile, outcome)
      process.stderr.write(`report: ${reportFile}, ${page}\n`)
    }
    process.stdout.write(`\n${renderReport(report, predictions, clear)}\n`)
    const failures = failuresOf(report, scenario)
    for (const failure of failures) process.stderr.write(`failed: ${failure}\n`)
    return failures.length === 0 ? 0 : EXIT_FAILED
  } catch (error) {
    view?.stop()
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return error instanceof ScenarioFileError ? EXIT_USAGE : EXIT_FAILED
  }
}
