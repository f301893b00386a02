/**
 * Collective Galois key for the automorphism σ_g: X → X^g (eprint 2020/304, Π_RotKeyGen): one round.
 *
 *   share, digit j   b_ij = -a_j·s_i + P·g_j·σ_g(s_i) + e
 *   aggregate        b_j  = Σ b_ij
 *   finalise         gk_j = (b_j, a_j),      b_j + a_j·s ≈ P·g_j·σ_g(s)
 *
 * A key for level l is made over Q_l·P only, with the digits of level l, and switches ciphertexts of levels 0 … l: as hard to break as one for the top level or harder
 * (the same ring, secret and error, a smaller modulus). The level is agreed beforehand, never taken from a message. An element's key is given once, for one level: the
 * ledger refuses a second level as it refuses any changed input. Even if it could not (lost, rolled back), the level enters the reference polynomials and the errors'
 * seed, so two keys never share an a_j, which would leave b - b' = e - e' for all to see.
 *
 * Direction, as in Microsoft SEAL: σ_g is applied to the ciphertext first, which then decrypts under σ_g(s); the key switches
 * σ_g(s) → s. The rotation to the left by r slots is g = 3^r mod 2N.
 */
import { type Context, KeySwitchKey, type SecretKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { ShareAggregation } from './aggregation.js'
import { InvalidShareRequestError } from './errors.js'
import { addOnRows, checkKeyLevel, referenceInstance, timesSpecialModulus } from './gadget.js'
import { expandReference, referenceSeed } from './reference.js'
import { sampleError } from './sampling.js'
import { releasingOnError, withScratch } from './scratch.js'
import { ShareFormat, type ShareIdentity } from './share-format.js'

/** A party's part of a Galois key. */
export interface GaloisShare {
  /** Per digit: -a_j·s_i + P·g_j·σ_g(s_i) + e. */
  readonly h: readonly Polynomial[]
}

/** One round for the key of one automorphism. */
export class GaloisKeyGeneration {
  readonly format: ShareFormat<GaloisShare>

  /**
   * @param level highest level that the keys serve, the top one by default
   * @throws InvalidShareRequestError for a level that the parameters do not have
   */
  constructor(
    readonly context: Context,
    readonly sessionId: Uint8Array,
    readonly level: number = context.parameters.maxLevel
  ) {
    const { parameters } = context
    checkKeyLevel(parameters, 'galois', level)
    this.format = new ShareFormat<GaloisShare>(context, sessionId, {
      protocol: 'galois',
      shape: level => Array.from({ length: parameters.digits(level) }, () => parameters.keyIndices(level)),
      parts: share => share.h,
      assemble: parts => ({ h: [...parts] })
    })
  }

  /** What the shares of an element are named by. @throws InvalidShareRequestError for an element outside 1 < g < 2N or even */
  identity(element: number): ShareIdentity {
    this.checkElement(element)
    return { instance: String(element), level: this.level }
  }

  /** The reference polynomial a_j of a digit of one Galois key, uniform over Q_l·P, NTT form. The caller disposes it. */
  referencePolynomial(element: number, digit: number): Polynomial {
    const { ring, parameters } = this.context
    return expandReference(ring, parameters.keyIndices(this.level), this.referenceSeed(element, digit))
  }

  /**
   * @param element Galois element g, odd, 1 < g < 2N
   * @param seed    32 secret bytes for the errors of this share only
   * @throws InvalidShareRequestError for an element outside that range
   */
  share(secret: SecretKey, element: number, seed: Uint8Array): GaloisShare {
    this.checkElement(element)
    const { level } = this
    const { ring, parameters } = this.context
    const indices = parameters.keyIndices(level)
    return releasingOnError(made =>
      withScratch(ring, scratch => {
        const minusSecret = ring.negate(scratch.allocate(indices, 'ntt'), secret.polynomial)
        const image = scratch.allocate(parameters.ciphertextIndices(level), 'ntt')
        ring.automorphism(image, secret.polynomial, element)
        const gadgetImage = timesSpecialModulus(this.context, image, level, scratch)
        const reference = scratch.allocate(indices, 'ntt')
        for (let digit = 0; digit < parameters.digits(level); digit++) {
          const out = sampleError(ring, indices, seed, ['error', digit])
          made.push(out)
          ring.uniform(reference, this.referenceSeed(element, digit))
          ring.multiplyAdd(out, reference, minusSecret)
          addOnRows(ring, out, gadgetImage, parameters.digitIndices(digit, level), scratch)
        }
        return { h: [...made] }
      })
    )
  }

  /** Their sum, as a new share. @throws ShareMismatchError when there is none or shapes differ */
  aggregate(shares: Iterable<GaloisShare>): GaloisShare {
    return this.format.sum(shares)
  }

  /** Sums serialised shares as they arrive. */
  aggregation(element: number, parties: number = this.context.parties): ShareAggregation<GaloisShare> {
    return new ShareAggregation(this.format, this.identity(element), parties)
  }

  /** @param aggregate moves into the key. @throws ShareMismatchError, InvalidShareRequestError */
  finalize(aggregate: GaloisShare, element: number): KeySwitchKey {
    this.checkElement(element)
    this.format.checkShape(aggregate, this.level)
    return new KeySwitchKey(
      aggregate.h.map((b, digit) => ({ b, a: this.referencePolynomial(element, digit) })),
      this.level,
      this.context.noise.collectiveKey
    )
  }

  /** Residues packed to the bits of their primes, behind a header that binds session, protocol, element and level. */
  serialize(share: GaloisShare, element: number): Uint8Array {
    return this.format.serialize(share, this.identity(element))
  }

  /** @throws MalformedShareError */
  deserialize(bytes: Uint8Array, element: number): GaloisShare {
    return this.format.deserialize(bytes, this.identity(element))
  }

  private referenceSeed(element: number, digit: number): Uint8Array {
    this.checkElement(element)
    return referenceSeed(this.sessionId, 'galois', referenceInstance(String(element), this.level), digit)
  }

  private checkElement(element: number): void {
    const order = 2 * this.context.parameters.N
    if (!Number.isInteger(element) || element % 2 !== 1 || element <= 1 || element >= order) {
      throw new InvalidShareRequestError('galois', 'element', `odd, above 1 and below ${order}`, element)
    }
  }
}
