/** What a session was, told to everybody who took part in it when it closes. */
import type { Phase, PhaseFigures } from '../terms/phases.js'
import type { Plan } from '../terms/plan.js'
import type { RosterEntry } from '../terms/roster.js'
import type { TranscriptExport } from '../wire/transcript.js'

/** What a session was: its terms, what each phase cost this process, and this party's transcript. */
export interface SessionSummary {
  /** Session id, hexadecimal. */
  session: string
  /** Peer id of the party whose summary this is. */
  self: string
  /** Peer id of the evaluator. */
  coordinator: string
  roster: RosterEntry[]
  plan: Plan
  /** s: bits of security of the flooding noise in every switch. */
  floodingBits: number
  /** τ: ciphertexts that may be switched in the whole session. */
  maximumDecryptions: number
  /** Of these, those for one querier. */
  switchesPerQuerier: number
  /** Ciphertexts that might be refreshed. */
  maximumRefreshes: number
  /** Only phases that this process took part in. */
  phases: Partial<Record<Phase, PhaseFigures>>
  /** Queries answered (coordinator), asked or read (others). */
  queries: number
  /** Refresh requests made (coordinator) or answered (key holder). */
  refreshes: number
  /** Parties with the role witness. */
  witnesses: number
  /** Endorsements gathered (coordinator), given (witness) or held against requests (key holder). */
  endorsements: number
  /** Hash chain of every message that this party sent or received. */
  transcript: TranscriptExport
}
