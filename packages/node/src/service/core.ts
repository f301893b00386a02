/**
 * What of a party a crash of its thread of cryptography takes down, and what is started again then: the thread, and the flows over the party's stores. The
 * connections to others and the socket for commands stay.
 */
import type { Role } from '@slytherin/protocol'
import { type DocumentStore, type SecretStore, ServiceNode, type ServiceNodeOptions } from '@slytherin/protocol/service'
import type { ContentDirectory } from '../storage/content-directory.js'
import type { ServiceDatabase } from '../storage/service-database.js'
import type { ModelOptions } from '../worker/cryptography-module.js'
import { CryptographyWorker, type CryptographyWorkerOptions } from '../worker/cryptography-worker.js'
import type { FleetListener, HostedService, ServiceCryptographyOptions } from '../worker/service-module.js'
import type { Outlet } from './outlet.js'

/** Between a crash and the next start, milliseconds; longer when crashes follow each other. */
const PAUSES = [0, 1_000, 5_000, 30_000] as const
/** A core that has lived so long starts the count anew. */
const STEADY = 120_000
const DEFAULT_MODULE = new URL('../worker/service-cryptography.js', import.meta.url).href
/** Kind of record: a model of this party's, by the name under which its cryptography knows it. */
const MODEL_FILE = 'model-file'

export interface CoreOptions {
  readonly outlet: Outlet
  readonly database: ServiceDatabase
  /** The database's documents, or what watches over them. */
  readonly documents: DocumentStore
  readonly contents: ContentDirectory
  readonly cryptography: ServiceCryptographyOptions
  readonly worker: CryptographyWorkerOptions | undefined
  readonly node: Omit<ServiceNodeOptions, 'transport' | 'cryptography' | 'stores'>
  readonly roles: () => readonly Role[]
  onCrash(error: Error): void
  readonly onFleet: FleetListener
}

export interface Core {
  readonly node: ServiceNode
  readonly cryptography: HostedService
}

export class RestartingCore {
  crashes = 0
  /** Undefined while it is being started. */
  current: Core | undefined
  readonly #options: CoreOptions
  #current: Promise<Core> | undefined
  #worker: CryptographyWorker<HostedService> | undefined
  #stopped = false

  constructor(options: CoreOptions) {
    this.#options = options
  }

  /** @throws what the first start throws; later ones are tried again */
  async start(): Promise<void> {
    this.#current = this.#open()
    this.current = await this.#current
    void this.#watch()
  }

  /** As it is now; waits while it is being started again. */
  async get(): Promise<Core> {
    return await this.#current!
  }

  /** A model of this party's, for as long as it is published: its file is read when it is needed. */
  async setModel(name: string, model: ModelOptions): Promise<void> {
    await this.#options.database.records.put(MODEL_FILE, name, model)
    await (await this.get()).cryptography.setModel(name, model)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const core = await this.#current?.catch(() => undefined)
    this.#options.outlet.unplug()
    await core?.node.stop()
    await this.#worker?.dispose()
  }

  async #open(): Promise<Core> {
    const { outlet, database, documents, contents, cryptography: options, worker: hosting, node: nodeOptions } = this.#options
    const worker = await CryptographyWorker.start<HostedService, ServiceCryptographyOptions>(options, {
      module: DEFAULT_MODULE,
      ...hosting
    })
    try {
      const { cryptography } = worker
      for (const { key, value } of await database.records.list(MODEL_FILE)) await cryptography.setModel(key, value as ModelOptions)
      const secrets: SecretStore = {
        put: async (name, secret) => await cryptography.putSecret(name, secret),
        get: async name => await cryptography.getSecret(name),
        erase: async name => await cryptography.eraseSecret(name)
      }
      const { records, spendings } = database
      const stores = { records, documents, spendings, contents, secrets }
      const node = await ServiceNode.start({ ...nodeOptions, transport: outlet.plug(), cryptography, stores })
      // Until the thread ends.
      if (options.fleet !== undefined) void cryptography.followFleet(this.#options.onFleet).catch(() => undefined)
      this.#worker = worker
      return { node, cryptography }
    } catch (error) {
      await worker.dispose()
      throw error
    }
  }

  async #watch(): Promise<void> {
    let inARow = 0
    while (!this.#stopped) {
      const started = performance.now()
      const error = await this.#worker!.whenEnded()
      if (this.#stopped) return
      const { node } = await this.get()
      this.current = undefined
      this.#options.outlet.unplug()
      this.crashes++
      this.#options.onCrash(error)
      inARow = performance.now() - started > STEADY ? 0 : inARow + 1
      this.#current = this.#again(node, inARow)
      this.#current.catch(() => undefined)
      this.current = await this.#current
    }
  }

  /** Until it is there again. */
  async #again(before: ServiceNode, inARow: number): Promise<Core> {
    // What it was doing has failed, and what it holds is gone with the thread.
    await before.stop().catch(() => undefined)
    for (let attempt = inARow - 1; ; attempt++) {
      await new Promise(resolve => setTimeout(resolve, PAUSES[Math.min(Math.max(attempt, 0), PAUSES.length - 1)]))
      if (this.#stopped) throw new Error('the party is stopping')
      try {
        return await this.#open()
      } catch (error) {
        this.#options.onCrash(error as Error)
      }
    }
  }
}
