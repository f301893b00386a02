/** What `npm run fleet` and `npm run fleet:kills` have in common: a queue, a store, a coordinator in this process, and worker processes. */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KernelEvaluator } from '@slytherin/ckks'
import { type CostModel, fuse, importOnnx, measureCosts } from '@slytherin/engine'
import { DirectoryStore, Fleet, FleetContents, type FleetEvent, openMailbox } from '@slytherin/fleet'
import { SampleFile, sourceOf, VERSION } from '@slytherin/node'
import { knownAnswer } from '@slytherin/protocol/service'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { modelsOf } from '../scenario.js'
import { bundleCommand } from '../service/bundle.js'
import { until } from '../service/until.js'
import type { CoreQuotas } from './core-quotas.js'
import { DealtService } from './dealt-service.js'
import { atExit } from './leaving.js'
import { RedisServer } from './redis.js'
import { overLinks, sameMachine, type Transport } from './transport.js'
import { WorkerProcess, type WorkerProcessOptions } from './worker-process.js'

const MANIFEST = fileURLToPath(new URL('../../../models/manifest.json', import.meta.url))
const MEMORY_BYTES = 2 ** 28
const TRAINING = 300

export interface MeasuredModel {
  readonly name: string
  readonly batch: number
  readonly refreshing: boolean
  /** The data always are; encrypted when not given. */
  readonly weights?: 'encrypted' | 'clear'
  /** That a query's blocks are to be divided among; 1 when not given. */
  readonly workers?: number
}

/** A run of queries on so many workers. */
export interface MeasuredRun {
  readonly workers: number
  readonly seconds: number
  /** Of holders, in the coordinator's process. */
  readonly secondsOfHolders: number
  /** That processes have computed: seconds of a core. */
  readonly coordinatorCoreSeconds: number
  readonly workerCoreSeconds: number
}

export class Measuring {
  readonly #workers: WorkerProcess[] = []
  readonly #services: DealtService[] = []
  readonly #lost = Promise.withResolvers<never>()
  #started = 0
  /** Rejects when the queue or a worker ends, or is killed, by anybody else: what is under way then waits forever. */
  readonly lost: Promise<never> = this.#lost.promise
  /** Of workers that are started from now on: each in a group of its own. */
  quotas: CoreQuotas | undefined

  private constructor(
    readonly redis: RedisServer,
    readonly transport: Transport,
    private readonly command: string | undefined,
    readonly contents: FleetContents,
    readonly kernel: Kernel,
    readonly directory: string,
    readonly say: (text: string) => void,
    private readonly gone: () => void
  ) {
    this.lost.catch(() => undefined)
    redis.lost.catch(this.#lost.reject)
  }

  /** @param init workers in so many namespaces, on links of this rate; the command as a few files, for workers that are started often; threads of this process, 1 when not given */
  static async open(init: { namespaces?: number; rate?: string; bundled?: boolean; threads?: 'auto' } = {}): Promise<Measuring> {
    const begun = performance.now()
    const say = (text: string): void => {
      process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${text}\n`)
    }
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-fleet-'))
    const gone = atExit(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
    const store = join(directory, 'store')
    const transport = init.namespaces === undefined ? sameMachine(store) : await overLinks(store, init.namespaces, init.rate)
    try {
      const redis = await RedisServer.start(directory, say, transport.address)
      const contents = new FleetContents({ backend: new DirectoryStore(store), memoryBytes: MEMORY_BYTES })
      const command = init.bundled === true ? await bundleCommand(directory) : undefined
      return new Measuring(redis, transport, command, contents, await loadKernel({ threads: init.threads ?? 1 }), directory, say, gone)
    } catch (error) {
      await transport.close()
      await rm(directory, { recursive: true, force: true })
      throw error
    }
  }

  /** A model of this repository's, encrypted, and samples that it was not trained on. */
  async service({
    name,
    batch,
    refreshing,
    weights = 'encrypted',
    workers = 1
  }: MeasuredModel): Promise<{ service: DealtService; samples: readonly Float64Array[] }> {
    const found = (await modelsOf(MANIFEST)).find(entry => entry.name === name)
    if (found === undefined) throw new Error(`no model ${name} in ${MANIFEST}`)
    const { samples, normalisation, layout } = found.data
    const read = await SampleFile.open({ ...sourceOf(samples), offset: 0, normalisation, ...(layout === undefined ? {} : { layout }) })
    const all = [...read]
    const onnx = await readFile(found.model)
    const options = {
      kernel: this.kernel,
      network: fuse(importOnnx(onnx)),
      source: { name, onnx },
      training: all.slice(-TRAINING),
      batch,
      refreshing,
      weights,
      workers,
      // what is to be divided is planned by what this machine takes
      ...(workers > 1 ? { costModel: await this.costs() } : {}),
      contents: this.contents
    }
    const service = await DealtService.open(options, this.say)
    this.#services.push(service)
    return { service, samples: all }
  }

  /** Of a worker of one thread on this machine. */
  private async costs(): Promise<CostModel> {
    const kernel = this.kernel.threads === 1 ? this.kernel : await loadKernel({ threads: 1 })
    const costs = await measureCosts({
      name: 'kernel, measured',
      kernel,
      evaluator: context => new KernelEvaluator(context),
      hoisting: true,
      retaining: true
    })
    if (kernel !== this.kernel) await kernel.dispose()
    return costs
  }

  async fleet(onEvent: (event: FleetEvent) => void = event => this.#tell(event)): Promise<Fleet> {
    const mailbox = await openMailbox({ name: 'fleet', redis: this.redis.url })
    const answer = knownAnswer(this.kernel)
    const common = { contents: this.contents, software: VERSION, answer }
    return await Fleet.start({ mailbox, ...common, here: false, check: 0, clearModels: true, partSeconds: 1e9, onEvent })
  }

  /** What costs a measurement its worth. */
  #tell(event: FleetEvent): void {
    if (event.event === 'again') this.say(`a part is done again, after ${event.seconds.toFixed(1)} s: ${event.reason}`)
    else if (event.event === 'refused' || event.event === 'fault') this.say(event.error.message)
    else if (event.event === 'worker' && event.state === 'lost') this.say(`worker ${event.worker} is lost`)
  }

  /** For reports. */
  get transportName(): string {
    return `BullMQ on ${this.redis.version}, ${this.transport.description}`
  }

  /** One more of one thread. @param init in the directory of one that is gone, as a machine starts it again */
  async worker(init: Partial<Pick<WorkerProcessOptions, 'weightBytes' | 'directory'>> = {}): Promise<WorkerProcess> {
    const { transport, command, redis } = this
    const index = this.#started++
    const worker = await WorkerProcess.start({
      directory: join(this.directory, `worker-${index + 1}`),
      fleet: { redis: redis.url, store: transport.store },
      // Within a namespace there are no groups to be seen.
      through: [...(this.quotas?.through(index) ?? []), ...transport.through(index)],
      environment: transport.environment,
      ...(command === undefined ? {} : { command }),
      ...init
    })
    worker.lost.catch(this.#lost.reject)
    this.#workers.push(worker)
    return worker
  }

  /** That the workers have computed since they were started. */
  async coreSeconds(): Promise<number> {
    return await coreSecondsOf(this.#workers)
  }

  /** A task, and what coordinator and workers compute meanwhile, within their quotas if they have some. */
  async run<T>(service: DealtService, task: () => Promise<T>): Promise<MeasuredRun & { readonly value: T }> {
    const workers = [...this.#workers]
    const cores = async (): Promise<number> => await coreSecondsOf(workers)
    const [before, own, holders] = [await cores(), process.cpuUsage(), service.secondsOfHolders]
    await this.quotas?.limit()
    const { seconds, value } = await secondsOf(task).finally(async () => await this.quotas?.release())
    const { user, system } = process.cpuUsage(own)
    return {
      value,
      workers: workers.length,
      seconds,
      secondsOfHolders: service.secondsOfHolders - holders,
      coordinatorCoreSeconds: (user + system) / 1e6,
      workerCoreSeconds: (await cores()) - before
    }
  }

  /** Takes the worker that was started first from those that are stopped at the end. */
  oldest(): WorkerProcess | undefined {
    return this.#workers.shift()
  }

  /** So many workers, admitted. */
  async workers(count: number, fleet: Fleet, signal: AbortSignal): Promise<void> {
    for (let k = 0; k < count; k++) await this.worker()
    await until(async () => fleet.status().workers.length === count, signal)
  }

  async stopWorkers(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map(async worker => await worker.stop()))
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map(async worker => await worker.kill()))
    for (const service of this.#services) await service.dispose()
    await this.kernel.dispose()
    await this.quotas?.remove()
    await this.redis.down()
    await this.transport.close()
    await rm(this.directory, { recursive: true, force: true })
    this.gone()
  }
}

async function coreSecondsOf(workers: readonly WorkerProcess[]): Promise<number> {
  return (await Promise.all(workers.map(worker => worker.coreSeconds()))).reduce((a, b) => a + b, 0)
}

/** SHA-256 of results, one after the other. */
export function digestOf(results: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const bytes of results) hash.update(bytes)
  return hash.digest('hex')
}

export async function secondsOf<T>(task: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const begun = performance.now()
  const value = await task()
  return { seconds: (performance.now() - begun) / 1000, value }
}
