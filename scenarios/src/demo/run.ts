/** Runs the demo: a cohort's keys, one encrypted model, a query of each querier, and in the middle of the first a key holder that is killed. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, extname, join } from 'node:path'
import { fuse, importOnnx, type Network, type Prediction } from '@slytherin/engine'
import { loadLabels, loadSamples, sourceOf } from '@slytherin/node'
import { isSame, largestOf, predictionsOf, worstDifference } from '../comparison.js'
import { describeMachine } from '../machine.js'
import { ScenarioFileError } from '../scenario.js'
import type { ServiceModel, ServiceScenario } from '../service/description.js'
import { disksOf } from '../service/disk.js'
import { secondShares } from '../service/ledgers.js'
import { ServiceMemory } from '../service/memory.js'
import { EVALUATOR, ServiceProcesses } from '../service/parties.js'
import { prepare } from '../service/prepare.js'
import { truthOf } from '../truth.js'
import type { DemoKill, DemoQuery, DemoReport } from './report.js'
import { firstRefresh, sharesOf } from './watched-query.js'

const MEMORY_INTERVAL_MS = 500

export interface DemoOptions {
  readonly signal: AbortSignal
  /** Leave the state directories of the parties in place. */
  readonly keep?: boolean | undefined
  /** Something that is worth a line. */
  onLine(text: string): void
  /** How far the present step is. */
  onStep(step: string, done?: number, total?: number): void
}

/** The samples of all queries, and the network of the file. */
export interface DemoSamples {
  readonly network: Network
  readonly samples: readonly Float64Array[]
  readonly labels: readonly Prediction[]
}

export interface DemoOutcome extends DemoSamples {
  readonly report: DemoReport
}

/** @throws Error naming the party and its log, when one does not start; what a command was refused with */
export async function runDemo(scenario: ServiceScenario, options: DemoOptions): Promise<DemoOutcome> {
  const { signal, keep = false, onLine, onStep } = options
  const [model] = scenario.models as readonly [ServiceModel]
  const known = await samplesOf(scenario, model)
  const begun = performance.now()
  const elapsed = (): number => (performance.now() - begun) / 1000
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-demo-'))
  const processes = await ServiceProcesses.lay(scenario, directory)
  const watch = new ServiceMemory(processes, MEMORY_INTERVAL_MS)
  try {
    onStep(`${processes.parties.length} processes start`)
    await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
    const start = elapsed()
    onLine(`${processes.parties.length} processes are up: ${processes.parties.map(({ name }) => name).join(', ')}`)
    const prepared = await prepare(scenario, processes, { signal, onLine, onProgress: onStep })
    const counted = await trafficOf(processes)
    const demo = new Demonstration(scenario, model, processes, options)
    const { asked, kill } = await demo.withKill()
    const rest: Asked[] = []
    for (let k = 1; k < scenario.queriers; k++) rest.push(await demo.ask(k))
    const { epochs } = await processes.ask(EVALUATOR, 'cohort.status', {}, { signal })
    const traffic = await trafficOf(processes)
    const total = elapsed()
    watch.stop()
    const disks = await disksOf(processes)
    onStep('processes end')
    const stuck = await processes.stop()
    const [epoch] = epochs
    const queries = [asked, ...rest].map(one => queryOf(one, known, processes))
    const all = queries.flatMap(({ offset, samples }) => Array.from({ length: samples }, (_, k) => offset + k))
    const clear = known.samples.map(sample => known.network.forward(sample))
    const right = (predictions: readonly Prediction[]): number =>
      predictions.filter((prediction, k) => isSame(known.network, known.labels[k]!, prediction)).length / all.length
    return {
      ...known,
      report: {
        scenario: scenario.name,
        description: scenario.description,
        model: basename(model.file, extname(model.file)),
        createdAt: new Date().toISOString(),
        machine: describeMachine(),
        holders: scenario.holders,
        threshold: scenario.threshold,
        shape: known.network.shape,
        accuracyClear: right(predictionsOf(known.network, clear)),
        accuracyEncrypted: right(queries.flatMap(({ predictions }) => predictions)),
        largestLogit: largestOf(clear),
        queries,
        kill,
        seconds: { start, keys: prepared.keys, publication: Object.values(prepared.models).reduce((sum, one) => sum + one, 0), total },
        parameters: {
          logN: epoch!.logN,
          levels: epoch!.levels,
          floodingBits: epoch!.floodingBits,
          decryptions: scenario.decryptions ?? 0
        },
        bytesByParty: Object.fromEntries(
          Object.entries(traffic).map(([name, { sent, received }]) => {
            const before = name === kill.holder ? counted[name]! : { sent: 0, received: 0 }
            return [name, { sent: sent + before.sent, received: received + before.received }]
          })
        ),
        peakMemoryByParty: watch.peaks(),
        evaluatorDisk: disks[EVALUATOR] ?? 0,
        ...secondShares(processes.parties),
        stuck
      }
    }
  } finally {
    watch.stop()
    await processes.stop()
    if (keep) onLine(`left in place: ${directory}`)
    else await rm(directory, { recursive: true, force: true })
  }
}

interface Asked {
  readonly querier: string
  readonly query: string
  readonly offset: number
  readonly seconds: number
  readonly logits: readonly (readonly number[])[]
}

class Demonstration {
  constructor(
    private readonly scenario: ServiceScenario,
    private readonly model: ServiceModel,
    private readonly processes: ServiceProcesses,
    private readonly options: DemoOptions
  ) {}

  /** The query of querier k, from 0. */
  async ask(k: number, onQuery?: (query: string) => void): Promise<Asked> {
    const { signal, onLine, onStep } = this.options
    const { batch, name, data } = this.model
    const querier = `querier-${k + 1}`
    const { scale, mean, deviation } = data.normalisation
    const samples = { file: data.samples, scale, mean, deviation, count: batch, offset: k * batch }
    const begun = performance.now()
    let told = false
    const { query, answer } = await this.processes.ask(
      querier,
      'query.ask',
      { model: name, samples, follow: true },
      {
        signal,
        onProgress: ({ text, done, total, query: named }) => {
          onStep(`${querier}: ${text}`, done, total)
          if (named === undefined || told) return
          told = true
          onQuery?.(named)
        }
      }
    )
    const seconds = (performance.now() - begun) / 1000
    onLine(`${querier} has its ${batch} answers: ${seconds.toFixed(1)} s`)
    return { querier, query, offset: k * batch, seconds, logits: answer!.logits }
  }

  /** The first query, and a key holder that helped with its first refresh and is killed before the next; started again when the query has ended. */
  async withKill(): Promise<{ readonly asked: Asked; readonly kill: DemoKill }> {
    const { signal, onLine } = this.options
    const over = new AbortController()
    const watching = Promise.withResolvers<Omit<DemoKill, 'secondsToReady'>>()
    watching.promise.catch(() => undefined)
    const asked = await this.ask(0, query => {
      this.#killAfterRefresh(query, AbortSignal.any([signal, over.signal])).then(watching.resolve, watching.reject)
    }).finally(() => over.abort(new Error('the query ended before a refresh of it was seen')))
    const kill = await watching.promise
    const { holders, threshold } = this.scenario
    onLine(`${kill.holder} stayed away: ${holders - 1} of ${holders} holders were left, ${threshold} suffice`)
    const secondsToReady = (await this.processes.start(kill.holder, signal)) ?? 0
    onLine(`${kill.holder} is back: ${secondsToReady.toFixed(1)} s after its start`)
    return { asked, kill: { ...kill, secondsToReady } }
  }

  async #killAfterRefresh(query: string, signal: AbortSignal): Promise<Omit<DemoKill, 'secondsToReady'>> {
    const { step, active } = await firstRefresh(this.processes, query, signal)
    // Points are in the order of the roster, from 1.
    const holder = this.processes.parties.filter(({ roles }) => roles.includes('key-holder'))[active[0]! - 1]!.name
    await this.processes.kill(holder)
    this.options.onLine(`SIGKILL for ${holder}, which has just helped with the first refresh of this query`)
    return { holder, query, after: step }
  }
}

function queryOf({ logits, offset, ...asked }: Asked, { network, samples, labels }: DemoSamples, processes: ServiceProcesses): DemoQuery {
  const own = samples.slice(offset, offset + logits.length)
  const truth = labels.slice(offset, offset + logits.length)
  const clear = own.map(sample => network.forward(sample))
  const predictions = predictionsOf(network, logits)
  const inTheClear = predictionsOf(network, clear)
  const same = (expected: readonly Prediction[]): number => predictions.filter((one, k) => isSame(network, expected[k]!, one)).length
  return {
    ...asked,
    offset,
    samples: logits.length,
    correct: same(truth),
    asClear: same(inTheClear),
    predictions,
    labels: truth,
    worstLogitError: worstDifference(logits, clear),
    shares: sharesOf(processes, asked.query)
  }
}

/** Bytes of every party since it was started. */
async function trafficOf(processes: ServiceProcesses): Promise<Record<string, { sent: number; received: number }>> {
  return Object.fromEntries(
    await Promise.all(
      processes.parties.map(async ({ name }) => {
        const { party } = await processes.ask(name, 'status', {})
        return [name, { sent: party.bytesSent, received: party.bytesReceived }] as const
      })
    )
  )
}

async function samplesOf({ queriers }: ServiceScenario, { file, data, batch }: ServiceModel): Promise<DemoSamples> {
  const network = fuse(importOnnx(await readFile(file)))
  const { samples, labels, normalisation, layout } = data
  const select = { offset: 0, count: queriers * batch }
  const laid = layout === undefined ? {} : { layout }
  if (labels === undefined) throw new ScenarioFileError(`${samples}: the demonstration counts right answers, and needs labels`)
  return {
    network,
    samples: await loadSamples({ ...sourceOf(samples), ...select, normalisation, ...laid }, network.shape),
    labels: truthOf(network, await loadLabels(labels, select), labels)
  }
}
