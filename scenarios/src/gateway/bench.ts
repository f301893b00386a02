/**
 * `npm run bench:gateway`: what a gateway adds to a query over loopback, and what it gains when many ask at once. Clients are this process, the cohort is that of the demo,
 * with as many samples a query as there are clients.
 */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { loadSamples, sourceOf } from '@slytherin/node'
import { Command } from 'commander'
import { EXIT_FAILED, positive, stopping } from '../command-line.js'
import { describeMachine } from '../machine.js'
import { loadServiceScenario } from '../service/description.js'
import { QUERIER, withServedCohort } from './cohort.js'
import { LASTING } from './serve.js'

const DEMO = fileURLToPath(new URL('../../demo.yaml', import.meta.url))

interface Asked {
  /** Milliseconds, as the client sees it. */
  readonly total: number
  readonly waiting: number
  readonly query: number
}

const given = new Command('bench:gateway')
  .description('Times of requests to a gateway: one after the other, and many at once.')
  .option('--clients <count>', 'that ask at once', positive, 64)
  .option('--requests <count>', 'one after the other', positive, 12)
  .option('--rounds <count>', 'of all clients at once', positive, 3)
  .option('--scenario <file>', 'a service', DEMO)
  .option('--json <file>', 'write the figures as JSON')
  .parse()
  .opts<{ clients: number; requests: number; rounds: number; scenario: string; json?: string }>()

try {
  const signal = stopping()
  const loaded = await loadServiceScenario(given.scenario)
  const [first] = loaded.models
  const scenario = { ...loaded, ...LASTING, queriers: 1, models: [{ ...first!, batch: given.clients }] }
  const { samples: file, normalisation } = first!.data
  const samples = await loadSamples({ ...sourceOf(file), offset: 0, count: given.clients, normalisation })
  const onLine = (text: string): void => void process.stderr.write(`${text}\n`)
  await withServedCohort(scenario, { port: 0, signal, keep: false, onLine }, async ({ processes, gateway }) => {
    const url = `${gateway.url}/v2/models/${first!.name}/infer`
    await ask(url, samples[0]!)
    const alone: Asked[] = []
    for (let k = 0; k < given.requests; k++) alone.push(await ask(url, samples[k % samples.length]!))
    const seconds: number[] = []
    for (let round = 0; round < given.rounds; round++) {
      const begun = performance.now()
      await Promise.all(samples.map(async sample => await ask(url, sample)))
      seconds.push((performance.now() - begun) / 1000)
    }
    const socket: number[] = []
    for (let k = 0; k < given.requests; k++) {
      const begun = performance.now()
      await processes.ask(QUERIER, 'query.models', {}, { signal })
      socket.push(performance.now() - begun)
    }
    const each = median(alone.map(({ total }) => total)) / 1000
    const together = median(seconds)
    const figures = {
      machine: describeMachine(),
      model: first!.name,
      clients: given.clients,
      /** Milliseconds of a request that are neither its wait for others nor its query. */
      overhead: median(alone.map(({ total, waiting, query }) => total - waiting - query)),
      waiting: median(alone.map(({ waiting }) => waiting)),
      /** Milliseconds of a question to the party that asks nobody else. */
      socket: median(socket),
      secondsAlone: each,
      secondsTogether: together,
      perSecondAlone: 1 / each,
      perSecondTogether: given.clients / together,
      gain: (given.clients * each) / together
    }
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
    if (given.json !== undefined) await writeFile(given.json, `${JSON.stringify(figures, null, 2)}\n`)
  })
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT_FAILED
}

/** One sample, as binary data. */
async function ask(url: string, sample: Float64Array): Promise<Asked> {
  const data = Buffer.from(Float32Array.from(sample).buffer)
  const input = { name: 'input', shape: [1, sample.length], datatype: 'FP32', parameters: { binary_data_size: data.length } }
  const head = Buffer.from(JSON.stringify({ inputs: [input] }))
  const headers = { 'content-type': 'application/octet-stream', 'inference-header-content-length': `${head.length}` }
  const begun = performance.now()
  const response = await fetch(url, { method: 'POST', headers, body: Buffer.concat([head, data]) })
  const text = await response.text()
  const total = performance.now() - begun
  if (response.status !== 200) throw new Error(`${response.status}: ${text}`)
  const [waiting, query] = [...(response.headers.get('server-timing') ?? '').matchAll(/dur=([\d.]+)/g)].map(([, value]) => Number(value))
  return { total, waiting: waiting!, query: query! }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
