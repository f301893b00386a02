/**
 * Collective relinearisation key (eprint 2020/304, Π_RelinKeyGen): two rounds, one ternary ephemeral secret u_i for both.
 *
 *   round one, digit j   (h0_ij, h1_ij) = (-u_i·a_j + P·g_j·s_i + e,  s_i·a_j + e')       aggregate (h0_j, h1_j)
 *   round two, digit j   h_ij = s_i·h0_j + (u_i - s_i)·h1_j + e + e'                      aggregate h_j
 *   finalise             rlk_j = (h_j, h1_j),      h_j + h1_j·s ≈ P·g_j·s²
 *
 * The paper sends the two summands of round two separately, but only their sum is ever used: sending the sum (with the errors of both)
 * halves the bytes and reveals less.
 *
 * A key for level l is made over Q_l·P only, with the digits of level l (see galois-key.ts for why that is as safe); there is one level in a session, agreed beforehand,
 * and it enters reference polynomials, ephemeral secret and errors, so that no second key could share any of them.
 */
import { type Context, ERROR_SIGMA, KeySwitchKey, type SecretKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { ShareAggregation } from './aggregation.js'
import { addOnRows, checkKeyLevel, referenceInstance, timesSpecialModulus } from './gadget.js'
import { COLLECTIVE } from './public-key.js'
import { expandReference, referenceSeed } from './reference.js'
import { sampleError, sampleTernary } from './sampling.js'
import { releasingOnError, withScratch } from './scratch.js'
import { ShareFormat, type ShareIdentity } from './share-format.js'

/** A party's part of round one. */
export interface RelinearizationShareOne {
  /** Per digit: -u_i·a_j + P·g_j·s_i + e. */
  readonly h0: readonly Polynomial[]
  /** Per digit: s_i·a_j + e'. */
  readonly h1: readonly Polynomial[]
}

/** A party's part of round two. */
export interface RelinearizationShareTwo {
  /** Per digit: s_i·h0_j + (u_i - s_i)·h1_j + e + e'. */
  readonly h: readonly Polynomial[]
}

/** Two rounds for the relinearisation key. */
export class RelinearizationKeyGeneration {
  readonly formatOne: ShareFormat<RelinearizationShareOne>
  readonly formatTwo: ShareFormat<RelinearizationShareTwo>
  readonly identity: ShareIdentity

  /**
   * @param level highest level that the key serves, the top one by default
   * @throws InvalidShareRequestError for a level that the parameters do not have
   */
  constructor(
    readonly context: Context,
    readonly sessionId: Uint8Array,
    readonly level: number = context.parameters.maxLevel
  ) {
    const { parameters } = context
    checkKeyLevel(parameters, 'relinearization-1', level)
    this.identity = { instance: COLLECTIVE, level }
    this.formatOne = new ShareFormat<RelinearizationShareOne>(context, sessionId, {
      protocol: 'relinearization-1',
      shape: level => Array.from({ length: 2 * parameters.digits(level) }, () => parameters.keyIndices(level)),
      parts: share => [...share.h0, ...share.h1],
      assemble: parts => ({ h0: parts.slice(0, parts.length / 2), h1: parts.slice(parts.length / 2) })
    })
    this.formatTwo = new ShareFormat<RelinearizationShareTwo>(context, sessionId, {
      protocol: 'relinearization-2',
      shape: level => Array.from({ length: parameters.digits(level) }, () => parameters.keyIndices(level)),
      parts: share => share.h,
      assemble: parts => ({ h: [...parts] })
    })
  }

  /** The reference polynomial a_j of a digit, uniform over Q_l·P, NTT form. The caller disposes it. */
  referencePolynomial(digit: number): Polynomial {
    const { ring, parameters } = this.context
    const seed = referenceSeed(this.sessionId, 'relinearization', referenceInstance(COLLECTIVE, this.level), digit)
    return expandReference(ring, parameters.keyIndices(this.level), seed)
  }

  /**
   * This party's part of round one, one pair of polynomials per digit, NTT form over Q_l·P.
   * @param ephemeralSeed 32 secret bytes for u_i, the same in both rounds and for nothing else
   * @param seed          32 secret bytes for the errors of this share only
   */
  shareOne(secret: SecretKey, ephemeralSeed: Uint8Array, seed: Uint8Array): RelinearizationShareOne {
    const { level } = this
    const { ring, parameters } = this.context
    const indices = parameters.keyIndices(level)
    return releasingOnError(made =>
      withScratch(ring, scratch => {
        const minusEphemeral = scratch.keep(sampleTernary(ring, indices, ephemeralSeed, ['ephemeral']))
        ring.negate(minusEphemeral, minusEphemeral)
        const gadgetSecret = timesSpecialModulus(this.context, secret.polynomial, level, scratch)
        const h0: Polynomial[] = []
        const h1: Polynomial[] = []
        for (let digit = 0; digit < parameters.digits(level); digit++) {
          const reference = this.referencePolynomial(digit)
          made.push(reference)
          const first = sampleError(ring, indices, seed, ['error 0', digit])
          made.push(first)
          ring.multiplyAdd(first, reference, minusEphemeral)
          addOnRows(ring, first, gadgetSecret, parameters.digitIndices(digit, level), scratch)
          const second = sampleError(ring, indices, seed, ['error 1', digit])
          made.push(second)
          ring.multiplyAdd(second, reference, secret.polynomial)
          made.splice(made.indexOf(reference), 1)
          reference.dispose()
          h0.push(first)
          h1.push(second)
        }
        return { h0, h1 }
      })
    )
  }

  /** Sum of round one, as a new share. @throws ShareMismatchError when there is none or shapes differ */
  aggregateOne(shares: Iterable<RelinearizationShareOne>): RelinearizationShareOne {
    return this.formatOne.sum(shares)
  }

  /**
   * This party's part of round two. @throws ShareMismatchError unless the sum of round one has the shape of this level
   * @param ephemeralSeed the seed given to `shareOne`
   * @param aggregatedOne sum of everybody's round one
   * @param seed          32 secret bytes for the errors of this share only
   */
  shareTwo(
    secret: SecretKey,
    ephemeralSeed: Uint8Array,
    aggregatedOne: RelinearizationShareOne,
    seed: Uint8Array
  ): RelinearizationShareTwo {
    const { level } = this
    const { ring, parameters } = this.context
    const indices = parameters.keyIndices(level)
    this.formatOne.checkShape(aggregatedOne, level)
    return releasingOnError(made =>
      withScratch(ring, scratch => {
        const difference = scratch.keep(sampleTernary(ring, indices, ephemeralSeed, ['ephemeral']))
        ring.subtract(difference, difference, secret.polynomial)
        for (let digit = 0; digit < parameters.digits(level); digit++) {
          // e + e' of the paper's two summands, drawn as one Gaussian of twice the variance
          const out = sampleError(ring, indices, seed, ['error', digit], ERROR_SIGMA * Math.SQRT2)
          made.push(out)
          ring.multiplyAdd(out, aggregatedOne.h0[digit]!, secret.polynomial)
          ring.multiplyAdd(out, aggregatedOne.h1[digit]!, difference)
        }
        return { h: [...made] }
      })
    )
  }

  /** Sum of round two, as a new share. @throws ShareMismatchError when there is none or shapes differ */
  aggregateTwo(shares: Iterable<RelinearizationShareTwo>): RelinearizationShareTwo {
    return this.formatTwo.sum(shares)
  }

  /** Sums serialised shares of round one as they arrive. */
  aggregationOne(parties: number = this.context.parties): ShareAggregation<RelinearizationShareOne> {
    return new ShareAggregation(this.formatOne, this.identity, parties)
  }

  /** Sums serialised shares of round two as they arrive. */
  aggregationTwo(parties: number = this.context.parties): ShareAggregation<RelinearizationShareTwo> {
    return new ShareAggregation(this.formatTwo, this.identity, parties)
  }

  /** Both aggregates move into the key; what is not part of it is released. @throws ShareMismatchError */
  finalize(aggregatedOne: RelinearizationShareOne, aggregatedTwo: RelinearizationShareTwo): KeySwitchKey {
    this.formatOne.checkShape(aggregatedOne, this.level)
    this.formatTwo.checkShape(aggregatedTwo, this.level)
    for (const polynomial of aggregatedOne.h0) polynomial.dispose()
    return new KeySwitchKey(
      aggregatedTwo.h.map((b, digit) => ({ b, a: aggregatedOne.h1[digit]! })),
      this.level,
      this.context.noise.collectiveRelinearizationKey
    )
  }

  /** A share of round one, or the sum of all as `aggregate`, as it travels. */
  serializeOne(share: RelinearizationShareOne, kind: 'share' | 'aggregate' = 'share'): Uint8Array {
    return this.formatOne.serialize(share, this.identity, kind)
  }

  /** @throws MalformedShareError */
  deserializeOne(bytes: Uint8Array, kind: 'share' | 'aggregate' = 'share'): RelinearizationShareOne {
    return this.formatOne.deserialize(bytes, this.identity, kind)
  }

  /** A share of round two as it travels. */
  serializeTwo(share: RelinearizationShareTwo): Uint8Array {
    return this.formatTwo.serialize(share, this.identity)
  }

  /** @throws MalformedShareError */
  deserializeTwo(bytes: Uint8Array): RelinearizationShareTwo {
    return this.formatTwo.deserialize(bytes, this.identity)
  }
}
