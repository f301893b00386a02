/** What a service run found out: what is counted while it goes, and the report that comes of it. */
import { describeMachine } from '../machine.js'
import type { ServiceScenario } from './description.js'
import { mean, median } from './figures.js'
import type { MemoryQuarters } from './memory.js'
import { EVALUATOR } from './parties.js'

/** A query that was answered with a typed error. */
export interface RefusedQuery {
  readonly code: string
  readonly message: string
  readonly querier: string
  readonly model: string
  /** Kills before it was asked, and when it was refused. */
  readonly kills: readonly [number, number]
}

export interface ServiceReport {
  readonly name: string
  readonly seed: number
  readonly machine: unknown
  readonly holders: number
  readonly threshold: number
  readonly witnesses: number
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
  /** The first of them as they were told. */
  readonly refusedQueries: readonly RefusedQuery[]
  readonly kills: number
  /** Kills of a process that had been started, but did not answer commands yet. */
  readonly killsWhileStarting: number
  readonly restarts: number
  readonly killed: Readonly<Record<string, number>>
  readonly shares: number
  readonly secondShares: number
  /** Processes that did not end when they were asked to. */
  readonly stuck: number
  /** Parties that nobody killed and that ended all the same, and what they said last. */
  readonly ended: readonly string[]
  /** From the start of a process until it answers commands. */
  readonly secondsToReady: { readonly median: number; readonly worst: number; readonly evaluatorWorst: number }
  readonly latency: { readonly first: number; readonly median: number; readonly firstHundred: number; readonly lastHundred: number }
  /** Seconds of a query over those of its encryption, transfer and evaluation (query-clock.ts): of queries that met no kill, in the middle and at worst, the first one left out. */
  readonly overhead: { readonly median: number; readonly worst: number }
  /** Bytes over all connections of the querier: of queries after its first one, on average. */
  readonly bytesAfterFirstQuery: number
  /** Bytes in the state directories of the parties: a quarter into the run, and at its end. */
  readonly disk: Readonly<Record<string, { readonly afterFirstQuarter: number; readonly end: number }>>
  readonly memory: Readonly<Record<string, MemoryQuarters>>
}

/** How many refused queries are told of one by one. */
const TOLD_REFUSALS = 50

export class Tally {
  queries = 0
  answered = 0
  refused = 0
  wrong = 0
  lost = 0
  worst = 0
  kills = 0
  killsWhileStarting = 0
  restarts = 0
  readonly refusals: Record<string, number> = {}
  readonly refusedQueries: RefusedQuery[] = []
  readonly killed: Record<string, number> = {}
  readonly ended: string[] = []
  readonly ready: { readonly name: string; readonly seconds: number }[] = []
  readonly latencies: number[] = []
  readonly overheads: number[] = []
  readonly bytes: number[] = []

  refuse(query: RefusedQuery): void {
    this.refused++
    this.refusals[query.code] = (this.refusals[query.code] ?? 0) + 1
    if (this.refusedQueries.length < TOLD_REFUSALS) this.refusedQueries.push(query)
  }

  kill(name: string, starting: boolean): void {
    this.kills++
    if (starting) this.killsWhileStarting++
    this.killed[name] = (this.killed[name] ?? 0) + 1
  }

  line(): string {
    const { queries, answered, refused, wrong, lost, kills } = this
    return `${queries} queries, ${answered} answered, ${refused} refused, ${wrong} wrong, ${lost} lost; ${kills} kills`
  }
}

export interface Ended extends Pick<ServiceReport, 'seconds' | 'shares' | 'secondShares' | 'stuck' | 'disk' | 'memory'> {}

export function reportOf(
  { name, holders, threshold, witnesses, queriers }: ServiceScenario,
  seed: number,
  tally: Tally,
  { seconds, ...ended }: Ended
): ServiceReport {
  const { queries, answered, refused, wrong, lost, worst, kills, killsWhileStarting, restarts, ready, latencies, bytes } = tally
  const readySeconds = ready.map(one => one.seconds)
  return {
    name,
    seed,
    machine: describeMachine(),
    holders,
    threshold,
    witnesses,
    queriers,
    seconds,
    queries,
    answered,
    refused,
    wrong,
    lost,
    worstLogitError: worst,
    refusals: tally.refusals,
    refusedQueries: tally.refusedQueries,
    kills,
    killsWhileStarting,
    restarts,
    killed: tally.killed,
    ended: tally.ended,
    secondsToReady: {
      median: median(readySeconds),
      worst: Math.max(0, ...readySeconds),
      evaluatorWorst: Math.max(0, ...ready.filter(one => one.name === EVALUATOR).map(one => one.seconds))
    },
    latency: {
      first: latencies[0] ?? 0,
      median: median(latencies),
      firstHundred: median(latencies.slice(0, 100)),
      lastHundred: median(latencies.slice(-100))
    },
    overhead: { median: median(tally.overheads.slice(1)), worst: Math.max(0, ...tally.overheads.slice(1)) },
    bytesAfterFirstQuery: Math.round(mean(bytes.slice(1))),
    ...ended
  }
}

/** Why a run counts as failed; empty when it does not. */
export function failuresOfService(report: ServiceReport): string[] {
  const { queries, answered, refused, wrong, lost, secondShares: second, stuck, ended, refusals } = report
  const untyped = refusals[UNTYPED] ?? 0
  return [
    ...(wrong > 0 ? [`${wrong} answers are wrong`] : []),
    ...(lost > 0 ? [`${lost} answers are lost`] : []),
    ...(second > 0 ? [`${second} second shares for one ciphertext`] : []),
    ...ended,
    ...(stuck > 0 ? [`${stuck} processes did not end when they were asked to`] : []),
    ...(untyped > 0 ? [`${untyped} queries failed without a code`] : []),
    ...(answered + refused + wrong + lost !== queries ? ['a query was neither answered nor refused'] : []),
    ...(answered === 0 ? ['nothing was answered'] : [])
  ]
}

/** From so many queries on the second quarter of a run has seen what there is to see. */
const SETTLED_QUERIES = 1000
/** What a process may take more in the last quarter of a run than in the second: what its heap is apart from one garbage collection to the next. */
const MEMORY_GROWTH = 1.05

/** Processes that take more and more memory, in a run that nobody disturbed and that was long enough to tell. */
export function failuresOfMemory({ queries, kills, memory }: ServiceReport): string[] {
  if (queries < SETTLED_QUERIES || kills > 0) return []
  return Object.entries(memory).flatMap(([party, { secondQuarter, lastQuarter }]) => {
    if (lastQuarter <= MEMORY_GROWTH * secondQuarter) return []
    const grown = (100 * (lastQuarter / secondQuarter - 1)).toFixed(1)
    return [`${party} has ${grown} % more memory in the last quarter than in the second`]
  })
}

/** Code of an error that has none. */
export const UNTYPED = 'untyped'
