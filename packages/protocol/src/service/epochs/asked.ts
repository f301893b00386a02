/** Epochs at a party that only asks: their records come as documents, their public keys from the evaluator, under the hash that the record names. */
import { hash, toHex } from '../../base/digest.js'
import { EpochRefusedError, MalformedMessageError } from '../../errors/errors.js'
import type { Caller } from '../calls/caller.js'
import type { AskingCryptography, AskingEpoch, AskingEpochs, OpenAskingReleases } from '../cryptography/asking.js'
import { EPOCH, type EpochRecord } from '../objects/epoch.js'
import type { DocumentStore } from '../store/documents.js'
import { PUBLIC_KEY } from './calls.js'

/** What the epochs of a party that only asks are given. */
export interface AskedEpochsOptions {
  readonly self: string
  /** What evaluators are asked for public keys through. */
  readonly caller: Caller
  readonly cryptography: AskingCryptography
  /** Where epoch records come from. */
  readonly documents: DocumentStore
  /** Clock, milliseconds since 1970; the system's when not given. */
  readonly now?: () => number
}

interface Opened {
  readonly record: EpochRecord
  readonly releases: OpenAskingReleases
}

/** Opens epochs for asking: fetches the collective public key from the evaluator and takes it only under the hash of the signed record. */
export class AskedEpochs implements AskingEpochs {
  readonly #options: AskedEpochsOptions
  readonly #open = new Map<string, Promise<Opened>>()

  constructor(options: AskedEpochsOptions) {
    this.#options = options
  }

  /** @throws EpochRefusedError; MalformedMessageError for a key that is not the record's; MalformedPublicKeyError; what the evaluator refuses with */
  async epoch(identifier: string): Promise<AskingEpoch> {
    let opening = this.#open.get(identifier)
    if (opening === undefined) {
      opening = this.#load(identifier)
      // What failed may be asked for again.
      opening.catch(() => this.#open.delete(identifier))
      this.#open.set(identifier, opening)
    }
    const opened = await opening
    const { expires } = opened.record.proposal
    if ((this.#options.now ?? Date.now)() <= expires) return opened
    const actual = new Date(expires).toISOString()
    throw this.#refused('expires', actual, 'the epoch is over', 'Wait for the next one of this cohort.')
  }

  /** Closes every epoch that is open. */
  async dispose(): Promise<void> {
    for (const opening of this.#open.values()) await opening.then(async ({ releases }) => await releases.dispose()).catch(() => undefined)
    this.#open.clear()
  }

  async #load(identifier: string): Promise<Opened> {
    const { documents, cryptography } = this.#options
    const [name] = await documents.list({ kind: EPOCH.kind, epoch: identifier })
    const signed = name === undefined ? undefined : await documents.get(EPOCH, name.identifier)
    if (signed === undefined) {
      throw this.#refused('epoch', identifier.slice(0, 64), 'this party does not know the epoch', 'Its record comes from the evaluator.')
    }
    const record = signed.document
    const { parameters, holders, floodingBits, maximumDecryptions, maximumRefreshes, proofs, threshold } = record.proposal
    const terms = { epoch: identifier, parameters, dealers: holders.length, floodingBits, maximumDecryptions, maximumRefreshes, proofs }
    const soleHolder = holders.length === 1 ? holders[0]!.peer : null
    const publicKey = await this.#publicKey(identifier, record)
    return { record, releases: await cryptography.openEpoch({ ...terms, threshold, soleHolder }, publicKey) }
  }

  async #publicKey(epoch: string, { proposal: { evaluator: peer }, publicKey: expected }: EpochRecord): Promise<Uint8Array> {
    const { blobs } = await this.#options.caller.call(peer, PUBLIC_KEY, { epoch })
    const bytes = blobs[0] ?? new Uint8Array(0)
    const actual = toHex(await hash(bytes))
    if (actual === expected) return bytes
    throw new MalformedMessageError({ peer, kind: PUBLIC_KEY.kind, field: 'publicKey', expected, actual })
  }

  #refused(field: string, actual: string, reason: string, remedy: string): EpochRefusedError {
    return new EpochRefusedError({ peer: this.#options.self, kind: 'epoch', field, actual, reason, remedy })
  }
}
