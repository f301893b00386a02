/**
 * `npm run test:fleet`: a service of processes on a small ring whose evaluator has a fleet: a Redis or Valkey server and two workers. Queries are answered right while a
 * worker is killed, while the queue is away and comes back empty, and after the evaluator was killed.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Results } from '@slytherin/node'
import { EXIT_FAILED, stopping } from '../command-line.js'
import { TOLERANCE } from '../service/asking.js'
import { ClearAnswers } from '../service/clear-answers.js'
import { loadServiceScenario } from '../service/description.js'
import { EVALUATOR, ServiceProcesses } from '../service/parties.js'
import { prepare } from '../service/prepare.js'
import { until } from '../service/until.js'
import { checkBucket } from './bucket-checks.js'
import { BucketServer } from './bucket-server.js'
import { RedisServer } from './redis.js'
import { WorkerProcess } from './worker-process.js'

const SCENARIO = fileURLToPath(new URL('../../small-service.yaml', import.meta.url))
/** How long a query may take, whatever happens meanwhile, milliseconds. */
const PATIENCE = 180_000

const { values } = parseArgs({ options: { s3: { type: 'string' }, bucket: { type: 'string' } } })
const signal = stopping()
const begun = performance.now()
const say = (text: string): void => void process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
const directory = await mkdtemp(join(tmpdir(), 'slytherin-fleet-test-'))
const undo: (() => Promise<unknown>)[] = [async () => await rm(directory, { recursive: true, force: true })]
try {
  const redis = await RedisServer.start(directory, say)
  undo.push(async () => await redis.down())
  say(`${redis.version} at ${redis.url}`)
  const scenario = await loadServiceScenario(SCENARIO, { queriers: 2 })
  const store = { directory: join(directory, 'store') }
  const fleet = { redis: redis.url, store, here: false, check: 0.5, queries: 4 }
  const processes = await ServiceProcesses.lay(scenario, join(directory, 'parties'), { fleet })
  undo.push(async () => await processes.stop())
  await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
  await prepare(scenario, processes, { signal, onLine: say })

  const model = scenario.models[0]!
  const clear = await ClearAnswers.of(model)
  let asked = 0
  const ask = async (querier: number): Promise<void> => {
    const offset = (7 * asked++) % (clear.count - model.batch)
    const { scale, mean, deviation } = model.data.normalisation
    const samples = { file: model.data.samples, scale, mean, deviation, count: model.batch, offset }
    const late = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)])
    const reply = await processes.ask(`querier-${querier}`, 'query.ask', { model: model.name, samples, follow: true }, { signal: late })
    const { right, error } = clear.judge(offset, reply.answer!.logits, TOLERANCE)
    assert.ok(right, `an answer is wrong by ${error} of the largest logit`)
  }
  const askMany = async (count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, async (_, k) => await ask(1 + (k % 2))))
  }
  const worker = async (name: string): Promise<WorkerProcess> => {
    const made = await WorkerProcess.start({ directory: join(directory, name), fleet: { redis: redis.url, store } })
    undo.push(async () => await made.kill())
    return made
  }
  const fleetIs = async (holds: (fleet: NonNullable<Results['status']['fleet']>) => boolean): Promise<void> => {
    await until(async () => {
      const { fleet: report } = await processes.ask(EVALUATOR, 'status', {}, { signal })
      return report !== undefined && holds(report)
    }, signal)
  }

  // Before any worker is there.
  const early = ask(1)
  await fleetIs(({ workers, waiting }) => workers.length === 0 && waiting > 0)
  say('without a worker a query waits, and says so')
  const first = await worker('worker-1')
  const second = await worker('worker-2')
  await early
  await askMany(8)
  for (const one of [first, second]) assert.match(await one.log(), /"msg":"done"/, 'a worker did nothing')
  say('9 queries answered by two workers')

  const dying = askMany(8)
  await new Promise(resolve => setTimeout(resolve, 300))
  await second.kill()
  await dying
  say('8 queries answered while a worker was killed')
  await worker('worker-3')

  const through = askMany(4)
  await redis.down()
  await fleetIs(({ connected, waiting }) => !connected && waiting > 0)
  say('the queue was killed: queries wait, and say so')
  await redis.up(directory)
  await through
  await askMany(4)
  say('the queue is back, empty: all of them are answered')

  const again = askMany(6)
  await new Promise(resolve => setTimeout(resolve, 200))
  await processes.kill(EVALUATOR)
  await processes.start(EVALUATOR, signal)
  await again
  say('6 queries answered although the evaluator was killed')

  await until(async () => (await readdir(store.directory)).every(space => !space.startsWith('query-')), signal)
  say('nothing is left of queries in the store')

  if (values.s3 !== undefined) {
    assert.ok(values.bucket, 'expected --bucket NAME with --s3 URL')
    say(`a bucket of ${values.s3}`)
    await checkBucket({ endpoint: values.s3, bucket: values.bucket }, `slytherin-test-${Date.now()}`, say)
  } else {
    const server = await BucketServer.start()
    if (server === undefined)
      say('the store in a bucket is not tested: no moto_server is here (pip install "moto[server]"), and no --s3 was given')
    else {
      undo.push(async () => await server.stop())
      process.env['AWS_ACCESS_KEY_ID'] ??= 'test'
      process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test'
      await server.make('fleet')
      say(`a bucket of moto_server at ${server.url}`)
      await checkBucket({ endpoint: server.url, bucket: 'fleet' }, 'test', say)
    }
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = EXIT_FAILED
} finally {
  for (const step of undo.reverse()) await step()
}
