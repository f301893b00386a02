import type { CoordinatorOptions, QueryOptions, SessionSummary } from './options.js'

/** Evaluator role: leads a session from roster to result. */
export declare class Coordinator {
  constructor(options: CoordinatorOptions)
  /** One session from roster to close; resolves when every querier has left (or `close()` was called). Rejects when the session is aborted. */
  run(): Promise<SessionSummary>
  /** Resolves when the running session is ready for queries. */
  ready(): Promise<void>
  /** Where this process is a querier or data owner, too. */
  query(samples: readonly Float64Array[], options?: QueryOptions): Promise<Float64Array[]>
  /** No more queries from this process. */
  leave(): Promise<void>
  /** Ends the session in good order once running queries are answered. */
  close(): void
}
