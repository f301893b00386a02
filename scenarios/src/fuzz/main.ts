/** `npm run fuzz -- --messages 1000000 --json FILE`: mutated messages to every parser of bytes that others may have written. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadKernel } from '@slytherin/ring'
import { Command } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, natural, positive } from '../command-line.js'
import { describeMachine } from '../machine.js'
import { GROWTH_LIMITS } from './footprint.js'
import { allTargets } from './list.js'
import { apportion, fuzz, type ParserReport } from './run.js'

const program = new Command('fuzz')
  .description(
    'Gives mutated messages, proofs, statements, shares, ciphertexts and files to everything that parses them. None may end in an error without a class of its\n' +
      'own, keep memory, or be accepted for what was signed or proved. A seed gives the same messages again.'
  )
  .option('--messages <count>', 'mutated messages in all', positive, 100_000)
  .option('--seed <text>', 'what the mutations follow from', '1')
  .option('--parser <name>', 'one parser, given all messages')
  .option('--first <number>', 'number of its first message', natural, 0)
  .option('--json <file>', 'write what came of it as JSON')
  .option('--failures <directory>', 'where messages that fail are kept', 'fuzz-failures')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()
const { messages, seed, parser, first, json, failures } = program.opts<{
  messages: number
  seed: string
  parser?: string
  first: number
  json?: string
  failures: string
}>()

const kernel = await loadKernel()
await using group = await allTargets(kernel)
const targets = group.targets.filter(({ name }) => parser === undefined || name === parser)
if (targets.length === 0) {
  process.stderr.write(`no parser is called "${parser}"; there are ${group.targets.map(({ name }) => `"${name}"`).join(', ')}\n`)
  process.exit(EXIT_USAGE)
}
const start = performance.now()
const counts = apportion(targets, messages)
const parsers: ParserReport[] = []
for (const [index, target] of targets.entries()) {
  const report = await fuzz(target, { seed, first, messages: counts[index]!, kernel })
  parsers.push(report)
  const { refused, unchanged, accepted, seconds, growth, grown } = report
  process.stdout.write(
    `${target.name}: ${report.messages} messages, ${refused} refused, ${unchanged} unchanged, ${accepted} valid in their own right (${target.contract}), ` +
      `${seconds.toFixed(1)} s, heap ${(growth.heapBytes / 2 ** 20).toFixed(1)} MiB more\n`
  )
  if (grown.length > 0) process.stdout.write(`  KEEPS MEMORY: ${grown.join(', ')}\n`)
  for (const failure of report.failures) {
    await mkdir(failures, { recursive: true })
    const file = join(failures, `${target.name.replaceAll(' ', '-')}-${seed}-${failure.message}.bin`)
    await writeFile(file, failure.bytes)
    process.stdout.write(`  FAILS: ${failure.kind}, message ${failure.message} of seed ${seed}, kept in ${file}\n    ${failure.detail}\n`)
  }
}
const failed = parsers.filter(report => report.failures.length > 0 || report.grown.length > 0)
if (json !== undefined) {
  const { rss } = process.memoryUsage()
  const total = {
    version: 1,
    messages: parsers.reduce((sum, report) => sum + report.messages, 0),
    seed,
    machine: describeMachine(),
    seconds: (performance.now() - start) / 1000,
    growthLimits: GROWTH_LIMITS,
    residentBytes: rss,
    crashes: count('untyped error'),
    acceptances: count('accepted'),
    parsers: parsers.map(({ failures: kept, ...report }) => ({
      ...report,
      failures: kept.map(({ message, kind, detail }) => ({ message, kind, detail }))
    }))
  }
  await writeFile(json, `${JSON.stringify(total, null, 2)}\n`)
}
process.stdout.write(
  failed.length === 0
    ? `${messages} messages: no untyped error, nothing accepted that should not be, no memory kept\n`
    : `failed: ${failed.map(report => report.parser).join(', ')}\n`
)
if (failed.length > 0) process.exitCode = EXIT_FAILED

function count(kind: ParserReport['failures'][number]['kind']): number {
  return parsers.reduce((sum, report) => sum + report.failures.filter(failure => failure.kind === kind).length, 0)
}
