/**
 * Runs a service: keys once, models once, grants; then every querier asks one query after the other and holds each answer against the clear model, while parties are
 * killed at random instants and started again.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pidusage from 'pidusage'
import { describeMachine } from '../machine.js'
import { ClearAnswers } from './clear-answers.js'
import type { ServiceModel, ServiceScenario } from './description.js'
import { secondShares } from './ledgers.js'
import { EVALUATOR, OWNER, ServiceProcesses } from './parties.js'
import { SeededRandom } from './random.js'

/** The command that a party is. */
const COMMAND = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('@slytherin/node')))

/** Largest error of a logit, as a share of the largest one, of an answer that counts as right. */
const TOLERANCE = 0.02
/** How long one query may take, kills included, before it counts as lost. */
const QUERY_PATIENCE = 300_000
const MEMORY_INTERVAL = 5_000

export interface ServiceReport {
  readonly name: string
  readonly seed: number
  readonly machine: unknown
  readonly holders: number
  readonly threshold: number
  readonly queriers: number
  readonly seconds: { readonly keys: number; readonly models: Readonly<Record<string, number>>; readonly serving: number }
  readonly queries: number
  readonly answered: number
  readonly refused: number
  readonly wrong: number
  readonly lost: number
  readonly worstLogitError: number
  /** By a typed error's code. */
  readonly refusals: Readonly<Record<string, number>>
  readonly kills: number
  readonly restarts: number
  readonly killed: Readonly<Record<string, number>>
  readonly shares: number
  readonly secondShares: number
  readonly secondsToReady: { readonly median: number; readonly worst: number; readonly evaluatorWorst: number }
  /** Bytes over all connections of the querier: of its first query, and of those after it on average. */
  readonly latency: { readonly first: number; readonly median: number; readonly firstHundred: number; readonly lastHundred: number }
  readonly bytesAfterFirstQuery: number
  readonly memory: Readonly<Record<string, { readonly secondQuarter: number; readonly lastQuarter: number; readonly peak: number }>>
}

export interface ServiceRunOptions {
  readonly seed: number
  readonly signal: AbortSignal
  readonly keep?: boolean
  onLine(text: string): void
}

interface Tally {
  queries: number
  answered: number
  refused: number
  wrong: number
  lost: number
  worst: number
  kills: number
  restarts: number
  readonly refusals: Record<string, number>
  readonly killed: Record<string, number>
  readonly ready: { name: string; seconds: number }[]
  readonly latencies: number[]
  readonly bytes: number[]
}

export async function runService(scenario: ServiceScenario, options: ServiceRunOptions): Promise<ServiceReport> {
  const { seed, signal, keep = false, onLine } = options
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-service-'))
  const random = new SeededRandom(seed)
  const processes = await ServiceProcesses.lay(scenario, directory, COMMAND)
  const memory = new Map<string, { at: number; bytes: number }[]>()
  const watching = setInterval(() => void sample(processes, memory), MEMORY_INTERVAL)
  watching.unref()
  try {
    onLine(`${processes.parties.length} processes in ${directory}, seed ${seed}`)
    await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
    const seconds = await prepare(scenario, processes, signal, onLine)
    const tally: Tally = {
      queries: 0,
      answered: 0,
      refused: 0,
      wrong: 0,
      lost: 0,
      worst: 0,
      kills: 0,
      restarts: 0,
      refusals: {},
      killed: {},
      ready: [],
      latencies: [],
      bytes: []
    }
    const begun = performance.now()
    await serve(scenario, processes, tally, random, options)
    const serving = (performance.now() - begun) / 1000
    await processes.stop()
    const { shares, second } = secondShares(processes.parties)
    return report(scenario, seed, { ...seconds, serving }, tally, { shares, second }, memory)
  } finally {
    clearInterval(watching)
    await processes.stop()
    if (keep) onLine(`left in place: ${directory}`)
    else await rm(directory, { recursive: true, force: true })
  }
}

async function prepare(
  scenario: ServiceScenario,
  processes: ServiceProcesses,
  signal: AbortSignal,
  onLine: (text: string) => void
): Promise<{ keys: number; models: Record<string, number> }> {
  const { models, queriers, threshold, floodingBits, decryptions, manifest } = scenario
  const timed = async <T>(task: () => Promise<T>): Promise<{ value: T; seconds: number }> => {
    const begun = performance.now()
    const value = await task()
    return { value, seconds: (performance.now() - begun) / 1000 }
  }
  await until(async () => (await processes.ask(EVALUATOR, 'status', {}, { signal })).peers.every(({ state }) => state !== 'down'), signal)
  const made = await timed(
    async () =>
      await processes.ask(
        EVALUATOR,
        'cohort.create',
        {
          name: 'cohort',
          for: models.map(({ file }) => ({ file, manifest })),
          batch: Math.max(...models.map(({ batch }) => batch)),
          threshold,
          days: 30,
          ...(floodingBits === undefined ? {} : { floodingBits }),
          ...(decryptions === undefined ? {} : { decryptions })
        },
        { signal }
      )
  )
  onLine(`keys of ${scenario.holders} holders, any ${threshold} of whom suffice: ${made.seconds.toFixed(1)} s`)
  const times: Record<string, number> = {}
  for (const { name, file, batch } of models) {
    await until(async () => (await processes.ask(OWNER, 'cohort.status', {}, { signal })).epochs.length > 0, signal)
    const put = await timed(async () => await processes.ask(OWNER, 'model.publish', { file, manifest, name, batch }, { signal }))
    times[name] = put.seconds
    onLine(`${name} published: ${put.seconds.toFixed(1)} s`)
  }
  for (let k = 1; k <= queriers; k++) {
    await processes.ask(OWNER, 'grant.create', {
      querier: `querier-${k}`,
      senders: [],
      models: models.map(({ name }) => name),
      queries: 1_000_000,
      decryptions: 2 ** 30,
      days: 29
    })
    await until(async () => {
      const [listed, grants] = await Promise.all([
        processes.ask(`querier-${k}`, 'model.list', {}, { signal }),
        processes.ask(`querier-${k}`, 'grant.list', {}, { signal })
      ])
      return grants.length > 0 && models.every(({ name }) => listed.some(one => one.name === name))
    }, signal)
  }
  return { keys: made.seconds, models: times }
}

async function serve(
  scenario: ServiceScenario,
  processes: ServiceProcesses,
  tally: Tally,
  random: SeededRandom,
  { signal: outer, onLine }: ServiceRunOptions
): Promise<void> {
  const {
    minutes,
    queries: wanted = Number.POSITIVE_INFINITY,
    kills: wantedKills = Number.POSITIVE_INFINITY,
    killsEvery,
    queriers,
    models
  } = scenario
  const clear = new Map(await Promise.all(models.map(async model => [model.name, await ClearAnswers.of(model)] as const)))
  const until = Date.now() + minutes * 60_000
  const goes = (): boolean =>
    !outer.aborted && Date.now() < until && tally.queries < wanted && (killsEvery === 0 || tally.kills < wantedKills)
  const answersBefore = { count: 0 }
  const telling = setInterval(() => {
    if (tally.answered === answersBefore.count) return
    answersBefore.count = tally.answered
    onLine(
      `${tally.queries} queries, ${tally.answered} answered, ${tally.refused} refused, ${tally.wrong} wrong, ${tally.lost} lost; ${tally.kills} kills`
    )
  }, 10_000)
  const asking = Array.from({ length: queriers }, async (_, k) => {
    const name = `querier-${k + 1}`
    const own = new SeededRandom(random.seed + 1000 * (k + 1))
    while (goes()) await ask(name, own.pick(models), own, processes, clear, tally, outer)
  })
  const killing = killsEvery === 0 ? Promise.resolve() : killAtRandom(processes, killsEvery, goes, tally, random, outer)
  try {
    await Promise.all([...asking, killing])
  } finally {
    clearInterval(telling)
  }
}

/** One query, through whatever kills: its querier, too, may be killed, and fetches the answer when it is back. */
async function ask(
  name: string,
  { name: model, data, batch }: ServiceModel,
  random: SeededRandom,
  processes: ServiceProcesses,
  clear: ReadonlyMap<string, ClearAnswers>,
  tally: Tally,
  outer: AbortSignal
): Promise<void> {
  const answers = clear.get(model)!
  const count = 1 + random.below(Math.min(batch, answers.count))
  const offset = random.below(answers.count - count + 1)
  const { scale, mean, deviation } = data.normalisation
  const samples = { file: data.samples, scale, mean, deviation, count, offset }
  const signal = AbortSignal.any([outer, AbortSignal.timeout(QUERY_PATIENCE)])
  const begun = performance.now()
  const before = await bytesOf(processes, name)
  let query: string | undefined
  tally.queries++
  for (;;) {
    try {
      const known = query
      const reply =
        known === undefined
          ? await processes.ask(
              name,
              'query.ask',
              { model, samples, follow: true },
              { signal, onProgress: progress => (query ??= progress.query) }
            )
          : await processes.ask(name, 'query.fetch', { query: known }, { signal })
      const { right, error } = answers.judge(offset, reply.answer!.logits, TOLERANCE)
      tally.worst = Math.max(tally.worst, error)
      if (right) tally.answered++
      else tally.wrong++
      tally.latencies.push((performance.now() - begun) / 1000)
      const after = await bytesOf(processes, name)
      if (before !== undefined && after !== undefined && after > before) tally.bytes.push(after - before)
      return
    } catch (error) {
      if (outer.aborted) {
        tally.queries--
        return
      }
      if (signal.aborted) {
        tally.lost++
        return
      }
      const code = (error as { code?: unknown }).code
      // Killed in the middle, or not up yet: asked again. Not in its list of open queries: it was killed before it was kept.
      if (!processes.isRunning(name) || isGone(error)) {
        await new Promise(resolve => setTimeout(resolve, 100))
        continue
      }
      if (code === 'not-found' && query !== undefined) {
        query = undefined
        continue
      }
      tally.refused++
      const key = typeof code === 'string' ? code : 'untyped'
      tally.refusals[key] = (tally.refusals[key] ?? 0) + 1
      return
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && (error.name === 'NoPartyError' || error.name === 'ControlProtocolError')
}

async function killAtRandom(
  processes: ServiceProcesses,
  every: number,
  goes: () => boolean,
  tally: Tally,
  random: SeededRandom,
  signal: AbortSignal
): Promise<void> {
  while (goes()) {
    await new Promise(resolve => setTimeout(resolve, Math.min(60, random.exponential(every)) * 1000))
    if (!goes()) return
    const { name } = random.pick(processes.parties)
    tally.kills++
    tally.killed[name] = (tally.killed[name] ?? 0) + 1
    await processes.kill(name)
    // Sometimes at once, sometimes after a while.
    await new Promise(resolve => setTimeout(resolve, random.next() < 0.5 ? 0 : 1000 * random.exponential(Math.min(2, every / 4))))
    const seconds = await processes.start(name, signal)
    tally.restarts++
    tally.ready.push({ name, seconds })
  }
}

async function bytesOf(processes: ServiceProcesses, name: string): Promise<number | undefined> {
  try {
    const { party } = await processes.ask(name, 'status', {}, { signal: AbortSignal.timeout(5000) })
    return party.bytesSent + party.bytesReceived
  } catch {
    return undefined
  }
}

async function until(holds: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    if (await holds()) return
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

async function sample(processes: ServiceProcesses, memory: Map<string, { at: number; bytes: number }[]>): Promise<void> {
  for (const { name } of processes.parties) {
    const id = processes.processId(name)
    if (id === undefined) continue
    const usage = await pidusage(id).catch(() => undefined)
    if (usage === undefined) continue
    const samples = memory.get(name) ?? []
    samples.push({ at: Date.now(), bytes: usage.memory })
    memory.set(name, samples)
  }
}

function report(
  { name, holders, threshold, queriers }: ServiceScenario,
  seed: number,
  seconds: ServiceReport['seconds'],
  tally: Tally,
  { shares, second }: { shares: number; second: number },
  memory: ReadonlyMap<string, { at: number; bytes: number }[]>
): ServiceReport {
  const { queries, answered, refused, wrong, lost, worst, kills, restarts, refusals, killed, ready, latencies, bytes } = tally
  const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
  const mean = (values: readonly number[]): number =>
    values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
  const quarters = Object.fromEntries(
    [...memory].map(([party, samples]) => {
      const part = (from: number, to: number): number =>
        median(samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)).map(one => one.bytes))
      return [party, { secondQuarter: part(0.25, 0.5), lastQuarter: part(0.75, 1), peak: Math.max(0, ...samples.map(one => one.bytes)) }]
    })
  )
  return {
    name,
    seed,
    machine: describeMachine(),
    holders,
    threshold,
    queriers,
    seconds,
    queries,
    answered,
    refused,
    wrong,
    lost,
    worstLogitError: worst,
    refusals,
    kills,
    restarts,
    killed,
    shares,
    secondShares: second,
    secondsToReady: {
      median: median(ready.map(one => one.seconds)),
      worst: Math.max(0, ...ready.map(one => one.seconds)),
      evaluatorWorst: Math.max(0, ...ready.filter(one => one.name === EVALUATOR).map(one => one.seconds))
    },
    latency: {
      first: latencies[0] ?? 0,
      median: median(latencies),
      firstHundred: median(latencies.slice(0, 100)),
      lastHundred: median(latencies.slice(-100))
    },
    bytesAfterFirstQuery: Math.round(mean(bytes.slice(1))),
    memory: quarters
  }
}

/** Why a run counts as failed; empty when it does not. */
export function failuresOfService({ queries, answered, refused, wrong, lost, secondShares: second }: ServiceReport): string[] {
  return [
    ...(wrong > 0 ? [`${wrong} answers are wrong`] : []),
    ...(lost > 0 ? [`${lost} answers are lost`] : []),
    ...(second > 0 ? [`${second} second shares for one ciphertext`] : []),
    ...(answered + refused + wrong + lost !== queries ? ['a query was neither answered nor refused'] : []),
    ...(answered === 0 ? ['nothing was answered'] : [])
  ]
}
