/**
 * Collective switch of a ciphertext to another party's public key (eprint 2020/304, Π_PubColKeySwitch): one round.
 *
 *   share      (h0_i, h1_i) = (s_i·c1 + u_i·p0 + flood_i,  u_i·p1 + e_i)    in R_Ql,  u_i ternary, (p0, p1) the target's key
 *   aggregate  (h0, h1) = Σ (h0_i, h1_i)
 *   finalise   c' = (c0 + h0, h1), a ciphertext of the same message under the target's secret
 *
 * flood_i has the standard deviation that `flooding` derives from the tracked noise of the ciphertext: without it the target would learn
 * c0 + c1·s exactly and solve for s (see the attack tests). Parties need c1 only.
 *
 * Who holds no key can add a share with s_i = 0: its flooding hides from the key holders (one of whom may be the target, who knows its own
 * flooding) the error of a ciphertext that was computed with its own clear operands.
 */
import { Ciphertext, type Context, type Flooding, type PublicKey, type SecretKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { ShareAggregation } from './aggregation.js'
import { InvalidShareRequestError, ShareMismatchError } from './errors.js'
import { checkHeadroom, floodingNoise, noiseAfterFlooding, sampledSigma } from './flooding.js'
import { sampleError, sampleTernary, withDerivedSeed } from './sampling.js'
import { overwritable, releasingOnError, withScratch } from './scratch.js'
import { ShareFormat } from './share-format.js'

/** Which ciphertext is switched. */
export interface SwitchRequest {
  /** Unique per switched ciphertext and session. */
  readonly instance: string
  readonly level: number
  /** log2 of the ciphertext's tracked noise, standard deviation per coefficient. */
  readonly noise: number
  /** Second component of the ciphertext, NTT form over Q_l. */
  readonly c1: Polynomial
  /** Scale and bound on |slot value|, where known: the message is then counted in the headroom. */
  readonly scale?: number
  readonly magnitude?: number
}

/** A party's part of a switch. */
export interface SwitchShare {
  /** s_i·c1 + u_i·p0 + flood_i over Q_l. */
  readonly h0: Polynomial
  /** u_i·p1 + e_i over Q_l. */
  readonly h1: Polynomial
}

/** One round that switches a ciphertext from the collective key to a public key. */
export class PublicKeySwitch {
  readonly format: ShareFormat<SwitchShare>

  /** @param holders key holders whose shares are added, of each one: t where t of n suffice */
  constructor(
    readonly context: Context,
    readonly sessionId: Uint8Array,
    private readonly holders: number = context.parties
  ) {
    const { parameters } = context
    this.format = new ShareFormat<SwitchShare>(context, sessionId, {
      protocol: 'switch',
      shape: level => [parameters.ciphertextIndices(level), parameters.ciphertextIndices(level)],
      parts: share => [share.h0, share.h1],
      assemble: parts => ({ h0: parts[0]!, h1: parts[1]! })
    })
  }

  /**
   * @param secret   this party's secret; `null` for a share that only floods
   * @param target   the receiver's public key
   * @param flooding bits of security and number of decryptions
   * @param seed     32 secret bytes, used for this share only
   * @throws FloodingSecurityError, FloodingHeadroomError, InvalidShareRequestError
   */
  share(secret: SecretKey | null, request: SwitchRequest, target: PublicKey, flooding: Flooding, seed: Uint8Array): SwitchShare {
    const { context } = this
    const { ring, parameters } = context
    const { level, c1 } = request
    this.check(request, flooding)
    const sigma = sampledSigma(floodingNoise(context, request.noise, flooding))
    const indices = parameters.ciphertextIndices(level)
    return releasingOnError(made =>
      withScratch(ring, scratch => {
        const ephemeral = scratch.keep(sampleTernary(ring, indices, seed, ['ephemeral']))
        const h0 = overwritable(ring, indices, 'coefficient')
        made.push(h0)
        withDerivedSeed(seed, ['flooding'], derived => ring.ntt(ring.wideGaussian(h0, derived, sigma)))
        if (secret !== null) ring.multiplyAdd(h0, c1, secret.polynomial)
        ring.multiplyAdd(h0, ephemeral, target.b)
        const h1 = sampleError(ring, indices, seed, ['error'])
        made.push(h1)
        ring.multiplyAdd(h1, ephemeral, target.a)
        return { h0, h1 }
      })
    )
  }

  /** Refuses what no share may be given for; `share` does the same. @throws as `share` */
  check(request: SwitchRequest, flooding: Flooding): void {
    const { maxLevel } = this.context.parameters
    const { level, c1 } = request
    if (!Number.isInteger(level) || level < 0 || level > maxLevel) {
      throw new InvalidShareRequestError('switch', 'level', `0 to ${maxLevel}`, level)
    }
    if (c1.indices.length !== level + 1) throw new ShareMismatchError('switch', 'moduli of c1', level + 1, c1.indices.length)
    checkHeadroom(this.context, request, flooding, this.holders)
  }

  /** Their sum, as a new share. @throws ShareMismatchError when there is none or shapes differ */
  aggregate(shares: Iterable<SwitchShare>): SwitchShare {
    return this.format.sum(shares)
  }

  /** Sums serialised shares as they arrive. */
  aggregation(instance: string, level: number, parties: number = this.holders): ShareAggregation<SwitchShare> {
    return new ShareAggregation(this.format, { instance, level }, parties)
  }

  /**
   * @param ciphertext the ciphertext whose c1 the shares were made for; stays as it is
   * @param aggregate  sum of the shares; stays as it is
   * @param flooding   what the shares were flooded with, for the noise of the result
   * @param parties    number of shares in the sum, those without a secret included
   * @param flooded    log2 of the σ_ct that the shares were made for, where it is not the ciphertext's tracked noise
   * @returns a new ciphertext under the target's key, same level, scale and magnitude
   * @throws ShareMismatchError, FloodingHeadroomError
   */
  finalize(
    ciphertext: Ciphertext,
    aggregate: SwitchShare,
    flooding: Flooding,
    parties: number = this.holders,
    flooded: number = ciphertext.noise
  ): Ciphertext {
    const { context } = this
    const { ring, parameters } = context
    const { level, scale, magnitude } = ciphertext
    if (ciphertext.degree !== 1) throw new ShareMismatchError('switch', 'degree of the ciphertext', 1, ciphertext.degree)
    const shareLevel = aggregate.h0.indices.length - 1
    if (shareLevel !== level) throw new ShareMismatchError('switch', 'level of the shares', level, shareLevel)
    checkHeadroom(context, { level, scale, magnitude, noise: flooded }, flooding, parties)
    const noise = noiseAfterFlooding(context, ciphertext.noise, flooding, parties, flooded)
    return releasingOnError(made => {
      const c0 = overwritable(ring, parameters.ciphertextIndices(level), 'ntt')
      made.push(c0)
      ring.add(c0, ciphertext.components[0]!, aggregate.h0)
      const c1 = aggregate.h1.clone()
      made.push(c1)
      return new Ciphertext([c0, c1], { level, scale, noise, magnitude })
    })
  }

  /** Residues packed to the bits of their primes, behind a header that binds session, instance and level. */
  serialize(share: SwitchShare, instance: string): Uint8Array {
    return this.format.serialize(share, { instance, level: share.h0.indices.length - 1 })
  }

  /** @throws MalformedShareError */
  deserialize(bytes: Uint8Array, instance: string, level: number): SwitchShare {
    return this.format.deserialize(bytes, { instance, level })
  }
}
