/**
 * Slots ↔ polynomials, in SEAL's CKKS slot order (generator 3, conjugate slots at the inverse exponents): a plaintext made here decodes in SEAL and the
 * other way round. Real or complex slots, any level, any scale with coefficients below 2^180 and below Q_l/2.
 */
import type { ComplexSlots, Domain, Polynomial, Ring } from '@slytherin/ring'
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
    return this.encodeInto('ntt', values, options)
  }

  /** The same before the transform, in the coefficient domain: for who adds to it first. @throws as `encode` */
  encodeCoefficients(values: SlotValues, options: EncodeOptions): Plaintext {
    return this.encodeInto('coefficient', values, options)
  }

  /**
   * The encoding without any ring, to be kept where memory is short: for values that are no secret.
   * @throws as `encode`
   */
  integers(values: SlotValues, options: EncodeOptions): EncodedIntegers {
    this.parameters.checkLevel('encode', options.level)
    const { slots, magnitude } = this.bounded(values, options)
    const encoded = this.rounded(slots, magnitude, options)
    const distance = distanceOf(encoded.integers)
    if (distance === 1) return encoded
    const integers = new Float64Array(this.parameters.N / distance)
    for (let k = 0; k < integers.length; k++) integers[k] = encoded.integers[k * distance]!
    return { ...encoded, distance, integers }
  }

  /** The same plaintext as `encode` makes. @throws InvalidLevelError; EncodingError where it is not of this ring */
  fromIntegers(encoded: EncodedIntegers): Plaintext {
    const { level, scale, magnitude, distance, integers } = encoded
    const { N } = this.parameters
    this.parameters.checkLevel('fromIntegers', level)
    if (integers.length * distance !== N) throw new EncodingError('length', `${N / distance} coefficients`, String(integers.length))
    let spread = integers
    if (distance > 1) {
      spread = new Float64Array(N)
      for (let k = 0; k < integers.length; k++) spread[k * distance] = integers[k]!
    }
    return this.made(level, 'ntt', polynomial => {
      if (encoded.shift === 0) this.ring.fromIntegers(polynomial, spread, 'ntt')
      else {
        this.fill(polynomial, spread, encoded.shift)
        this.ring.ntt(polynomial)
      }
      return new Plaintext(polynomial, level, scale, magnitude)
    })
  }

  private encodeInto(domain: Domain, values: SlotValues, options: EncodeOptions): Plaintext {
    const { level, scale } = options
    const { ring } = this
    this.parameters.checkLevel('encode', level)
    const { slots, magnitude } = this.bounded(values, options)
    const limit = this.limit(level, MAXIMUM_COEFFICIENT_BITS)
    return this.made(level, domain, polynomial => {
      const largest = ring.fromSlots(polynomial, slots, scale, Math.min(limit, 2 ** EXACT_COEFFICIENT_BITS))
      demandBelow(limit, largest)
      if (largest >= 2 ** EXACT_COEFFICIENT_BITS) {
        const { integers, shift } = this.rounded(slots, magnitude, options)
        this.fill(polynomial, integers, shift)
        integers.fill(0)
        if (domain === 'ntt') ring.ntt(polynomial)
      }
      return new Plaintext(polynomial, level, scale, magnitude)
    })
  }

  private made(level: number, domain: Domain, make: (polynomial: Polynomial) => Plaintext): Plaintext {
    const { ring } = this
    const polynomial = ring.allocateUninitialised(ring.basis(this.parameters.ciphertextIndices(level)), domain)
    try {
      return make(polynomial)
    } catch (error) {
      polynomial.dispose()
      throw error
    }
  }

  /** polynomial = integers·2^shift, in the coefficient domain. */
  private fill(polynomial: Polynomial, integers: Float64Array, shift: number): void {
    this.ring.fromIntegers(polynomial, integers)
    if (shift > 0) this.ring.multiplyScalar(polynomial, polynomial, 1n << BigInt(shift))
  }

  private rounded(slots: ComplexSlots, magnitude: number, { level, scale }: EncodeOptions): EncodedIntegers {
    const { coefficients, largest } = this.ring.interpolate(slots, scale)
    demandBelow(this.limit(level, MAXIMUM_COEFFICIENT_BITS), largest)
    const shift = Math.max(0, Math.ceil(Math.log2(largest)) + 1 - EXACT_COEFFICIENT_BITS)
    if (shift > 0) for (let j = 0; j < coefficients.length; j++) coefficients[j] = Math.round(coefficients[j]! / 2 ** shift)
    return { level, scale, magnitude, distance: 1, integers: coefficients, shift }
  }

  /** The slots, and the bound to state. @throws EncodingError when they exceed a stated one */
  private bounded(values: SlotValues, { scale, magnitude: stated }: EncodeOptions): { slots: ComplexSlots; magnitude: number } {
    const slots = this.checked(values, scale)
    const magnitude = largestMagnitude(slots.real, slots.imaginary)
    if (stated !== undefined && !(magnitude <= stated * BOUND_TOLERANCE))
      throw new EncodingError('magnitude', `slots within ±${stated}`, 'a larger one')
    return { slots, magnitude: stated ?? magnitude }
  }

  /** The N rounded coefficients of the encoding, before reduction, below 2^98, and the largest |slot|. @throws as `encode` */
  coefficients(values: SlotValues, level: number, scale: number): { coefficients: Float64Array; magnitude: number } {
    const slots = this.checked(values, scale)
    const magnitude = largestMagnitude(slots.real, slots.imaginary)
    const { coefficients, largest } = this.ring.interpolate(slots, scale)
    demandBelow(this.limit(level, EXACT_COEFFICIENT_BITS), largest)
    return { coefficients, magnitude }
  }

  /** What coefficients must be below. */
  private limit(level: number, bits: number): number {
    return 2 ** Math.min(bits, this.parameters.logModulus(level) - 1)
  }

  private checked(values: SlotValues, scale: number): ComplexSlots {
    if (!Number.isFinite(scale) || scale <= 0) throw new InvalidScaleError('encode', scale)
    const vector = values instanceof Float64Array ? { real: values } : values
    const { slots } = this.parameters
    const longest = Math.max(vector.real.length, 'imaginary' in vector ? vector.imaginary.length : 0)
    if (longest > slots) throw new EncodingError('length', `at most ${slots} slots`, String(longest))
    return vector
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

function demandBelow(limit: number, largest: number): void {
  if (largest < limit) return
  throw new EncodingError('magnitude', `coefficients below 2^${Math.log2(limit).toFixed(1)}`, `2^${Math.log2(largest).toFixed(1)}`)
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
