/** What a party does as a witness: keeps copies of the releases of its epochs, follows their queries, endorses. */
import { translateError } from '../../errors/translate.js'
import { EPOCH, type EpochRecord } from '../objects/epoch.js'
import { RELEASE } from '../objects/release.js'
import type { Signed } from '../objects/signed.js'
import type { ServiceWitnessOptions } from '../queries/following.js'
import { ReleaseHandles } from '../queries/handles.js'
import { ServiceWitness } from '../queries/witness.js'
import { copyRelease } from '../releases/copies.js'
import { copyMoved } from '../releases/moved-copies.js'
import { EvaluatorReleases, type EvaluatorReleasesOptions } from '../releases/releases.js'
import type { DocumentStore } from '../store/documents.js'

type Given = Omit<EvaluatorReleasesOptions, 'copy' | 'onReady' | 'onError' | 'documents'> &
  Pick<ServiceWitnessOptions, 'caller' | 'signer' | 'books' | 'sharings' | 'onError' | 'onEvent'>

export interface WitnessPartOptions extends Given {
  readonly documents: DocumentStore
  readonly now?: () => number
}

export class WitnessPart {
  readonly releases: EvaluatorReleases
  readonly #options: WitnessPartOptions
  readonly #witness: ServiceWitness

  private constructor(options: WitnessPartOptions, releases: EvaluatorReleases, witness: ServiceWitness) {
    this.#options = options
    this.releases = releases
    this.#witness = witness
  }

  /** Nothing is asked of anybody before `start`. */
  static async open(options: WitnessPartOptions): Promise<WitnessPart> {
    const { epochs, self, documents, onError } = options
    const copy: NonNullable<EvaluatorReleasesOptions['copy']> = async (release, document, plan, signal, onProgress) => {
      const epoch = await epochs.epoch(document.epoch)
      if (document.moved === undefined) await copyRelease(release, document, plan, epoch, options, signal, onProgress)
      else await copyMoved(release, document, plan, epoch, { ...options, before: copy }, signal, onProgress)
    }
    const releases = new EvaluatorReleases({
      ...options,
      copy,
      onError: error => onError?.(error)
    })
    const witness = await ServiceWitness.open({
      ...options,
      handles: new ReleaseHandles(epochs, release => releases.ready(release), true),
      witnessed: async () => (await all(documents)).filter(({ proposal }) => proposal.witnesses.includes(self)),
      settled: async (release, signal) => await releases.settled(release, signal),
      onDamaged: release => releases.repair(release)
    })
    return new WitnessPart(options, releases, witness)
  }

  /** Goes on with what is kept. */
  async start(): Promise<void> {
    const { documents } = this.#options
    for (const { identifier } of await documents.list({ kind: RELEASE.kind })) await this.load(identifier)
    await this.refresh()
  }

  /** There is another epoch. */
  async refresh(): Promise<void> {
    await this.#witness.refresh()
  }

  /** A release: kept here where this party is a witness of its epoch. */
  async load(identifier: string): Promise<void> {
    const { documents, epochs, self, onError } = this.#options
    try {
      const signed = await documents.get(RELEASE, identifier)
      if (signed === undefined) return
      const { record } = await epochs.epoch(signed.document.epoch)
      if (record.proposal.witnesses.includes(self)) await this.releases.load(identifier)
    } catch (error) {
      // One of an epoch that is over, say.
      onError?.(translateError(error, { kind: 'release' }))
    }
  }

  /** Its owner has withdrawn a release: nothing of it is kept. */
  async withdrawn(release: string): Promise<void> {
    this.releases.withdraw(release)
    await this.releases.erase(() => false)
  }

  report(): ReturnType<ServiceWitness['report']> {
    return this.#witness.report()
  }

  async dispose(): Promise<void> {
    await this.#witness.dispose()
    await this.releases.dispose()
  }
}

async function all(documents: DocumentStore): Promise<EpochRecord[]> {
  const names = await documents.list({ kind: EPOCH.kind })
  const found = await Promise.all(names.map(async ({ identifier }) => await documents.get(EPOCH, identifier)))
  return found.filter((signed): signed is Signed<EpochRecord> => signed !== undefined).map(({ document }) => document)
}
