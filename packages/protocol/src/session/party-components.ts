/** What the parts of a party share: its components, and the shape of a set of handlers. */

import type { PartyCryptography } from '../cryptography/party-cryptography.js'
import type { DecryptionsEvent, ProgressEvent, WaitingEvent } from '../terms/phases.js'
import type { AcceptancePolicy } from '../terms/policy.js'
import type { Role, RosterEntry } from '../terms/roster.js'
import type { Signer } from '../terms/signer.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies, ReplyOf, RequestKind } from '../wire/kinds.js'
import type { Evidence } from './evidence.js'
import type { PartySession } from './party-session.js'
import type { ShareChecks } from './share-checks.js'

export type Handlers = {
  [K in RequestKind]?: (body: Bodies[K], context: HandlerContext) => Promise<Bodies[ReplyOf<K>]>
}

/** @typeParam C what the part asks of the party's cryptography: the interfaces of the roles that it plays */
export interface PartyComponents<C = PartyCryptography> {
  readonly self: string
  readonly signer: Signer
  readonly cryptography: C
  readonly shareChecks: ShareChecks
  /** Keeps what is signed; nothing is kept when not given. */
  readonly evidence?: Evidence | undefined
  /** As configured. */
  readonly roster: readonly RosterEntry[]
  /** This party's own. */
  readonly roles: readonly Role[]
  readonly policy: AcceptancePolicy
  progress(event: ProgressEvent): void
  waiting(event: WaitingEvent): void
  decryptions(event: DecryptionsEvent): void
  /** The session that is going on. @throws WrongSessionError */
  session(): PartySession
}
