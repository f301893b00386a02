/** What `npm run kills` and `npm run soak` have in common: a small service, run until so much has happened. */
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, natural, positive, stopping } from '../command-line.js'
import { loadServiceScenario, type ServiceOverrides } from './description.js'
import { performService } from './perform.js'
import type { ServiceReport } from './report.js'

const SMALL_SERVICE = fileURLToPath(new URL('../../small-service.yaml', import.meta.url))
/** Its count ends it before. */
const MINUTES = 600

interface Counted {
  readonly name: string
  readonly description: string
  /** What is counted: the option that says how often. */
  readonly unit: 'kills' | 'queries'
  readonly count: number
  overrides(count: number): ServiceOverrides
  /** Why a run counts as failed besides what fails any. */
  failures?(report: ServiceReport): string[]
}

export async function countedService({ name, description, unit, count, overrides, failures: more }: Counted): Promise<void> {
  const program = new Command(name)
    .description(description)
    .option(`--${unit} <count>`, 'how many', positive, count)
    .option('--minutes <count>', 'after which it ends, if that comes first', positive, MINUTES)
    .option('--seed <number>', 'of its randomness; a fresh one when not given, and told', natural)
    .option('--scenario <file>', 'another service', SMALL_SERVICE)
    .option('--json <file>', 'write the report as JSON')
    .option('--keep', 'leave the state directories of the parties in place')
    .showHelpAfterError()
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
    .parse()
  const given = program.opts<{
    kills: number
    queries: number
    minutes: number
    seed?: number
    scenario: string
    json?: string
    keep?: boolean
  }>()
  const { seed, minutes, scenario: file, json, keep } = given
  try {
    const scenario = await loadServiceScenario(file, { ...overrides(given[unit]), minutes })
    const failures = await performService(scenario, { seed, report: json, keep, failures: more, signal: stopping() })
    if (failures.length > 0) process.exitCode = EXIT_FAILED
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = EXIT_FAILED
  }
}
