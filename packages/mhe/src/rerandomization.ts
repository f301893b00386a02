/**
 * Re-randomisation: the same message under a second component that nobody else can foresee.
 *
 *   c' = (c0, c1) + ⌊(b·u + e0, a·u + e1) / p⌉        a fresh encryption of zero under the collective key (b, a)
 *
 * Key holders are sent c1 in every refresh and switch. Where an operand of the evaluator's is clear, c1 is a combination of second components that
 * others know, weighted by that operand: c1 = Σ x_k·c1(w_k). Whoever made the w_k solves for the x_k or, where rescaling has rounded, checks guesses of
 * them (see the attack tests). c1 + ⌊(a·u + e1) / p⌉ is a sample of ring learning with errors whose secret u nobody but the evaluator has, not even who
 * holds the whole key.
 *
 * Needed, too, before a ciphertext whose shares were spoilt may be sent under a new instance.
 */
import { Ciphertext, type Context, combineNoise, type Encryptor, Plaintext } from '@slytherin/ckks'
import { randomSeed } from '@slytherin/ring'
import { ShareMismatchError } from './errors.js'

/**
 * @param encryptor  for the collective key that the ciphertext is under
 * @param ciphertext of degree 1; stays as it is
 * @param seed       32 secret bytes, used for this ciphertext only
 * @returns a new ciphertext of the same message, level, scale and magnitude
 */
export function rerandomize(context: Context, encryptor: Encryptor, ciphertext: Ciphertext, seed: Uint8Array = randomSeed()): Ciphertext {
  const { ring, parameters } = context
  const { level, scale, magnitude, noise, degree } = ciphertext
  if (degree !== 1) throw new ShareMismatchError('re-randomisation', 'degree of the ciphertext', 1, degree)
  using nothing = new Plaintext(ring.allocate(parameters.ciphertextIndices(level), 'ntt'), level, scale, 0)
  const zero = encryptor.encrypt(nothing, seed)
  zero.components.forEach((component, k) => {
    ring.add(component, component, ciphertext.components[k]!)
  })
  return new Ciphertext(zero.components, { level, scale, magnitude, noise: combineNoise(noise, zero.noise) })
}
