/** What a party is given when it is made: components, limits, callbacks. Times in milliseconds unless the name says otherwise. */
import type { PartyCryptography } from '../cryptography/party-cryptography.js'
import type { Architecture, Plan, StepReport } from '../terms/plan.js'
import type { RosterEntry } from '../terms/roster.js'
import type { Signer } from '../terms/signer.js'
import type { TranscriptExport } from '../wire/transcript.js'
import type { Transport } from '../wire/transport.js'

export const PHASES = [
  'roster',
  'plan',
  'session',
  'public-key',
  'relinearization-key',
  'galois-keys',
  'model-upload',
  'ready',
  'input',
  'evaluation',
  'refresh',
  'switch',
  'result',
  'close'
] as const

/**
 * Phases of a session, in order. `input` runs from the first sample packed to the last ciphertext delivered, `evaluation` from then to the encrypted result;
 * `refresh` and `switch` are parts of `evaluation`, `result` is delivery and decryption.
 */
export type Phase = (typeof PHASES)[number]

export interface ProgressEvent {
  phase: Phase
  done: number
  total: number
  /** The peer that this step was about. */
  peer?: string
  query?: string
  /** What is being computed, where the evaluator says so. */
  step?: string
}

export interface PhaseFigures {
  /** Time during which at least one step of the phase was under way in this process. */
  seconds: number
  /** Message bytes of the phase, requests and answers, as this process sent and received them. */
  bytesSent: number
  bytesReceived: number
}

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
  phases: Partial<Record<Phase, PhaseFigures>>
  /** Queries answered (coordinator), asked or read (others). */
  queries: number
  /** Refresh requests made (coordinator) or answered (key holder). */
  refreshes: number
  transcript: TranscriptExport
}

export interface Deadlines {
  /** A peer that neither answers a request nor a ping for this long is missing. Default 25 s. */
  idle: number
  /** How long the coordinator waits for the roster to come up. Default 5 min. */
  roster: number
  /** The longest that one request may take, pings answered or not. Default 15 min. */
  longest: number
  /** How often an evaluation tells its querier that it is alive. Default 5 s. */
  heartbeat: number
}

export const DEFAULT_DEADLINES: Deadlines = { idle: 25_000, roster: 300_000, longest: 900_000, heartbeat: 5_000 }

/** Numbers that the coordinator asks of the planner and puts into the descriptor. */
export interface SessionLimits {
  /** Statistical security of flooding, at least 30 bits. Default 30. */
  floodingBits: number
  /** Ciphertexts that may be switched in the whole session (τ of the flooding formula). Default: what `queries` need, at least the planner's. */
  maximumDecryptions: number
  /** Ciphertexts that may be switched for each querier. Default: what `queries` need, otherwise an equal share of maximumDecryptions. */
  switchesPerQuerier: number
  /** Queries that one querier is to have answered. */
  queries: number
}

/** What a party demands of a descriptor before it signs. */
export interface AcceptancePolicy {
  /** Least statistical flooding bits. Default 30; lower values are refused. */
  minimumFloodingBits?: number
  /** Most ciphertexts switched per querier. Default: no bound of its own. */
  maximumSwitchesPerQuerier?: number
  /** How samples must be protected where this party owns data. Default `encrypted`: a plan on clear data is refused. */
  data?: 'clear' | 'encrypted'
  /** How weights must be protected where this party owns the model. Default `encrypted`: a plan on clear weights is refused. */
  weights?: 'clear' | 'encrypted'
  /** Rings below the security table; unit tests only. */
  allowInsecure?: boolean
  /** Further checks of the plan (e.g. the model owner's: is this my model?). Throws to refuse. */
  checkPlan?(plan: Plan): void | Promise<void>
}

export interface PlanningContext {
  /** Number of key holders. */
  parties: number
  floodingBits: number
  /** Where the coordinator's limits name it. */
  maximumDecryptions?: number
  signal: AbortSignal
}

export type Planner = (architecture: Architecture, context: PlanningContext) => Plan | Promise<Plan>

export interface PartyOptions {
  transport: Transport
  signer: Signer
  /** Everybody of the session with roles, this party included. A descriptor with another roster is refused. */
  roster: readonly RosterEntry[]
  cryptography: PartyCryptography
  policy?: AcceptancePolicy
  deadlines?: Partial<Deadlines>
  onProgress?(event: ProgressEvent): void
  /** Told of every message refused and every fault of a peer that did not end the session. */
  onRefused?(error: Error, peer: string): void
  signal?: AbortSignal
}

export interface CoordinatorOptions extends PartyOptions {
  planner: Planner
  limits?: Partial<SessionLimits>
  /** Requests in flight to one party: Galois shares, model parts. Default 3. */
  window?: number
  /** Told of every query whose plan has been run: seconds, level, scale and tracked noise of each step. */
  onLayers?(query: string, steps: StepReport[]): void
}

export interface MemberOptions extends PartyOptions {
  /** Results of queries that another party (a data owner) asked for this querier. */
  onPredictions?(result: { query: string; from: string; predictions: Float64Array[] }): void
  /** Inputs in flight to the evaluator. Default 3. */
  window?: number
}

/** Samples at hand, or read as they are needed: no more than two batches of them are held at a time. */
export type SampleSource = Iterable<Float64Array> | AsyncIterable<Float64Array>

export interface QueryOptions {
  /** Peer that reads the result, where that is not this party. */
  querier?: string
  signal?: AbortSignal
  /** Told of every batch as its answer comes, in order; `first` is the place of its first sample. */
  onPredictions?(answer: { first: number; predictions: Float64Array[] }): void
}
