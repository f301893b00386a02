/** m ≈ decode(c0 + c1·s (+ c2·s²)). The exact phase reveals the secret to whoever knows the ciphertext's history: it never leaves the key holder. */
import type { Ciphertext } from './ciphertext.js'
import type { Context } from './context.js'
import type { ComplexVector } from './fourier.js'
import type { SecretKey } from './keys.js'
import { Plaintext } from './plaintext.js'

/** Decrypts and decodes with a secret key. */
export class Decryptor {
  constructor(
    private readonly context: Context,
    private readonly secret: SecretKey
  ) {}

  /** c0 + c1·s + … modulo Q_l, message and noise together. */
  phase(ciphertext: Ciphertext): Plaintext {
    const { ring, parameters } = this.context
    const { components, level, scale, magnitude } = ciphertext
    const sum = ring.allocate(parameters.ciphertextIndices(level), 'ntt')
    // Horner: (… (c_d·s + c_{d-1})·s + …) + c_0
    ring.copy(sum, components[components.length - 1]!)
    for (let k = components.length - 2; k >= 0; k--) {
      ring.multiply(sum, sum, this.secret.polynomial)
      ring.add(sum, sum, components[k]!)
    }
    return new Plaintext(sum, level, scale, magnitude)
  }

  /** The slots. */
  decrypt(ciphertext: Ciphertext): ComplexVector {
    const phase = this.phase(ciphertext)
    try {
      return this.context.encoder.decode(phase)
    } finally {
      phase.wipe()
    }
  }
}
