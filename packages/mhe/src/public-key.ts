/**
 * Collective public key (eprint 2020/304, Π_EncKeyGen): one round.
 *
 *   share      b_i = -a·s_i + e_i    in R_QP
 *   aggregate  b   = Σ b_i
 *   finalise   pk  = (b, a)
 */
import { type Context, PublicKey, type SecretKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { ShareAggregation } from './aggregation.js'
import { expandReference, referenceSeed } from './reference.js'
import { sampleError } from './sampling.js'
import { ShareFormat, type ShareIdentity } from './share-format.js'

/** The one instance of the key protocols that exists per session. */
export const COLLECTIVE = 'collective'

/** One round for the collective public key. */
export class PublicKeyGeneration {
  readonly format: ShareFormat<Polynomial>
  readonly identity: ShareIdentity

  constructor(
    readonly context: Context,
    readonly sessionId: Uint8Array
  ) {
    this.identity = { instance: COLLECTIVE, level: context.parameters.maxLevel }
    this.format = new ShareFormat(context, sessionId, {
      protocol: 'public-key',
      shape: level => [context.parameters.keyIndices(level)],
      parts: share => [share],
      assemble: parts => parts[0]!
    })
  }

  /** The reference polynomial `a` of this session, uniform in R_QP, NTT form. The caller disposes it. */
  referencePolynomial(): Polynomial {
    const { ring, parameters } = this.context
    return expandReference(ring, parameters.keyIndices(), referenceSeed(this.sessionId, 'public-key', COLLECTIVE, 0))
  }

  /**
   * @param secret this party's ternary secret
   * @param seed   32 secret bytes, used for this share only
   * @returns b_i, NTT form over QP
   */
  share(secret: SecretKey, seed: Uint8Array): Polynomial {
    const { ring, parameters } = this.context
    const out = sampleError(ring, parameters.keyIndices(), seed, ['error'])
    // The error is symmetric, so -(a·s + e) is a share just as -a·s + e is.
    using reference = this.referencePolynomial()
    ring.multiplyAdd(out, reference, secret.polynomial)
    return ring.negate(out, out)
  }

  /** @throws ShareMismatchError when there is no share or shapes differ */
  aggregate(shares: Iterable<Polynomial>): Polynomial {
    return this.format.sum(shares)
  }

  /** Sums serialised shares as they arrive. */
  aggregation(parties: number = this.context.parties): ShareAggregation<Polynomial> {
    return new ShareAggregation(this.format, this.identity, parties)
  }

  /** The collective public key (b, a), a being the session's reference polynomial. @param aggregate b; moves into the key */
  finalize(aggregate: Polynomial): PublicKey {
    return new PublicKey(aggregate, this.referencePolynomial())
  }

  /** Residues packed to the bits of their primes, behind a header that binds session and protocol. */
  serialize(share: Polynomial): Uint8Array {
    return this.format.serialize(share, this.identity)
  }

  /** @throws MalformedShareError */
  deserialize(bytes: Uint8Array): Polynomial {
    return this.format.deserialize(bytes, this.identity)
  }
}
