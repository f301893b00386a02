/** Ciphertexts that have come without their batch's proof: kept apart, as the bytes that they are, until it has been checked. Two batches of them at most. */
import type { Ciphertext } from '@slytherin/ckks'
import { MalformedProofError } from '@slytherin/mhe'
import type { Provenance } from '../cryptography/proofs.js'
import { batchOf, type ProofBatch } from '../terms/proof-batches.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { MissingPartError } from './part-store.js'
import { batchesOf, checkPart, type PlannedCiphertext, provenCiphertext, splitPart, verifyEncryptions } from './proof-statements.js'

/** One that is being checked, and one that is coming. */
const PENDING_BATCHES = 2

interface Part {
  readonly first: Uint8Array
  readonly undivided: Uint8Array
}

interface UnprovedPartsOptions {
  readonly provenance: Provenance
  /** What the plan says of ciphertext `index`. */
  planned(index: number): PlannedCiphertext
  /** Takes a ciphertext whose proof has been checked; it is disposed afterwards. */
  keep(index: number, ciphertext: Ciphertext): Promise<void>
}

export class UnprovedParts {
  readonly #session: OpenSession
  readonly #options: UnprovedPartsOptions
  readonly #batches: readonly ProofBatch[]
  readonly #pending = new Map<number, Map<number, Part>>()
  readonly #proved = new Set<number>()

  constructor(session: OpenSession, options: UnprovedPartsOptions) {
    this.#session = session
    this.#options = options
    this.#batches = batchesOf(session, options.provenance)
  }

  /** @throws MalformedCiphertextError for what is none; SessionStateError when it is further ahead of the proofs than is kept */
  put(index: number, bytes: Uint8Array): void {
    const batch = batchOf(this.#batches, index)
    if (batch === undefined) throw new SessionStateError(`ciphertext ${index} is in no batch`)
    if (this.#proved.has(batch.number)) throw new SessionStateError(`ciphertext ${index} is proved already`)
    const planned = this.#options.planned(index)
    const [first, undivided] = splitPart(this.#session, bytes, planned.level, batch.level)
    // What is none is refused now, while it is known which message it came in.
    checkPart(this.#session, first, undivided, planned.level, batch.level)
    let parts = this.#pending.get(batch.number)
    if (parts === undefined) {
      if (this.#pending.size >= PENDING_BATCHES) {
        throw new SessionStateError(`ciphertext ${index} came before the proof of those before it`)
      }
      parts = new Map()
      this.#pending.set(batch.number, parts)
    }
    parts.set(index, { first, undivided })
  }

  /**
   * Checks a batch's proof and keeps its ciphertexts; where it does not hold nothing has changed.
   * @returns C1 of every ciphertext, for others to check; none when this was proved before
   * @throws MissingPartError while one of the batch has not come; mhe's typed errors when the proof does not hold
   */
  async verify(number: number, proof: Uint8Array): Promise<Uint8Array[]> {
    const batch = this.#batches[number]
    if (batch === undefined) throw new MalformedProofError('batch', `below ${this.#batches.length}`, number)
    if (this.#proved.has(number)) return []
    const { first, count, level } = batch
    const parts = Array.from({ length: count }, (_, k) => {
      const part = this.#pending.get(number)?.get(first + k)
      if (part === undefined) throw new MissingPartError(`ciphertext ${first + k} of batch ${number}`)
      return part
    })
    const undivided = parts.map(part => part.undivided)
    verifyEncryptions(this.#session, { ...this.#options.provenance, batch: number, undivided, proof })
    // From here on nobody else keeps these.
    this.#proved.add(number)
    this.#pending.delete(number)
    for (const [k, part] of parts.entries()) {
      using ciphertext = provenCiphertext(this.#session, part.first, part.undivided, this.#options.planned(first + k), level)
      await this.#options.keep(first + k, ciphertext)
    }
    return undivided
  }

  dispose(): void {
    this.#pending.clear()
  }
}
