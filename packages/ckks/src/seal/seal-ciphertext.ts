/** Ciphertexts and plaintexts inside a `SealEvaluator`: objects of SEAL's memory with our metadata, freed by `dispose`. */
import type { CiphertextMetadata } from '../ciphertext.js'
import { metadataOf } from '../evaluation-rules.js'
import type { EvaluatorCiphertext, EvaluatorPlaintext } from '../evaluator.js'
import type { SealHandle, SealModule } from './runtime.js'

export type CiphertextObject = InstanceType<SealModule['Ciphertext']>
type PlaintextObject = InstanceType<SealModule['Plaintext']>

export class SealCiphertext implements EvaluatorCiphertext {
  state: CiphertextMetadata

  constructor(
    readonly owner: object,
    readonly handle: SealHandle<CiphertextObject>,
    state: CiphertextMetadata
  ) {
    this.state = metadataOf(state)
  }

  get level(): number {
    return this.state.level
  }
  get scale(): number {
    return this.state.scale
  }
  get degree(): number {
    return this.state.degree
  }
  get noise(): number {
    return this.state.noise
  }
  get magnitude(): number {
    return this.state.magnitude
  }

  dispose(): void {
    this.handle.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

export class SealPlaintext implements EvaluatorPlaintext {
  constructor(
    readonly owner: object,
    readonly handle: SealHandle<PlaintextObject>,
    readonly level: number,
    readonly scale: number,
    readonly magnitude: number
  ) {}

  dispose(): void {
    this.handle.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
