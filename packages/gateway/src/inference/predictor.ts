/** From a name and samples to answers: which release is meant, which grant pays, and which query takes the samples. */
import type { Caller } from '../access/access.js'
import { type Backend, BackendError, type ModelGrant, type ServedModel } from '../backend.js'
import { type Batched, Batcher } from '../batching/batcher.js'
import { SPENT_FOR } from '../constants.js'
import { Problem } from '../http/problem.js'
import { sizeOf } from '../tensors/decode.js'
import { CatalogueCache } from './catalogue-cache.js'

export interface PredictorOptions {
  readonly backend: Backend
  /** How long a request waits for others, milliseconds. */
  readonly batchDelay: number
  readonly onBatch?: (model: string, rows: number) => void
}

export interface FoundModel {
  readonly model: ServedModel
  /** Revisions that the caller may ask, newest first. */
  readonly versions: readonly string[]
}

export class Predictor {
  readonly catalogue: CatalogueCache
  readonly #options: PredictorOptions
  readonly #batchers = new Map<string, Batcher>()
  /** When grants were found to be spent. */
  readonly #spent = new Map<string, number>()

  constructor(options: PredictorOptions) {
    this.#options = options
    this.catalogue = new CatalogueCache(options.backend)
  }

  get waitingRows(): number {
    return [...this.#batchers.values()].reduce((sum, { waitingRows }) => sum + waitingRows, 0)
  }

  /** Models that a caller may ask, newest revision of each first. @throws BackendError */
  async models(caller: Caller): Promise<readonly ServedModel[]> {
    return (await this.catalogue.fresh()).models.filter(model => usable(model, caller).length > 0)
  }

  /** @throws Problem, BackendError */
  async find(name: string, version: string | undefined, caller: Caller): Promise<FoundModel> {
    const known = matching((await this.catalogue.get()).models, name, version)
    const all = known.some(model => usable(model, caller).length > 0)
      ? known
      : matching((await this.catalogue.fresh()).models, name, version)
    const allowed = all.filter(model => usable(model, caller).length > 0)
    const [model] = allowed
    // A model that was moved to other keys is there under both for a while.
    if (model !== undefined) return { model, versions: [...new Set(allowed.map(({ revision }) => revision))] }
    if (all.length > 0) {
      const expected = caller.grant === null ? 'a grant in force for it' : 'a token for a grant that it is in'
      throw new Problem('not-granted', `model "${name}": expected ${expected}; "${caller.name}" has none`, { members: { model: name } })
    }
    const names = [...new Set((await this.models(caller)).map(one => one.name))]
    const what = version === undefined ? `model "${name}"` : `version "${version}" of a model "${name}"`
    throw new Problem('unknown-model', `there is no ${what}; there are: ${names.join(', ') || 'none'}`, { members: { models: names } })
  }

  /** @param values rows × values of a sample @throws Problem, BackendError, the signal's reason */
  async predict(model: ServedModel, caller: Caller, values: Float64Array, rows: number, signal: AbortSignal): Promise<Batched> {
    const grants = usable(model, caller)
    for (const { grant } of grants) {
      if (performance.now() - (this.#spent.get(grant) ?? Number.NEGATIVE_INFINITY) < SPENT_FOR) continue
      try {
        return await this.#batcher(model, grant).submit(values, rows, signal)
      } catch (error) {
        if (!(error instanceof BackendError) || error.code !== 'quota-spent') throw error
        this.#spent.set(grant, performance.now())
      }
    }
    throw spent(model, grants)
  }

  /** Ends what waits. */
  stop(reason: unknown): void {
    for (const batcher of this.#batchers.values()) batcher.stop(reason)
    this.#batchers.clear()
  }

  #batcher(model: ServedModel, grant: string): Batcher {
    const key = `${model.release} ${grant}`
    const known = this.#batchers.get(key)
    if (known !== undefined) return known
    for (const [other, batcher] of this.#batchers) if (batcher.isIdle) this.#batchers.delete(other)
    const { backend, batchDelay, onBatch } = this.#options
    const batcher = new Batcher({
      size: sizeOf(model.shape),
      batch: model.batch,
      delay: batchDelay,
      send: async (values, rows, signal) => await backend.predict({ model, grant, values, rows }, signal),
      onSent: rows => onBatch?.(model.name, rows)
    })
    this.#batchers.set(key, batcher)
    return batcher
  }
}

const matching = (models: readonly ServedModel[], name: string, version: string | undefined): readonly ServedModel[] =>
  models.filter(model => model.name === name && (version === undefined || model.revision === version))

const usable = ({ grants }: ServedModel, caller: Caller): readonly ModelGrant[] =>
  caller.grant === null ? grants : grants.filter(({ grant }) => grant === caller.grant)

/** Queries of a grant do not come back: another grant is what helps, and when this one ends is when it makes room for one. */
function spent({ name, owner }: ServedModel, grants: readonly ModelGrant[]): Problem {
  const told = grants.map(({ grant, queries, expires }) => ({
    grant: grant.slice(0, 12),
    queries,
    expires: new Date(expires).toISOString()
  }))
  const all = told.map(({ grant, queries, expires }) => `${grant}: ${queries} queries until ${expires}`).join('; ')
  const detail = `model "${name}": every query granted has been asked (${all}). They do not come back: ask ${owner} for another grant`
  return new Problem('quota-spent', detail, { members: { grants: told } })
}
