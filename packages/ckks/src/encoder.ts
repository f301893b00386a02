/**
 * Slots ↔ polynomials, in SEAL's CKKS slot order (generator 3, conjugate slots at the inverse exponents): a plaintext made here decodes in SEAL and the
 * other way round. Real or complex slots, any level, any scale with coefficients below 2^180 and below Q_l/2.
 */
import type { Polynomial, Ring } from '@slytherin/ring'
import { EncodingError, InvalidScaleError } from './errors.js'
import { CanonicalEmbedding, type ComplexVector } from './fourier.js'
import type { Parameters } from './parameters.js'
import { Plaintext } from './plaintext.js'

/** Real slots, or real and imaginary parts. At most N/2 values; missing slots are 0. */
export type SlotValues = Float64Array | { readonly real: Float64Array; readonly imaginary: Float64Array }

/** Where an encoded plaintext is to stand. */
export interface EncodeOptions {
  level: number
  scale: number
  /**
   * Bound on |slot| to state as the plaintext's magnitude. Whoever encrypts secret values gives one that is public: otherwise the largest |slot| itself
   * would travel in the ciphertext's metadata.
   */
  magnitude?: number
}

/** An encoding before it is brought to any ring: polynomial coefficients, of which only every so manieth is stored where the others are 0. */
export interface EncodedIntegers {
  readonly level: number
  readonly scale: number
  /** the stated bound, or the largest |slot| */
  readonly magnitude: number
  /** Coefficient k is stored for every k that is a multiple of this power of two; slots that repeat with period N/(2·distance) have no others. */
  readonly distance: number
  /** integers below 2^98, N/distance of them */
  readonly integers: Float64Array
  /** the coefficients are so many bits larger: integers·2^shift */
  readonly shift: number
}

/** Slots may exceed a stated bound by rounding only. */
export const BOUND_TOLERANCE = 1 + 2 ** -40

/** What the ring reduces exactly. */
const EXACT_COEFFICIENT_BITS = 98
/** Larger ones are made as multiples of a power of two, which is below the last place of the transform in doubles. */
const MAXIMUM_COEFFICIENT_BITS = 180

export class Encoder {
  private readonly embedding: CanonicalEmbedding

  constructor(
    private readonly parameters: Parameters,
    private readonly ring: Ring
  ) {
    this.embedding = new CanonicalEmbedding(parameters.N)
  }

  /**
   * @returns a plaintext in the ntt domain whose magnitude is the stated bound, or the largest |slot|
   * @throws EncodingError (too many values, not finite, too large, above the stated bound), InvalidLevelError, InvalidScaleError
   */
  encode(values: SlotValues, options: EncodeOptions): Plaintext {
    const plaintext = this.encodeCoefficients(values, options)
    this.ring.ntt(plaintext.polynomial)
    return plaintext
  }

  /** The same before the transform, in the coefficient domain: for who adds to it first. @throws as `encode` */
  encodeCoefficients(values: SlotValues, options: EncodeOptions): Plaintext {
    const encoded = this.rounded(values, options)
    try {
      return this.polynomialOf(encoded, encoded.integers)
    } finally {
      encoded.integers.fill(0)
    }
  }

  /**
   * The encoding without any ring, to be kept where memory is short: for values that are no secret.
   * @throws as `encode`
   */
  integers(values: SlotValues, options: EncodeOptions): EncodedIntegers {
    const encoded = this.rounded(values, options)
    const distance = distanceOf(encoded.integers)
    if (distance === 1) return encoded
    const integers = Float64Array.from({ length: this.parameters.N / distance }, (_, k) => encoded.integers[k * distance]!)
    return { ...encoded, distance, integers }
  }

  /** The same plaintext as `encode` makes. @throws InvalidLevelError; EncodingError where it is not of this ring */
  fromIntegers(encoded: EncodedIntegers): Plaintext {
    const { level, distance, integers } = encoded
    const { N } = this.parameters
    this.parameters.checkLevel('fromIntegers', level)
    if (integers.length * distance !== N) throw new EncodingError('length', `${N / distance} coefficients`, String(integers.length))
    let spread = integers
    if (distance > 1) {
      spread = new Float64Array(N)
      for (let k = 0; k < integers.length; k++) spread[k * distance] = integers[k]!
    }
    const plaintext = this.polynomialOf(encoded, spread)
    this.ring.ntt(plaintext.polynomial)
    return plaintext
  }

  private rounded(values: SlotValues, options: EncodeOptions): EncodedIntegers {
    const { level, scale } = options
    this.parameters.checkLevel('encode', level)
    try {
      const { coefficients, magnitude, largest } = this.interpolated(values, level, scale, MAXIMUM_COEFFICIENT_BITS)
      if (options.magnitude !== undefined && !(magnitude <= options.magnitude * BOUND_TOLERANCE)) {
        coefficients.fill(0)
        throw new EncodingError('magnitude', `slots within ±${options.magnitude}`, 'a larger one')
      }
      const shift = Math.max(0, Math.ceil(Math.log2(largest)) + 1 - EXACT_COEFFICIENT_BITS)
      if (shift > 0) for (let j = 0; j < coefficients.length; j++) coefficients[j] = Math.round(coefficients[j]! / 2 ** shift)
      return { level, scale, magnitude: options.magnitude ?? magnitude, distance: 1, integers: coefficients, shift }
    } finally {
      this.embedding.wipe()
    }
  }

  /** In the coefficient domain. @param coefficients all N of them */
  private polynomialOf({ level, scale, magnitude, shift }: EncodedIntegers, coefficients: Float64Array): Plaintext {
    const polynomial = this.ring.allocate(this.parameters.ciphertextIndices(level), 'coefficient')
    try {
      this.ring.fromIntegers(polynomial, coefficients)
      if (shift > 0) this.ring.multiplyScalar(polynomial, polynomial, 1n << BigInt(shift))
    } catch (error) {
      polynomial.dispose()
      throw error
    }
    return new Plaintext(polynomial, level, scale, magnitude)
  }

  /** The N rounded coefficients of the encoding, before reduction, below 2^98, and the largest |slot|. @throws as `encode` */
  coefficients(values: SlotValues, level: number, scale: number): { coefficients: Float64Array; magnitude: number } {
    return this.interpolated(values, level, scale, EXACT_COEFFICIENT_BITS)
  }

  private interpolated(
    values: SlotValues,
    level: number,
    scale: number,
    limitBits: number
  ): { coefficients: Float64Array; magnitude: number; largest: number } {
    if (!Number.isFinite(scale) || scale <= 0) throw new InvalidScaleError('encode', scale)
    const real = values instanceof Float64Array ? values : values.real
    const imaginary = values instanceof Float64Array ? undefined : values.imaginary
    const { slots } = this.parameters
    const longest = Math.max(real.length, imaginary?.length ?? 0)
    if (longest > slots) throw new EncodingError('length', `at most ${slots} slots`, String(longest))
    const magnitude = largestMagnitude(real, imaginary)
    const coefficients = this.embedding.interpolate(real, imaginary, scale)
    const limit = 2 ** Math.min(limitBits, this.parameters.logModulus(level) - 1)
    let largest = 0
    for (let j = 0; j < coefficients.length; j++) {
      const rounded = Math.round(coefficients[j]!)
      coefficients[j] = rounded
      largest = Math.max(largest, Math.abs(rounded))
    }
    if (!(largest < limit)) {
      throw new EncodingError('magnitude', `coefficients below 2^${Math.log2(limit).toFixed(1)}`, `2^${Math.log2(largest).toFixed(1)}`)
    }
    return { coefficients, magnitude, largest }
  }

  /** The slots of a plaintext of any level whose coefficients are below Q_l/2. The plaintext stays as it is. */
  decode(plaintext: Plaintext): ComplexVector {
    return this.decodePolynomial(plaintext.polynomial, plaintext.scale)
  }

  /** The slots of a polynomial in either domain. */
  decodePolynomial(polynomial: Polynomial, scale: number): ComplexVector {
    if (!Number.isFinite(scale) || scale <= 0) throw new InvalidScaleError('decode', scale)
    const copy = polynomial.clone()
    try {
      if (copy.domain === 'ntt') this.ring.inverseNtt(copy)
      const coefficients = this.ring.toDoubles(copy)
      const slots = this.embedding.evaluate(coefficients, 1 / scale)
      coefficients.fill(0)
      return slots
    } finally {
      this.embedding.wipe()
      copy.wipe()
      copy.dispose()
    }
  }
}

/** The largest power of two among whose multiples are all positions that are not 0. */
function distanceOf(coefficients: Float64Array): number {
  let distance = coefficients.length
  for (let k = 1; k < coefficients.length; k++) {
    if (coefficients[k] !== 0) while (k % distance > 0) distance /= 2
    if (distance === 1) return 1
  }
  return distance
}

function largestMagnitude(real: Float64Array, imaginary: Float64Array | undefined): number {
  let square = 0
  const length = Math.max(real.length, imaginary?.length ?? 0)
  for (let k = 0; k < length; k++) {
    const x = k < real.length ? real[k]! : 0
    const y = imaginary !== undefined && k < imaginary.length ? imaginary[k]! : 0
    const norm = x * x + y * y
    if (!Number.isFinite(x) || !Number.isFinite(y))
      throw new EncodingError('value', 'finite numbers', `${Number.isFinite(x) ? y : x} at slot ${k}`)
    if (norm > square) square = norm
  }
  return Math.sqrt(square)
}
