/** Encrypted parts of a model and of a query's inputs, from the bytes in which they travelled: checked when they come, checked again by their hash when they are used. */
import { type Ciphertext, deserializeCiphertext } from '@slytherin/ckks'
import { MalformedProofError } from '@slytherin/mhe'
import { type OpenSession, SessionStateError } from '../../local/open-session.js'
import { MissingPartError } from '../../local/part-store.js'
import {
  batchesOf,
  checkPart,
  type PlannedCiphertext,
  provenCiphertext,
  splitPart,
  verifyEncryptions
} from '../../local/proof-statements.js'
import { inputCount } from '../../terms/plan.js'
import { batchOf, type ProofBatch } from '../../terms/proof-batches.js'
import type { BatchCheck } from '../cryptography/release.js'
import type { ContentStore } from '../store/content-store.js'

export class ReleaseParts {
  readonly #session: OpenSession
  readonly #nonce: string
  readonly #contents: Pick<ContentStore, 'get'>
  readonly #batches: { readonly model: readonly ProofBatch[]; readonly input: readonly ProofBatch[] }

  constructor(session: OpenSession, nonce: string, contents: Pick<ContentStore, 'get'>) {
    this.#session = session
    this.#nonce = nonce
    this.#contents = contents
    this.#batches = { model: batchesOf(session, { query: null }), input: batchesOf(session, { query: '' }) }
  }

  /** What the plan says of a part. @throws SessionStateError when it has no such part */
  planned(kind: 'model' | 'input', index: number): PlannedCiphertext {
    const { plan } = this.#session
    const planned = kind === 'model' ? plan.weights.items[index] : index >= 0 && index < inputCount(plan) ? plan.inputs : undefined
    if (planned === undefined) throw new SessionStateError(`${kind} part ${index} is not in the plan`)
    return planned
  }

  /** @throws MalformedCiphertextError and the like */
  check(kind: 'model' | 'input', index: number, bytes: Uint8Array, proved: boolean): void {
    const planned = this.planned(kind, index)
    if (!proved) {
      this.#read(planned, bytes).dispose()
      return
    }
    const { level } = this.#batchOf(kind, index)
    const [first, undivided] = splitPart(this.#session, bytes, planned.level, level)
    checkPart(this.#session, first, undivided, planned.level, level)
  }

  /** @throws mhe's typed errors when the proof does not hold */
  verify({ sender, query, batch: number, parts, proof }: BatchCheck): void {
    const kind = query === null ? 'model' : 'input'
    const batch = this.#batches[kind][number]
    if (batch === undefined) throw new MalformedProofError('batch', `below ${this.#batches[kind].length}`, number)
    if (parts.length !== batch.count) throw new MalformedProofError('C1 count', batch.count, parts.length)
    const undivided = parts.map((bytes, k) => splitPart(this.#session, bytes, this.planned(kind, batch.first + k).level, batch.level)[1])
    verifyEncryptions(this.#session, { sender, query, release: this.#nonce, batch: number, undivided, proof })
  }

  /** A part that was checked when it came; the caller disposes it. @throws MissingPartError for one that is not there, or damaged */
  async load(kind: 'model' | 'input', index: number, space: string, hash: string, proved: boolean): Promise<Ciphertext> {
    return this.read(kind, index, await this.fetch(kind, index, space, hash), proved)
  }

  /** The bytes of a part. @throws MissingPartError for one that is not there, or damaged */
  async fetch(kind: 'model' | 'input', index: number, space: string, hash: string): Promise<Uint8Array> {
    const bytes = await this.#contents.get(space, hash)
    if (bytes === undefined) throw new MissingPartError(`${kind} part ${index} (${hash.slice(0, 16)}) of ${space}`)
    return bytes
  }

  /** A part from its bytes; the caller disposes it. @throws MalformedCiphertextError and the like */
  read(kind: 'model' | 'input', index: number, bytes: Uint8Array, proved: boolean): Ciphertext {
    const planned = this.planned(kind, index)
    if (!proved) return this.#read(planned, bytes)
    const { level } = this.#batchOf(kind, index)
    const [first, undivided] = splitPart(this.#session, bytes, planned.level, level)
    return provenCiphertext(this.#session, first, undivided, planned, level)
  }

  #read({ level, scale }: PlannedCiphertext, bytes: Uint8Array): Ciphertext {
    return deserializeCiphertext(this.#session.context, bytes, { level, degree: 1, scale })
  }

  #batchOf(kind: 'model' | 'input', index: number): ProofBatch {
    const batch = batchOf(this.#batches[kind], index)
    if (batch === undefined) throw new SessionStateError(`${kind} part ${index} is in no batch`)
    return batch
  }
}
