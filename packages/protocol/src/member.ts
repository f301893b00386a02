import type { MemberOptions, QueryOptions, SessionSummary } from './options.js'

/** Every role but the evaluator: answers the coordinator, and asks queries. */
export declare class Member {
  constructor(options: MemberOptions)
  /** Begins to serve. */
  start(): void
  /** Resolves when the current (or next) session is ready for queries. */
  ready(): Promise<void>
  /** Logits per sample; samples beyond the plan's batch are asked in several queries. */
  query(samples: readonly Float64Array[], options?: QueryOptions): Promise<Float64Array[]>
  /** No more queries from this party in this session; the session closes when all queriers and data owners have left. */
  leave(): Promise<void>
  /** Resolves when the current (or next) session closes in good order; rejects with PartyMissingError or SessionAbortedError when it is aborted. */
  finished(): Promise<SessionSummary>
  /** Leaves a running session (the others are told) and stops serving. */
  stop(): Promise<void>
}
