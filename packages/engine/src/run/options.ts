/** What a run is given and what it reports. */
import type { Evaluator, EvaluatorCiphertext, EvaluatorPlaintext } from '@slytherin/ckks'
import type { CompiledStep } from '../steps/kinds.js'

/** A ciphertext, or an encoded plaintext. */
export type Operand = EvaluatorCiphertext | EvaluatorPlaintext

/** Gives weight item `index` of the plan at its level and scale (`weightDescriptor`), encrypted or encoded; `run` disposes what it gets. */
export type WeightSource = (index: number) => Promise<Operand>

/** Gives input ciphertext `index` = block·inputs.count + k; each is asked for once, and `run` disposes it. */
export type InputSource = (index: number) => Promise<Operand>

/** Makes exhausted ciphertexts fresh: with key holders, or whoever has the key. */
export interface Refresher {
  /**
   * Takes ciphertexts over and gives fresh ones of the same messages and scale at the top level, in the same order.
   * @param step index into the plan's steps, and the layer before the refresh
   */
  refresh(
    ciphertexts: EvaluatorCiphertext[],
    step: { readonly index: number; readonly name: string },
    signal?: AbortSignal
  ): Promise<EvaluatorCiphertext[]>
}

/** How far a run of a plan is. */
export interface RunProgress {
  /** name of the layer that is being computed */
  readonly layer: string
  /** work items (weights, squares, refreshes) finished and in all */
  readonly done: number
  /** work items of the whole run */
  readonly total: number
}

/** What a step of a run has come to. */
export interface StepReport {
  readonly step: number
  readonly kind: CompiledStep['kind']
  readonly layer: string
  /** batch blocks from..to-1 */
  readonly blocks: readonly [number, number]
  readonly seconds: number
  /** of the results */
  readonly level: number
  readonly scale: number
  /** log2 of the tracked error */
  readonly noise: number
}

/** A pass that has been run as far as a refresh, and what came of it. */
export interface ResumedPass {
  /** index into the plan's steps */
  readonly step: number
  /** as the refresher gave them */
  readonly ciphertexts: readonly EvaluatorCiphertext[]
}

/** What a run is given. */
export interface RunOptions {
  readonly evaluator: Evaluator
  /** all input ciphertexts (taken over), or a source of them */
  readonly inputs: readonly Operand[] | InputSource
  readonly weights: WeightSource
  /** gives clear weights as numbers where the plan's blocks have one position; used when the evaluator is a `LinearCombiner` */
  readonly scalars?: (index: number) => number
  /** leaves disposing weights to their source, which may give them again (`ClearWeights`) */
  readonly retainWeights?: boolean
  /** needed when the plan has refreshes */
  readonly refresher?: Refresher
  /** asked at the start of every pass, from 0: where it goes on, if it was under way before; the ciphertexts are taken over */
  readonly resume?: (pass: number) => Promise<ResumedPass | undefined>
  readonly signal?: AbortSignal
  /** called as work items are finished */
  readonly onProgress?: (progress: RunProgress) => void
  /** called after every step of every pass */
  readonly onStep?: (report: StepReport) => void
}
