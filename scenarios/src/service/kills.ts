/** `npm run kills -- --kills N --json FILE`: Kills random parties of a service at random instants, as often as asked, while queriers ask; every query must be answered right or refused by name. */
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, natural, positive, stopping } from '../command-line.js'
import { loadServiceScenario } from './description.js'
import { performService } from './perform.js'

const program = new Command('kills')
  .description(
    'Kills random parties of a service at random instants, as often as asked, while queriers ask; every query must be answered right or refused by name.'
  )
  .option('--kills <count>', 'how often', positive, 100)
  .option('--seed <number>', 'of its randomness; a fresh one when not given, and told', natural)
  .option('--scenario <file>', 'another service', fileURLToPath(new URL('../../small-service.yaml', import.meta.url)))
  .option('--json <file>', 'write the report as JSON')
  .option('--keep', 'leave the state directories of the parties in place')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()
const {
  kills: count,
  seed,
  scenario: file,
  json,
  keep
} = program.opts<{ kills: number; seed?: number; scenario: string; json?: string; keep?: boolean }>()

try {
  const scenario = await loadServiceScenario(file, { kills: count, killsEvery: 2, minutes: 600 })
  const failures = await performService(scenario, { seed, report: json, keep, signal: stopping() })
  if (failures.length > 0) process.exitCode = EXIT_FAILED
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT_FAILED
}
