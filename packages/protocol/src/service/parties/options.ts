/** What a party of a service is made of: a transport, stores, cryptography, what its configuration says, and who is told what happens. */
import type { RosterEntry } from '../../terms/roster.js'
import type { Signer } from '../../terms/signer.js'
import type { Transport } from '../../wire/transport.js'
import type { ServiceCryptography } from '../cryptography/service.js'
import type { EpochPolicy } from '../epochs/policy.js'
import type { ServiceDocument } from '../objects/filing.js'
import type { ReleasePolicy } from '../objects/release-check.js'
import type { ServiceListener } from '../queries/events.js'
import type { QueueLimits } from '../queries/room.js'
import type { ContentStore } from '../store/content-store.js'
import type { DocumentStore } from '../store/documents.js'
import type { RecordStore } from '../store/records.js'
import type { SecretStore } from '../store/secrets.js'
import type { SpendingStore } from '../store/spendings.js'
import type { NextEpochOptions } from './succession.js'

/** Everything that a party keeps. Each store is durable by itself; in a deployment all are. */
export interface ServiceStores {
  /** What was signed. */
  readonly documents: DocumentStore
  /** What flows must not forget; nothing secret. */
  readonly records: RecordStore
  /** Sealed where durable. */
  readonly secrets: SecretStore
  /** Byte strings by their SHA-256: parts, shares, results. */
  readonly contents: ContentStore
  /** What is used of grants and epochs. */
  readonly spendings: SpendingStore
}

/** What a party of a service is given, whatever its roles. */
export interface ServiceNodeOptions {
  readonly transport: Transport
  readonly signer: Signer
  /** Version that others are told. */
  readonly software: string
  /** As configured; asked anew whenever it matters, so that it may change. */
  roster(): readonly RosterEntry[]
  readonly cryptography: ServiceCryptography
  readonly stores: ServiceStores
  /** What this party demands of epochs and releases before it signs, helps or asks. */
  readonly policy?: Omit<EpochPolicy, 'evaluator' | 'holder' | 'witnesses'> & ReleasePolicy
  /** Of the queue, at an evaluator. */
  readonly limits?: Partial<QueueLimits>
  /** Queries that an evaluator evaluates at the same time; 1 when not given. */
  readonly concurrency?: number
  /** Machines that compute at present, at an evaluator; 1 when not given. */
  places?(): number
  /** When an evaluator makes the epoch that follows. */
  readonly next?: NextEpochOptions
  /** Milliseconds without a byte after which a holder counts as absent. */
  readonly patience?: number
  /** Clock, milliseconds since 1970; the system's when not given. */
  readonly now?: () => number
  /** How far a ceremony, a renewal or a move has come; `epoch` is empty while one is made. */
  onProgress?(event: { epoch: string; step: string; done: number; total: number }): void
  /** A peer has been greeted, or is gone. */
  onPeer?(peer: string, state: 'up' | 'down', software?: string): void
  /** A document that was not here before. */
  onDocument?(kind: string, document: ServiceDocument): void
  /** What was refused, or failed in the background; `peer` where somebody else is concerned. */
  onError?(error: Error, peer?: string): void
  /** What happens to queries: to those that this party computes, helps with, or has asked. */
  onEvent?: ServiceListener
}
