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
  .option('--sockets', 'mount the attacks of parties that talk over libp2p on loopback, too; by memory alone otherwise', false)
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()
const { json, only, sockets } = program.opts<{ json?: string; only?: string; sockets: boolean }>()

const chosen = ATTACKS.filter(({ name }) => only === undefined || name === only)
const runs = chosen.flatMap(attack => (attack.networked && sockets ? [false, true] : [false]).map(over => ({ attack, over })))
const verdicts: Verdict[] = []
for (const [index, { attack, over }] of runs.entries()) {
  process.stdout.write(`${index + 1} of ${runs.length}: ${attack.name}${over ? ', over sockets' : ''}\n`)
  const verdict = await judge(attack, { sockets: over })
  verdicts.push(verdict)
  const { layer, blocked, succeedsWithoutLayer, stoppedTwice = false, details } = verdict
  if (layer === null) {
    process.stdout.write(
      `  a known limit, stopped by nothing: ${succeedsWithoutLayer ? 'succeeds' : 'DOES NOT BITE'} (${details.withLayer})\n`
    )
    continue
  }
  process.stdout.write(`  ${blocked ? 'blocked' : 'NOT BLOCKED'} by "${layer}" (${details.withLayer})\n`)
  process.stdout.write(
    `  without it: ${succeedsWithoutLayer ? 'succeeds' : stoppedTwice ? 'stopped by something else' : 'DOES NOT BITE'} (${details.withoutLayer})\n`
  )
}
if (json !== undefined) await writeFile(json, `${JSON.stringify(verdicts, null, 2)}\n`)
const closed = verdicts.filter(({ layer }) => layer !== null)
const held = closed.filter(
  ({ blocked, succeedsWithoutLayer, stoppedTwice = false }) => blocked && (succeedsWithoutLayer || stoppedTwice)
).length
const open = verdicts.filter(({ layer, succeedsWithoutLayer }) => layer === null && succeedsWithoutLayer).length
process.stdout.write(`${held} of ${closed.length} blocked by their layer, and known to bite without it\n`)
if (open > 0) process.stdout.write(`${open} that nothing stops: SECURITY.md, known limits\n`)
if (held + open < verdicts.length) process.exitCode = EXIT_FAILED
