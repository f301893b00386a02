/**
 * The owner's side of publishing: plans its model into the epoch, encrypts it, uploads what is missing, proves it and signs the release. What it needs to go on
 * after it was killed is kept until the evaluator has the signed release: the plan, the hash of every part that was encrypted, and, sealed, the seed that they are
 * encrypted from. The owner signs its own hashes, never what the evaluator says to hold. Afterwards the owner need not be there.
 */
import { delay, windowed } from '../../base/concurrency.js'
import { hash, randomBytes, toHex } from '../../base/digest.js'
import { ReleaseRefusedError, SignatureError } from '../../errors/errors.js'
import type { Architecture, Plan } from '../../terms/plan.js'
import { modelBatches } from '../../terms/proof-batches.js'
import type { Signer } from '../../terms/signer.js'
import type { CallKind, Message } from '../calls/call.js'
import type { Caller } from '../calls/caller.js'
import { callUntilThere, PAUSE } from '../calls/persistent.js'
import type { EpochKeys, OpenEpochs } from '../cryptography/open-epoch.js'
import type { PublicationCryptography, ReleasesCryptography } from '../cryptography/release.js'
import type { EpochRecord } from '../objects/epoch.js'
import { partsRoot } from '../objects/parts-root.js'
import { RELEASE, type Release } from '../objects/release.js'
import { checkDraft, type ReleasePolicy } from '../objects/release-check.js'
import { encodeSigned, identify, parseSigned, type Signed, sign, withSignatures } from '../objects/signed.js'
import type { RecordStore } from '../store/records.js'
import type { SecretStore } from '../store/secrets.js'
import type { DocumentShelf } from '../store/shelf.js'
import { BATCH, BEGIN, EPOCH_KEYS, PART, PROOF, type ReleaseState, SIGN, STATE } from './calls.js'

const PUBLICATION = 'publication'
const PUBLISHED_PARTS = 'publication-parts'
/** Parts of a batch that are on their way at a time. */
const PARTS_AT_ONCE = 4

/** What publishing is given. */
export interface PublisherOptions {
  readonly caller: Caller
  readonly signer: Signer
  readonly epochs: OpenEpochs
  readonly documents: DocumentShelf
  /** What has been begun, so that it can go on. */
  readonly records: RecordStore
  /** The seed that a model is encrypted from, until it is published. */
  readonly secrets: SecretStore
  /** What this owner demands of an epoch and a plan. */
  readonly policy?: ReleasePolicy
  /** Clock, milliseconds since 1970; the system's when not given. */
  readonly now?: () => number
  /** Before an evaluator that was not there is asked again, and between questions after a state, milliseconds. */
  readonly pause?: number
}

/** What a plan is made for. */
export interface PlanningTerms {
  /** Parameters, holders, threshold and flooding. */
  readonly record: EpochRecord
  /** Evaluation keys that there are already, and cost nothing. */
  readonly keys: EpochKeys
}

/** Which model is put up, where and under what name. */
export interface PublishRequest {
  /** Identifier of the epoch, hexadecimal. */
  readonly epoch: string
  /** Which of this party's models, as its cryptography calls it. */
  readonly model: string
  readonly name: string
  /** As the owner counts; another one of the same name takes its place for queries. */
  readonly revision: string
  /** Classes by name, where results are classes. */
  readonly classes?: readonly string[]
  /** Whether key holders may move it to epochs that follow, so that it need not be uploaded again; false when not given. */
  readonly movable?: boolean
  /** Plans into the epoch; asked once, at the start of a publication. */
  planner(architecture: Architecture, terms: PlanningTerms): Plan | Promise<Plan>
  /** Parts that have been sent, then evaluation keys that are being made. */
  onProgress?(progress: { readonly done: number; readonly total: number; readonly what: 'parts' | 'keys' }): void
  /** Gives the publication up; asked for again, it goes on where it was left. */
  readonly signal?: AbortSignal
}

interface Begun {
  readonly nonce: string
  readonly plan: Plan
  /** Once signed. */
  readonly signed?: Signed<Release>
}

/** Puts an owner's models up in epochs: plans, encrypts, proves, uploads, signs. */
export class Publisher {
  readonly #options: PublisherOptions

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /**
   * Publishes, or goes on where a publication of this name and revision in this epoch was left.
   * @returns the release's identifier, once it may be asked
   * @throws ReleaseRefusedError and what else the evaluator refuses with; the planner's errors; the signal's reason
   */
  async publish(request: PublishRequest): Promise<string> {
    const { epochs, records, secrets, documents } = this.#options
    const { signal = new AbortController().signal } = request
    const { record, releases } = await epochs.epoch(request.epoch)
    const { evaluator } = record.proposal
    const key = `${request.epoch.slice(0, 16)} ${request.name} ${request.revision}`
    let begun = (await records.get(PUBLICATION, key)) as Begun | undefined
    begun ??= await this.#begin(request, record, evaluator, key, signal)
    const { nonce, plan } = begun
    if (begun.signed === undefined) {
      const parts = await this.#sendParts(request, evaluator, key, begun, releases, signal)
      begun = { nonce, plan, signed: await this.#sign(request, nonce, plan, parts) }
      // From here on the same is sent again, whatever happens.
      await records.put(PUBLICATION, key, begun)
    }
    const signed = parseSigned(RELEASE, begun.signed, this.#options.signer.self)
    const { head } = await this.#call(evaluator, SIGN, {}, [encodeSigned(signed)], signal)
    const identifier = identify(RELEASE, signed.document)
    if (head.release !== identifier)
      throw new SignatureError({ peer: evaluator, kind: 'release', field: 'release', expected: identifier, actual: head.release })
    await documents.put(RELEASE, signed)
    await this.#untilReady(head, evaluator, request, signal)
    await secrets.erase(seedName(nonce))
    for (const { number } of modelBatches(plan)) await records.delete(PUBLISHED_PARTS, `${nonce}-${number}`)
    await records.delete(PUBLICATION, key)
    return identifier
  }

  async #begin(
    { epoch, model, name, revision, planner }: PublishRequest,
    record: EpochRecord,
    evaluator: string,
    key: string,
    signal: AbortSignal
  ): Promise<Begun> {
    const { epochs, signer, policy = {}, secrets, records } = this.#options
    const { releases } = await epochs.epoch(epoch)
    const { head: keys } = await this.#call(evaluator, EPOCH_KEYS, { epoch }, [], signal)
    const planned = await planner(await releases.architecture(model), { record, keys })
    const nonce = toHex(randomBytes(16))
    const plan = checkDraft({ epoch, owner: signer.self, name, revision, nonce, plan: planned }, record, signer.self, policy, true)
    const seed = randomBytes(32)
    // The seed first: what is encrypted from it must be had again.
    await secrets.put(seedName(nonce), seed)
    seed.fill(0)
    await records.put(PUBLICATION, key, { nonce, plan })
    return { nonce, plan }
  }

  /** @returns the hash of every part, once all of them are at the evaluator and proved */
  async #sendParts(
    request: PublishRequest,
    evaluator: string,
    key: string,
    { nonce, plan }: Begun,
    releases: ReleasesCryptography,
    signal: AbortSignal
  ): Promise<string[]> {
    const { records, secrets, signer } = this.#options
    const { epoch, name, revision, model } = request
    const seed = await secrets.get(seedName(nonce))
    if (seed === undefined) {
      await records.delete(PUBLICATION, key)
      const reason = 'what this publication was encrypted from is lost'
      throw new ReleaseRefusedError({ kind: 'release', field: 'seed', reason, remedy: 'Publish again: it starts anew.' })
    }
    try {
      await this.#call(evaluator, BEGIN, { epoch, name, revision, nonce, plan }, [], signal)
      const publication = await releases.openPublication({ model, plan, owner: signer.self, nonce, seed })
      try {
        return await this.#upload(publication, request, evaluator, nonce, plan, signal)
      } finally {
        await publication.dispose()
      }
    } finally {
      seed.fill(0)
    }
  }

  /** Sends what is missing, batch by batch. @returns the hash of every part */
  async #upload(
    publication: PublicationCryptography,
    { epoch, onProgress }: PublishRequest,
    evaluator: string,
    nonce: string,
    plan: Plan,
    signal: AbortSignal
  ): Promise<string[]> {
    const hashes: string[] = []
    let done = 0
    for (const { number, first, count } of modelBatches(plan)) {
      const own = ((await this.#options.records.get(PUBLISHED_PARTS, `${nonce}-${number}`)) as string[] | undefined) ?? []
      const { head: held } = await this.#call(evaluator, BATCH, { epoch, nonce, batch: number }, [], signal)
      const complete = own.length === count && own.every((part, k) => part === held.parts[k])
      if (!(complete && held.proved)) {
        await windowed(count, PARTS_AT_ONCE, signal, async k => {
          if (own[k] !== undefined && own[k] === held.parts[k]) return
          const bytes = await publication.part(first + k)
          const name = toHex(await hash(bytes))
          own[k] = name
          if (held.parts[k] !== name) await this.#call(evaluator, PART, { epoch, nonce, index: first + k, hash: name }, [bytes], signal)
          onProgress?.({ done: ++done, total: plan.weights.count, what: 'parts' })
        })
        await this.#options.records.put(PUBLISHED_PARTS, `${nonce}-${number}`, own)
        const { head: now } = await this.#call(evaluator, BATCH, { epoch, nonce, batch: number }, [], signal)
        if (!now.proved) await this.#call(evaluator, PROOF, { epoch, nonce, batch: number }, [await publication.prove(number)], signal)
      }
      done = first + count
      onProgress?.({ done, total: plan.weights.count, what: 'parts' })
      hashes.push(...own)
    }
    return hashes
  }

  async #sign(
    { epoch, name, revision, classes = [], movable = false }: PublishRequest,
    nonce: string,
    plan: Plan,
    parts: readonly string[]
  ): Promise<Signed<Release>> {
    const { signer, now = Date.now } = this.#options
    const release: Release = {
      kind: 'release',
      version: 1,
      epoch,
      owner: signer.self,
      name,
      revision,
      nonce,
      created: now(),
      plan,
      parts,
      root: partsRoot(parts),
      classes,
      ...(movable ? { movable } : {})
    }
    return withSignatures(release, [await sign(RELEASE, release, signer)])
  }

  async #untilReady(
    first: { release: string; state: ReleaseState; reason: string },
    evaluator: string,
    { onProgress }: PublishRequest,
    signal: AbortSignal
  ): Promise<void> {
    let { state, reason } = first
    while (state === 'keys') {
      onProgress?.({ done: 0, total: 1, what: 'keys' })
      await delay(this.#options.pause ?? PAUSE, signal)
      ;({ state, reason } = (await this.#call(evaluator, STATE, { release: first.release }, [], signal)).head)
    }
    if (state !== 'ready') {
      throw new ReleaseRefusedError({
        peer: evaluator,
        kind: 'release',
        field: 'state',
        expected: 'ready',
        actual: state,
        reason,
        remedy: 'Publish again.'
      })
    }
  }

  async #call<Q, R>(peer: string, kind: CallKind<Q, R>, head: Q, blobs: readonly Uint8Array[], signal: AbortSignal): Promise<Message<R>> {
    const { caller, pause = PAUSE } = this.#options
    return await callUntilThere(caller, { peer, kind, head, blobs, signal, pause })
  }
}

const seedName = (nonce: string): string => `publication-${nonce}`
