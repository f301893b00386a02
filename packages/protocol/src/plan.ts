/**
 * The parts of the engine's plan that the protocol reads: how many messages of which kind a session will carry, and how large they may be.
 */

export interface PlanParameters {
  readonly logN: number
  readonly primes: readonly string[]
  readonly specialPrimes: readonly string[]
  readonly scale: number
  readonly insecure?: true
}

export interface Plan {
  readonly version: 1
  readonly model: string
  readonly parties: number
  readonly batch: number
  readonly batchBlocks: number
  readonly parameters: PlanParameters
  /** Slot rotations for which Galois keys are made. */
  readonly rotations: readonly number[]
  readonly inputs: { readonly count: number; readonly level: number }
  readonly weights: { readonly count: number }
  readonly refreshes: readonly { readonly level: number; readonly ciphertextsPerBlock: number }[]
  readonly output: { readonly level: number; readonly ciphertextsPerBlock: number }
}

/** Public shape of a model, made by its owner and read by the planner only. */
export type Architecture = unknown
