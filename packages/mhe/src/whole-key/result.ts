/**
 * The result of a query where one party holds the whole key.
 *
 * **It is the querier's own** (encrypted data): nobody is asked. The evaluator floods what it has computed, with the σ of a switch, and sends it; the querier decrypts.
 *
 *   (c0 + flood, c1)                      in R_Ql, (c0, c1) re-randomised
 *
 * **It is somebody else's** (encrypted model): the holder decrypts under a mask, floods, and encrypts for the querier's key (p0, p1).
 *
 *   evaluator   (c0 + M, c1)              M uniform modulo Q_l: nothing is lifted, so it may wrap
 *   holder      (h0, h1) = (c0 + M + c1·s + flood + u·p0, u·p1 + e)
 *   evaluator   (h0 - M, h1)
 *
 * Under a mask that fills the modulus c0 + M is uniform whatever c0 is, so it need not be sent: the evaluator takes M = -c0. What the holder then makes is, to the letter, the
 * one share of a switch with one party (public-key-switch.ts), and is made by it: an encryption under the querier's key. The evaluator cannot read it. A querier can, so one
 * that is the evaluator, or that it tells, has within its quota whatever it asks for decrypted: an output oracle, which no re-encryption takes away.
 */
import { Ciphertext, type Context, type Flooding, type PublicKey, type SecretKey } from '@slytherin/ckks'
import { InvalidShareRequestError, ShareMismatchError } from '../errors.js'
import { checkHeadroom, floodingNoise, noiseAfterFlooding, sampledSigma } from '../flooding.js'
import { PublicKeySwitch, type SwitchRequest, type SwitchShare } from '../public-key-switch.js'
import { withDerivedSeed } from '../sampling.js'
import { overwritable, releasingOnError, withScratch } from '../scratch.js'
import { ShareFormat } from '../share-format.js'

/**
 * A result as its querier, who holds the whole key, may see it.
 *
 * @param ciphertext of degree 1, re-randomised; stays as it is
 * @param noise      log2 of the noise that is flooded, at least the ciphertext's tracked one
 * @param seed       32 secret bytes, used for this ciphertext only
 * @returns a new ciphertext of the same message, level, scale and magnitude
 * @throws FloodingSecurityError, FloodingHeadroomError, InvalidShareRequestError, ShareMismatchError
 */
export function floodResult(context: Context, ciphertext: Ciphertext, noise: number, flooding: Flooding, seed: Uint8Array): Ciphertext {
  const { ring, parameters } = context
  const { level, scale, magnitude, degree } = ciphertext
  if (degree !== 1) throw new ShareMismatchError('result', 'degree of the ciphertext', 1, degree)
  if (!(noise >= ciphertext.noise)) throw new InvalidShareRequestError('result', 'noise', `at least ${ciphertext.noise}`, noise)
  checkHeadroom(context, { level, noise, scale, magnitude }, flooding, 1)
  const sigma = sampledSigma(floodingNoise(context, noise, flooding))
  return releasingOnError(made =>
    withScratch(ring, scratch => {
      const flood = scratch.allocate(parameters.ciphertextIndices(level), 'coefficient')
      withDerivedSeed(seed, ['flooding'], derived => ring.ntt(ring.wideGaussian(flood, derived, sigma)))
      const c0 = overwritable(ring, flood.indices, 'ntt')
      made.push(c0)
      ring.add(c0, ciphertext.components[0]!, flood)
      const c1 = ciphertext.components[1]!.clone()
      made.push(c1)
      return new Ciphertext([c0, c1], { level, scale, magnitude, noise: noiseAfterFlooding(context, noise, flooding, 1) })
    })
  )
}

/** Re-encryption of a result for a querier that is not the holder of the whole key. */
export class WholeKeySwitch {
  readonly #switch: PublicKeySwitch
  readonly #format: ShareFormat<SwitchShare>

  constructor(
    readonly context: Context,
    sessionId: Uint8Array
  ) {
    const { parameters } = context
    this.#switch = new PublicKeySwitch(context, sessionId)
    this.#format = new ShareFormat<SwitchShare>(context, sessionId, {
      protocol: 'switch-whole',
      shape: level => [parameters.ciphertextIndices(level), parameters.ciphertextIndices(level)],
      parts: ({ h0, h1 }) => [h0, h1],
      assemble: ([h0, h1]) => ({ h0: h0!, h1: h1! })
    })
  }

  /** Refuses what is not re-encrypted; `reencrypt` does the same. @throws as `reencrypt` */
  check(request: SwitchRequest, flooding: Flooding): void {
    this.#switch.check(request, flooding)
  }

  /**
   * @param secret the whole secret
   * @param target the querier's public key
   * @param seed   32 secret bytes, used for this request only
   * @throws FloodingSecurityError, FloodingHeadroomError, InvalidShareRequestError, ShareMismatchError
   */
  reencrypt(secret: SecretKey, request: SwitchRequest, target: PublicKey, flooding: Flooding, seed: Uint8Array): SwitchShare {
    return this.#switch.share(secret, request, target, flooding, seed)
  }

  /**
   * @param ciphertext whose second component was sent; stays as it is
   * @param flooded    log2 of the σ_ct that was asked for, where it is not the ciphertext's tracked noise
   * @returns a new ciphertext under the querier's key
   */
  finalize(ciphertext: Ciphertext, reencryption: SwitchShare, flooding: Flooding, flooded: number = ciphertext.noise): Ciphertext {
    return this.#switch.finalize(ciphertext, reencryption, flooding, 1, flooded)
  }

  /** A re-encryption as it travels, bound to session, instance and level. */
  serialize(reencryption: SwitchShare, instance: string): Uint8Array {
    return this.#format.serialize(reencryption, { instance, level: reencryption.h0.indices.length - 1 })
  }

  /** @throws MalformedShareError for anything that is not exactly a re-encryption of this session, instance and level */
  deserialize(bytes: Uint8Array, instance: string, level: number): SwitchShare {
    return this.#format.deserialize(bytes, { instance, level })
  }

  /** Lets go of both polynomials. */
  dispose(reencryption: SwitchShare): void {
    this.#format.dispose(reencryption)
  }
}
