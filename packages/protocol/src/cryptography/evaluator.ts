/** What the flows ask of an evaluator's cryptography: sums of key shares, the model, and queries one by one. */
import type { StepReport } from '../terms/plan.js'
import type { RefreshRequest, RefreshWholeRequest, SwitchRequest } from './key-holder.js'

/** How far the plan of one query has been run. */
export interface EvaluationProgress {
  /** Work items (weights, squares, refreshes) that are finished. */
  done: number
  /** Work items in all. */
  total: number
  /** What is being computed, in plain words. */
  step: string
}

/** What an evaluation cannot do alone, and asks of the cohort while it runs. Each callback rejects when the parties it needs refuse or are missing. */
export interface EvaluationCallbacks {
  /** One share per key holder (in party order) and ciphertext. */
  refresh(request: RefreshRequest): Promise<Uint8Array[][]>
  /** One share per key holder (in party order) and ciphertext, to the querier's registered key. */
  switchShares(request: SwitchRequest): Promise<Uint8Array[][]>
  /** What the only key holder answers, one for each ciphertext. */
  refreshWhole(request: RefreshWholeRequest): Promise<Uint8Array[]>
  /** What the only key holder answers, one for each ciphertext, for the querier's registered key. */
  switchWhole(request: SwitchRequest): Promise<Uint8Array[]>
  /** Whether the querier is the only key holder, and decrypts its results itself. */
  readonly querierHoldsKey: boolean
  /** The querier's registered key, to which an evaluator of a clear model adds flooding of its own. */
  resultKey(): Promise<Uint8Array>
  /** Told as the plan runs. */
  progress(progress: EvaluationProgress): void
  /** Told once, when the plan has been run: every step of every pass, in order. */
  layers?(steps: StepReport[]): void
}

/** One query at the evaluator, from its first input to its result. */
export interface QueryEvaluation {
  /** Checks an input ciphertext and keeps it; block-major, `index` from 0. Where encryptions are proved it counts only once its batch is verified. */
  storeInput(index: number, bytes: Uint8Array): Promise<void>
  /** Checks the proof of a batch of inputs, which count as stored only then. @returns C1 of each, for others to check */
  verifyInputs(batch: number, proof: Uint8Array): Promise<Uint8Array[]>
  /** Result ciphertexts under the querier's key. @throws the signal's reason; what a callback throws */
  evaluate(callbacks: EvaluationCallbacks, signal?: AbortSignal): Promise<Uint8Array[]>
  /** Forgets the query, and inputs that were not used; may be repeated. */
  dispose(): Promise<void>
}

/** The protocols whose shares an evaluator adds up: both rounds of the relinearisation key, and Galois keys. */
export type SummedProtocol = 'relinearization-1' | 'relinearization-2' | 'galois'

/** Everything that an evaluator computes: evaluation keys from key holders' shares, the model it is sent, and queries. */
export interface EvaluatorCryptography {
  /** Checks a share and adds it to its sum; a party's second share is refused unless identical. `party` is its place among the key holders. */
  addShare(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): Promise<void>
  /** Makes the evaluation key of an instance from its sum. @throws MissingShareError before every key holder's share is in it */
  finishKey(protocol: 'relinearization-2' | 'galois', instance: string): Promise<void>
  /** Checks an encrypted weight item of the plan and keeps it; where encryptions are proved it counts only once its batch is verified. */
  storeModelPart(index: number, bytes: Uint8Array): Promise<void>
  /** Checks the proof of a batch of weights, which count as stored only then. @returns C1 of each, for others to check */
  verifyModel(batch: number, proof: Uint8Array): Promise<Uint8Array[]>
  /** Makes the evaluator's own weights ready, where they are clear. */
  prepareModel(): Promise<void>
  /**
   * Begins a query: what is returned takes its inputs and runs the plan.
   * @param query names it; no other with that name may be open
   * @param owner who sends its inputs
   */
  openEvaluation(query: string, owner: string): Promise<QueryEvaluation>
  /** The evaluator's own samples for a query that is open, where data are clear. */
  storeSamples(query: string, samples: Float64Array[]): Promise<void>
}
