/**
 * `npm run fleet -- --workers 1,2,3,4 --json FILE`: how much faster worker processes of one thread each are than one of them, on a query of many images and on many queries at the
 * same time, and whether results are the same bytes.
 */
import { writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { Command } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, list, natural, positive, stopping } from '../command-line.js'
import { describeMachine } from '../machine.js'
import type { DealtService, PreparedQuery } from './dealt-service.js'
import { digestOf, Measuring, secondsOf } from './measuring.js'

/** Before two-core machines are measured: each worker has keys and weights in memory. */
const WARM_UP = 2

interface Options {
  /** Ascending, from 1 on. */
  readonly workers: readonly number[]
  readonly images: number
  readonly queries: number
  readonly batch: number
  readonly model: string
  readonly json?: string
  readonly refreshes: boolean
}

/** The same queries, evaluated by so many workers. */
interface Run {
  readonly workers: number
  readonly seconds: number
  /** In the coordinator's process. */
  readonly secondsOfHolders: number
  /** Of all threads of the coordinator's process, key holders included. */
  readonly coordinatorCoreSeconds: number
}

interface Measured {
  readonly what: string
  readonly blocks: number
  readonly passes: number
  /** Evaluated apart from each other: passes of all queries. */
  readonly parts: number
  readonly refreshes: number
  readonly runs: readonly Run[]
  /** With one worker, and with most of them. */
  readonly seconds: readonly [number, number]
  readonly speedup: number
  readonly identical: boolean
}

const options = new Command('fleet')
  .description('Measures what worker processes of one thread each gain over one of them, and that results are the same bytes.')
  .option('--workers <counts>', 'how many, with commas between them; one worker is measured in any case', counts, [1, 2])
  .option('--images <count>', 'samples of the one query; 0 for none', natural, 8192)
  .option('--queries <count>', 'at the same time; 0 for none', natural, 10)
  .option('--batch <count>', 'samples of each of them', positive, 83)
  .option('--model <name>', 'of the manifest', 'cryptonet-square')
  .option('--no-refreshes', 'plans without refreshes, so that key holders, in the coordinator’s process, take no part')
  .option('--json <file>', 'write the report as JSON')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()
  .opts<Options>()
const most = options.workers.at(-1)!
const signal = stopping()
const measuring = await Measuring.open()
const { say } = measuring
try {
  const { images, queries, batch, model, refreshes: refreshing } = options
  const measured: Measured[] = []
  if (queries > 0) {
    const { service, samples } = await measuring.service({ name: model, batch, refreshing })
    const of = (k: number): Float64Array[] => Array.from({ length: batch }, (_, i) => samples[(k * batch + i) % samples.length]!)
    const prepared: PreparedQuery[] = []
    for (let k = 0; k < queries + WARM_UP * most; k++) prepared.push(await service.prepare(`many-${k}`, of(k)))
    measured.push(
      await measure(`${queries} queries of ${batch} samples at the same time`, service, prepared.splice(0, queries), prepared, true)
    )
    await service.dispose()
  }
  if (images > 0) {
    const { service, samples } = await measuring.service({ name: model, batch: images, refreshing })
    const all = Array.from({ length: images }, (_, i) => samples[i % samples.length]!)
    const query = await service.prepare('large', all)
    say(`${images} samples encrypted`)
    measured.push(await measure(`one query of ${images} samples`, service, [query], [], false))
    await service.dispose()
  }
  const report = {
    speedup: Math.min(...measured.map(({ speedup }) => speedup)),
    identical: measured.every(({ identical }) => identical),
    workers: most,
    transport: `BullMQ on ${measuring.redis.version}, a directory of the same machine as store`,
    model,
    measured,
    machine: describeMachine(),
    loadBefore: loadavg()[0]! / cpus().length
  }
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
  if (!report.identical) process.exitCode = EXIT_FAILED
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = EXIT_FAILED
} finally {
  await measuring.close()
}

/** @param warmUp queries that are not measured @param alone whether this process evaluates them, too, to compare */
async function measure(
  what: string,
  service: DealtService,
  queries: readonly PreparedQuery[],
  warmUp: readonly PreparedQuery[],
  alone: boolean
): Promise<Measured> {
  const { plan } = service
  const digests = new Set<string>()
  const runs: Run[] = []
  for (const count of options.workers) {
    const fleet = await measuring.fleet()
    try {
      await measuring.workers(count, fleet, signal)
      const { evaluate, dispose } = await service.evaluator(fleet)
      await Promise.all(warmUp.slice(0, WARM_UP * count).map(async query => await evaluate(query)))
      const [holders, cores] = [service.secondsOfHolders, process.cpuUsage()]
      const done = await secondsOf(async () => await Promise.all(queries.map(async query => await evaluate(query))))
      const { user, system } = process.cpuUsage(cores)
      runs.push({
        workers: count,
        seconds: done.seconds,
        secondsOfHolders: service.secondsOfHolders - holders,
        coordinatorCoreSeconds: (user + system) / 1e6
      })
      digests.add(digestOf(done.value.flat()))
      await dispose()
      say(`${what}: ${done.seconds.toFixed(1)} s with ${count} worker${count === 1 ? '' : 's'}`)
    } finally {
      await measuring.stopWorkers()
      await fleet.close()
    }
  }
  if (alone) {
    const { evaluate, dispose } = await service.evaluator()
    const results: Uint8Array[][] = []
    for (const query of queries) results.push(await evaluate(query))
    await dispose()
    digests.add(digestOf(results.flat()))
  }
  const [one, all] = [runs[0]!.seconds, runs.at(-1)!.seconds]
  return {
    what,
    blocks: plan.batchBlocks,
    passes: Math.ceil(plan.batchBlocks / plan.batchBlocksPerPass),
    parts: queries.length * Math.ceil(plan.batchBlocks / plan.batchBlocksPerPass),
    refreshes: plan.refreshes.length,
    runs,
    seconds: [one, all],
    speedup: one / all,
    identical: digests.size === 1
  }
}

/** @throws InvalidArgumentError */
function counts(text: string): readonly number[] {
  return [...new Set([1, ...list(text).map(positive)])].sort((a, b) => a - b)
}
