/** How documents are filed: the epoch that one belongs to, and the name that it is looked for by. */
import { EPOCH, EPOCH_PROPOSAL, type EpochProposal, type EpochRecord, SHARING, type SharingRecord } from './epoch.js'
import { GRANT, type Grant, REVOCATION, type Revocation } from './grant.js'
import { QUERY, type Query } from './query.js'
import { RELEASE, type Release, WITHDRAWAL, type Withdrawal } from './release.js'
import type { DocumentKind } from './signed.js'

/** Every document that a service keeps and passes on, discriminated by `kind`. */
export type ServiceDocument = EpochProposal | EpochRecord | SharingRecord | Release | Withdrawal | Grant | Revocation | Query

/** Where a document is filed. */
export interface Filing {
  /** Identifier of the epoch, hexadecimal; empty for a proposal, which is not one yet. */
  readonly epoch: string
  /** What it is looked for by; `filingOf` says what that is for each kind. */
  readonly name: string
}

/** Names: of a proposal its cohort; of a sharing its generation; of a model itself; of what ends something the latter's identifier; of a grant its issuer; of a query its own. */
export function filingOf(document: ServiceDocument): Filing {
  switch (document.kind) {
    case 'epoch-proposal':
      return { epoch: '', name: document.cohort }
    case 'epoch':
      return { epoch: document.sharing.epoch, name: document.proposal.cohort }
    case 'sharing':
      return { epoch: document.epoch, name: String(document.generation) }
    case 'release':
      return { epoch: document.epoch, name: document.name }
    case 'withdrawal':
      return { epoch: document.epoch, name: document.release }
    case 'grant':
      return { epoch: document.epoch, name: document.issuer }
    case 'revocation':
      return { epoch: document.epoch, name: document.grant }
    case 'query':
      return { epoch: document.epoch, name: document.query }
  }
}

/** Every kind, those that others refer to first. */
export const DOCUMENT_KINDS: readonly DocumentKind<ServiceDocument>[] = [
  EPOCH_PROPOSAL,
  EPOCH,
  SHARING,
  RELEASE,
  WITHDRAWAL,
  GRANT,
  REVOCATION,
  QUERY
] as readonly unknown[] as readonly DocumentKind<ServiceDocument>[]
