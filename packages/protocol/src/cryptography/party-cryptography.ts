/**
 * A party's cryptography as the protocol sees it: bytes in, bytes out, asynchronous, so that it may live in a worker or in this process.
 *
 * One object serves all roles that a process holds. Methods of roles it does not hold are never called. Every byte string that comes from the network is
 * checked inside (lengths, levels, residues below their primes) before it reaches arithmetic; such errors are typed by the packages that throw them and
 * are renamed to this package's classes by `translateError`.
 */
import type { Architecture, Plan, PlanParameters, StepReport } from '../terms/plan.js'
import type { Role } from '../terms/roster.js'

export interface SessionParameters {
  sessionId: Uint8Array
  plan: Plan
  /** Number of key holders. */
  parties: number
  floodingBits: number
  maximumDecryptions: number
  /** Roles of this process. */
  roles: Role[]
}

export interface RefreshRequest {
  /** Unique in the session; never used for two inputs. */
  instance: string
  level: number
  scale: number
  magnitude: number
  /** Second component of every ciphertext. */
  c1: Uint8Array[]
}

export interface SwitchRequest {
  instance: string
  level: number
  /** log2 of the tracked noise's standard deviation per coefficient. */
  noise: number
  c1: Uint8Array[]
}

export interface EvaluationProgress {
  done: number
  total: number
  /** What is being computed, in plain words. */
  step: string
}

export interface EvaluationCallbacks {
  /** One share per key holder (in party order) and ciphertext. */
  refresh(request: RefreshRequest): Promise<Uint8Array[][]>
  /** One share per key holder (in party order) and ciphertext, to the querier's registered key. */
  switchShares(request: SwitchRequest): Promise<Uint8Array[][]>
  /** The querier's registered key, to which an evaluator of a clear model adds flooding of its own. */
  resultKey(): Promise<Uint8Array>
  progress(progress: EvaluationProgress): void
  /** Told once, when the plan has been run: every step of every pass, in order. */
  layers?(steps: StepReport[]): void
}

export type SummedProtocol = 'relinearization-1' | 'relinearization-2' | 'galois'

export interface PartyCryptography {
  /** Everything below belongs to the open session. */
  open(session: SessionParameters): Promise<void>
  /** Ends the session and wipes what belongs to it; an evaluation in progress rejects. May be called when none is open. */
  close(): Promise<void>
  /** Shares of all key holders in party order: checked and summed to the collective public key. */
  setPublicKey(shares: Uint8Array[]): Promise<void>

  // key holder: every share is deterministic in (share key, session, protocol, instance, input) and recorded in the ledger before it is given; which keys there are and
  // for which levels is the plan's
  publicKeyShare(): Promise<Uint8Array>
  relinearizationShareOne(): Promise<Uint8Array>
  relinearizationShareTwo(aggregatedOne: Uint8Array): Promise<Uint8Array>
  galoisShare(element: number): Promise<Uint8Array>
  /** One share per ciphertext. */
  refreshShare(request: RefreshRequest): Promise<Uint8Array[]>
  /** One share per ciphertext. */
  switchShare(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]>

  // model owner
  /** Encrypted weight item `index` of the plan. */
  modelPart(index: number): Promise<Uint8Array>
  /** Public shape of the model; asked before a session is open. */
  architecture(): Promise<Architecture>

  // querier and data owner
  /** Makes the querier's own key pair (once per session; asked before the session is open) and returns the serialized public key. */
  resultKey(parameters: PlanParameters): Promise<Uint8Array>
  setSamples(samples: Float64Array[]): Promise<void>
  /** Ciphertext `index` of the samples set last. */
  encryptInput(index: number): Promise<Uint8Array>
  /** Logits per sample of the batch. */
  decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]>

  // evaluator
  /** Checks a share and adds it to its sum; a party's second share is refused unless identical. `party` is its place among the key holders. */
  addShare(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): Promise<void>
  aggregate(protocol: 'relinearization-1', instance: string): Promise<Uint8Array>
  finishKey(protocol: 'relinearization-2' | 'galois', instance: string): Promise<void>
  storeModelPart(index: number, bytes: Uint8Array): Promise<void>
  /** Makes the evaluator's own weights ready, where they are clear. */
  prepareModel(): Promise<void>
  storeInput(query: string, index: number, bytes: Uint8Array): Promise<void>
  /** The evaluator's own samples, where data are clear. */
  storeSamples(query: string, samples: Float64Array[]): Promise<void>
  /** Inputs of a query that were not used are not needed any more. */
  forgetQuery(query: string): Promise<void>
  /** Result ciphertexts under the querier's key. */
  evaluate(query: string, callbacks: EvaluationCallbacks): Promise<Uint8Array[]>
}
