/** What following a query rests on. */
import { hash, toHex } from '../../base/digest.js'
import { MalformedMessageError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import type { Caller } from '../calls/caller.js'
import { callUntilThere } from '../calls/persistent.js'
import type { OpenEpochs } from '../cryptography/open-epoch.js'
import type { EpochRecord, SharingRecord } from '../objects/epoch.js'
import type { ContentStore } from '../store/content-store.js'
import type { RecordStore } from '../store/records.js'
import type { DocumentShelf } from '../store/shelf.js'
import type { QueryBooks } from './books.js'
import type { ServiceListener } from './events.js'
import type { ReleaseHandles } from './handles.js'
import { WITNESS_FETCH } from './witness-calls.js'
import type { WitnessDiary } from './witness-diary.js'

export interface ServiceWitnessOptions {
  readonly caller: Caller
  readonly signer: Signer
  readonly epochs: OpenEpochs
  readonly documents: DocumentShelf
  readonly records: RecordStore
  readonly contents: ContentStore
  readonly books: QueryBooks
  readonly handles: ReleaseHandles
  /** Epochs that this party is a witness of. */
  witnessed(): Promise<readonly EpochRecord[]>
  /** All sharings of an epoch that this party knows. */
  sharings(epoch: string): Promise<readonly SharingRecord[]>
  /** Resolves when a release is here and its keys, or it never will be. */
  settled(release: string, signal: AbortSignal): Promise<void>
  /** A part of a model is lost here. */
  onDamaged(release: string): void
  onError?(error: Error, peer?: string): void
  readonly onEvent?: ServiceListener
  readonly now?: () => number
  readonly pause?: number
  readonly wait?: number
}

export interface FollowOptions extends ServiceWitnessOptions {
  readonly wait: number
  readonly pause: number
  readonly diary: WitnessDiary
  readonly signal: AbortSignal
  /** Told which release it is of. */
  onRelease(release: string): void
  /** What is being done, in plain words. */
  onStep(step: string): void
  onEndorsed(): void
}

/** A byte string of the query, by its SHA-256. @throws MalformedMessageError for another one */
export async function fetched(
  query: string,
  name: string,
  evaluator: string,
  { caller, signal, pause }: FollowOptions
): Promise<Uint8Array> {
  const head = { query, hash: name }
  const { blobs } = await callUntilThere(caller, { peer: evaluator, kind: WITNESS_FETCH, head, signal, pause })
  const bytes = blobs[0] ?? new Uint8Array(0)
  const actual = toHex(await hash(bytes))
  if (actual === name) return bytes
  throw new MalformedMessageError({ peer: evaluator, kind: 'witness/fetch', field: 'blob', expected: name, actual })
}
