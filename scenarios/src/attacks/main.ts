/** `npm run attacks -- --json FILE`: mounts every attack, with and without the layer that closes it. */
import { writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { EXIT_FAILED, EXIT_USAGE } from '../command-line.js'
import { ATTACKS } from './list.js'
import { judge, type Verdict } from './verdict.js'

const program = new Command('attacks')
  .description('Mounts known attacks against parties as they ship, and once more without the layer that closes each.')
  .option('--json <file>', 'write the verdicts as JSON')
  .addOption(new Option('--only <name>', 'one attack').choices(ATTACKS.map(({ name }) => name)))
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()
const { json, only } = program.opts<{ json?: string; only?: string }>()

const verdicts: Verdict[] = []
for (const attack of ATTACKS.filter(({ name }) => only === undefined || name === only)) {
  const verdict = await judge(attack)
  verdicts.push(verdict)
  const { blocked, succeedsWithoutLayer, details } = verdict
  process.stdout.write(`${attack.name}: ${blocked ? 'blocked' : 'SUCCEEDS'} by "${attack.layer}" (${details.withLayer})\n`)
  process.stdout.write(`  without it: ${succeedsWithoutLayer ? 'succeeds' : 'DOES NOT BITE'} (${details.withoutLayer})\n`)
}
if (json !== undefined) await writeFile(json, `${JSON.stringify(verdicts, null, 2)}\n`)
if (!verdicts.every(({ blocked, succeedsWithoutLayer }) => blocked && succeedsWithoutLayer)) process.exitCode = EXIT_FAILED
