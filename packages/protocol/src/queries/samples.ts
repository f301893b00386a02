/** What is asked in a query, and how. */
import type { Plan } from '../terms/plan.js'

/** Samples at hand, or read as they are needed: no more than two batches of them are held at a time. */
export type SampleSource = Iterable<Float64Array> | AsyncIterable<Float64Array>

/** How a query is asked; every option may be left out. */
export interface QueryOptions {
  /** Peer that reads the result, where that is not this party. */
  querier?: string
  /** Gives the query up; the promise rejects with its reason. */
  signal?: AbortSignal
  /** Told of every batch as its answer comes, in order; `first` is the place of its first sample. */
  onPredictions?(answer: { first: number; predictions: Float64Array[]; plan: Plan }): void
}
