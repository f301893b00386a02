/**
 * What publishing a model in an epoch, and querying it, ask of cryptography. Everything is a handle: a party may have several releases open, and several queries of
 * each. Whoever implements it checks every byte string before arithmetic.
 */
import type { QueryInputs } from '../../cryptography/data-owner.js'
import type { EvaluationProgress } from '../../cryptography/evaluator.js'
import type { RefreshRequest, RefreshWholeRequest, SwitchRequest } from '../../cryptography/key-holder.js'
import type { Architecture, Plan, StepReport } from '../../terms/plan.js'
import type { AttemptName } from './epoch.js'
import type { MoveCryptography, MoveCryptographyTerms } from './move.js'

/** What a model is encrypted with. */
export interface PublicationTerms {
  /** Which of this party's models. */
  readonly model: string
  /** For the parameters of the epoch. */
  readonly plan: Plan
  /** This party, as the release names it, and the release's nonce: what proofs are made for. */
  readonly owner: string
  readonly nonce: string
  /** 32 secret bytes, kept with what is published: the same terms and model are encrypted to the same bytes again. */
  readonly seed: Uint8Array
}

/** A model while its owner encrypts it. */
export interface PublicationCryptography {
  /** Encrypted weight `index` of the plan, as it travels. */
  part(index: number): Promise<Uint8Array>
  /** Proof that the weights of a batch are encryptions (terms/proof-batches.ts). */
  prove(batch: number): Promise<Uint8Array>
  /** Lets go of the model's polynomials. */
  dispose(): Promise<void>
}

/** What a release is opened with: whose it is, its plan, and the hashes of its parts. */
export interface ReleaseTerms {
  /** Of the release; its parts are kept under it (`releaseSpace`). */
  readonly nonce: string
  /** Peer id, as proofs are bound to it. */
  readonly owner: string
  readonly plan: Plan
  /** SHA-256 of every part, hexadecimal; none before the release is signed, and where the model is clear at its evaluator. */
  readonly parts: readonly string[]
  /** Which of this party's models it is, where the model is clear at this evaluator. */
  readonly model?: string
}

/** Parts of one batch and the proof that they are encryptions. */
export interface BatchCheck {
  /** Peer id, as proofs are bound to it. */
  readonly sender: string
  /** The query whose inputs these are; null for the model. */
  readonly query: string | null
  /** Of the sender's batches of this purpose (terms/proof-batches.ts). */
  readonly batch: number
  /** In order, as they travelled. */
  readonly parts: readonly Uint8Array[]
  readonly proof: Uint8Array
}

/** What an evaluation is opened with; together with the model it determines every byte of what is asked and answered. */
export interface EvaluationTerms {
  /** Names it among evaluations of this release; attempts are of this query. */
  readonly query: string
  /** Peer id of who sent the inputs. */
  readonly sender: string
  /** Whether inputs travelled as proved parts. */
  readonly proved: boolean
  /** SHA-256 of every input, in order, hexadecimal; in which space of the content store they are. */
  readonly inputs: readonly string[]
  readonly space: string
  /** Samples of the evaluator's own, where the plan's data are clear. */
  readonly samples?: Float64Array[]
  /** 32 secret bytes of this query alone: all randomness of the evaluator's comes from them, so that a query that is started again asks for the same. */
  readonly seed: Uint8Array
  /** Whether the querier is the only key holder, and decrypts its results itself. */
  readonly querierHoldsKey: boolean
}

/** A request under an attempt; `instance` is the attempt's. */
export type Attempted<R> = R & { readonly attempt: AttemptName }

/**
 * What an evaluation asks for. Answers of a refresh or a switch are those of the active holders in the order of their points, one for each ciphertext; undefined
 * means that this attempt will not be answered, and that `attempt` names the next.
 */
export interface ReleaseCallbacks {
  /** The attempt to make of a step (`r<step>.<pass>`, or `out`): the one that is not yet known to have failed. */
  attempt(step: string): Promise<AttemptName>
  /** Shares of a collective refresh. */
  refresh(request: Attempted<RefreshRequest>): Promise<Uint8Array[][] | undefined>
  /** Shares of the collective switch of the result to the querier's key. */
  switchShares(request: Attempted<SwitchRequest>): Promise<Uint8Array[][] | undefined>
  /** Where one party holds the whole key: a fresh encryption of each masked message. */
  refreshWhole(request: Attempted<RefreshWholeRequest>): Promise<Uint8Array[] | undefined>
  /** Where one party holds the whole key: each result under the querier's key. */
  switchWhole(request: Attempted<SwitchRequest>): Promise<Uint8Array[] | undefined>
  /** A holder's answer was none: the attempt has failed. @param point the holder's */
  rejected(attempt: AttemptName, point: number, reason: string): Promise<void>
  /** The querier's key, to which an evaluator of a clear model adds flooding of its own. */
  resultKey(): Promise<Uint8Array>
  /** Told as the plan runs. */
  progress(progress: EvaluationProgress): void
  /** Takes what a refresh of a pass has come to: an evaluation that is started again may go on from there. Serialised. */
  keep?(pass: number, step: number, ciphertexts: Uint8Array[]): Promise<void>
  /** What was taken last of a pass, if it is there. */
  kept?(pass: number): Promise<Resumed | undefined>
  /** Told after every step of every pass. */
  step?(report: StepReport): void
}

/** Where a pass goes on: after a step of the plan, a refresh, with what came of it. */
export interface Resumed {
  /** Index into the plan's steps. */
  readonly step: number
  /** Serialised, one for each that the step refreshes in the pass. */
  readonly ciphertexts: readonly Uint8Array[]
}

/** One query at an evaluator or a witness, ready to be run. */
export interface ReleaseEvaluation {
  /** Result ciphertexts under the querier's key. @throws the signal's reason; what a callback throws */
  evaluate(callbacks: ReleaseCallbacks, signal?: AbortSignal): Promise<Uint8Array[]>
  /** Lets go of the evaluation. */
  dispose(): Promise<void>
}

/** A key pair of one query's results. */
export interface ResultKeyPair {
  /** 32 secret bytes that the secret key is made from. */
  readonly seed: Uint8Array
  /** Serialised. */
  readonly publicKey: Uint8Array
}

/** A release as its roles see it; each asks for its own. */
export interface ReleaseCryptography {
  /** Whether a part is one, in form and residues. @throws MalformedCiphertextError and the like */
  checkPart(kind: 'model' | 'input', index: number, bytes: Uint8Array, proved: boolean): Promise<void>
  /** @throws mhe's typed errors when the proof does not hold */
  checkBatch(check: BatchCheck): Promise<void>

  /** @throws when there are more samples than the plan's batch, or one has the wrong number of features */
  openQuery(samples: Float64Array[], query: string): Promise<QueryInputs>
  /** Logits per sample of the batch, padding included. @param seed of the result key; null for the holder of the whole key, whose results are under that */
  decryptResults(ciphertexts: Uint8Array[], seed: Uint8Array | null): Promise<Float64Array[]>

  /** Opens a query whose inputs are in the content store. Runs nothing yet. The caller disposes it. */
  openEvaluation(terms: EvaluationTerms): Promise<ReleaseEvaluation>

  /** One share for each ciphertext. @throws UnforeseenRequestError, mhe's typed errors (given before, another sharing, quota) */
  refreshShare(request: Attempted<RefreshRequest>): Promise<Uint8Array[]>
  /** One share for each ciphertext of the result. @throws UnforeseenRequestError, mhe's typed errors (given before, another sharing, quota) */
  switchShare(request: Attempted<SwitchRequest> & { readonly targetKey: Uint8Array }): Promise<Uint8Array[]>
  /** By the holder of the whole key: a fresh encryption of each masked message. */
  refreshWhole(request: Attempted<RefreshWholeRequest>): Promise<Uint8Array[]>
  /** By the holder of the whole key: each ciphertext of the result under the target key. */
  switchWhole(request: Attempted<SwitchRequest> & { readonly targetKey: Uint8Array }): Promise<Uint8Array[]>

  /** Lets go of the release's memory; what is stored stays. */
  dispose(): Promise<void>
}

/** Releases of one epoch. */
export interface ReleasesCryptography {
  /** Public shape of one of this party's models. */
  architecture(model: string): Promise<Architecture>
  /** Opens one of this party's models for encryption into the epoch. The caller disposes it. */
  openPublication(terms: PublicationTerms): Promise<PublicationCryptography>
  /** Opens a release for any of this party's roles; its plan is checked against the epoch. The caller disposes it. */
  openRelease(terms: ReleaseTerms): Promise<ReleaseCryptography>
  /** A move away from this epoch. */
  openMove(terms: MoveCryptographyTerms): Promise<MoveCryptography>
  /** A fresh key pair for the results of one query. The caller wipes its seed. */
  resultKey(): Promise<ResultKeyPair>
}
