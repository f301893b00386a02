import type { Polynomial } from '@slytherin/ring'

/** What is tracked of a ciphertext without its key. */
export interface CiphertextMetadata {
  /** l: residues modulo q_0 … q_l are left. */
  readonly level: number
  /** Δ: what messages are multiplied with before they are rounded. */
  readonly scale: number
  /** Number of components minus one: 1 or 2. */
  readonly degree: number
  /** log2 of the standard deviation of the error per coefficient, conservative. */
  readonly noise: number
  /** Bound on |slot value|. */
  readonly magnitude: number
}

/** Metadata without the degree, which follows from the components. */
export type CiphertextState = Omit<CiphertextMetadata, 'degree'>

/** c0 + c1·s (+ c2·s²) = Δ·m + e modulo Q_l. Owns its components, all in the ntt domain over q_0 … q_l. */
export class Ciphertext implements CiphertextMetadata, Disposable {
  readonly level: number
  readonly scale: number
  readonly noise: number
  readonly magnitude: number

  constructor(
    readonly components: readonly Polynomial[],
    state: CiphertextState
  ) {
    this.level = state.level
    this.scale = state.scale
    this.noise = state.noise
    this.magnitude = state.magnitude
  }

  get degree(): number {
    return this.components.length - 1
  }

  /** A copy of its own. */
  clone(): Ciphertext {
    return new Ciphertext(
      this.components.map(component => component.clone()),
      this
    )
  }

  /** Frees its polynomials. */
  dispose(): void {
    for (const component of this.components) component.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
