/**
 * A witness's copies of releases: every part by the hash that the owner has signed, fetched from the evaluator by that hash, and every batch with the proof that it
 * is encryptions, checked here. What is there is not fetched again, after a restart either.
 */
import { windowed } from '../../base/concurrency.js'
import { hash, toHex } from '../../base/digest.js'
import { MalformedMessageError, NotPermittedError, OutOfOrderMessageError, ProofMissingError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Plan } from '../../terms/plan.js'
import { modelBatches } from '../../terms/proof-batches.js'
import type { Caller } from '../calls/caller.js'
import type { Responder } from '../calls/responder.js'
import type { OpenEpoch, OpenEpochs } from '../cryptography/open-epoch.js'
import { RELEASE, type Release } from '../objects/release.js'
import { type ContentStore, releaseSpace } from '../store/content-store.js'
import type { RecordStore } from '../store/records.js'
import type { DocumentShelf } from '../store/shelf.js'
import { FETCH, PROOFS } from './calls.js'

/** Batches of a release whose proof was checked here. */
const CHECKED = 'release-checked'
/** Parts on their way at a time. */
const PARTS_AT_ONCE = 4
/** At the evaluator: proofs of a release, by its nonce. */
export const RELEASE_PROOFS = 'release-proofs'

interface CopyOptions {
  readonly caller: Caller
  readonly records: RecordStore
  readonly contents: ContentStore
}

/**
 * Fetches what is lacking of a release, and checks it.
 * @throws what the evaluator answers; MalformedMessageError for what is not what was asked for; mhe's typed errors, naming the owner, when a proof does not hold
 */
export async function copyRelease(
  identifier: string,
  release: Release,
  plan: Plan,
  epoch: OpenEpoch,
  { caller, records, contents }: CopyOptions,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void
): Promise<void> {
  const { nonce, owner, parts } = release
  const { evaluator } = epoch.record.proposal
  const space = releaseSpace(nonce)
  const checked = new Set(((await records.get(CHECKED, nonce)) as number[] | undefined) ?? [])
  const fetch = async (name: string): Promise<Uint8Array> => {
    const { blobs } = await caller.call(evaluator, FETCH, { release: identifier, hash: name }, [], { signal })
    const bytes = blobs[0] ?? new Uint8Array(0)
    const actual = toHex(await hash(bytes))
    if (actual === name) return bytes
    throw new MalformedMessageError({ peer: evaluator, kind: 'release/fetch', field: 'blob', expected: name, actual })
  }
  let done = 0
  await windowed(parts.length, PARTS_AT_ONCE, signal, async index => {
    const part = parts[index]!
    if (!(await contents.has(space, part))) await contents.put(space, await fetch(part))
    onProgress(++done, parts.length)
  })
  const batches = modelBatches(plan).filter(({ number }) => !checked.has(number))
  if (batches.length === 0) return
  const { head } = await caller.call(evaluator, PROOFS, { release: identifier }, [], { signal })
  const cryptography = await epoch.releases.openRelease({ nonce, owner, plan, parts })
  try {
    for (const { number, first, count } of batches) {
      const proof = head.proofs[number]
      const found = { peer: evaluator, kind: 'release/proofs', field: `batch ${number}` }
      if (proof === undefined) throw new ProofMissingError({ ...found, remedy: 'Let the owner publish the model again.' })
      const held: Uint8Array[] = []
      for (let k = 0; k < count; k++) {
        const bytes = await contents.get(space, parts[first + k]!)
        // Damaged since it came: it is fetched again.
        if (bytes === undefined) throw new OutOfOrderMessageError({ ...found, field: `parts[${first + k}]`, reason: 'lost here' })
        await cryptography.checkPart('model', first + k, bytes.slice(), true)
        held.push(bytes)
      }
      await cryptography.checkBatch({ sender: owner, query: null, batch: number, parts: held, proof: await fetch(proof) }).catch(error => {
        throw translateError(error, { ...found, culprit: owner })
      })
      checked.add(number)
      await records.put(CHECKED, nonce, [...checked])
    }
  } finally {
    await cryptography.dispose()
  }
}

interface SourceOptions extends Omit<CopyOptions, 'caller'> {
  readonly documents: DocumentShelf
  readonly epochs: OpenEpochs
}

/** At the evaluator: hands releases out to the witnesses of their epochs. */
export function registerCopies(responder: Responder, { documents, epochs, records, contents }: SourceOptions): void {
  const anybody = (): undefined => undefined
  const wanted = async (identifier: string, peer: string): Promise<Release> => {
    const signed = await documents.get(RELEASE, identifier)
    const found = { peer, kind: 'release/fetch' }
    if (signed === undefined) throw new OutOfOrderMessageError({ ...found, field: 'release', actual: identifier, reason: 'not known here' })
    const { record } = await epochs.epoch(signed.document.epoch)
    if (record.proposal.witnesses.includes(peer)) return signed.document
    throw new NotPermittedError({ ...found, field: 'sender', expected: 'a witness of the epoch', actual: peer })
  }
  responder.on(PROOFS, anybody, async ({ head }, { peer }) => {
    const { nonce } = await wanted(head.release, peer)
    return { head: { proofs: ((await records.get(RELEASE_PROOFS, nonce)) as string[] | undefined) ?? [] } }
  })
  responder.on(FETCH, anybody, async ({ head }, { peer }) => {
    const { nonce } = await wanted(head.release, peer)
    const bytes = await contents.get(releaseSpace(nonce), head.hash)
    if (bytes !== undefined) return { head: {}, blobs: [bytes] }
    throw new OutOfOrderMessageError({
      peer,
      kind: 'release/fetch',
      field: 'hash',
      actual: head.hash,
      reason: 'not of this release, or lost'
    })
  })
}
