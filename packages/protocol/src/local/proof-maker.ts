/**
 * Encrypts provably, ciphertext by ciphertext, and proves batch by batch that it did. What a batch's proof needs stays in memory until the proof is made, for
 * two batches at a time: one that is proved while the next is encrypted. Everything derives from one seed, so that what is asked for again is the same bytes.
 */
import type { Plaintext } from '@slytherin/ckks'
import { EncryptionProofs } from '@slytherin/mhe'
import { deriveSeed, type Polynomial, randomSeed } from '@slytherin/ring'
import type { Provenance } from '../cryptography/proofs.js'
import { batchOf, type ProofBatch } from '../terms/proof-batches.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { batchesOf, encodePart, statementOf } from './proof-statements.js'

/** Batches whose C1 are kept. */
const KEPT_BATCHES = 2

export class ProofMaker {
  readonly #session: OpenSession
  readonly #provenance: Provenance
  readonly #batches: readonly ProofBatch[]
  readonly #encode: (index: number) => Plaintext
  readonly #seed: Uint8Array
  /** C1 by index, of each batch that is under way. */
  readonly #kept = new Map<ProofBatch, Map<number, Polynomial>>()
  #disposed = false

  /**
   * @param encode ciphertext `index` before it is one, at its level; disposed here
   * @param seed   32 secret bytes, for these ciphertexts alone: whoever keeps them makes the same again. Copied
   */
  constructor(session: OpenSession, provenance: Provenance, encode: (index: number) => Plaintext, seed: Uint8Array = randomSeed()) {
    this.#session = session
    this.#provenance = provenance
    this.#batches = batchesOf(session, provenance)
    this.#encode = encode
    this.#seed = seed.slice()
  }

  /** Ciphertext `index`, as it travels. */
  part(index: number): Uint8Array {
    this.#checkOpen()
    const batch = batchOf(this.#batches, index)
    if (batch === undefined) throw new SessionStateError(`ciphertext ${index} is in no batch`)
    return this.#encrypt(batch, index)
  }

  /** The proof of a batch, all of whose ciphertexts have been sent; encrypted again where it is asked for once more. */
  proof(number: number): Uint8Array {
    this.#checkOpen()
    const { context, sessionId, publicKey } = this.#session
    const batch = this.#batches[number]
    if (batch === undefined) throw new SessionStateError(`there is no batch ${number} to prove`)
    const { first, count } = batch
    const seeds: Uint8Array[] = []
    const randomness = deriveSeed(this.#seed, 'proof', number)
    try {
      const witnesses = Array.from({ length: count }, (_, k) => {
        if (this.#kept.get(batch)?.get(first + k) === undefined) this.#encrypt(batch, first + k)
        const seed = this.#seedOf(first + k)
        seeds.push(seed)
        return { seed, undivided: this.#kept.get(batch)!.get(first + k)! }
      })
      const statement = statementOf(this.#provenance, batch)
      return new EncryptionProofs(context, sessionId).prove({ publicKey, statement, batch: witnesses }, randomness)
    } finally {
      for (const seed of [...seeds, randomness]) seed.fill(0)
      this.#release(batch)
    }
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#seed.fill(0)
    // A session that is over has taken its polynomials with it.
    if (!this.#session.closed) for (const batch of [...this.#kept.keys()]) this.#release(batch)
    this.#kept.clear()
  }

  #encrypt(batch: ProofBatch, index: number): Uint8Array {
    const seed = this.#seedOf(index)
    try {
      using plaintext = this.#encode(index)
      const encryption = this.#session.encryptor.encryptProvably(plaintext, seed, batch.level)
      using _ciphertext = encryption.ciphertext
      this.#keep(batch, index, encryption.undivided)
      return encodePart(this.#session, encryption)
    } finally {
      seed.fill(0)
    }
  }

  #seedOf(index: number): Uint8Array {
    return deriveSeed(this.#seed, 'encryption', index)
  }

  #keep(batch: ProofBatch, index: number, undivided: Polynomial): void {
    let kept = this.#kept.get(batch)
    if (kept === undefined) {
      if (this.#kept.size >= KEPT_BATCHES) this.#release(this.#kept.keys().next().value!)
      kept = new Map()
      this.#kept.set(batch, kept)
    }
    kept.get(index)?.dispose()
    kept.set(index, undivided)
  }

  #release(batch: ProofBatch): void {
    for (const polynomial of this.#kept.get(batch)?.values() ?? []) polynomial.dispose()
    this.#kept.delete(batch)
  }

  #checkOpen(): void {
    if (this.#session.closed) throw new SessionStateError('the session was closed')
    if (this.#disposed) throw new SessionStateError('what was to be encrypted has been let go')
  }
}
