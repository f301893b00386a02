/**
 * `npm run fleet:kills -- --json FILE`: many queries on a fleet of which a worker is killed every so many seconds, and started again on its disk; every answer is held against
 * the one of this process alone, byte for byte, and the time against that of the same fleet without kills. What holders answer is known from the run in this process.
 */
import { Command } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, finite, positive, stopping } from '../command-line.js'
import type { PreparedQuery } from './dealt-service.js'
import { unlessStopped } from './leaving.js'
import { digestOf, Measuring, secondsOf } from './measuring.js'
import { loadNow, type ReportFiles, report } from './reporting.js'
import type { WorkerProcess } from './worker-process.js'

/** Queries that are asked at the same time. */
const AT_ONCE = 4
/** Why a part is done again whose worker was killed. */
const LOST = 'its worker is lost'

const options = new Command('fleet:kills')
  .description(
    'Kills a worker of a fleet every so many seconds while queries are evaluated; every answer must be the bytes of a single process.'
  )
  .option('--queries <count>', 'how many', positive, 200)
  .option('--workers <count>', 'how many are there at the same time', positive, 2)
  .option('--every <seconds>', 'between two kills', finite, 10)
  .option('--model <name>', 'of the manifest', 'cryptonet-slytherin-square')
  .option('--batch <count>', 'samples of a query', positive, 8)
  .option('--json <file>', 'write the report as JSON')
  .option('--chart <file>', 'draw it as SVG')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()
  .opts<ReportFiles & { queries: number; workers: number; every: number; model: string; batch: number }>()
const signal = stopping()
const loadBefore = loadNow()
const measuring = await unlessStopped(Measuring.open({ bundled: true, threads: 'auto' }), signal)
const { say } = measuring
try {
  const identical = await unlessStopped(measuredWithKills(), signal, measuring.lost)
  if (!identical) process.exitCode = EXIT_FAILED
  await measuring.close()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  // What is under way may wait for what is gone.
  process.exit(EXIT_FAILED)
}

/** @returns whether all answers are the bytes of this process alone */
async function measuredWithKills(): Promise<boolean> {
  const { queries: count, workers, every, model, batch } = options
  const { service, samples } = await measuring.service({ name: model, batch, refreshing: true })
  const queries: PreparedQuery[] = []
  for (let k = 0; k < count; k++) {
    const of = Array.from({ length: batch }, (_, i) => samples[(k * batch + i) % samples.length]!)
    queries.push(await service.prepare(`query-${k}`, of))
  }
  say(`${count} queries of ${batch} samples encrypted`)
  const single = await service.evaluator()
  const alone = await secondsOf(async () => {
    const digests: string[] = []
    for (const query of queries) digests.push(digestOf(await single.evaluate(query)))
    return digests
  })
  await single.dispose()
  say(`in one process: ${alone.seconds.toFixed(1)} s`)

  let again = 0
  /** When a worker was killed last, and what was lost of parts that killed workers were at, seconds. */
  let killed = Number.NEGATIVE_INFINITY
  let lost = 0
  const run = async (during: (over: AbortSignal) => Promise<void>): Promise<{ seconds: number; value: string[] }> => {
    const fleet = await measuring.fleet(event => {
      if (event.event !== 'again') return
      again++
      // Until it was killed; that this was noticed later is no lost work, but what is measured.
      if (event.reason === LOST) lost += Math.max(0, event.seconds - (performance.now() - killed) / 1000)
    })
    try {
      await measuring.workers(workers, fleet, signal)
      const { evaluate, dispose } = await service.evaluator(fleet)
      // Keys are in memory.
      await Promise.all(queries.slice(0, 2 * workers).map(async query => await evaluate(query)))
      const over = new AbortController()
      const beside = during(over.signal)
      const done = await secondsOf(async () => {
        const digests = new Array<string>(count)
        const left = queries.map((query, k) => ({ query, k }))
        const ask = async (): Promise<void> => {
          for (let next = left.shift(); next !== undefined; next = left.shift()) digests[next.k] = digestOf(await evaluate(next.query))
        }
        await Promise.all(Array.from({ length: AT_ONCE }, ask))
        return digests
      })
      over.abort()
      await beside
      await dispose()
      return done
    } finally {
      await measuring.stopWorkers()
      await fleet.close()
    }
  }
  const undisturbed = await run(async () => undefined)
  say(`${workers} workers: ${undisturbed.seconds.toFixed(1)} s`)
  again = 0
  let kills = 0
  const disturbed = await run(async over => {
    while (!over.aborted && !signal.aborted) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, 1000 * every)
        over.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true })
      })
      if (over.aborted || signal.aborted) return
      const victim: WorkerProcess | undefined = measuring.oldest()
      killed = performance.now()
      await victim?.kill()
      kills++
      await measuring.worker(victim === undefined ? {} : { directory: victim.directory })
    }
  })
  say(`${workers} workers, ${kills} kills: ${disturbed.seconds.toFixed(1)} s, ${again} parts done again`)
  const wrong = [undisturbed, disturbed].map(({ value }) => value.filter((digest, k) => digest !== alone.value[k]).length)
  const identical = wrong.every(number => number === 0)
  // Of every worker's time, as the rest of a wall clock's.
  const lostWall = lost / workers
  const values = {
    queries: count,
    workers,
    every,
    kills,
    partsDoneAgain: again,
    identical,
    seconds: { alone: alone.seconds, undisturbed: undisturbed.seconds, disturbed: disturbed.seconds, lostWork: lost },
    ratio: (disturbed.seconds - lostWall) / undisturbed.seconds,
    model,
    batch,
    transport: measuring.transportName,
    loadBefore
  }
  await report(values, options, {
    title: `${count} queries, ${kills} kills: seconds`,
    bars: [
      { name: `${workers} workers`, seconds: undisturbed.seconds, colour: 1 },
      { name: `one killed every ${every} s`, seconds: disturbed.seconds, colour: 2 },
      { name: 'of that, lost work', seconds: lostWall, colour: 2 }
    ]
  })
  return identical
}
