/**
 * Collective switch of a ciphertext to a key that nobody holds: another collective key. As `PublicKeySwitch`, but that every share is an encryption that is proved
 * to be one (proofs/encryption-proofs.ts), under the target's key (b', a'):
 *
 *   share      (h0_i, H1_i) = (s_i·c1 + flood_i + ⌊2·(b'·u_i + e0_i) / p⌉,  a'·u_i + e_i modulo Q_l·p)
 *   finalise   c0' = c0 + Σ h0_i,     C1' = Σ H1_i,     c1' = ⌊2·C1' / p⌉
 *
 * Why proved: with a public-key switch the result goes to who asked for it. Here others compute on it, under a secret that is nobody's, and whoever knew that
 * second component to be crafted would read that secret out of what is decrypted later. Of a sum of proved H1_i at most the messages are what their makers like:
 * h0_i moves the message by what holder i knows.
 *
 * Why flooded: who holds the target's secret (t of its holders together) learns c0 + c1·s, and with it an equation in the old secret, exactly (eprint 2020/1533).
 * flood_i is what `PublicKeySwitch` adds. It stays in the message: of the ciphertext's error under the new key only what is fresh depends on the new secret.
 */
import {
  type Ciphertext,
  type Context,
  Encryptor,
  encryptionIndices,
  type Flooding,
  Plaintext,
  type PublicKey,
  type SecretKey
} from '@slytherin/ckks'
import { deriveSeed, type Polynomial } from '@slytherin/ring'
import { ShareMismatchError } from './errors.js'
import { floodingNoise, sampledSigma } from './flooding.js'
import { PublicKeySwitch, type SwitchRequest } from './public-key-switch.js'
import { withDerivedSeed } from './sampling.js'
import { overwritable, releasingOnError, withScratch } from './scratch.js'

/** A ciphertext that is to be switched, and the level at which its shares are proved. */
export interface ProvableSwitchRequest extends SwitchRequest {
  /** Level of H1: the ciphertext's, or a higher one, so that it is proved together with others of that level. */
  readonly provenLevel: number
}

/** One holder's share: an encryption, under the target's key, of its part of the decryption; or what the sum of all makes of a ciphertext. */
export interface ProvableSwitchShare {
  /** NTT form over Q_l. */
  readonly first: Polynomial
  /** a'·u_i + e_i, coefficient form over Q_l'·p, l' the proven level. */
  readonly undivided: Polynomial
}

/** The seed of the encryption in a share, by which it is proved (`EncryptionProofs`); 32 secret bytes, which whoever asks wipes. */
export const encryptionSeedOf = (seed: Uint8Array): Uint8Array => deriveSeed(seed, 'switch encryption', 0)

/** The protocol; see the file's head. */
export class ProvableSwitch {
  readonly #switch: PublicKeySwitch

  /** @param holders key holders whose shares are added: t */
  constructor(
    readonly context: Context,
    sessionId: Uint8Array,
    readonly holders: number
  ) {
    this.#switch = new PublicKeySwitch(context, sessionId, holders)
  }

  /** Refuses what no share may be given for; `share` does the same. @throws FloodingSecurityError, FloodingHeadroomError, InvalidShareRequestError, ShareMismatchError */
  check(request: ProvableSwitchRequest, flooding: Flooding): void {
    this.#switch.check(request, flooding)
    const { maxLevel } = this.context.parameters
    const { level, provenLevel } = request
    if (!Number.isInteger(provenLevel) || provenLevel < level || provenLevel > maxLevel) {
      throw new ShareMismatchError('switch', 'proven level', `${level} to ${maxLevel}`, provenLevel)
    }
  }

  /**
   * @param secret this party's
   * @param target the key that is switched to
   * @param seed   32 secret bytes, used for this share only
   * @returns the share; the caller disposes both
   * @throws as `check`
   */
  share(secret: SecretKey, request: ProvableSwitchRequest, target: PublicKey, flooding: Flooding, seed: Uint8Array): ProvableSwitchShare {
    const { context } = this
    const { ring, parameters } = context
    const { level, c1, provenLevel, scale = 1 } = request
    this.check(request, flooding)
    const sigma = sampledSigma(floodingNoise(context, request.noise, flooding))
    const encryptionSeed = encryptionSeedOf(seed)
    try {
      return withScratch(ring, scratch => {
        const partial = scratch.allocate(parameters.ciphertextIndices(level), 'coefficient')
        withDerivedSeed(seed, ['flooding'], derived => ring.ntt(ring.wideGaussian(partial, derived, sigma)))
        ring.multiplyAdd(partial, c1, secret.polynomial)
        const { ciphertext, undivided } = new Encryptor(context, target).encryptProvably(
          new Plaintext(partial, level, scale, 0),
          encryptionSeed,
          provenLevel
        )
        ciphertext.components[1]!.dispose()
        return { first: ciphertext.components[0]!, undivided }
      })
    } finally {
      encryptionSeed.fill(0)
    }
  }

  /**
   * @param ciphertext the ciphertext whose c1 the shares were made for; stays as it is
   * @param shares     of all holders of the active set; stay as they are
   * @returns c0' and C1', as a share has them; the caller disposes both
   * @throws ShareMismatchError
   */
  finalize(ciphertext: Ciphertext, shares: readonly ProvableSwitchShare[], provenLevel: number): ProvableSwitchShare {
    const { ring, parameters } = this.context
    const { level, degree } = ciphertext
    if (degree !== 1) throw new ShareMismatchError('switch', 'degree of the ciphertext', 1, degree)
    if (shares.length !== this.holders) throw new ShareMismatchError('switch', 'number of shares', this.holders, shares.length)
    const indices = encryptionIndices(parameters, provenLevel)
    return releasingOnError(made => {
      const first = overwritable(ring, parameters.ciphertextIndices(level), 'ntt')
      made.push(first)
      ring.copy(first, ciphertext.components[0]!)
      const undivided = ring.allocate(indices, 'coefficient')
      made.push(undivided)
      for (const share of shares) {
        ring.add(first, first, share.first)
        ring.add(undivided, undivided, share.undivided)
      }
      return { first, undivided }
    })
  }
}
