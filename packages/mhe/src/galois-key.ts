/**
 * Collective Galois key for the automorphism σ_g: X → X^g (eprint 2020/304, Π_RotKeyGen): one round.
 *
 *   share, digit j   b_ij = -a_j·s_i + P·g_j·σ_g(s_i) + e
 *   aggregate        b_j  = Σ b_ij
 *   finalise         gk_j = (b_j, a_j),      b_j + a_j·s ≈ P·g_j·σ_g(s)
 *
 * Direction, as in Microsoft SEAL: σ_g is applied to the ciphertext first, which then decrypts under σ_g(s); the key switches
 * σ_g(s) → s. The rotation to the left by r slots is g = 3^r mod 2N.
 */
import { type Context, KeySwitchKey, type SecretKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { ShareAggregation } from './aggregation.js'
import { InvalidShareRequestError, ShareMismatchError } from './errors.js'
import { addOnRows, digitCount, timesSpecialModulus } from './gadget.js'
import { expandReference, referenceSeed } from './reference.js'
import { sampleError } from './sampling.js'
import { releasingOnError, withScratch } from './scratch.js'
import { ShareFormat, type ShareIdentity } from './share-format.js'

export interface GaloisShare {
  /** Per digit: -a_j·s_i + P·g_j·σ_g(s_i) + e. */
  readonly h: readonly Polynomial[]
}

export class GaloisKeyGeneration {
  readonly format: ShareFormat<GaloisShare>

  constructor(
    readonly context: Context,
    readonly sessionId: Uint8Array
  ) {
    const { parameters } = context
    this.format = new ShareFormat<GaloisShare>(context, sessionId, {
      protocol: 'galois',
      shape: level => Array.from({ length: digitCount(parameters) }, () => parameters.keyIndices(level)),
      parts: share => share.h,
      assemble: parts => ({ h: [...parts] })
    })
  }

  identity(element: number): ShareIdentity {
    this.checkElement(element)
    return { instance: String(element), level: this.context.parameters.maxLevel }
  }

  /** The reference polynomial a_j of a digit of one Galois key, uniform in R_QP, NTT form. The caller disposes it. */
  referencePolynomial(element: number, digit: number): Polynomial {
    const { ring, parameters } = this.context
    return expandReference(ring, parameters.keyIndices(), referenceSeed(this.sessionId, 'galois', this.identity(element).instance, digit))
  }

  /**
   * @param element Galois element g, odd, 1 < g < 2N
   * @param seed    32 secret bytes for the errors of this share only
   * @throws InvalidShareRequestError for an element outside that range
   */
  share(secret: SecretKey, element: number, seed: Uint8Array): GaloisShare {
    this.checkElement(element)
    const { ring, parameters } = this.context
    const indices = parameters.keyIndices()
    return releasingOnError(made =>
      withScratch(ring, scratch => {
        const minusSecret = ring.negate(scratch.allocate(indices, 'ntt'), secret.polynomial)
        const image = scratch.allocate(parameters.ciphertextIndices(parameters.maxLevel), 'ntt')
        ring.automorphism(image, secret.polynomial, element)
        const gadgetImage = timesSpecialModulus(this.context, image, scratch)
        const reference = scratch.allocate(indices, 'ntt')
        for (let digit = 0; digit < digitCount(parameters); digit++) {
          const out = sampleError(ring, indices, seed, ['error', digit])
          made.push(out)
          ring.uniform(reference, referenceSeed(this.sessionId, 'galois', String(element), digit))
          ring.multiplyAdd(out, reference, minusSecret)
          addOnRows(ring, out, gadgetImage, parameters.digitIndices(digit, parameters.maxLevel), scratch)
        }
        return { h: [...made] }
      })
    )
  }

  aggregate(shares: Iterable<GaloisShare>): GaloisShare {
    return this.format.sum(shares)
  }

  /** Sums serialised shares as they arrive. */
  aggregation(element: number, parties: number = this.context.parties): ShareAggregation<GaloisShare> {
    return new ShareAggregation(this.format, this.identity(element), parties)
  }

  /** @param aggregate moves into the key */
  finalize(aggregate: GaloisShare, element: number): KeySwitchKey {
    this.checkElement(element)
    const digits = digitCount(this.context.parameters)
    if (aggregate.h.length !== digits) throw new ShareMismatchError('galois', 'digits', digits, aggregate.h.length)
    return new KeySwitchKey(
      aggregate.h.map((b, digit) => ({ b, a: this.referencePolynomial(element, digit) })),
      this.context.parameters.maxLevel,
      this.context.noise.collectiveKey
    )
  }

  serialize(share: GaloisShare, element: number): Uint8Array {
    return this.format.serialize(share, this.identity(element))
  }

  /** @throws MalformedShareError */
  deserialize(bytes: Uint8Array, element: number): GaloisShare {
    return this.format.deserialize(bytes, this.identity(element))
  }

  private checkElement(element: number): void {
    const order = 2 * this.context.parameters.N
    if (!Number.isInteger(element) || element % 2 !== 1 || element <= 1 || element >= order) {
      throw new InvalidShareRequestError('galois', 'element', `odd, above 1 and below ${order}`, element)
    }
  }
}
