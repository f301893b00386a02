/**
 * A model while its owner encrypts it. Everything derives from the publication's seed, the terms and the weights, so that an owner that was killed goes on where it
 * was, and so that no two plans, epochs or models meet the same randomness.
 */
import { type Plaintext, serializeCiphertext } from '@slytherin/ckks'
import { type Network, packWeight } from '@slytherin/engine'
import { deriveSeed } from '@slytherin/ring'
import { canonicalBytes } from '../../base/canonical.js'
import { digest } from '../../base/digest.js'
import { type OpenSession, SessionStateError } from '../../local/open-session.js'
import { ProofMaker } from '../../local/proof-maker.js'
import { provesEncryptions } from '../../terms/proof-batches.js'
import type { PublicationCryptography, PublicationTerms } from '../cryptography/release.js'
import { networkDigest } from './network-digest.js'

export class Publication implements PublicationCryptography {
  readonly #session: OpenSession
  readonly #network: Network
  readonly #seed: Uint8Array
  /** Undefined where nothing is proved. */
  readonly #maker: ProofMaker | undefined
  readonly #onDisposed: () => void
  #disposed = false

  constructor(session: OpenSession, network: Network, { owner, nonce, seed }: PublicationTerms, onDisposed: () => void) {
    this.#session = session
    this.#network = network
    const bound = digest('slytherin publication', session.sessionId, nonce, canonicalBytes(session.plan), networkDigest(network))
    this.#seed = deriveSeed(seed, bound)
    this.#onDisposed = onDisposed
    if (provesEncryptions(session.proofs, owner)) {
      const provenance = { sender: owner, query: null, release: nonce }
      this.#maker = new ProofMaker(session, provenance, index => this.#encode(index), this.#seed)
    }
  }

  async part(index: number): Promise<Uint8Array> {
    this.#check(index)
    if (this.#maker !== undefined) return this.#maker.part(index)
    using plaintext = this.#encode(index)
    using ciphertext = this.#session.encryptor.encrypt(plaintext, deriveSeed(this.#seed, 'encryption', index))
    return serializeCiphertext(ciphertext)
  }

  async prove(batch: number): Promise<Uint8Array> {
    this.#check(0)
    if (this.#maker === undefined) throw new SessionStateError('encryptions of this release are not proved')
    return this.#maker.proof(batch)
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    this.#maker?.dispose()
    this.#seed.fill(0)
    this.#onDisposed()
  }

  #encode(index: number): Plaintext {
    const { plan, context } = this.#session
    return context.encoder.encode(packWeight(plan, this.#network, index), plan.weights.items[index]!)
  }

  #check(index: number): void {
    if (this.#disposed) throw new SessionStateError('the publication was closed')
    const { count, items } = this.#session.plan.weights
    if (items[index] === undefined) throw new SessionStateError(`weight ${index} is not in the plan, which has ${count}`)
  }
}
