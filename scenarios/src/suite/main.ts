/** `npm run suite -- --size 100`: the ml-inference workload of the FHE benchmarking suite through this system, measured in the suite's own form. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, stopping } from '../command-line.js'
import { perform } from '../perform.js'
import { loadScenario } from '../scenario.js'
import { measurementsOf, SIZES } from './measurements.js'

const SCENARIO = fileURLToPath(new URL('../../suite.yaml', import.meta.url))

const program = new Command('suite')
  .description('Runs the workload ml-inference of the FHE benchmarking suite and writes its measurements as the suite does.')
  .addOption(new Option('--size <images>', 'images that are classified').choices(Object.keys(SIZES)).default('1'))
  .option('--interactive', 'the client may re-encrypt values in the middle, which takes a smaller ring')
  .option('--json <file>', "measurements in the suite's form (default: standard output)")
  .option('--report <file>', 'the report as of any scenario, as JSON, and as HTML beside it')
  .showHelpAfterError()
  .addHelpText('after', '\nExample: npm run suite -- --size 100 --json measurements/small.json')
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()

const { size, interactive, json, report: file } = program.opts<{ size: string; interactive?: boolean; json?: string; report?: string }>()
try {
  const scenario = await loadScenario(SCENARIO, { images: Number(size) })
  const session = interactive === true ? { ...scenario.session, refreshing: true } : scenario.session
  const { report, failures } = await perform({ ...scenario, session }, { report: file, simulatedSamples: 0, signal: stopping() })
  const text = `${JSON.stringify(measurementsOf(report), null, 2)}\n`
  if (json === undefined) process.stdout.write(text)
  else {
    await mkdir(dirname(json), { recursive: true })
    await writeFile(json, text)
    process.stderr.write(`measurements: ${json}\n`)
  }
  process.exitCode = failures.length === 0 ? 0 : EXIT_FAILED
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT_FAILED
}
