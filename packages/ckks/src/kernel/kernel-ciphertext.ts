/**
 * Ciphertexts and plaintexts inside a `KernelEvaluator`: polynomials of the ring kernel with their metadata. Their memory is the kernel's, freed by `dispose` and never by
 * the garbage collector; the evaluator counts what is alive.
 */
import { DisposedError, type Polynomial } from '@slytherin/ring'
import type { CiphertextMetadata } from '../ciphertext.js'
import { metadataOf } from '../evaluation-rules.js'
import type { EvaluatorCiphertext, EvaluatorPlaintext } from '../evaluator.js'

/** How many handles of one evaluator are alive. Its identity also tells whose a handle is. */
export class HandleCount {
  ciphertexts = 0
  plaintexts = 0
}

export class KernelCiphertext implements EvaluatorCiphertext {
  #components: Polynomial[]
  #state: CiphertextMetadata
  #disposed = false

  /** @param components move into the handle: ntt domain, over q_0 … q_level */
  constructor(
    readonly owner: HandleCount,
    components: Polynomial[],
    state: CiphertextMetadata
  ) {
    this.#components = components
    this.#state = metadataOf(state)
    owner.ciphertexts++
  }

  get level(): number {
    return this.#state.level
  }
  get scale(): number {
    return this.#state.scale
  }
  get degree(): number {
    return this.#state.degree
  }
  get noise(): number {
    return this.#state.noise
  }
  get magnitude(): number {
    return this.#state.magnitude
  }

  get isDisposed(): boolean {
    return this.#disposed
  }

  /** c_0 … c_degree. @throws DisposedError */
  get components(): Polynomial[] {
    if (this.#disposed) throw new DisposedError('ciphertext')
    return this.#components
  }

  /** Changes what the same components stand for. */
  restate(state: CiphertextMetadata): void {
    this.#state = metadataOf(state)
  }

  /** Does nothing the second time. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    for (const component of this.#components) component.dispose()
    this.owner.ciphertexts--
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

export class KernelPlaintext implements EvaluatorPlaintext {
  #disposed = false

  /** @param polynomial moves into the handle: ntt domain, over at least q_0 … q_level */
  constructor(
    readonly owner: HandleCount,
    private readonly encoded: Polynomial,
    readonly level: number,
    readonly scale: number,
    readonly magnitude: number
  ) {
    owner.plaintexts++
  }

  get isDisposed(): boolean {
    return this.#disposed
  }

  /** @throws DisposedError */
  get polynomial(): Polynomial {
    if (this.#disposed) throw new DisposedError('plaintext')
    return this.encoded
  }

  /** Does nothing the second time. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.encoded.dispose()
    this.owner.plaintexts--
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
