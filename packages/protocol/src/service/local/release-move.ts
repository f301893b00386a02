/**
 * One attempt at moving a release to another epoch's key (mhe/provable-switch.ts), in the old epoch's ring: both epochs have the same parameters. A share travels as an
 * encrypted part of a release of the new epoch does, and is proved like one, with its holder as sender; so does what the sum of t shares makes of a part.
 *
 * The first attempt switches the parts as they are. A later one, after a holder was lost, switches what everybody can compute of them (attempts.ts): no ciphertext meets
 * two active sets.
 */
import { type Ciphertext, deserializePublicKey, PROVABLE_FACTOR, type PublicKey } from '@slytherin/ckks'
import { type Attempt, decodeUndivided, EncryptionProofs, encodeComponent, ProvableSwitch, type ProvableSwitchShare } from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import { fromHex } from '../../base/digest.js'
import { OpenSession, SessionStateError } from '../../local/open-session.js'
import { decodeFirst, joinPart, splitPart, statementOf } from '../../local/proof-statements.js'
import { batchOf, modelBatches, type ProofBatch } from '../../terms/proof-batches.js'
import type { MoveCryptography, MoveCryptographyTerms } from '../cryptography/move.js'
import type { ContentStore } from '../store/content-store.js'
import { attempted, attemptOf } from './attempts.js'
import type { EpochMeans } from './epoch-means.js'
import { ReleaseParts } from './release-parts.js'
import { releaseSession } from './release-session.js'

/** What the proof of a share needs. */
interface Witness {
  readonly seed: Uint8Array
  readonly undivided: Polynomial
}

/** Attempts of a move use nothing of the evaluator's own. */
const NO_SECRET = new Uint8Array(0)

export interface LocalMoveOptions {
  readonly self: string
  readonly contents: ContentStore
  onDisposed(): void
}

export class LocalMove implements MoveCryptography {
  readonly #epoch: EpochMeans
  readonly #terms: MoveCryptographyTerms
  readonly #options: LocalMoveOptions
  /** Of the epoch that is left, and of the one that follows, in the ring of the first. */
  readonly #session: OpenSession
  readonly #target: OpenSession
  readonly #key: PublicKey
  readonly #attempt: Attempt
  readonly #parts: ReleaseParts
  readonly #shares: ReleaseParts
  readonly #batches: readonly ProofBatch[]
  readonly #protocol: ProvableSwitch
  /** This holder's, by index, until their batch is proved. */
  readonly #witnesses = new Map<number, Witness>()
  #disposed = false

  constructor(epoch: EpochMeans, terms: MoveCryptographyTerms, options: LocalMoveOptions) {
    const { context } = epoch
    const { plan, owner, nonce, target, attempt } = terms
    this.#epoch = epoch
    this.#terms = terms
    this.#options = options
    const proofs = { self: options.self, modelOwner: owner, soleHolder: null }
    this.#attempt = attemptOf(fromHex(epoch.terms.epoch), attempt)
    this.#session = releaseSession(epoch, plan, proofs)
    const { parties, floodingBits, maximumDecryptions, maximumRefreshes } = this.#session
    this.#key = deserializePublicKey(context, target.publicKey)
    this.#target = new OpenSession(
      { context, publicKey: this.#key },
      { sessionId: fromHex(target.epoch), plan, parties, floodingBits, maximumDecryptions, maximumRefreshes, proofs, roles: [] },
      { allowInsecure: true }
    )
    this.#parts = new ReleaseParts(this.#session, nonce, options.contents)
    this.#shares = new ReleaseParts(this.#target, nonce, options.contents)
    this.#batches = modelBatches(plan)
    this.#protocol = new ProvableSwitch(context, this.#session.sessionId, attempt.active.length)
  }

  async share(index: number, part: Uint8Array): Promise<Uint8Array> {
    const { context } = this.#session
    const { publicKey: targetKey } = this.#terms.target
    const { level: provenLevel } = this.#batchOf(index)
    using ciphertext = this.#asked(index, part)
    const { level, scale, magnitude } = ciphertext
    // What is tracked of a moved part has the flooding in it, which belongs to the message.
    const noise = context.noise.fresh(PROVABLE_FACTOR)
    const c1 = encodeComponent(context, ciphertext.components[1]!)
    const request = { ciphertext: index, level, provenLevel, noise, scale, magnitude, c1, targetKey }
    const { bytes, undivided, seed } = this.#epoch.hand.giver.provableSwitchShare(this.#attempt, request)
    this.#forget(index)
    this.#witnesses.set(index, { undivided, seed })
    return bytes
  }

  async prove(number: number): Promise<Uint8Array> {
    const { context, sessionId, publicKey } = this.#target
    const batch = this.#batches[number]
    if (batch === undefined) throw new SessionStateError(`there is no batch ${number} to prove`)
    const { first, count } = batch
    const witnesses = Array.from({ length: count }, (_, k) => {
      const witness = this.#witnesses.get(first + k)
      if (witness === undefined) throw new SessionStateError(`share ${first + k} of the batch was not given since this move was opened`)
      return witness
    })
    const statement = statementOf({ sender: this.#options.self, query: null, release: this.#terms.nonce }, batch)
    const proof = new EncryptionProofs(context, sessionId).prove({ publicKey, statement, batch: witnesses })
    for (let k = 0; k < count; k++) this.#forget(first + k)
    return proof
  }

  async check(index: number, share: Uint8Array): Promise<void> {
    this.#shares.check('model', index, share, true)
  }

  async verify(holder: string, batch: number, shares: Uint8Array[], proof: Uint8Array): Promise<void> {
    this.#shares.verify({ sender: holder, query: null, batch, parts: shares, proof })
  }

  async combine(index: number, part: Uint8Array, shares: Uint8Array[]): Promise<Uint8Array> {
    const { level: provenLevel } = this.#batchOf(index)
    using ciphertext = this.#asked(index, part)
    const read: ProvableSwitchShare[] = []
    try {
      for (const bytes of shares) read.push(this.#read(bytes, ciphertext.level, provenLevel))
      const { first, undivided } = this.#protocol.finalize(ciphertext, read, provenLevel)
      try {
        return joinPart(this.#session, first, undivided)
      } finally {
        first.dispose()
        undivided.dispose()
      }
    } finally {
      for (const { first, undivided } of read) {
        first.dispose()
        undivided.dispose()
      }
    }
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    for (const index of [...this.#witnesses.keys()]) this.#forget(index)
    this.#target.dispose()
    this.#session.dispose()
    this.#key.dispose()
    this.#options.onDisposed()
  }

  /** A part as it is asked about in this attempt; the caller disposes it. */
  #asked(index: number, part: Uint8Array): Ciphertext {
    using ciphertext = this.#parts.read('model', index, part, true)
    return attempted(this.#session, NO_SECRET, this.#attempt, index, ciphertext)
  }

  #read(bytes: Uint8Array, level: number, provenLevel: number): ProvableSwitchShare {
    const { context } = this.#session
    const [head, tail] = splitPart(this.#session, bytes, level, provenLevel)
    const first = decodeFirst(context, head, level)
    try {
      return { first, undivided: decodeUndivided(context, tail, provenLevel) }
    } catch (error) {
      first.dispose()
      throw error
    }
  }

  #batchOf(index: number): ProofBatch {
    const batch = batchOf(this.#batches, index)
    if (batch === undefined) throw new SessionStateError(`weight ${index} is not in the plan`)
    return batch
  }

  #forget(index: number): void {
    const witness = this.#witnesses.get(index)
    if (witness === undefined) return
    this.#witnesses.delete(index)
    witness.seed.fill(0)
    if (!this.#session.closed) witness.undivided.dispose()
  }
}
