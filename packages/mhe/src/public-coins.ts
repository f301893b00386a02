/**
 * Re-randomisation with public coins: what a sender has chosen, under components that it could not foresee when it chose.
 *
 *   c'   = (c0, c1) + ⌊(b·u + e0, a·u + e1) / p⌉           (b, a) the collective key; u ternary, e0 and e1 errors, as of any encryption
 *   seed = H(domain ‖ session ‖ H(b, a) ‖ place ‖ H(c0) ‖ H(c1))
 *
 * Everybody who has the ciphertext computes u, e0 and e1: nothing is hidden by them, and c' has the message of c. But c0' = c0 + b·u + … is another polynomial for
 * every other c0, under a hash: whoever makes c0 with the other factor of a product in view, X' = c0_w and Y' = c1_w, no longer solves
 *
 *   c0'·Y' + c1'·X' + (relinearisation of c1'·Y') = what it would like key holders to multiply with their secrets
 *
 * for c0. All that is left is to try: u, e0 and e1 have more than seven bits of min-entropy per coefficient, over all N, and each try is a hash and a transform.
 *
 * This is no proof that c is an encryption of anything sensible, and helps nothing against who needs no particular c1.
 */
import type { Ciphertext, Context, Encryptor, PublicKey } from '@slytherin/ckks'
import { hashParts } from './hash.js'
import { polynomialHash } from './polynomial-hash.js'
import { checkSessionId } from './reference.js'
import { rerandomize } from './rerandomization.js'

const DOMAIN = 'slytherin public coins'

/** Where a ciphertext stands in its session or epoch: no two stand in the same place. */
export interface CoinPlace {
  readonly purpose: 'input' | 'refreshed'
  /** The query, and what tells apart the ciphertexts of this purpose in it. */
  readonly names: readonly string[]
}

/** Adds encryptions of zero that everybody derives from public coins, so that nobody chooses the first component of a ciphertext. */
export class PublicCoins {
  readonly #context: Context
  readonly #sessionId: Uint8Array
  readonly #encryptor: Encryptor
  readonly #key: Uint8Array

  /**
   * @param sessionId 32 bytes, of the session or the epoch
   * @param encryptor for the public key
   * @throws InvalidShareRequestError unless the identifier has 32 bytes
   */
  constructor(context: Context, sessionId: Uint8Array, publicKey: PublicKey, encryptor: Encryptor) {
    checkSessionId(sessionId)
    this.#context = context
    this.#sessionId = sessionId
    this.#encryptor = encryptor
    this.#key = hashParts(polynomialHash(publicKey.b), polynomialHash(publicKey.a))
  }

  /** 32 bytes that follow from the place and from every bit of the ciphertext. */
  seed({ purpose, names }: CoinPlace, { components, level }: Ciphertext): Uint8Array {
    const where = [purpose, String(names.length), ...names, String(level)]
    return hashParts(DOMAIN, this.#sessionId, this.#key, ...where, ...components.map(polynomialHash))
  }

  /**
   * @param ciphertext of degree 1; stays as it is
   * @returns a new ciphertext of the same message, level, scale and magnitude; the same bits wherever it is computed
   * @throws ShareMismatchError for another degree
   */
  rerandomize(place: CoinPlace, ciphertext: Ciphertext): Ciphertext {
    return rerandomize(this.#context, this.#encryptor, ciphertext, this.seed(place, ciphertext))
  }
}
