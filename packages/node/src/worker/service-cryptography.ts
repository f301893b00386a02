/** What the worker hosts in a service: epochs over the party's sealed secrets, its ledger and its disk, and planning of its models. */
import { hkdfSync } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type CostModel, type PlanOptions, parseArchitecture, plan } from '@slytherin/engine'
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
import { modelSource } from './model-source.js'
import type { HostedService, KeyTerms, ServiceCryptographyOptions } from './service-module.js'

/** @throws StorageError when the keystore does not open */
export async function createCryptography(options: ServiceCryptographyOptions): Promise<HostedService> {
  const { self, threads, weightBytes, insecureLogN } = options
  const paths = statePaths(options.state)
  using material = await loadKeyMaterial(options.keySource)
  forgetPassphrase(options.keySource)
  using keystore = await openKeystore(paths.keystore, material)
  const sealing = new Uint8Array(hkdfSync('sha256', keystore.get('sessionKey'), new Uint8Array(0), 'slytherin service secrets', 32))
  const secrets = await SecretDirectory.open(paths.secrets, sealing)
  sealing.fill(0)
  const ledger = new SqliteShareLedger(paths.ledger)
  const models = new Map<string, ModelOptions>()
  const cryptography = await LocalServiceCryptography.create({
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
    planInto: async (architecture, request, proposal) => await planner.into(parseArchitecture(architecture), request, proposal),
    keyTerms: async wanted => await planner.keyTerms(wanted),
    dispose: async () => {
      await cryptography.dispose()
      secrets.dispose()
      ledger.dispose()
    }
  }
}

class Planner {
  readonly #options: ServiceCryptographyOptions
  readonly #costFile: string
  #costs: Promise<CostModel> | undefined

  constructor(options: ServiceCryptographyOptions, costFile: string) {
    this.#options = options
    this.#costFile = costFile
  }

  async into(architecture: Architecture, request: PlanRequest, proposal: Parameters<HostedService['planInto']>[2]): Promise<Plan> {
    const { holders, threshold, floodingBits, maximumDecryptions, parameters } = proposal
    const wishes = { ...request, parties: holders.length, threshold, floodingBits, maximumDecryptions }
    const planned = await this.#plan(architecture, wishes)
    if (isDeepStrictEqual(planned.parameters, parameters)) return planned
    throw new ReleaseRefusedError({
      kind: 'release',
      field: 'plan.parameters',
      expected: `the epoch's: ring of degree 2^${ringOf(parameters)}`,
      actual: `2^${ringOf(planned.parameters)}, with another chain`,
      remedy: 'Make an epoch for this model: slytherin cohort create NAME --for MODEL.onnx.'
    })
  }

  async keyTerms(models: Parameters<HostedService['keyTerms']>[0]): Promise<KeyTerms> {
    const plans: Plan[] = []
    for (const model of models) {
      const owner = await ModelOwner.create(await modelSource(model))
      plans.push(await this.#plan(owner.architecture, model.wishes))
    }
    // The longest chain of the largest ring is what the others have to fit into.
    const [largest] = [...plans].sort((a, b) => sizeOf(b) - sizeOf(a))
    const levels = new Map<number, number>()
    for (const { galoisKeys } of plans)
      for (const { element, level } of galoisKeys) levels.set(element, Math.max(level, levels.get(element) ?? 0))
    const linear = plans.flatMap(({ relinearizationLevel }) => relinearizationLevel ?? [])
    return {
      parameters: largest!.parameters,
      floodingBits: largest!.floodingBits,
      relinearizationLevel: linear.length === 0 ? null : Math.max(...linear),
      galois: [...levels].sort(([a], [b]) => a - b).map(([element, level]) => ({ element, level }))
    }
  }

  async #plan(architecture: Architecture, request: PlanRequest): Promise<Plan> {
    const { insecureLogN } = this.#options
    this.#costs ??= this.#costModel()
    const options: PlanOptions = { ...request, costModel: await this.#costs }
    return plan(architecture, insecureLogN === undefined ? options : { ...options, insecure: true, logN: insecureLogN })
  }

  async #costModel(): Promise<CostModel> {
    const { costs, threads } = this.#options
    if (costs === 'reference') return referenceCosts('kernel')
    const measuring = await LocalCryptography.create({ evaluator: 'kernel', threads, warmUp: true })
    try {
      const { variant, threads: count } = measuring.kernel
      const measure = async (name: string): Promise<CostModel> => await measuring.measureCosts(name)
      return await machineCosts(this.#costFile, { evaluator: 'kernel', kernel: variant, threads: count, measure })
    } finally {
      await measuring.dispose()
    }
  }
}

const ringOf = (parameters: Plan['parameters']): number => Number((parameters as { readonly logN?: number }).logN)
const sizeOf = ({ parameters }: Plan): number => ringOf(parameters) * 1000 + JSON.stringify(parameters).length
