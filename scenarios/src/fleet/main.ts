/**
 * `npm run fleet -- --workers 2 --json FILE`: how much faster worker processes of one thread each are than one of them, on queries of many images and on many queries at the
 * same time, and whether results are the same bytes. `--namespaces` has them on links of their own, `--cold` measures a worker that has nothing, `--queue` a coordinator
 * with many queries.
 */
import { Command } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, finite, list, natural, positive, stopping } from '../command-line.js'
import { measureCold } from './cold.js'
import { CoreQuotas } from './core-quotas.js'
import { unlessStopped } from './leaving.js'
import { Measuring } from './measuring.js'
import { measureQueue } from './queue.js'
import { keptMeasurements, loadNow, type ReportFiles, report } from './reporting.js'
import { type Measured, measureSpeedup } from './speedup.js'

const MODEL = 'cryptonet-square'
const BATCH = 83
/** Of the link of a worker that has nothing. */
const RATE = '1gbit'

interface Options extends ReportFiles {
  /** Ascending, from 1 on. */
  readonly workers: readonly number[]
  readonly images: number
  readonly queries: number
  readonly batch?: number
  readonly model?: string
  readonly refreshes: boolean
  readonly coresPerWorker?: number
  readonly append: boolean
  readonly namespaces: boolean
  readonly rate?: string
  readonly cold: boolean
  readonly queue?: number
}

const options = new Command('fleet')
  .description('Measures what worker processes of one thread each gain over one of them, and that results are the same bytes.')
  .option('--workers <counts>', 'how many, with commas between them; one worker is measured in any case', counts, [1, 2])
  .option(
    '--images <count>',
    'samples of a large query, with the model clear at its evaluator: one whose blocks are divided, or one for each worker where its plan has a single block; 0 for none',
    natural,
    8192
  )
  .option('--queries <count>', 'at the same time, with the model encrypted; 0 for none', natural, 10)
  .option('--batch <count>', 'samples of each of them; 83, or 1 with --cold, when not given', positive)
  .option('--model <name>', 'of the manifest; cryptonet-square, or lenet-square with --cold, when not given')
  .option('--refreshes', 'plans with refreshes; what holders answer is known before anything is measured', false)
  .option('--cores-per-worker <cores>', 'each worker process in a control group with so much of a core, as 0.25; takes root', finite)
  .option('--append', 'keep what the file of --json has of other measurements', false)
  .option('--namespaces', 'each worker in a network namespace of its own, which takes root; the store is a bucket', false)
  .option('--rate <rate>', 'of the links of the namespaces, as tc writes it: 1gbit')
  .option(
    '--cold',
    'instead: how long a worker that has nothing takes until all of a large release is there and until it answers, beside what a transfer takes',
    false
  )
  .option('--queue <count>', 'instead: a coordinator with so many queries that wait, killed and started again', positive)
  .option('--json <file>', 'write the report as JSON')
  .option('--chart <file>', 'draw it as SVG')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()
  .opts<Options>()
const signal = stopping()
try {
  const right = await unlessStopped(measured(), signal)
  if (!right) process.exitCode = EXIT_FAILED
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  // What is under way may wait for what is gone.
  process.exit(EXIT_FAILED)
}

/** @returns whether everything came out as it should, however long it took */
async function measured(): Promise<boolean> {
  const { queue, cold, namespaces, rate } = options
  const workers = options.workers.at(-1)!
  if (queue !== undefined) return await measureQueue({ queries: queue, workers, signal, files: options })
  const loadBefore = loadNow()
  const links =
    namespaces || cold
      ? {
          namespaces: cold ? 1 : workers,
          ...(cold ? { threads: 'auto' as const } : {}),
          ...(cold || rate !== undefined ? { rate: rate ?? RATE } : {})
        }
      : {}
  const measuring = await Measuring.open(links)
  const right = await unlessStopped(measuredBy(measuring, workers, loadBefore), signal, measuring.lost)
  await measuring.close()
  return right
}

async function measuredBy(measuring: Measuring, workers: number, loadBefore: number): Promise<boolean> {
  const { cold, rate = RATE, batch = BATCH, model = MODEL } = options
  if (cold) return await measureCold(measuring, { ...options, rate, signal, files: options })
  if (options.coresPerWorker !== undefined) measuring.quotas = await CoreQuotas.make(workers, options.coresPerWorker)
  const own = await measureSpeedup(measuring, { ...options, batch, model, signal })
  const kept = options.append && options.json !== undefined ? await keptMeasurements(options.json) : []
  const same = (a: Measured, b: Measured): boolean => a.what === b.what && a.coresPerWorker === b.coresPerWorker
  const found = [...kept.filter(one => !own.some(other => same(one, other))), ...own]
  const identical = found.every(one => one.identical)
  const speedup = Math.min(...found.map(one => one.speedup))
  const bars = found.flatMap(({ what, coresPerWorker, runs }) =>
    runs.map(run => ({
      name: `${what}, ${run.workers} worker${run.workers === 1 ? '' : 's'}${coresPerWorker === undefined ? '' : ` of ${coresPerWorker} core`}`,
      seconds: run.seconds,
      colour: run.workers === 1 ? 1 : 2
    }))
  )
  const { coresPerWorker } = options
  const limited = coresPerWorker === undefined ? {} : { coresPerWorker }
  const values = { speedup, identical, workers, ...limited, transport: measuring.transportName, model, measured: found, loadBefore }
  await report(values, options, { title: 'Seconds with one worker of one thread and with several', bars })
  return own.every(one => one.identical)
}

/** @throws InvalidArgumentError */
function counts(text: string): readonly number[] {
  return [...new Set([1, ...list(text).map(positive)])].sort((a, b) => a - b)
}
