/** What a party's epochs are given. */
import type { Signer } from '../../terms/signer.js'
import type { Caller } from '../calls/caller.js'
import type { ServiceCryptography } from '../cryptography/service.js'
import type { EpochRecord, SharingRecord } from '../objects/epoch.js'
import type { Signed } from '../objects/signed.js'
import type { ContentStore } from '../store/content-store.js'
import type { RecordStore } from '../store/records.js'
import type { EpochPolicy } from './policy.js'

/** Where signed records of epochs are, by the epoch's identifier. */
export interface EpochRecords {
  /** Durable before it resolves. */
  put(record: Signed<EpochRecord>): Promise<void>
  get(epoch: string): Promise<Signed<EpochRecord> | undefined>
  list(): Promise<Signed<EpochRecord>[]>
  putSharing(record: Signed<SharingRecord>): Promise<void>
  /** Of one epoch, in any order. */
  sharings(epoch: string): Promise<Signed<SharingRecord>[]>
}

export interface EpochsOptions {
  readonly self: string
  readonly signer: Signer
  readonly caller: Caller
  readonly cryptography: ServiceCryptography
  readonly records: RecordStore
  /** Where an evaluator keeps shares of keys for witnesses. */
  readonly contents: ContentStore
  readonly epochs: EpochRecords
  readonly policy: EpochPolicy
  readonly now?: () => number
  /** Whether a peer answers at present. */
  up(peer: string): boolean
  onProgress?(event: { epoch: string; step: string; done: number; total: number }): void
  onRefused?(error: Error, peer: string): void
  /** A ceremony of which this party was a holder has come to nothing. */
  onAbandoned?(culprit: string, reason: string): void
}
