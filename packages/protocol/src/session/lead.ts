/** What the coordinator's steps share: everybody's connection, the session, the way to stop. */

import type { EvaluatorCryptography } from '../cryptography/evaluator.js'
import type { DecryptionsEvent, Phase, ProgressEvent, WaitingEvent } from '../terms/phases.js'
import type { StepReport } from '../terms/plan.js'
import type { EndorsementDemand } from '../terms/policy.js'
import { peersWith, type Role, type RosterEntry } from '../terms/roster.js'
import type { Signer } from '../terms/signer.js'
import type { Connection } from '../wire/connection.js'
import type { PhaseMeter } from '../wire/phase-meter.js'
import type { Evidence } from './evidence.js'
import type { PartySession } from './party-session.js'
import type { ShareChecks } from './share-checks.js'

export interface Lead {
  readonly self: string
  readonly roster: readonly RosterEntry[]
  readonly signer: Signer
  readonly cryptography: EvaluatorCryptography
  readonly shareChecks: ShareChecks
  /** Keeps what is signed; nothing is kept when not given. */
  readonly evidence?: Evidence | undefined
  /** Keys that results are switched to, by querier, as their acceptances bound them; filled by the agreement. */
  readonly resultKeys: Map<string, Uint8Array>
  /** Key holders that check proofs themselves, as their acceptances say; filled by the agreement. */
  readonly proofCheckers: Set<string>
  /** Endorsements that parties demand before they help, as they say with their acceptances; filled by the agreement. */
  readonly demands: Map<string, EndorsementDemand>
  /** In canonical order; this party's own is local. */
  readonly connections: ReadonlyMap<string, Connection>
  readonly meter: PhaseMeter
  readonly signal: AbortSignal
  /** Requests in flight to one party. */
  readonly window: number
  progress(event: ProgressEvent): void
  waiting(event: WaitingEvent): void
  decryptions(event: DecryptionsEvent): void
  /** What each step of a query's evaluation took and left. */
  layers(query: string, steps: StepReport[]): void
  onRefused(error: Error, peer: string): void
  /** Begins a phase: what is done from here belongs to it. */
  enter(phase: Phase): void
  /** The session, from the proposal on. */
  session(): PartySession
}

export function connectionsWith(lead: Lead, role: Role): Connection[] {
  return peersWith(lead.roster, role).map(peer => lead.connections.get(peer)!)
}
