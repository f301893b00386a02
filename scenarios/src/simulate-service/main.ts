/** `npm run simulate:service -- --json FILE`: a service past the machines that are there, from measured costs. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { Command } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, finite, natural } from '../command-line.js'
import { percent, seconds } from '../html/figures.js'
import { describeMachine } from '../machine.js'
import { renderSweep } from './chart.js'
import { type Compared, compare } from './compare.js'
import { loadSimulation } from './description.js'
import { busiest, type Outcome } from './outcome.js'
import { sweep } from './sweep.js'
import { coresTogether as measureTogether } from './together.js'

const SIMULATION = fileURLToPath(new URL('../../simulation.yaml', import.meta.url))

const program = new Command('simulate:service')
  .description(
    'Simulates a service event by event (arrivals, blocks, workers, key holders, links, failures) from the costs in kept reports: throughput, latency, cost, and what breaks first.'
  )
  .argument('[file]', 'what is simulated', SIMULATION)
  .option('--queries-per-day <count>', 'instead of the file’s', finite)
  .option('--workers <count>', 'instead of the file’s', natural)
  .option('--hours <count>', 'simulated, instead of the file’s', finite)
  .option('--seed <number>', 'of arrivals and failures, instead of the file’s', natural)
  .option('--compare <files...>', 'what `npm run fleet -- --json FILE` measured on this machine: each run is simulated, too')
  .option('--cores-together <count>', 'with --compare: how many times as much as one core all of them do; measured when not given', finite)
  .option('--json <file>', 'write the result as JSON')
  .option('--chart <file>', 'write latency and use by load as SVG')
  .showHelpAfterError()
  .addHelpText(
    'after',
    '\nExample: npm run simulate:service -- --workers 20 --queries-per-day 200000 --json simulation.json --chart simulation.svg'
  )
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()

interface Options {
  queriesPerDay?: number
  workers?: number
  hours?: number
  seed?: number
  compare?: string[]
  coresTogether?: number
  json?: string
  chart?: string
}

try {
  const options = program.opts<Options>()
  const described = await loadSimulation(program.processedArgs[0] as string)
  const simulation = {
    ...described,
    queriesPerDay: options.queriesPerDay ?? described.queriesPerDay,
    hours: options.hours ?? described.hours,
    seed: options.seed ?? described.seed,
    workers: { ...described.workers, count: options.workers ?? described.workers.count }
  }
  const began = performance.now()
  const swept = sweep(simulation, outcome => process.stderr.write(`${line(outcome)}\n`))
  const compared = options.compare === undefined ? undefined : await compareAll(options.compare, options.coresTogether)
  const { profiles, ...settings } = simulation
  const result = {
    simulation: { ...settings, queries: profiles.map(({ profile, ...asked }) => ({ ...profile, ...asked })) },
    atLoad: swept.atLoad,
    mostQueriesPerDay: swept.mostQueriesPerDay,
    breaksFirst: swept.breaksFirst,
    capacity: swept.capacity,
    outcomes: swept.outcomes,
    ...(compared ?? {}),
    secondsToSimulate: (performance.now() - began) / 1000,
    machine: describeMachine(),
    createdAt: new Date().toISOString()
  }
  if (options.json !== undefined) await write(options.json, `${JSON.stringify(result, null, 2)}\n`)
  if (options.chart !== undefined) await write(options.chart, renderSweep(swept))
  const { atLoad, breaksFirst, mostQueriesPerDay } = swept
  const table = new Table({
    head: ['at', 'answered in a second', 'half within', '95 of 100', '99 of 100', 'a thousand predictions'],
    style: { head: [], border: [] }
  })
  table.push([
    `${Math.round(atLoad.queriesPerDay).toLocaleString('en')} queries a day`,
    `${atLoad.throughput.queries.toFixed(1)} queries, ${atLoad.throughput.predictions.toFixed(0)} predictions`,
    seconds(atLoad.latency.median),
    seconds(atLoad.latency.p95),
    seconds(atLoad.latency.p99),
    `${atLoad.costPerThousandPredictions.toFixed(4)} ${simulation.prices.currency}`
  ])
  process.stdout.write(`${table.toString()}\n`)
  process.stdout.write(
    `At most ${Math.round(mostQueriesPerDay).toLocaleString('en')} queries a day with 95 of 100 answered within ${seconds(simulation.latencyLimitSeconds)}; at ${Math.round(breaksFirst.queriesPerDay).toLocaleString('en')} what breaks first is: ${breaksFirst.resource}, busy ${percent(breaksFirst.utilisation)}.\n`
  )
  if (compared !== undefined) process.stdout.write(`${renderCompared(compared)}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT_FAILED
}

interface AllCompared {
  readonly coresTogether: number
  readonly compared: readonly Compared[]
  /** Largest part by which a simulated run differs from the real one, of those that no cost was taken from. */
  readonly farthest: number
}

async function compareAll(files: readonly string[], given?: number): Promise<AllCompared> {
  const coresTogether = given ?? (await measureTogether())
  const compared = (await Promise.all(files.map(async file => await compare(file, coresTogether)))).flat()
  const farthest = Math.max(0, ...compared.filter(({ calibrated }) => !calibrated).map(({ ratio }) => Math.abs(ratio - 1)))
  return { coresTogether, compared, farthest }
}

function renderCompared({ coresTogether, compared, farthest }: AllCompared): string {
  const table = new Table({ head: ['', 'workers', 'measured', 'simulated', 'simulated / measured'], style: { head: [], border: [] } })
  for (const { what, workers, calibrated, measuredSeconds, simulatedSeconds, ratio } of compared)
    table.push([what, workers, seconds(measuredSeconds), seconds(simulatedSeconds), calibrated ? 'costs are from it' : ratio.toFixed(2)])
  return `${table.toString()}\nAll cores of this machine do ${coresTogether.toFixed(2)} times as much as one. Farthest off: ${percent(farthest)}.`
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
}

function line(outcome: Outcome): string {
  const [resource, part] = busiest(outcome)
  return `${Math.round(outcome.queriesPerDay).toLocaleString('en').padStart(12)} queries a day: half within ${seconds(outcome.latency.median)}, 95 of 100 within ${seconds(outcome.latency.p95)}; ${resource} busy ${percent(part)}`
}
