/** What the party may ask, looked up again when it is old, or when a name is not in it. */
import type { Backend, Catalogue } from '../backend.js'
import { CATALOGUE_AGE, CATALOGUE_PAUSE } from '../constants.js'

export class CatalogueCache {
  readonly #backend: Backend
  #known: { readonly catalogue: Catalogue; readonly at: number } | undefined
  #looking: Promise<Catalogue> | undefined

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** @param age that it may have, milliseconds @throws BackendError */
  async get(age: number = CATALOGUE_AGE): Promise<Catalogue> {
    if (this.#known !== undefined && performance.now() - this.#known.at <= age) return this.#known.catalogue
    return await this.#look()
  }

  /** As it is now, or was a moment ago. @throws BackendError */
  async fresh(): Promise<Catalogue> {
    return await this.get(CATALOGUE_PAUSE)
  }

  async #look(): Promise<Catalogue> {
    this.#looking ??= this.#backend
      .catalogue()
      .then(catalogue => {
        this.#known = { catalogue, at: performance.now() }
        return catalogue
      })
      .finally(() => {
        this.#looking = undefined
      })
    return await this.#looking
  }
}
