/**
 * Public-key encryption with low noise, as SEAL does it: zero is encrypted modulo Q_l·p, p the first special prime, and divided by p; only then the message is
 * added. What remains of the encryption noise is the rounding of that division.
 *
 *   (c0, c1) = ⌊(b·u + e0, a·u + e1) / p⌉ + (Δ·m, 0)     u ternary, e0, e1 Gaussian
 */
import { deriveSeed, type Polynomial, randomSeed } from '@slytherin/ring'
import { Ciphertext } from './ciphertext.js'
import type { Context } from './context.js'
import { InvalidScaleError } from './errors.js'
import type { PublicKey } from './keys.js'
import { combineNoise } from './noise.js'
import type { Plaintext } from './plaintext.js'
import { ERROR_SIGMA } from './security.js'

export class Encryptor {
  constructor(
    private readonly context: Context,
    private readonly publicKey: PublicKey
  ) {}

  /**
   * @param seed 32 secret bytes, used for this ciphertext only; random by default
   * @returns a ciphertext at the plaintext's level and scale
   */
  encrypt(plaintext: Plaintext, seed: Uint8Array = randomSeed()): Ciphertext {
    const { context } = this
    const { level, scale, magnitude } = plaintext
    if (!Number.isFinite(scale) || scale <= 0) throw new InvalidScaleError('encrypt', scale)
    const [c0, c1] = this.zero(level, seed)
    context.ring.add(c0, c0, plaintext.polynomial)
    const noise = combineNoise(context.noise.fresh(), context.noise.encoding(scale, magnitude))
    return new Ciphertext([c0, c1], { level, scale, noise, magnitude })
  }

  /** A fresh encryption of zero at this level, ntt domain: c0 + c1·s is small. */
  private zero(level: number, seed: Uint8Array): [Polynomial, Polynomial] {
    const { ring, parameters } = this.context
    const special = parameters.maxLevel + 1
    const target = parameters.ciphertextIndices(level)
    const extended = [...target, special]
    const ephemeral = ring.allocate(extended, 'coefficient')
    const made: Polynomial[] = []
    try {
      ring.ternary(ephemeral, deriveSeed(seed, 'ephemeral'))
      ring.ntt(ephemeral)
      const half = (key: Polynomial, label: string): Polynomial => {
        const sum = ring.allocate(extended, 'coefficient')
        try {
          ring.gaussian(sum, deriveSeed(seed, label), ERROR_SIGMA)
          ring.ntt(sum)
          ring.multiplyAdd(sum, ephemeral, key)
          const out = ring.allocate(target, 'ntt')
          made.push(out)
          return ring.divideAndRound(out, sum, [special])
        } finally {
          sum.wipe()
          sum.dispose()
        }
      }
      return [half(this.publicKey.b, 'error 0'), half(this.publicKey.a, 'error 1')]
    } catch (error) {
      for (const polynomial of made) polynomial.dispose()
      throw error
    } finally {
      ephemeral.wipe()
      ephemeral.dispose()
    }
  }
}
