/** A release's encrypted weights: in memory as far as there is room, so that the next query need not load them; read one by one otherwise. */
import { type Evaluator, type EvaluatorCiphertext, polynomialBytes } from '@slytherin/ckks'
import { hasRoom, WEIGHTS_HELD } from '@slytherin/engine'
import type { OpenSession } from '../../local/open-session.js'
import type { ReleaseParts } from './release-parts.js'

/** Weights whose bytes are fetched before they are asked for, at least: on a slow link they come while others are hashed, loaded and computed with. */
const AHEAD = 8

export interface ReleaseWeightsOptions {
  readonly hashes: readonly string[]
  readonly space: string
  readonly proved: boolean
  /** How much may be on its way, bytes, where that is more than a few weights: a step that computes for long leaves a link idle otherwise. */
  readonly aheadBytes?: number
  /** Takes so many bytes of what all releases may keep in memory; false when there is no room. */
  reserve(bytes: number): boolean
}

export class ReleaseWeights {
  readonly #session: OpenSession
  readonly #evaluator: Evaluator
  readonly #parts: ReleaseParts
  readonly #options: ReleaseWeightsOptions
  readonly #kept = new Map<number, EvaluatorCiphertext>()
  readonly #lent: EvaluatorCiphertext[] = []
  /** Bytes that are on their way. */
  readonly #coming = new Map<number, Promise<Uint8Array>>()
  #bytes = 0

  constructor(session: OpenSession, evaluator: Evaluator, parts: ReleaseParts, options: ReleaseWeightsOptions) {
    this.#session = session
    this.#evaluator = evaluator
    this.#parts = parts
    this.#options = options
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** Stays here; valid until as many others have been lent as a runner holds. @throws MissingPartError */
  async lend(index: number): Promise<EvaluatorCiphertext> {
    const kept = this.#kept.get(index)
    if (kept !== undefined) return kept
    const { proved, reserve } = this.#options
    using ciphertext = this.#parts.read('model', index, await this.#fetched(index), proved)
    const size = 2 * polynomialBytes(ciphertext.level, this.#session.context.parameters.N)
    const evaluatorMemory = this.#session.plan.costs.bytes.evaluatorMemory
    if (hasRoom(this.#evaluator.bytesFree, size, evaluatorMemory) && reserve(size)) {
      const loaded = this.#evaluator.load(ciphertext)
      this.#kept.set(index, loaded)
      this.#bytes += size
      return loaded
    }
    const loaded = this.#evaluator.load(ciphertext)
    this.#lent.push(loaded)
    while (this.#lent.length > WEIGHTS_HELD) this.#lent.shift()!.dispose()
    return loaded
  }

  /** What is in memory; it is loaded again when it is needed. */
  drop(): void {
    for (const ciphertext of [...this.#kept.values(), ...this.#lent]) ciphertext.dispose()
    this.#kept.clear()
    this.#coming.clear()
    this.#lent.length = 0
    this.#bytes = 0
  }

  /** The bytes of a weight, while those of the next are on their way. @throws MissingPartError */
  async #fetched(index: number): Promise<Uint8Array> {
    const { hashes, space, aheadBytes = 0 } = this.#options
    const size = 2 * polynomialBytes(this.#parts.planned('model', index).level, this.#session.context.parameters.N)
    const end = Math.min(index + 1 + Math.max(AHEAD, Math.floor(aheadBytes / size)), hashes.length)
    // What was asked for before a run went on elsewhere.
    for (const other of this.#coming.keys()) if (other < index || other >= end) this.#coming.delete(other)
    for (let next = index; next < end; next++) {
      if (this.#kept.has(next) || this.#coming.has(next)) continue
      const bytes = this.#parts.fetch('model', next, space, hashes[next] ?? '')
      // A rejection is reported when the weight is asked for.
      bytes.catch(() => undefined)
      this.#coming.set(next, bytes)
    }
    const bytes = this.#coming.get(index)!
    this.#coming.delete(index)
    return await bytes
  }
}
