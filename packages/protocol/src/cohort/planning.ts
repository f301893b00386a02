/** What the coordinator asks of the planner. */
import type { Architecture, Line, Plan } from '../terms/plan.js'

/** Numbers that the coordinator asks of the planner and puts into the descriptor. */
export interface SessionLimits {
  /** Security of flooding in the Kullback–Leibler sense, at least 30 bits. Default: what the planner finds. */
  floodingBits: number
  /** Ciphertexts that may be switched in the whole session (τ of the flooding formula). Default: what `queries` need, at least the planner's. */
  maximumDecryptions: number
  /** Ciphertexts that may be switched for each querier. Default: what `queries` need, otherwise an equal share of maximumDecryptions. */
  switchesPerQuerier: number
  /** Ciphertexts that may be refreshed in the whole session. Default: what as many queries need as may be answered, each begun twice. */
  maximumRefreshes: number
  /** Queries that one querier is to have answered. */
  queries: number
}

/** What a planner is told beside the architecture: the cohort, its lines, and limits that the coordinator has set. */
export interface PlanningContext {
  /** Number of key holders. */
  parties: number
  /** The slowest of the lines to the other parties, where the coordinator was asked to measure them. */
  line?: Line
  /** Where the coordinator's limits name it. */
  floodingBits?: number
  /** Where the coordinator's limits name it. */
  maximumDecryptions?: number
  /** Fires when the session ends before its plan is made. */
  signal: AbortSignal
}

/** Makes the plan of a session from the model owner's public architecture. What it throws ends the session, and `Coordinator.run` throws it. */
export type Planner = (architecture: Architecture, context: PlanningContext) => Plan | Promise<Plan>
