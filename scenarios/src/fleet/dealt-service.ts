/**
 * An evaluator with its key holders in one process, with keys that a trusted dealer makes, for measuring what a fleet does: the same queries, evaluated here and by
 * whatever a fleet has, so that results can be held against each other byte for byte. What holders answer is kept, and given again when the same is asked: they are
 * machines of their own elsewhere, and take no part in what a second evaluation of the same queries measures.
 */
import { architectureOf, type CostModel, calibrate, type Network, plan } from '@slytherin/engine'
import { type FleetContents, sha256 } from '@slytherin/fleet'
import { inputCount, type ModelSource, type Plan } from '@slytherin/protocol'
import {
  type AttemptName,
  type BlockRunner,
  type ContentStore,
  LocalReleases,
  type ReleaseCallbacks,
  type ReleaseCryptography,
  type ReleaseTerms
} from '@slytherin/protocol/service'
import { DealtEpoch, type DealtMeans } from '@slytherin/protocol/testing'
import type { Kernel } from '@slytherin/ring'

const HOLDERS = 2
/** As the reports' scenarios have it: bytes a second and seconds between processes of one machine. A slower link would have larger queries travel packed, and computed with at many times the price. */
const LINK = { bandwidth: 90e6, roundTrip: 0.005 }
/** As the reports' scenarios have it. */
const FLOODING_BITS = 30
const NONCE = 'ab'.repeat(16)
const SEED = new Uint8Array(32).fill(5)

export interface DealtServiceOptions {
  readonly kernel: Kernel
  readonly network: Network
  readonly source: Omit<ModelSource, 'ranges'>
  /** Calibrates the model. */
  readonly training: readonly Float64Array[]
  readonly batch: number
  readonly refreshing: boolean
  /** The data always are. */
  readonly weights: 'encrypted' | 'clear'
  /** That a query's blocks are to be divided among; 1 when not given. */
  readonly workers?: number
  /** What the plan is made with; the engine's reference when not given. */
  readonly costModel?: CostModel
  /** Where all of it is kept: what a fleet shares. */
  readonly contents: FleetContents
}

export interface DealtEvaluator {
  evaluate(query: PreparedQuery): Promise<Uint8Array[]>
  dispose(): Promise<void>
}

/** A query with its inputs in place. */
export interface PreparedQuery {
  readonly name: string
  readonly inputs: readonly string[]
}

export class DealtService {
  readonly plan: Plan
  readonly #epoch: DealtEpoch
  readonly #contents: ContentStore
  readonly #source: ModelSource
  readonly #terms: ReleaseTerms
  /** With what each rests on. */
  readonly #open = new Map<LocalReleases, DealtMeans>()
  #keys: DealtMeans['keys'] | undefined
  readonly #holders = new Map<number, ReleaseCryptography>()
  #asking: ReleaseCryptography | undefined
  #resultKey: Uint8Array | undefined
  /** What holders have answered, by what they were asked. */
  readonly #answers = new Map<string, Uint8Array[][]>()
  /** Of holders, in this process. */
  secondsOfHolders = 0

  private constructor({
    kernel,
    network,
    source,
    training,
    batch,
    refreshing,
    weights,
    workers = 1,
    costModel,
    contents
  }: DealtServiceOptions) {
    const ranges = calibrate(network, training)
    this.#source = { ...source, ranges: () => ranges }
    this.plan = plan(architectureOf(network, ranges), {
      batch,
      data: 'encrypted',
      weights,
      parties: HOLDERS,
      refreshing,
      workers,
      ...(costModel === undefined ? {} : { costModel }),
      floodingBits: FLOODING_BITS,
      link: LINK
    })
    this.#epoch = new DealtEpoch({ kernel, threshold: HOLDERS, holders: HOLDERS, plans: [this.plan], proofs: false })
    this.#contents = contentsOf(contents)
    this.#terms = { nonce: NONCE, owner: 'owner', plan: this.plan, parts: [], model: 'model' }
  }

  /** With the model published. */
  static async open(options: DealtServiceOptions, onLine: (text: string) => void): Promise<DealtService> {
    const service = new DealtService(options)
    if (options.weights === 'encrypted') await service.#publish(onLine)
    for (const point of service.#epoch.sharing.points) {
      service.#holders.set(point, await (await service.#releases(`holder-${point}`, { point })).openRelease(service.#terms))
    }
    const querier = await service.#releases('querier', {})
    service.#asking = await querier.openRelease(service.#terms)
    service.#resultKey = (await querier.resultKey()).publicKey
    return service
  }

  async #publish(onLine: (text: string) => void): Promise<void> {
    const { plan: made } = this
    const publication = await (await this.#releases('owner', {})).openPublication({
      model: 'model',
      plan: made,
      owner: 'owner',
      nonce: NONCE,
      seed: SEED
    })
    const parts = this.#terms.parts as string[]
    for (let index = 0; index < made.weights.count; index++) {
      parts.push(await this.#contents.put(`release-${NONCE}`, await publication.part(index)))
      if ((index + 1) % 200 === 0) onLine(`${index + 1} of ${made.weights.count} weights encrypted`)
    }
    await publication.dispose()
  }

  async prepare(name: string, samples: readonly Float64Array[]): Promise<PreparedQuery> {
    const query = await this.#asking!.openQuery([...samples], name)
    const inputs: string[] = []
    // Beside the space that a fleet clears when the query is done.
    for (let index = 0; index < inputCount(this.plan); index++)
      inputs.push(await this.#contents.put(inputSpace(name), await query.encryptInput(index)))
    await query.dispose()
    return { name, inputs }
  }

  /** An evaluator of the service; `blocks` has its parts done. */
  async evaluator(blocks?: BlockRunner): Promise<DealtEvaluator> {
    const releases = await this.#releases('evaluator', { evaluates: true }, blocks)
    const release = await releases.openRelease(this.#terms)
    const evaluate: DealtEvaluator['evaluate'] = async ({ name, inputs }) => {
      const evaluation = await release.openEvaluation({
        query: name,
        sender: 'querier',
        proved: false,
        inputs,
        space: inputSpace(name),
        seed: SEED,
        querierHoldsKey: false
      })
      try {
        return await evaluation.evaluate(this.#callbacks(name))
      } finally {
        await evaluation.dispose()
      }
    }
    return { evaluate, dispose: async () => await this.#close(releases) }
  }

  async dispose(): Promise<void> {
    for (const releases of [...this.#open.keys()]) await this.#close(releases)
  }

  async #close(releases: LocalReleases): Promise<void> {
    const means = this.#open.get(releases)
    this.#open.delete(releases)
    await releases.dispose()
    means?.dispose()
  }

  async #releases(self: string, role: Parameters<DealtEpoch['means']>[0], blocks?: BlockRunner): Promise<LocalReleases> {
    const computes = role?.evaluates === true
    if (computes) this.#keys ??= await this.#epoch.putKeys(this.#contents)
    const means: DealtMeans = this.#epoch.means({ ...role, keys: computes ? this.#keys! : [] })
    const releases = new LocalReleases(means, {
      self,
      soleHolder: null,
      contents: this.#contents,
      models: async () => this.#source,
      ...(blocks === undefined ? {} : { blocks })
    })
    this.#open.set(releases, means)
    return releases
  }

  #callbacks(name: string): ReleaseCallbacks {
    const { sharing } = this.#epoch
    const together = async (
      kind: 'refresh' | 'result',
      { attempt, instance, c1 }: { readonly attempt: AttemptName; readonly instance: string; readonly c1: readonly Uint8Array[] },
      ask: (holder: ReleaseCryptography) => Promise<Uint8Array[]>
    ): Promise<Uint8Array[][]> => {
      const asked = [kind, instance, ...c1.map(sha256)].join()
      const known = this.#answers.get(asked)
      if (known !== undefined) return known
      const begun = performance.now()
      const answers: Uint8Array[][] = []
      for (const point of attempt.active) answers.push(await ask(this.#holders.get(point)!))
      this.secondsOfHolders += (performance.now() - begun) / 1000
      this.#answers.set(asked, answers)
      return answers
    }
    const targetKey = this.#resultKey!
    const none = async (): Promise<never> => {
      throw new Error('nobody holds the whole key')
    }
    return {
      attempt: async step => ({ sharing, query: `release:${name}`, step, number: 0, active: sharing.points }),
      refresh: async request => await together('refresh', request, async holder => await holder.refreshShare(request)),
      switchShares: async request => await together('result', request, async holder => await holder.switchShare({ ...request, targetKey })),
      refreshWhole: none,
      switchWhole: none,
      rejected: async (_attempt, point, reason) => {
        throw new Error(`the share of holder ${point} is none: ${reason}`)
      },
      resultKey: async () => targetKey,
      progress: () => undefined
    }
  }
}

const INPUTS = 'inputs-'
const inputSpace = (query: string): string => `${INPUTS}${query}`

/** Whether a space of the store has the inputs of a query. */
export const isInputSpace = (space: string): boolean => space.startsWith(INPUTS)

/** What a fleet shares, as an evaluator's own: on one machine they are the same disk. */
function contentsOf(contents: FleetContents): ContentStore {
  return {
    put: async (space, bytes) => await contents.put(space, bytes),
    get: async (space, hash) => await contents.get(space, hash),
    has: async (space, hash) => await contents.has(space, hash),
    clear: async space => await contents.clear(space),
    spaces: async () => await contents.spaces(),
    size: async () => 0
  }
}
