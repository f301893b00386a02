/**
 * A refresh where one party holds the whole key: it decrypts and encrypts afresh, and gives no share. One round, from level l to the top level L.
 *
 *   evaluator   (c0 + M, c1)                                  in R_Ql, M uniform modulo Q_l, (c0, c1) re-randomised
 *   holder      m' = c0 + M + c1·s                            as integers within Q_l / 2, lifted to Q_L exactly
 *               (c0', seed)     c0' = -a·s + m' + e, a = expand(seed)      in R_QL
 *   evaluator   (c0' - M, a)
 *
 * The holder sees m + M modulo Q_l, which is uniform whatever m is. M is lifted to Q_L as the integers within Q_l / 2, like m': the two differ by m unless a coefficient of m + M has
 * wrapped around, which happens to a message within the plan's bound with probability below 2^-40 (masks.ts of the ckks package). c1 tells it nothing: it is re-randomised
 * (rerandomization.ts).
 *
 * The evaluator gets a fresh encryption, whatever it sent: with a crafted c1 it is one of a multiple of s, or of anything else, and an encryption is all that it is. In a share
 * s·c1 would stand under a mask, and outgrow it.
 *
 * The decryption is exact: what a refresh adds is the one error e. `a` is expanded from a public seed, as bytes no more than a share.
 */
import {
  Ciphertext,
  type Context,
  combineNoise,
  ERROR_SIGMA,
  minimumWholeKeyRefreshLevel,
  type Parameters,
  refreshErrorNoise,
  type SecretKey
} from '@slytherin/ckks'
import { deriveSeed, type Polynomial } from '@slytherin/ring'
import { InvalidShareRequestError, MalformedShareError, RefreshLevelError, ShareMismatchError } from '../errors.js'
import { checkMessage } from '../message-bounds.js'
import { expandReference } from '../reference.js'
import { withDerivedSeed } from '../sampling.js'
import { overwritable, releasingOnError, withScratch } from '../scratch.js'
import { ShareFormat } from '../share-format.js'

/** Bytes of the seed that stands for a second component. */
export const SEED_BYTES = 32

/** What the holder of the whole key is asked: a ciphertext under the evaluator's mask. */
export interface MaskedRefreshRequest {
  /** Unique per refreshed ciphertext and session. */
  readonly instance: string
  /** Level l of the ciphertext. */
  readonly level: number
  readonly scale: number
  /** Bound on |slot value|. */
  readonly magnitude: number
  /** First component under the evaluator's mask, NTT form over Q_l. */
  readonly masked: Polynomial
  /** Second component, NTT form over Q_l. */
  readonly c1: Polynomial
}

/** What the evaluator keeps and what it sends. */
export interface MaskedComponent {
  /** c0 + M, NTT form over Q_l: to be sent. */
  readonly masked: Polynomial
  /** M, NTT form over Q_L: never leaves the evaluator. */
  readonly mask: Polynomial
}

/** What the holder of the whole key answers. */
export interface Reencryption {
  /** -a·s + m' + e, NTT form over Q_L. */
  readonly c0: Polynomial
  /** 32 bytes from which a is expanded; public. */
  readonly seed: Uint8Array
}

/** A refresh with one party that holds the whole key. */
export class WholeKeyRefresh {
  readonly #format: ShareFormat<Polynomial>

  constructor(
    readonly context: Context,
    sessionId: Uint8Array
  ) {
    const { parameters } = context
    this.#format = new ShareFormat<Polynomial>(context, sessionId, {
      protocol: 'refresh-whole',
      shape: () => [parameters.ciphertextIndices(parameters.maxLevel)],
      parts: c0 => [c0],
      assemble: ([c0]) => c0!
    })
  }

  /** The lowest level at which a ciphertext can be refreshed. @throws RefreshLevelError when no level of the parameters is high enough; InvalidShareRequestError */
  static minimumLevel(parameters: Parameters, scale: number, magnitude: number): number {
    checkMessage(scale, magnitude)
    const level = minimumWholeKeyRefreshLevel(parameters, scale, magnitude)
    if (level !== undefined) return level
    throw new RefreshLevelError(parameters.maxLevel, -1, Math.ceil(parameters.logModulus(parameters.maxLevel)), 1)
  }

  /**
   * The evaluator's first half.
   *
   * @param ciphertext of degree 1, re-randomised; stays as it is
   * @param seed       32 secret bytes, used for this ciphertext only
   * @throws RefreshLevelError below the level that holds a mask; ShareMismatchError
   */
  mask(ciphertext: Ciphertext, seed: Uint8Array): MaskedComponent {
    const { ring, parameters } = this.context
    const { level, scale, magnitude, degree } = ciphertext
    if (degree !== 1) throw new ShareMismatchError('refresh-whole', 'degree of the ciphertext', 1, degree)
    this.#checkLevel(level, scale, magnitude)
    return releasingOnError(made => {
      const mask = overwritable(ring, parameters.ciphertextIndices(parameters.maxLevel), 'coefficient')
      made.push(mask)
      withScratch(ring, scratch => {
        const uniform = scratch.allocate(parameters.ciphertextIndices(level), 'coefficient')
        withDerivedSeed(seed, ['mask'], derived => ring.uniform(uniform, derived))
        ring.ntt(ring.extendBasis(mask, uniform))
      })
      const masked = overwritable(ring, parameters.ciphertextIndices(level), 'ntt')
      made.push(masked)
      ring.add(masked, ciphertext.components[0]!, mask)
      return { masked, mask }
    })
  }

  /** Refuses what is not re-encrypted; `reencrypt` does the same. @throws RefreshLevelError, ShareMismatchError, InvalidShareRequestError */
  check({ level, scale, magnitude, masked, c1 }: MaskedRefreshRequest): void {
    this.#checkLevel(level, scale, magnitude)
    for (const [field, { indices }] of Object.entries({ c0: masked, c1 })) {
      if (indices.length !== level + 1) throw new ShareMismatchError('refresh-whole', `moduli of ${field}`, level + 1, indices.length)
    }
  }

  /**
   * The holder's part.
   *
   * @param secret the whole secret
   * @param seed   32 secret bytes, used for this request only
   */
  reencrypt(secret: SecretKey, request: MaskedRefreshRequest, seed: Uint8Array): Reencryption {
    this.check(request)
    const { ring, parameters } = this.context
    const { masked, c1 } = request
    const top = parameters.ciphertextIndices(parameters.maxLevel)
    // One way: nothing else that is derived from the seed follows from it.
    const publicSeed = deriveSeed(seed, 'reference')
    return releasingOnError(made =>
      withScratch(ring, scratch => {
        const phase = scratch.keep(masked.clone())
        ring.inverseNtt(ring.multiplyAdd(phase, c1, secret.polynomial))
        const lifted = ring.extendBasis(scratch.allocate(top, 'coefficient'), phase)
        const c0 = overwritable(ring, top, 'coefficient')
        made.push(c0)
        // The error is symmetric: -(a·s + e - m') is -a·s + m' + e.
        withDerivedSeed(seed, ['error'], derived => ring.gaussian(c0, derived, ERROR_SIGMA))
        ring.ntt(ring.subtract(c0, c0, lifted))
        ring.multiplyAdd(c0, scratch.keep(expandReference(ring, top, publicSeed)), secret.polynomial)
        return { c0: ring.negate(c0, c0), seed: publicSeed }
      })
    )
  }

  /**
   * The evaluator's second half.
   *
   * @param ciphertext what was masked; stays as it is
   * @param mask       M; stays as it is
   * @returns a new ciphertext of the same message, scale and magnitude at the top level
   */
  finalize(ciphertext: Ciphertext, mask: Polynomial, { c0: fresh, seed }: Reencryption): Ciphertext {
    const { ring, parameters } = this.context
    const { scale, magnitude, noise } = ciphertext
    const top = parameters.ciphertextIndices(parameters.maxLevel)
    return releasingOnError(made => {
      const c0 = overwritable(ring, top, 'ntt')
      made.push(c0)
      ring.subtract(c0, fresh, mask)
      const c1 = expandReference(ring, top, seed)
      made.push(c1)
      return new Ciphertext([c0, c1], { level: parameters.maxLevel, scale, magnitude, noise: combineNoise(noise, refreshErrorNoise(1)) })
    })
  }

  /** Exact number of bytes of a serialised re-encryption. */
  serializedLength(level: number): number {
    return SEED_BYTES + this.#format.serializedLength(level)
  }

  /** Seed, then c0 as a share is written. @param level of what was refreshed */
  serialize({ c0, seed }: Reencryption, instance: string, level: number): Uint8Array {
    const body = this.#format.serialize(c0, { instance, level })
    const out = new Uint8Array(SEED_BYTES + body.length)
    out.set(seed)
    out.set(body, SEED_BYTES)
    return out
  }

  /** @throws MalformedShareError for anything that is not exactly a re-encryption of this session, instance and level */
  deserialize(bytes: Uint8Array, instance: string, level: number): Reencryption {
    const length = this.serializedLength(level)
    if (bytes.length !== length) throw new MalformedShareError('refresh-whole', 'length', length, bytes.length)
    return { seed: bytes.slice(0, SEED_BYTES), c0: this.#format.deserialize(bytes.subarray(SEED_BYTES), { instance, level }) }
  }

  #checkLevel(level: number, scale: number, magnitude: number): void {
    const { parameters } = this.context
    if (!Number.isInteger(level) || level < 0 || level > parameters.maxLevel) {
      throw new InvalidShareRequestError('refresh-whole', 'level', `0 to ${parameters.maxLevel}`, level)
    }
    const minimum = WholeKeyRefresh.minimumLevel(parameters, scale, magnitude)
    if (level < minimum) throw new RefreshLevelError(level, minimum, Math.ceil(parameters.logModulus(minimum)), 1)
  }
}
