/**
 * `npm run cohort -- --holders 30 --threshold 16`: keys of many holders, a query, one holder replaced by another, and a query again; what each step costs each party.
 * `npm run cohort -- --in-memory 3,10,30,60,100`: the same of cohorts of several sizes, all parties of one in one process, on a small ring, phase by phase.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatBytes } from '@slytherin/engine'
import Table from 'cli-table3'
import { Command, Option } from 'commander'
import { runCohorts } from '../cohorts/all.js'
import { renderCohortChart } from '../cohorts/chart.js'
import { renderCohorts } from '../cohorts/report.js'
import { EXIT_FAILED, EXIT_USAGE, list, positive, stopping } from '../command-line.js'
import { describeMachine, type Machine } from '../machine.js'
import { TOLERANCE } from './asking.js'
import { ClearAnswers } from './clear-answers.js'
import { loadServiceScenario, type ServiceModel, type ServiceScenario } from './description.js'
import { secondShares } from './ledgers.js'
import { ServiceMemory } from './memory.js'
import { EVALUATOR, ServiceProcesses } from './parties.js'
import { prepare } from './prepare.js'

const SCENARIO = fileURLToPath(new URL('../../large-cohort.yaml', import.meta.url))
const QUERIER = 'querier-1'
const MEMORY_INTERVAL_MS = 1000

interface Traffic {
  readonly sent: number
  readonly received: number
}

export interface LargeCohortReport {
  readonly name: string
  readonly machine: Machine
  readonly holders: number
  readonly threshold: number
  readonly logN: number
  readonly generation: number
  /** `query` is the first, `queryAfter` the first after a holder was replaced. */
  readonly seconds: Readonly<Record<'start' | 'keys' | 'publication' | 'query' | 'replacement' | 'queryAfter', number>>
  readonly replaced: { readonly gone: string; readonly come: string }
  /** Largest error of a logit, as a share of the largest one, of both answers. */
  readonly logitErrors: readonly number[]
  /** Bytes that each party sent and received, step by step. */
  readonly bytes: Readonly<Record<string, Readonly<Record<string, Traffic>>>>
  readonly peakMemory: Readonly<Record<string, number>>
  readonly shares: number
  readonly secondShares: number
}

interface Options {
  readonly signal: AbortSignal
  onLine(text: string): void
}

async function runLargeCohort(scenario: ServiceScenario, { signal, onLine }: Options): Promise<LargeCohortReport> {
  const { holders, threshold } = scenario
  const [model] = scenario.models as readonly [ServiceModel]
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-cohort-'))
  // One more than there are: it takes the place of another.
  const processes = await ServiceProcesses.lay({ ...scenario, holders: holders + 1 }, directory)
  const watch = new ServiceMemory(processes, MEMORY_INTERVAL_MS)
  const counter = new StepTraffic(processes)
  const names = Array.from({ length: holders + 1 }, (_, k) => `holder-${k + 1}`)
  const [come, gone] = [names[holders]!, names[holders - 1]!]
  const [members, after] = [names.slice(0, holders), [...names.slice(0, holders - 1), come]]
  try {
    const begun = performance.now()
    await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
    const start = (performance.now() - begun) / 1000
    onLine(`${processes.parties.length} processes are up: ${start.toFixed(1)} s`)
    const prepared = await prepare(scenario, processes, { signal, onLine, members, onKeys: async () => await counter.step('keys') })
    await counter.step('publication')
    const clear = await ClearAnswers.of(model)
    const ask = async (): Promise<{ readonly seconds: number; readonly error: number }> => {
      const { scale, mean, deviation } = model.data.normalisation
      const samples = { file: model.data.samples, scale, mean, deviation, count: Math.min(model.batch, clear.count), offset: 0 }
      const asked = performance.now()
      const { answer } = await processes.ask(QUERIER, 'query.ask', { model: model.name, samples, follow: true }, { signal })
      const seconds = (performance.now() - asked) / 1000
      return { seconds, error: clear.judge(0, answer!.logits, TOLERANCE).error }
    }
    const first = await ask()
    onLine(`a query: ${first.seconds.toFixed(1)} s`)
    await counter.step('query')
    counter.forget(gone)
    await processes.end(gone)
    const dealt = performance.now()
    const { generation, logN } = await processes.ask(EVALUATOR, 'cohort.reshare', { name: 'cohort', holders: after, threshold }, { signal })
    const replacement = (performance.now() - dealt) / 1000
    onLine(`${gone} replaced by ${come}: ${replacement.toFixed(1)} s`)
    await counter.step('replacement')
    const second = await ask()
    onLine(`a query: ${second.seconds.toFixed(1)} s`)
    await counter.step('queryAfter')
    watch.stop()
    await processes.stop()
    return {
      name: scenario.name,
      machine: describeMachine(),
      holders,
      threshold,
      logN,
      generation,
      seconds: {
        start,
        keys: prepared.keys,
        publication: prepared.models[model.name]!,
        query: first.seconds,
        replacement,
        queryAfter: second.seconds
      },
      replaced: { gone, come },
      logitErrors: [first.error, second.error],
      bytes: counter.bytes,
      peakMemory: watch.peaks(),
      ...secondShares(processes.parties)
    }
  } finally {
    watch.stop()
    await processes.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** What every party sent and received since the step before. */
class StepTraffic {
  readonly bytes: Record<string, Record<string, Traffic>> = {}
  readonly #processes: ServiceProcesses
  readonly #before = new Map<string, Traffic>()
  readonly #gone = new Set<string>()

  constructor(processes: ServiceProcesses) {
    this.#processes = processes
  }

  /** It is asked no more. */
  forget(name: string): void {
    this.#gone.add(name)
  }

  async step(step: string): Promise<void> {
    const there = this.#processes.parties.filter(({ name }) => !this.#gone.has(name))
    const counted = await Promise.all(
      there.map(async ({ name }) => {
        const { party } = await this.#processes.ask(name, 'status', {})
        return [name, { sent: party.bytesSent, received: party.bytesReceived }] as const
      })
    )
    this.bytes[step] = Object.fromEntries(
      counted.map(([name, now]) => {
        const before = this.#before.get(name) ?? { sent: 0, received: 0 }
        this.#before.set(name, now)
        return [name, { sent: now.sent - before.sent, received: now.received - before.received }]
      })
    )
  }
}

function render({
  seconds,
  bytes,
  peakMemory,
  holders,
  threshold,
  logN,
  replaced,
  logitErrors,
  shares,
  secondShares: second
}: LargeCohortReport): string {
  const head = { head: [], border: [] }
  const table = new Table({ head: ['', 'seconds', 'each holder sent', 'received', 'evaluator sent', 'received'], style: head })
  const isHolder = ([name]: readonly [string, unknown]): boolean => name.startsWith('holder-')
  for (const [step, parties] of Object.entries(bytes)) {
    const own = Object.entries(parties).filter(isHolder)
    const most = (way: keyof Traffic): string => formatBytes(Math.max(...own.map(([, traffic]) => traffic[way])))
    const evaluator = parties[EVALUATOR]!
    const took = seconds[step as keyof typeof seconds].toFixed(1)
    table.push([step, took, `≤ ${most('sent')}`, `≤ ${most('received')}`, formatBytes(evaluator.sent), formatBytes(evaluator.received)])
  }
  const memory = Object.entries(peakMemory)
  const all = memory.reduce((sum, [, one]) => sum + one, 0)
  const ofHolders = memory.filter(isHolder).map(([, one]) => one)
  return [
    table.toString(),
    `${holders} holders, any ${threshold} of whom suffice, N = 2^${logN}; processes started in ${seconds.start.toFixed(1)} s; ${replaced.gone} replaced by ${replaced.come}.`,
    `Memory at the peak: a holder ${formatBytes(Math.min(...ofHolders))} to ${formatBytes(Math.max(...ofHolders))}, evaluator ${formatBytes(peakMemory[EVALUATOR] ?? 0)}, all ${formatBytes(all)}.`,
    `Worst logit errors ${logitErrors.map(one => `${(100 * one).toFixed(2)} %`).join(', ')} of the largest; ${shares} shares, ${second} for a ciphertext that had one.`
  ].join('\n')
}

function failuresOf({ logitErrors, secondShares: second, generation }: LargeCohortReport): string[] {
  return [
    ...logitErrors
      .filter(error => !(error <= TOLERANCE))
      .map(error => `an answer is wrong: its worst logit error is ${error} of the largest logit`),
    ...(second > 0 ? [`${second} second shares for one ciphertext`] : []),
    ...(generation < 1 ? ['shares were not dealt anew'] : [])
  ]
}

const program = new Command('cohort')
  .description(
    'Makes the keys of many holders on this machine, asks, replaces one holder by another, asks again; tells seconds, bytes and memory of every party.'
  )
  .option('--holders <count>', 'key holders', positive, 30)
  .option('--threshold <count>', 'how many of them suffice; more than half by default', positive)
  .addOption(
    new Option('--in-memory <counts>', 'cohorts of so many holders instead, each in one process on a small ring: 3,10,30,60,100')
      .argParser(text =>
        list(text)
          .map(positive)
          .sort((a, b) => a - b)
      )
      .conflicts('holders')
  )
  .option('--json <file>', 'write the report as JSON')
  .option('--chart <file>', 'with --in-memory: write seconds and bytes by holders as SVG')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()

interface Given {
  readonly holders: number
  readonly threshold?: number
  readonly inMemory?: readonly number[]
  readonly json?: string
  readonly chart?: string
}

const { holders, threshold, inMemory, json, chart } = program.opts<Given>()
const thresholdOf = (count: number): number => Math.min(count, threshold ?? Math.floor(count / 2) + 1)
const started = performance.now()
const onLine = (text: string): void => {
  const elapsed = ((performance.now() - started) / 1000).toFixed(1)
  process.stderr.write(`${`${elapsed} s`.padStart(8)}  ${text}\n`)
}
const options = { signal: stopping(), onLine }
try {
  if (inMemory === undefined) {
    const scenario = await loadServiceScenario(SCENARIO, { holders, threshold: thresholdOf(holders) })
    const report = await runLargeCohort(scenario, options)
    await keep(json, report)
    process.stdout.write(`\n${render(report)}\n`)
    const failures = failuresOf(report)
    for (const failure of failures) process.stderr.write(`failed: ${failure}\n`)
    if (failures.length > 0) process.exitCode = EXIT_FAILED
  } else {
    const report = await runCohorts({ holders: inMemory, thresholdOf, ...options })
    await keep(json, report)
    if (chart !== undefined) await write(chart, renderCohortChart(report.cohorts))
    process.stdout.write(`\n${renderCohorts(report)}\n`)
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT_FAILED
}

async function keep(file: string | undefined, report: object): Promise<void> {
  if (file !== undefined) await write(file, `${JSON.stringify(report, null, 2)}\n`)
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
}
