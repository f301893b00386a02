/** What the worker hosts in a service: epochs over the party's sealed secrets, its ledger and its disk, and planning of its models. */
import { hkdfSync } from 'node:crypto'
import { type CostModel, type EpochKeys, type EpochModel, parseArchitecture, plan, planEpoch } from '@slytherin/engine'
import { type Architecture, LocalCryptography, ModelOwner, type Plan, ReleaseRefusedError } from '@slytherin/protocol'
import { LocalServiceCryptography } from '@slytherin/protocol/service'
import { machineCosts, referenceCosts } from '../costs.js'
import { ContentDirectory } from '../storage/content-directory.js'
import { forgetPassphrase, loadKeyMaterial } from '../storage/key-source.js'
import { openKeystore } from '../storage/keystore.js'
import { SecretDirectory } from '../storage/secret-directory.js'
import { SqliteShareLedger } from '../storage/share-ledger.js'
import { statePaths } from '../storage/state-directory.js'
import type { ModelOptions, PlanRequest } from './cryptography-module.js'
import { openFleet } from './fleet.js'
import { modelSource } from './model-source.js'
import type { HostedService, ServiceCryptographyOptions, WishedModel } from './service-module.js'

/** @throws StorageError when the keystore does not open */
export async function createCryptography(options: ServiceCryptographyOptions): Promise<HostedService> {
  const { self, threads, weightBytes, insecureLogN } = options
  const paths = statePaths(options.state)
  using material = await loadKeyMaterial(options.keySource)
  forgetPassphrase(options.keySource)
  using keystore = await openKeystore(paths.keystore, material)
  const sealing = new Uint8Array(hkdfSync('sha256', keystore.get('sessionKey'), new Uint8Array(0), 'slytherin service secrets', 32))
  const ledger = new SqliteShareLedger(paths.ledger)
  const secrets = await SecretDirectory.open(paths.secrets, sealing, ledger).catch(error => {
    ledger.dispose()
    throw error
  })
  sealing.fill(0)
  const models = new Map<string, ModelOptions>()
  const fleet = options.fleet === undefined ? undefined : await openFleet(options.fleet, threads)
  const cryptography = await LocalServiceCryptography.create({
    ...(fleet === undefined ? {} : { blocks: fleet.blocks }),
    self,
    secrets,
    ledger,
    contents: new ContentDirectory(paths.contents),
    threads,
    warmUp: threads !== 1,
    weightBytes,
    allowInsecure: insecureLogN !== undefined,
    models: async name => {
      const model = models.get(name)
      if (model === undefined) throw new ReleaseRefusedError({ kind: 'release', field: 'model', actual: name, remedy: 'Publish it.' })
      return await modelSource(model)
    }
  })
  const planner = new Planner(options, paths.costs)
  return {
    receiverKey: async () => await cryptography.receiverKey(),
    openEpoch: async terms => await cryptography.openEpoch(terms),
    putSecret: async (name, secret) => await secrets.put(name, secret),
    getSecret: async name => await secrets.get(name),
    eraseSecret: async name => await secrets.erase(name),
    setModel: async (name, model) => void models.set(name, model),
    planInto: async (architecture, request, epoch) => await planner.into(parseArchitecture(architecture), request, epoch),
    keyTerms: async wanted => await planner.keyTerms(wanted),
    fleetStatus: async () => fleet?.blocks.status(),
    followFleet: async listener => await fleet?.follow(listener),
    dispose: async () => {
      await fleet?.close()
      await cryptography.dispose()
      secrets.dispose()
      ledger.dispose()
    }
  }
}

class Planner {
  readonly #options: ServiceCryptographyOptions
  readonly #costFile: string
  #known: Promise<CostModel> | undefined

  constructor(options: ServiceCryptographyOptions, costFile: string) {
    this.#options = options
    this.#costFile = costFile
  }

  async into(architecture: Architecture, request: PlanRequest, epoch: EpochKeys): Promise<Plan> {
    const insecure = this.#options.insecureLogN !== undefined
    return plan(architecture, { ...request, epoch, insecure, costModel: await this.#costs() })
  }

  async keyTerms(models: readonly WishedModel[]): Promise<EpochKeys> {
    const { insecureLogN } = this.#options
    const wished: EpochModel[] = []
    for (const model of models) {
      const { batch, minimumRefreshes, data, weights, floodingBounds, precision, expectedQueries, workers } = model.wishes
      const { architecture } = await ModelOwner.create(await modelSource(model))
      wished.push({
        architecture,
        batch,
        minimumRefreshes,
        data,
        weights,
        ...(floodingBounds === undefined ? {} : { floodingBounds }),
        ...(precision === undefined ? {} : { precision }),
        ...(expectedQueries === undefined ? {} : { expectedQueries }),
        ...(workers === undefined ? {} : { workers })
      })
    }
    const { parties, threshold, floodingBits, maximumDecryptions } = models[0]!.wishes
    const { epoch } = planEpoch(wished, {
      parties,
      costModel: await this.#costs(),
      ...(threshold === undefined ? {} : { threshold }),
      ...(floodingBits === undefined ? {} : { floodingBits }),
      ...(maximumDecryptions === undefined ? {} : { maximumDecryptions }),
      ...(insecureLogN === undefined ? {} : { insecure: true, logN: insecureLogN })
    })
    return epoch
  }

  /** Measured once, where that is wanted. */
  async #costs(): Promise<CostModel> {
    this.#known ??= this.#costModel()
    return await this.#known
  }

  async #costModel(): Promise<CostModel> {
    const { costs, threads } = this.#options
    if (costs === 'reference') return referenceCosts('kernel')
    const measuring = await LocalCryptography.create({ threads, warmUp: true })
    try {
      const { variant, threads: count } = measuring.kernel
      const measure = async (name: string): Promise<CostModel> => await measuring.measureCosts(name)
      return await machineCosts(this.#costFile, { evaluator: 'kernel', kernel: variant, threads: count, measure })
    } finally {
      await measuring.dispose()
    }
  }
}
