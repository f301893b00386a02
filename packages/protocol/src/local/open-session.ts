/**
 * What every role of a process needs while a session is open: the plan, the scheme's context, the collective public key.
 */
import { Context, Encryptor, Parameters, type PublicKey, serializePublicKey } from '@slytherin/ckks'
import { type Plan, parsePlan, publicCoins } from '@slytherin/engine'
import { type CoinPlace, PublicCoins, PublicKeyGeneration } from '@slytherin/mhe'
import type { Kernel, Polynomial } from '@slytherin/ring'
import { hash } from '../base/digest.js'
import { RejectedShareError } from '../cryptography/rejected-share.js'
import type { SessionParameters } from '../cryptography/session.js'
import type { ProofTerms } from '../terms/proof-batches.js'
import type { Role } from '../terms/roster.js'

/** No session is open, or something was asked before what it rests on (for example inputs before the public key). */
export class SessionStateError extends Error {
  override name = 'SessionStateError'
}

/** What an epoch has ready for all that is done in it. */
export interface EpochScheme {
  readonly context: Context
  readonly publicKey: PublicKey
}

export interface OpenSessionOptions {
  readonly allowInsecure?: boolean
  /** What is computed with as it came, without public coins: only an attack and its test ask for it. */
  readonly omitPublicCoins?: readonly CoinPlace['purpose'][]
}

export class OpenSession {
  readonly sessionId: Uint8Array
  readonly plan: Plan
  readonly parties: number
  readonly floodingBits: number
  readonly maximumDecryptions: number
  readonly maximumRefreshes: number
  readonly roles: readonly Role[]
  /** Undefined where nothing is proved. */
  readonly proofs: ProofTerms | undefined
  readonly context: Context
  /** Undefined where context and key are an epoch's, which outlives this. */
  readonly #own: Context | undefined
  readonly #omitPublicCoins: readonly CoinPlace['purpose'][]
  #publicKey: PublicKey | undefined
  #encryptor: Encryptor | undefined
  #coins: PublicCoins | undefined
  #closed = false

  /** @param scheme a kernel to make a context of; or an epoch's context and public key, which stay the epoch's */
  constructor(scheme: Kernel | EpochScheme, session: SessionParameters, options: OpenSessionOptions = {}) {
    this.plan = parsePlan(session.plan, options)
    this.sessionId = session.sessionId
    this.parties = session.parties
    this.floodingBits = session.floodingBits
    this.maximumDecryptions = session.maximumDecryptions
    this.maximumRefreshes = session.maximumRefreshes
    this.roles = session.roles
    this.proofs = session.proofs
    this.#omitPublicCoins = options.omitPublicCoins ?? []
    if ('context' in scheme) {
      this.context = scheme.context
      this.#publicKey = scheme.publicKey
      this.#encryptor = new Encryptor(scheme.context, scheme.publicKey)
    } else {
      this.context = Context.create(Parameters.fromJSON(this.plan.parameters, options), scheme, { parties: session.parties })
      this.#own = this.context
    }
  }

  /** Sums the signed shares of all key holders, in party order. @returns the key's SHA-256 @throws RejectedShareError naming whose share is none */
  async setPublicKey(shares: readonly Uint8Array[]): Promise<Uint8Array> {
    const generation = new PublicKeyGeneration(this.context, this.sessionId)
    const parsed: Polynomial[] = []
    try {
      for (const [party, bytes] of shares.entries()) {
        try {
          parsed.push(generation.deserialize(bytes))
        } catch (cause) {
          throw new RejectedShareError(party, 'public-key', generation.identity.instance, cause)
        }
      }
      // The sum becomes part of the key.
      const key = generation.finalize(generation.aggregate(parsed))
      this.#publicKey?.dispose()
      this.#publicKey = key
      this.#encryptor = new Encryptor(this.context, key)
      this.#coins = undefined
      return await hash(serializePublicKey(key))
    } finally {
      for (const share of parsed) share.dispose()
    }
  }

  get publicKey(): PublicKey {
    if (this.#publicKey === undefined) throw new SessionStateError('the collective public key is not known yet')
    return this.#publicKey
  }

  get encryptor(): Encryptor {
    if (this.#encryptor === undefined) throw new SessionStateError('the collective public key is not known yet')
    return this.#encryptor
  }

  /** What inputs, or refreshed ciphertexts, are re-randomised with; undefined where they are not. */
  coins(purpose: CoinPlace['purpose']): PublicCoins | undefined {
    if (this.#omitPublicCoins.includes(purpose) || !publicCoins(this.parties, this.plan.operands)) return undefined
    this.#coins ??= new PublicCoins(this.context, this.sessionId, this.publicKey, this.encryptor)
    return this.#coins
  }

  /** What outlives the session, as an open query may, must not touch it any more. */
  get closed(): boolean {
    return this.#closed
  }

  dispose(): void {
    this.#closed = true
    if (this.#own !== undefined) this.#publicKey?.dispose()
    this.#publicKey = undefined
    this.#encryptor = undefined
    this.#coins = undefined
    this.#own?.dispose()
  }
}
