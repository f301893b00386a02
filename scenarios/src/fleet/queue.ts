/**
 * Many queries at an evaluator whose fleet has no worker yet: how much memory they take while they wait, and that none is lost when the evaluator is killed, and started
 * again. Then workers come, and every answer is held against the clear model.
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TOLERANCE } from '../service/asking.js'
import { ClearAnswers } from '../service/clear-answers.js'
import { loadServiceScenario } from '../service/description.js'
import { EVALUATOR, ServiceProcesses } from '../service/parties.js'
import { prepare } from '../service/prepare.js'
import { atExit, unlessStopped } from './leaving.js'
import { MemoryProbe } from './memory-looks.js'
import { RedisServer } from './redis.js'
import { loadNow, type ReportFiles, report } from './reporting.js'
import { WorkerProcess } from './worker-process.js'

const SCENARIO = fileURLToPath(new URL('../../small-service.yaml', import.meta.url))
const QUERIERS = 4
/** That one querier asks at the same time. */
const AT_ONCE = 4
/** How often memory is looked at: every so many queries, as a share of all. */
const LOOKS = 20

export interface QueueOptions {
  readonly queries: number
  readonly workers: number
  readonly signal: AbortSignal
  readonly files: ReportFiles
  onLine?(text: string): void
}

interface Asked {
  readonly querier: string
  readonly query: string
  readonly offset: number
}

export interface QueueReport {
  readonly queries: number
  /** That the evaluator knew of after it was killed. */
  readonly afterRestart: number
  readonly answered: number
  readonly wrong: number
  /** Of the evaluator's process, bytes: what it holds when its garbage is collected, and what it takes of its machine. */
  readonly memory: readonly Looked[]
  /** Of each query that waits, over the later three quarters. */
  readonly bytesPerQuery: { readonly held: number; readonly resident: number }
}

interface Looked {
  readonly queued: number
  readonly held: number
  readonly resident: number
}

/** @returns whether every query was answered right */
export async function measureQueue({ files, ...options }: QueueOptions): Promise<boolean> {
  const begun = performance.now()
  const onLine = (text: string): void =>
    void process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${text}\n`)
  const loadBefore = loadNow()
  const { seconds, ...found } = await queued({ onLine, ...options })
  const bars = Object.entries(seconds).map(([name, value]) => ({ name, seconds: value, colour: 2 }))
  await report({ ...found, seconds, loadBefore }, files, { title: `${found.queries} queries that wait: seconds`, bars })
  return found.answered === found.queries && found.wrong === 0 && found.afterRestart === found.queries
}

type Queued = QueueReport & { readonly seconds: Readonly<Record<string, number>> }

export async function queued(options: Omit<QueueOptions, 'files'>): Promise<Queued> {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-fleet-queue-'))
  const gone = atExit(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  const undo: (() => Promise<unknown>)[] = [
    async () => {
      await rm(directory, { recursive: true, force: true })
      gone()
    }
  ]
  const redis = await RedisServer.start(directory, options.onLine ?? (() => undefined))
  undo.push(async () => await redis.down())
  const found = await unlessStopped(queuedOn(redis, directory, undo, options), options.signal, redis.lost)
  for (const step of undo.reverse()) await step()
  return found
}

/** @param undo is given what is to be undone, the last first */
async function queuedOn(
  redis: RedisServer,
  directory: string,
  undo: (() => Promise<unknown>)[],
  { queries: count, workers, signal, onLine = () => undefined }: Omit<QueueOptions, 'files'>
): Promise<Queued> {
  const scenario = { ...(await loadServiceScenario(SCENARIO, { queriers: QUERIERS })), witnesses: 0 }
  const store = { directory: join(directory, 'store') }
  const fleet = { redis: redis.url, store, here: false, check: 0 }
  const probe = new MemoryProbe(join(directory, 'memory'))
  const processes = await ServiceProcesses.lay(scenario, join(directory, 'parties'), {
    fleet,
    limits: { queries: count },
    evaluatorFlags: probe.flags
  })
  const ended = atExit(() => processes.killAll())
  undo.push(async () => {
    await processes.stop()
    ended()
  })
  await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
  await prepare(scenario, processes, { signal, onLine })
  const model = scenario.models[0]!
  const clear = await ClearAnswers.of(model)

  const memory: Looked[] = []
  const look = async (queued: number): Promise<void> => {
    memory.push({ queued, ...(await probe.look(processes.processId(EVALUATOR)!, signal)) })
    // several look at a time, and the last need not be the last to have seen
    memory.sort((a, b) => a.queued - b.queued)
  }
  await look(0)
  const asked: Asked[] = []
  let next = 0
  const asking = performance.now()
  const ask = async (querier: string): Promise<void> => {
    while (next < count) {
      const offset = (7 * next++) % (clear.count - model.batch)
      const { scale, mean, deviation } = model.data.normalisation
      const samples = { file: model.data.samples, scale, mean, deviation, count: model.batch, offset }
      const { query } = await processes.ask(querier, 'query.ask', { model: model.name, samples, follow: false }, { signal })
      asked.push({ querier, query, offset })
      if (asked.length % Math.ceil(count / LOOKS) === 0) await look(asked.length)
    }
  }
  const queriers = Array.from({ length: QUERIERS * AT_ONCE }, (_, k) => `querier-${1 + (k % QUERIERS)}`)
  await Promise.all(queriers.map(ask))
  const known = async (): Promise<number> => (await processes.ask(EVALUATOR, 'query.status', {}, { signal })).length
  const seconds: Record<string, number> = { asking: secondsSince(asking) }
  onLine(`${asked.length} queries wait, ${await known()} known to the evaluator: ${seconds['asking']!.toFixed(1)} s`)

  await processes.kill(EVALUATOR)
  const restarting = performance.now()
  await processes.start(EVALUATOR, signal)
  const afterRestart = await known()
  seconds['restart'] = secondsSince(restarting)
  onLine(`the evaluator was killed, and knows of ${afterRestart} queries ${seconds['restart'].toFixed(1)} s after it was started again`)

  const answering = performance.now()
  for (let k = 0; k < workers; k++) {
    const worker = await WorkerProcess.start({ directory: join(directory, `worker-${k + 1}`), fleet: { redis: redis.url, store } })
    undo.push(async () => await worker.kill())
  }
  let answered = 0
  let wrong = 0
  const left = [...asked]
  const fetchAll = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const { querier, query, offset } = one
      const { answer } = await fetched(processes, querier, query, signal)
      answered++
      if (!clear.judge(offset, answer.logits, TOLERANCE).right) wrong++
      if (answered % Math.ceil(count / LOOKS) === 0) onLine(`${answered} answers`)
    }
  }
  await Promise.all(queriers.map(fetchAll))
  seconds['answering'] = secondsSince(answering)
  return {
    queries: count,
    afterRestart,
    answered,
    wrong,
    memory,
    bytesPerQuery: { held: slope(memory, 'held'), resident: slope(memory, 'resident') },
    seconds
  }
}

const secondsSince = (begun: number): number => (performance.now() - begun) / 1000

/** When it is there. @throws what says that it never will be */
async function fetched(
  processes: ServiceProcesses,
  querier: string,
  query: string,
  signal: AbortSignal
): Promise<Awaited<ReturnType<typeof processes.ask<'query.fetch'>>>> {
  for (;;) {
    const [state] = await processes.ask(querier, 'query.status', { query }, { signal })
    if (state === undefined || state.state === 'failed' || state.state === 'cancelled')
      throw new Error(`query ${query}: ${state?.reason ?? 'unknown'}`)
    if (state.state === 'answered' || state.state === 'done') return await processes.ask(querier, 'query.fetch', { query }, { signal })
    await new Promise(resolve => setTimeout(resolve, 500))
  }
}

/** Bytes by query, least squares, without what a process takes at first. */
function slope(memory: readonly Looked[], bytes: 'held' | 'resident'): number {
  const later = memory.slice(Math.floor(memory.length / 4))
  const mean = (of: (one: Looked) => number): number => later.reduce((sum, one) => sum + of(one), 0) / later.length
  const [x, y] = [mean(({ queued }) => queued), mean(one => one[bytes])]
  const spread = mean(({ queued }) => (queued - x) ** 2)
  return spread === 0 ? 0 : mean(one => (one.queued - x) * (one[bytes] - y)) / spread
}
