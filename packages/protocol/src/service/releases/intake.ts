/**
 * The evaluator's side of publishing: takes a model's encrypted parts, checks and proves them batch by batch, and keeps the release when its owner has signed what
 * came. Drafts are durable: an upload goes on after either side was killed.
 */
import { canonicalJson } from '../../base/canonical.js'
import {
  MalformedMessageError,
  OutOfOrderMessageError,
  ProofMissingError,
  QuotaExceededError,
  ReleaseRefusedError
} from '../../errors/errors.js'
import type { Plan } from '../../terms/plan.js'
import { batchOf, modelBatches, type ProofBatch } from '../../terms/proof-batches.js'
import type { Signer } from '../../terms/signer.js'
import type { OpenEpochs } from '../cryptography/open-epoch.js'
import type { ReleaseCryptography } from '../cryptography/release.js'
import { RELEASE, type Release } from '../objects/release.js'
import { checkDraft, checkRelease, type ReleaseDraft, type ReleasePolicy } from '../objects/release-check.js'
import { checkSigned, decodeSigned } from '../objects/signed.js'
import { type ContentStore, releaseSpace } from '../store/content-store.js'
import type { RecordStore } from '../store/records.js'
import type { DocumentShelf } from '../store/shelf.js'
import { RELEASE_PROOFS } from './copies.js'

const DRAFT = 'release-draft'
const DRAFT_BATCH = 'release-draft-batch'

/** Uploads that an owner may have under way. */
const DRAFTS_PER_OWNER = 8

export interface IntakeOptions {
  readonly epochs: OpenEpochs
  readonly documents: DocumentShelf
  readonly records: RecordStore
  readonly contents: ContentStore
  readonly signer: Pick<Signer, 'verify'>
  readonly policy?: ReleasePolicy
  /** Told of a release once it is kept. */
  onKept(release: string, document: Release, plan: Plan): void
}

interface BatchRecord {
  readonly parts: (string | null)[]
  proved: boolean
  /** SHA-256 of the proof, kept for witnesses; hexadecimal. */
  proof?: string
}

interface Draft {
  readonly draft: ReleaseDraft
  readonly plan: Plan
  readonly batches: readonly ProofBatch[]
  readonly held: BatchRecord[]
  readonly cryptography: ReleaseCryptography
  /** Whether its owner proves. */
  readonly proved: boolean
  /** Whether the epoch has witnesses, who will want the proofs. */
  readonly witnessed: boolean
}

export class ReleaseIntake {
  readonly #options: IntakeOptions
  readonly #drafts = new Map<string, Promise<Draft>>()

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  async begin(draft: ReleaseDraft): Promise<void> {
    const { epochs, policy = {}, records } = this.#options
    const { record } = await epochs.epoch(draft.epoch)
    const plan = checkDraft(draft, record, draft.owner, policy, false)
    const known = (await records.get(DRAFT, draft.nonce)) as ReleaseDraft | undefined
    if (known === undefined) {
      const all = await records.list(DRAFT)
      const own = all.filter(({ value }) => (value as ReleaseDraft).owner === draft.owner)
      if (own.length >= DRAFTS_PER_OWNER) {
        throw new QuotaExceededError({
          peer: draft.owner,
          kind: 'release/begin',
          field: 'nonce',
          expected: `at most ${DRAFTS_PER_OWNER} uploads under way`,
          remedy: 'Finish or abandon one: slytherin model list.'
        })
      }
      await records.put(DRAFT, draft.nonce, { ...draft, plan })
    } else if (known.owner !== draft.owner || canonicalJson({ ...known, plan: 0 }) !== canonicalJson({ ...draft, plan: 0 })) {
      throw new ReleaseRefusedError({
        peer: draft.owner,
        kind: 'release/begin',
        field: 'nonce',
        expected: 'a nonce that was never used',
        remedy: 'Publish again: a new nonce is drawn.'
      })
    }
    await this.#draft(draft.nonce, draft.owner)
  }

  async batch(owner: string, nonce: string, number: number): Promise<BatchRecord> {
    const { held } = await this.#draft(nonce, owner)
    const found = held[number]
    if (found === undefined) throw malformed(owner, 'release/batch', 'batch', `below ${held.length}`, `${number}`)
    return found
  }

  /** @throws MalformedCiphertextError and the like */
  async part(owner: string, nonce: string, index: number, name: string, bytes: Uint8Array): Promise<void> {
    const { batches, held, cryptography, proved } = await this.#draft(nonce, owner)
    const batch = batchOf(batches, index)
    if (batch === undefined) throw malformed(owner, 'release/part', 'index', 'of the plan', `${index}`)
    const record = held[batch.number]!
    if (record.parts[index - batch.first] === name && (await this.#options.contents.has(releaseSpace(nonce), name))) return
    if (record.proved) throw new OutOfOrderMessageError({ peer: owner, kind: 'release/part', field: 'index', reason: 'proved already' })
    await cryptography.checkPart('model', index, bytes, proved)
    const actual = await this.#options.contents.put(releaseSpace(nonce), bytes)
    if (actual !== name) throw malformed(owner, 'release/part', 'hash', name, actual)
    record.parts[index - batch.first] = name
    if (!proved && record.parts.every(part => part !== null)) record.proved = true
    await this.#keep(nonce, batch.number, record)
  }

  /** @throws UnprovenEncryptionError, MalformedProofError */
  async proof(owner: string, nonce: string, number: number, proof: Uint8Array): Promise<void> {
    const { cryptography, proved, witnessed } = await this.#draft(nonce, owner)
    const record = await this.batch(owner, nonce, number)
    if (record.proved) return
    if (!proved) throw malformed(owner, 'release/proof', 'batch', 'none: nothing is proved', `${number}`)
    const names = [...record.parts]
    const parts = await Promise.all(
      names.map(async (name, k) => {
        const bytes = name === null ? undefined : await this.#options.contents.get(releaseSpace(nonce), name)
        if (bytes === undefined)
          throw new OutOfOrderMessageError({ peer: owner, kind: 'release/proof', field: `parts[${k}]`, reason: 'not there' })
        return bytes
      })
    )
    // Checking may take the bytes to another thread.
    const copy = witnessed ? proof.slice() : undefined
    await cryptography.checkBatch({ sender: owner, query: null, batch: number, parts, proof })
    // Nothing was put in a part's place meanwhile.
    if (names.some((name, k) => name !== record.parts[k])) {
      throw new OutOfOrderMessageError({ peer: owner, kind: 'release/proof', field: 'batch', reason: 'parts were replaced meanwhile' })
    }
    record.proved = true
    if (copy !== undefined) record.proof = await this.#options.contents.put(releaseSpace(nonce), copy)
    await this.#keep(nonce, number, record)
  }

  /** @returns the release's identifier @throws SignatureError, ReleaseRefusedError, ProofMissingError */
  async sign(owner: string, bytes: Uint8Array): Promise<string> {
    const { signer, epochs, documents, policy = {} } = this.#options
    const signed = decodeSigned(RELEASE, bytes, owner)
    const release = signed.document
    if (release.owner !== owner) throw malformed(owner, 'release/sign', 'owner', owner, release.owner)
    const identifier = await checkSigned(RELEASE, signed, signer, owner)
    const { record } = await epochs.epoch(release.epoch)
    const plan = checkRelease(release, record, owner, policy, false)
    if ((await documents.get(RELEASE, identifier)) !== undefined) return identifier
    const { draft, held, batches } = await this.#draft(release.nonce, owner)
    if (canonicalJson(draft.plan) !== canonicalJson(release.plan))
      throw malformed(owner, 'release/sign', 'plan', 'that of the upload', 'another')
    for (const { number, first } of batches) {
      const { parts, proved } = held[number]!
      const different = parts.findIndex((part, k) => part !== release.parts[first + k])
      if (different >= 0)
        throw malformed(
          owner,
          'release/sign',
          `parts[${first + different}]`,
          parts[different] ?? 'one that has come',
          release.parts[first + different]!
        )
      if (!proved)
        throw new ProofMissingError({
          peer: owner,
          kind: 'release/sign',
          field: `batch ${number}`,
          remedy: 'Send the proof of this batch first.'
        })
    }
    const proofs = held.flatMap(({ proof = [] }) => proof)
    if (proofs.length > 0) await this.#options.records.put(RELEASE_PROOFS, release.nonce, proofs)
    await documents.put(RELEASE, signed)
    await this.#forget(release.nonce, held.length)
    this.#options.onKept(identifier, release, plan)
    return identifier
  }

  /** An upload that is not wanted any more: what came of it is erased. */
  async abandon(owner: string, nonce: string): Promise<void> {
    const { held } = await this.#draft(nonce, owner)
    await this.#forget(nonce, held.length)
    await this.#options.contents.clear(releaseSpace(nonce))
  }

  async dispose(): Promise<void> {
    for (const draft of this.#drafts.values())
      await draft.then(async ({ cryptography }) => await cryptography.dispose()).catch(() => undefined)
    this.#drafts.clear()
  }

  async #draft(nonce: string, owner: string): Promise<Draft> {
    let known = this.#drafts.get(nonce)
    if (known === undefined) {
      known = this.#load(nonce, owner)
      known.catch(() => this.#drafts.delete(nonce))
      this.#drafts.set(nonce, known)
    }
    const draft = await known
    if (draft.draft.owner !== owner) throw unknownDraft(owner, nonce)
    return draft
  }

  async #load(nonce: string, owner: string): Promise<Draft> {
    const { records, epochs } = this.#options
    const draft = (await records.get(DRAFT, nonce)) as ReleaseDraft | undefined
    if (draft === undefined || draft.owner !== owner) throw unknownDraft(owner, nonce)
    const epoch = await epochs.epoch(draft.epoch)
    const plan = checkDraft(draft, epoch.record, owner, this.#options.policy ?? {}, false)
    const batches = modelBatches(plan)
    const held: BatchRecord[] = []
    for (const { number, count } of batches) {
      const known = (await records.get(DRAFT_BATCH, batchKey(nonce, number))) as BatchRecord | undefined
      held.push(known ?? { parts: new Array<string | null>(count).fill(null), proved: false })
    }
    const cryptography = await epoch.releases.openRelease({ nonce, owner, plan, parts: [] })
    const { proofs, holders, witnesses } = epoch.record.proposal
    const proved = proofs && !(holders.length === 1 && holders[0]!.peer === owner)
    return { draft, plan, batches, held, cryptography, proved, witnessed: witnesses.length > 0 }
  }

  async #keep(nonce: string, batch: number, record: BatchRecord): Promise<void> {
    await this.#options.records.put(DRAFT_BATCH, batchKey(nonce, batch), record)
  }

  async #forget(nonce: string, batches: number): Promise<void> {
    const draft = this.#drafts.get(nonce)
    this.#drafts.delete(nonce)
    await draft?.then(async ({ cryptography }) => await cryptography.dispose())
    await this.#options.records.delete(DRAFT, nonce)
    for (let batch = 0; batch < batches; batch++) await this.#options.records.delete(DRAFT_BATCH, batchKey(nonce, batch))
  }
}

const batchKey = (nonce: string, batch: number): string => `${nonce}-${batch}`

function unknownDraft(owner: string, nonce: string): OutOfOrderMessageError {
  return new OutOfOrderMessageError({
    peer: owner,
    kind: 'release',
    field: 'nonce',
    actual: nonce,
    reason: 'no such upload',
    remedy: 'Begin it again.'
  })
}

function malformed(peer: string, kind: string, field: string, expected: string, actual: string): MalformedMessageError {
  return new MalformedMessageError({ peer, kind, field, expected, actual })
}
