/**
 * Values that leave the range that a refresh was planned for (a sample far from the calibrated ones) are refreshed by key holders and evaluator who follow the protocol,
 * and the evaluator looks at what it is sent: masks made for the planned range alone would be small beside such values, and show their high bits.
 */
import { Context, Encryptor, Parameters, SecretKey } from '@slytherin/ckks'
import { PublicKeyGeneration, Refresh } from '@slytherin/mhe'
import { loadKernel } from '@slytherin/ring'
import type { Attack } from './attack.js'

const HOLDERS = 2
/** Bits of the values that are to be read, and of what they stand above. */
const VALUE_BITS = 12
/** Bits by which their lowest bit exceeds masks of the planned range. */
const BEYOND_BITS = 4
/** So many values at once: no guess gets them all right. */
const VALUES = 16

/** Masks no longer than 128 bits more than the planned range. */
class RefreshWithinRange extends Refresh {
  override maskBits(_level: number, scale: number, magnitude: number): number {
    return Refresh.leastMaskBits(scale, magnitude)
  }
}

export const refreshOverflow: Attack = {
  name: 'refresh-overflow',
  layer: 'masks that fill the modulus',
  stoppedBy: /read 0 of 16 values beyond the range/,
  fast: true,
  mount: async ({ layerOn }) => {
    const parameters = Parameters.generate({
      logN: 14,
      firstPrimeBits: 48,
      primeBits: 45,
      levels: 5,
      specialPrimeBits: 48,
      specialPrimes: 1,
      scale: 2 ** 40
    })
    const context = Context.create(parameters, await loadKernel(), { parties: HOLDERS })
    try {
      const { ring } = context
      const random = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(32))
      const sessionId = random()
      const secrets = Array.from({ length: HOLDERS }, () => SecretKey.fromSeed(context, random()))
      const generation = new PublicKeyGeneration(context, sessionId)
      const publicKey = generation.finalize(generation.aggregate(secrets.map(secret => generation.share(secret, random()))))

      const [level, scale, magnitude] = [parameters.maxLevel, parameters.scale, 1]
      const lowest = Refresh.leastMaskBits(scale, magnitude) + BEYOND_BITS
      const values = Float64Array.from(crypto.getRandomValues(new Uint16Array(VALUES)), value => value % 2 ** VALUE_BITS)
      const plaintext = context.encoder.encode(new Float64Array(1), { level, scale })
      const coefficients = ring.allocate(parameters.ciphertextIndices(level), 'coefficient')
      ring.fromIntegers(
        coefficients,
        Float64Array.from({ length: ring.N }, (_, k) => values[k] ?? 0)
      )
      ring.copy(plaintext.polynomial, ring.ntt(ring.multiplyScalar(coefficients, coefficients, 1n << BigInt(lowest))))
      const ciphertext = new Encryptor(context, publicKey).encrypt(plaintext, random())

      const protocol = layerOn ? new Refresh(context, sessionId) : new RefreshWithinRange(context, sessionId)
      const request = { instance: 'overflow', level, scale, magnitude, c1: ciphertext.components[1]! }
      const sum = protocol.aggregate(secrets.map(secret => protocol.share(secret, request, random())))
      // m - M, which the evaluator sees
      const masked = ring.toDoubles(ring.inverseNtt(ring.add(sum.h0, sum.h0, ciphertext.components[0]!)))
      const read = values.filter((value, k) => Math.round(masked[k]! / 2 ** lowest) === value).length
      return { succeeded: read === VALUES, detail: `read ${read} of ${VALUES} values beyond the range that the refresh was planned for` }
    } finally {
      context.dispose()
    }
  }
}
