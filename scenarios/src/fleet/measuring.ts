/** What `npm run fleet` and `npm run fleet:kills` have in common: a queue, a store, a coordinator in this process, and worker processes. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fuse, importOnnx } from '@slytherin/engine'
import { DirectoryStore, Fleet, FleetContents, type FleetEvent, openMailbox } from '@slytherin/fleet'
import { SampleFile, sourceOf, VERSION } from '@slytherin/node'
import { knownAnswer } from '@slytherin/protocol/service'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { modelsOf } from '../scenario.js'
import { until } from '../service/until.js'
import { DealtService } from './dealt-service.js'
import { RedisServer } from './redis.js'
import { WorkerProcess } from './worker-process.js'

const MANIFEST = fileURLToPath(new URL('../../../models/manifest.json', import.meta.url))
const MEMORY_BYTES = 2 ** 28
const TRAINING = 300

export interface MeasuredModel {
  readonly name: string
  readonly batch: number
  readonly refreshing: boolean
}

export class Measuring {
  readonly #workers: WorkerProcess[] = []
  readonly #services: DealtService[] = []
  #started = 0

  private constructor(
    readonly redis: RedisServer,
    readonly contents: FleetContents,
    readonly kernel: Kernel,
    private readonly directory: string,
    readonly say: (text: string) => void
  ) {}

  static async open(): Promise<Measuring> {
    const begun = performance.now()
    const say = (text: string): void => {
      process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${text}\n`)
    }
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-fleet-'))
    const redis = await RedisServer.start(directory, say)
    const contents = new FleetContents({ backend: new DirectoryStore(join(directory, 'store')), memoryBytes: MEMORY_BYTES })
    return new Measuring(redis, contents, await loadKernel({ threads: 1 }), directory, say)
  }

  /** A model of this repository's, encrypted, and samples that it was not trained on. */
  async service({ name, batch, refreshing }: MeasuredModel): Promise<{ service: DealtService; samples: readonly Float64Array[] }> {
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
      contents: this.contents
    }
    const service = await DealtService.open(options, this.say)
    this.#services.push(service)
    return { service, samples: all }
  }

  async fleet(onEvent: (event: FleetEvent) => void = () => undefined): Promise<Fleet> {
    const mailbox = await openMailbox({ name: 'fleet', redis: this.redis.url })
    const answer = knownAnswer(this.kernel)
    const common = { contents: this.contents, software: VERSION, answer }
    return await Fleet.start({ mailbox, ...common, here: false, check: 0, partSeconds: 1e9, onEvent })
  }

  /** One more of one thread. */
  async worker(): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start({
      directory: join(this.directory, `worker-${++this.#started}`),
      fleet: { redis: this.redis.url, store: { directory: join(this.directory, 'store') } }
    })
    this.#workers.push(worker)
    return worker
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
    await this.redis.down()
    await rm(this.directory, { recursive: true, force: true })
  }
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
