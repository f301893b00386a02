/** What a session was, told to everybody who took part in it when it closes. */
import type { Phase, PhaseFigures } from '../terms/phases.js'
import type { Plan } from '../terms/plan.js'
import type { RosterEntry } from '../terms/roster.js'
import type { TranscriptExport } from '../wire/transcript.js'

export interface SessionSummary {
  /** Session id, hexadecimal. */
  session: string
  self: string
  coordinator: string
  roster: RosterEntry[]
  plan: Plan
  floodingBits: number
  maximumDecryptions: number
  switchesPerQuerier: number
  maximumRefreshes: number
  phases: Partial<Record<Phase, PhaseFigures>>
  /** Queries answered (coordinator), asked or read (others). */
  queries: number
  /** Refresh requests made (coordinator) or answered (key holder). */
  refreshes: number
  /** Parties with the role witness. */
  witnesses: number
  /** Endorsements gathered (coordinator), given (witness) or held against requests (key holder). */
  endorsements: number
  transcript: TranscriptExport
}
