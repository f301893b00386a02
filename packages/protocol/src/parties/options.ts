/** What a party is given when it is made: components, limits, callbacks. Times in milliseconds unless the name says otherwise. */
import type { EvidenceStore } from '../audit/source.js'
import type { Planner, SessionLimits } from '../cohort/planning.js'
import type { PartyCryptography } from '../cryptography/party-cryptography.js'
import type { Evidence } from '../session/evidence.js'
import type { ShareChecks } from '../session/share-checks.js'
import type { DecryptionsEvent, ProgressEvent, WaitingEvent } from '../terms/phases.js'
import type { Plan, StepReport } from '../terms/plan.js'
import type { AcceptancePolicy } from '../terms/policy.js'
import type { RosterEntry } from '../terms/roster.js'
import type { Signer } from '../terms/signer.js'
import type { Deadlines } from '../wire/deadlines.js'
import type { Transport } from '../wire/transport.js'

/** What every party of a session is given. */
export interface PartyOptions {
  /** Its `self` is this party. */
  transport: Transport
  /** Of the same peer id as the transport. */
  signer: Signer
  /** Everybody of the session with roles, this party included. A descriptor with another roster is refused. */
  roster: readonly RosterEntry[]
  /** For all roles that this party has in the roster. */
  cryptography: PartyCryptography
  /** What this party demands of a descriptor before it signs, and of requests before it helps; the defaults of `AcceptancePolicy` when not given. */
  policy?: AcceptancePolicy
  /** Other than the real checks where an attack shows what they keep out; nothing that a user can configure reaches this. */
  shareChecks?: ShareChecks
  /** Is handed every statement that is signed or received here while a session lives; what `evidenceStore` keeps, when not given. */
  evidence?: Evidence
  /** Where what is signed is kept, and what a replay needs, for an audit; nothing is when not given. */
  evidenceStore?: EvidenceStore
  /** In place of `DEFAULT_DEADLINES`, one by one. */
  deadlines?: Partial<Deadlines>
  /** Told of every step of every phase that this party takes part in. */
  onProgress?(event: ProgressEvent): void
  /** Told of every wait that takes longer than usual, again and again until it ends. */
  onWaiting?(event: WaitingEvent): void
  /** Told of what a querier's quota has left, as it shrinks: for every querier at the coordinator, for itself at a querier. */
  onDecryptions?(event: DecryptionsEvent): void
  /** Told of every message refused and every fault of a peer that did not end the session. */
  onRefused?(error: Error, peer: string): void
  /** Stops the party; a session in progress is aborted. */
  signal?: AbortSignal
}

/** What a coordinator is given beside what every party is. */
export interface CoordinatorOptions extends PartyOptions {
  /** Asked once in every session, when the architecture is there. */
  planner: Planner
  /** Numbers of the descriptor that are not left to the planner. */
  limits?: Partial<SessionLimits>
  /** Whether the lines to the other parties are measured before the session is planned, for the planner; false when not given. */
  measuresLine?: boolean
  /** Requests in flight to one party: Galois shares, model parts. Default 3. */
  window?: number
  /** Whether encryptions are proved, as they are by default. False only where an attack shows what this would lay open; nothing that a user can configure reaches this. */
  proofs?: boolean
  /** Told of every query whose plan has been run: seconds, level, scale and tracked noise of each step. */
  onLayers?(query: string, steps: StepReport[]): void
}

/** What a member is given beside what every party is. */
export interface MemberOptions extends PartyOptions {
  /** Results of queries that another party (a data owner) asked for this querier. */
  onPredictions?(result: { query: string; from: string; predictions: Float64Array[]; plan: Plan }): void
  /** Inputs in flight to the evaluator. Default 3. */
  window?: number
}
