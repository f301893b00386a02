/**
 * Collective refresh (eprint 2020/304, Π_ColBootstrap; for CKKS as in Lattigo's mpckks): one round, from level l to the top level L.
 *
 *   share      h0_i    = s_i·c1 - M_i + e               in R_Ql
 *              h1_i,k  = -a_k·s_i + T_k(M_i) + e'_k     in R_QL, for every output k
 *   aggregate  (h0, h1_k) = Σ (h0_i, h1_i,k)
 *   finalise   c'_k = (T_k(c0 + h0) + h1_k, a_k)
 *
 * c0 + h0 = m - M is taken as integers of absolute value below Q_l / 2 and lifted to Q_L exactly; T_k is an exact linear map of
 * polynomials (refresh-transform.ts), one output and the identity for a plain refresh.
 *
 * Several outputs of one mask give away no more than one does: the evaluator sees m - M once, whatever is made of it, and every T_k(M_i) is
 * hidden by an RLWE sample of its own, with its own a_k and error. Were two outputs to share a_k, their difference would be that of two
 * images of the mask.
 *
 * Masks M_i fill the modulus, up to two bits and one for every doubling of the shares, and are uniform of λ + ceil(log2(scale·magnitude)) bits
 * at least, λ = 128: who sees m - M is at statistical distance 2^-128 per coefficient from learning nothing, and nearly as far from a value
 * that is larger than its bound. No further flooding is needed, and more noise would stay in the message.
 *
 * a_k is derived per instance, input, map and output. With one reference polynomial in two refreshes, h1 - h1' would be the difference of
 * two masks; the map is in it because masks depend on it, too.
 * Parties need c1 only; c0 must never be sent to them.
 */
import {
  Ciphertext,
  type Context,
  combineNoise,
  ERROR_SIGMA,
  leastMaskBits,
  maskBits,
  minimumRefreshLevel,
  type Parameters,
  refreshErrorNoise,
  type SecretKey
} from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { ShareAggregation } from './aggregation.js'
import { InvalidShareRequestError, RefreshLevelError, ShareMismatchError } from './errors.js'
import { hashParts, hex } from './hash.js'
import { checkMessage } from './message-bounds.js'
import { expandReference, referenceSeed } from './reference.js'
import {
  addImage,
  checkTransform,
  growth,
  IDENTITY_TRANSFORM,
  isIdentity,
  type RefreshTransform,
  transformName
} from './refresh-transform.js'
import { withDerivedSeed } from './sampling.js'
import { overwritable, releasingOnError, withScratch } from './scratch.js'
import { ShareFormat } from './share-format.js'

/** Which ciphertext is refreshed. */
export interface RefreshRequest {
  /** Unique per refreshed ciphertext and session. */
  readonly instance: string
  /** Level l of the ciphertext. */
  readonly level: number
  readonly scale: number
  /** Bound on |slot value|. */
  readonly magnitude: number
  /** Second component of the ciphertext, NTT form over Q_l. */
  readonly c1: Polynomial
}

/** A party's part of a refresh. */
export interface RefreshShare {
  /** s_i·c1 - M_i + e over Q_l. */
  readonly h0: Polynomial
  /** Per output: -a_k·s_i + T_k(M_i) + e'_k over Q_L. */
  readonly h1: readonly Polynomial[]
}

/** One round that makes an exhausted ciphertext a fresh one. */
export class Refresh {
  readonly format: ShareFormat<RefreshShare>
  /** Says all of the map. */
  readonly transformName: string

  /**
   * @param holders key holders whose shares are added, of each one: t where t of n suffice
   * @throws InvalidShareRequestError for a map that is none of this ring's
   */
  constructor(
    readonly context: Context,
    readonly sessionId: Uint8Array,
    readonly transform: RefreshTransform = IDENTITY_TRANSFORM,
    private readonly holders: number = context.parties
  ) {
    const { parameters } = context
    checkTransform(transform, parameters.N)
    this.transformName = transformName(transform)
    this.format = new ShareFormat<RefreshShare>(context, sessionId, {
      protocol: 'refresh',
      shape: level => [
        parameters.ciphertextIndices(level),
        ...transform.outputs.map(() => parameters.ciphertextIndices(parameters.maxLevel))
      ],
      parts: share => [share.h0, ...share.h1],
      assemble: ([h0, ...h1]) => ({ h0: h0!, h1 })
    })
  }

  /** Least bits of each mask, for messages of this scale and bound. @throws InvalidShareRequestError */
  static leastMaskBits(scale: number, magnitude: number): number {
    checkMessage(scale, magnitude)
    return leastMaskBits(Math.log2(scale) + Math.log2(magnitude))
  }

  /**
   * Bits of each mask at a level: coefficients are uniform in [-2^(bits-1), 2^(bits-1)). There is room for the shares of the key holders
   * and one that only masks.
   *
   * @throws InvalidShareRequestError
   */
  maskBits(level: number, scale: number, magnitude: number): number {
    Refresh.leastMaskBits(scale, magnitude)
    return maskBits(this.context.parameters, level, this.holders + 1, Math.log2(scale) + Math.log2(magnitude))
  }

  /**
   * The lowest level at which a ciphertext can be refreshed.
   *
   * @param parties number of shares that are added, mask-only shares included
   * @throws RefreshLevelError when no level of the parameters is high enough
   */
  static minimumLevel(parameters: Parameters, parties: number, scale: number, magnitude: number): number {
    const bits = Refresh.leastMaskBits(scale, magnitude)
    const level = minimumRefreshLevel(parameters, parties, scale, magnitude)
    if (level !== undefined) return level
    throw new RefreshLevelError(parameters.maxLevel, -1, bits, parties)
  }

  /**
   * The reference polynomial a_k of one output of a refresh, uniform in R_QL, NTT form. The caller disposes it.
   *
   * The ciphertext's c1 enters the instance: should a party's ledger be lost or rolled back, another input under the same name still gets
   * another reference polynomial.
   */
  referencePolynomial(instance: string, c1: Polynomial, output = 0): Polynomial {
    const { ring, parameters } = this.context
    const input = `${instance}/${hex(hashParts(ring.encodePacked(c1)))}`
    const bound = isIdentity(this.transform) ? input : `${input}/${this.transformName}`
    return expandReference(ring, parameters.ciphertextIndices(parameters.maxLevel), referenceSeed(this.sessionId, 'refresh', bound, output))
  }

  /**
   * @param secret this party's secret; `null` for a share that only adds a mask. A mask-only share is not hidden by any secret: it must
   *               stay with the evaluator that made it.
   * @param seed   32 secret bytes, used for this share only
   * @throws RefreshLevelError when the level is too low for the masks of all these holders; InvalidShareRequestError
   */
  share(secret: SecretKey | null, request: RefreshRequest, seed: Uint8Array): RefreshShare {
    const { context } = this
    const { ring, parameters } = context
    const { level, scale, magnitude, c1 } = request
    this.check(request)
    const bits = this.maskBits(level, scale, magnitude)
    return releasingOnError(made =>
      withScratch(ring, scratch => {
        const top = parameters.ciphertextIndices(parameters.maxLevel)
        const mask = scratch.allocate(top, 'coefficient')
        withDerivedSeed(seed, ['mask'], derived => ring.uniformBits(mask, derived, bits))

        const h0 = overwritable(ring, parameters.ciphertextIndices(level), 'coefficient')
        made.push(h0)
        withDerivedSeed(seed, ['error 0'], derived => ring.gaussian(h0, derived, ERROR_SIGMA))
        ring.ntt(ring.subtract(h0, h0, mask))
        if (secret !== null) ring.multiplyAdd(h0, secret.polynomial, c1)

        const plain = isIdentity(this.transform)
        if (!plain) ring.ntt(mask)
        const h1 = this.transform.outputs.map((terms, output) => {
          // The error is symmetric: -(a·s + e' - T(M)) is -a·s + T(M) + e'.
          const share = overwritable(ring, top, 'coefficient')
          made.push(share)
          withDerivedSeed(seed, ['error 1', output], derived => ring.gaussian(share, derived, ERROR_SIGMA))
          // without a map, error and mask take one transform together
          if (plain) ring.subtract(share, share, mask)
          ring.ntt(share)
          if (secret !== null) {
            ring.multiplyAdd(share, scratch.keep(this.referencePolynomial(request.instance, c1, output)), secret.polynomial)
          }
          ring.negate(share, share)
          if (!plain) addImage(ring, share, mask, terms, scratch)
          return share
        })
        return { h0, h1 }
      })
    )
  }

  /** Refuses what no share may be given for; `share` does the same. @throws as `share` */
  check(request: RefreshRequest): void {
    const { level, scale, magnitude, c1 } = request
    this.checkLevel(level, this.holders, scale, magnitude)
    if (c1.indices.length !== level + 1) throw new ShareMismatchError('refresh', 'moduli of c1', level + 1, c1.indices.length)
  }

  /** Their sum, as a new share. @throws ShareMismatchError when there is none or shapes differ */
  aggregate(shares: Iterable<RefreshShare>): RefreshShare {
    return this.format.sum(shares)
  }

  /** Sums serialised shares as they arrive. */
  aggregation(instance: string, level: number, parties: number = this.holders): ShareAggregation<RefreshShare> {
    return new ShareAggregation(this.format, { instance, level }, parties)
  }

  /**
   * @param ciphertext the ciphertext whose c1 the shares were made for; stays as it is
   * @param aggregate  sum of all shares; stays as it is
   * @param shares     number of shares in the sum, mask-only shares included
   * @returns a new ciphertext of the message's only image at the top level; of the same message and scale for a plain refresh
   * @throws ShareMismatchError (also when the map has several outputs), RefreshLevelError
   */
  finalize(ciphertext: Ciphertext, aggregate: RefreshShare, instance: string, shares: number = this.holders): Ciphertext {
    const { outputs } = this.transform
    if (outputs.length !== 1) throw new ShareMismatchError('refresh', 'outputs', 1, outputs.length)
    return this.finalizeAll(ciphertext, aggregate, instance, shares)[0]!
  }

  /** As `finalize`, one ciphertext for every output of the map. */
  finalizeAll(ciphertext: Ciphertext, aggregate: RefreshShare, instance: string, shares: number = this.holders): Ciphertext[] {
    const { context, transform } = this
    const { ring, parameters } = context
    const { level, scale, magnitude, noise } = ciphertext
    if (ciphertext.degree !== 1) throw new ShareMismatchError('refresh', 'degree of the ciphertext', 1, ciphertext.degree)
    this.format.checkShape(aggregate, level)
    this.checkLevel(level, shares, scale, magnitude)
    return releasingOnError(made =>
      withScratch(ring, scratch => {
        const masked = scratch.allocate(parameters.ciphertextIndices(level), 'ntt')
        ring.inverseNtt(ring.add(masked, ciphertext.components[0]!, aggregate.h0))
        const lifted = scratch.allocate(parameters.ciphertextIndices(parameters.maxLevel), 'coefficient')
        ring.ntt(ring.extendBasis(lifted, masked))
        const errors = refreshErrorNoise(shares)
        return transform.outputs.map((terms, output) => {
          const c0 = aggregate.h1[output]!.clone()
          made.push(c0)
          addImage(ring, c0, lifted, terms, scratch)
          const c1 = this.referencePolynomial(instance, ciphertext.components[1]!, output)
          made.push(c1)
          return new Ciphertext([c0, c1], {
            level: parameters.maxLevel,
            scale: scale * transform.scaleFactor,
            noise: combineNoise(Math.log2(growth(terms)) + combineNoise(noise, errors), errors),
            magnitude: (magnitude * growth(terms)) / transform.scaleFactor
          })
        })
      })
    )
  }

  /** Residues packed to the bits of their primes, behind a header that binds session, instance and level. */
  serialize(share: RefreshShare, instance: string): Uint8Array {
    return this.format.serialize(share, { instance, level: share.h0.indices.length - 1 })
  }

  /** @throws MalformedShareError */
  deserialize(bytes: Uint8Array, instance: string, level: number): RefreshShare {
    return this.format.deserialize(bytes, { instance, level })
  }

  private checkLevel(level: number, shares: number, scale: number, magnitude: number): void {
    const { parameters } = this.context
    if (!Number.isInteger(level) || level < 0 || level > parameters.maxLevel) {
      throw new InvalidShareRequestError('refresh', 'level', `0 to ${parameters.maxLevel}`, level)
    }
    const minimum = Refresh.minimumLevel(parameters, shares, scale, magnitude)
    if (level < minimum) throw new RefreshLevelError(level, minimum, Refresh.leastMaskBits(scale, magnitude), shares)
  }
}
