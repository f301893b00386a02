/**
 * How much faster several workers of one thread are than one, on many queries at the same time and on large ones, and whether results are the same bytes.
 */
import type { DealtService, PreparedQuery } from './dealt-service.js'
import { digestOf, type MeasuredRun, type Measuring } from './measuring.js'
import { warmUp } from './warm-up.js'

export interface SpeedupOptions {
  /** Ascending, from 1 on. */
  readonly workers: readonly number[]
  /** Samples of a large query, planned for most of the workers; 0 for none. */
  readonly images: number
  /** At the same time; 0 for none. */
  readonly queries: number
  /** Samples of each of them. */
  readonly batch: number
  readonly model: string
  readonly refreshes: boolean
  /** That each worker process may use; as much as there is when not given. */
  readonly coresPerWorker?: number
  readonly signal: AbortSignal
}

/** With workers that had keys and weights of the model in memory. */
export interface WarmRun extends MeasuredRun {
  /** By each worker, before the clock was started. */
  readonly partsBefore: readonly number[]
  /** By each worker, while it ran. */
  readonly partsMeasured: readonly number[]
}

export interface Measured {
  readonly what: string
  readonly weights: 'encrypted' | 'clear'
  /** Asked at the same time. */
  readonly queries: number
  /** Of each of them. */
  readonly blocks: number
  /** Of all queries, as passes: what is divided further where there are more workers. */
  readonly parts: number
  readonly refreshes: number
  /** That each worker process could use at most; undefined for as much as there was. */
  readonly coresPerWorker?: number
  readonly runs: readonly WarmRun[]
  /** With one worker, and with most of them. */
  readonly seconds: readonly [number, number]
  readonly speedup: number
  readonly identical: boolean
}

/** The model encrypted for the queries, clear at the evaluator's operator for the many samples: as the reports of this network have it. */
export async function measureSpeedup(measuring: Measuring, options: SpeedupOptions): Promise<Measured[]> {
  const { images, queries, batch, model, refreshes: refreshing } = options
  const measured: Measured[] = []
  if (queries > 0) {
    const { service, samples } = await measuring.service({ name: model, batch, refreshing })
    const prepared: PreparedQuery[] = []
    for (let k = 0; k < queries; k++) {
      const of = Array.from({ length: batch }, (_, i) => samples[(k * batch + i) % samples.length]!)
      prepared.push(await service.prepare(`many-${k}`, of))
    }
    measuring.say(`${queries} queries of ${batch} samples encrypted`)
    measured.push(await measure(measuring, options, `${queries} queries of ${batch} samples at the same time`, service, prepared))
    await service.dispose()
  }
  if (images > 0) {
    const workers = options.workers.at(-1)!
    const { service, samples } = await measuring.service({
      name: model,
      batch: images,
      refreshing,
      weights: 'clear',
      workers
    })
    const all = Array.from({ length: images }, (_, i) => samples[i % samples.length]!)
    // A query of one block is one worker's.
    const count = service.plan.batchBlocks === 1 ? workers : 1
    const prepared: PreparedQuery[] = []
    for (let k = 0; k < count; k++) prepared.push(await service.prepare(`large-${k}`, all))
    measuring.say(`${count} times ${images} samples encrypted`)
    const what = count === 1 ? `one query of ${images} samples` : `${count} queries of ${images} samples at the same time`
    measured.push(await measure(measuring, options, what, service, prepared))
    await service.dispose()
  }
  return measured
}

async function measure(
  measuring: Measuring,
  { workers, coresPerWorker, signal }: SpeedupOptions,
  what: string,
  service: DealtService,
  queries: readonly PreparedQuery[]
): Promise<Measured> {
  const { plan } = service
  const digests = new Set<string>()
  const runs: WarmRun[] = []
  // Most of them first: what they do before they are measured has every answer of the holders, who are machines of their own from then on.
  for (const count of workers.toReversed()) {
    const fleet = await measuring.fleet()
    try {
      await measuring.workers(count, fleet, signal)
      const { evaluate, dispose } = await service.evaluator(fleet)
      const all = async (of: readonly PreparedQuery[]): Promise<string> => {
        const results = await Promise.all(of.map(async query => await evaluate(query)))
        return digestOf(results.flat())
      }
      const partsDone = (): number[] => fleet.status().workers.map(worker => worker.done)
      const partsBefore = await warmUp(partsDone, async () => await all(count === 1 ? queries.slice(0, 1) : queries))
      const { value, ...done } = await measuring.run(service, async () => await all(queries))
      runs.push({ ...done, partsBefore, partsMeasured: partsDone().map((parts, worker) => parts - partsBefore[worker]!) })
      digests.add(value)
      await dispose()
      measuring.say(
        `${what}: ${done.seconds.toFixed(1)} s with ${count} worker${count === 1 ? '' : 's'} (core seconds: ${done.workerCoreSeconds.toFixed(1)} of workers, ` +
          `${done.coordinatorCoreSeconds.toFixed(1)} of the coordinator)`
      )
    } finally {
      await measuring.stopWorkers()
      await fleet.close()
    }
  }
  runs.reverse()
  const [one, all] = [runs[0]!.seconds, runs.at(-1)!.seconds]
  return {
    what,
    weights: plan.operands.weights,
    queries: queries.length,
    blocks: plan.batchBlocks,
    parts: queries.length * Math.ceil(plan.batchBlocks / plan.batchBlocksPerPass),
    refreshes: plan.refreshes.length,
    ...(coresPerWorker === undefined ? {} : { coresPerWorker }),
    runs,
    seconds: [one, all],
    speedup: one / all,
    identical: digests.size === 1
  }
}
