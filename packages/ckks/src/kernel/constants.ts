/**
 * Vectors of one constant: the polynomial round(Δ·c) for a real c, the same residue at every place of the ntt domain; round(Δ·c) + round(Δ·d)·X^(N/2) for c + ι·d, ι the
 * imaginary unit of `slot-pairs.ts`.
 */
import { balance } from '@slytherin/ring'
import type { Context } from '../context.js'
import { BOUND_TOLERANCE, type EncodedIntegers, type EncodeOptions, type SlotValues } from '../encoder.js'
import { EncodingError, InvalidScaleError } from '../errors.js'
import { Plaintext } from '../plaintext.js'
import { blank, into } from './memory.js'
import type { Monomials } from './monomials.js'

export class Constants {
  constructor(
    private readonly context: Context,
    private readonly monomials: Monomials
  ) {}

  /** The plaintext, or undefined when the slots are not all one constant, or not one that can be encoded (the encoder says why). */
  encode(values: SlotValues, options: EncodeOptions): Plaintext | undefined {
    const constant = this.encodable(values, options)
    return constant && this.encodeValue(constant[0], options, constant[1])
  }

  /** The same without any ring, as `Encoder.integers` makes it. */
  integers(values: SlotValues, options: EncodeOptions): EncodedIntegers | undefined {
    const constant = this.encodable(values, options)
    if (constant === undefined) return undefined
    const { level, scale, magnitude = Math.hypot(...constant) } = options
    const integers = Float64Array.from(constant, part => this.rounded(part, options))
    return { level, scale, magnitude, distance: this.context.parameters.N / integers.length, integers, shift: 0 }
  }

  private encodable(values: SlotValues, options: EncodeOptions): [number] | [number, number] | undefined {
    const constant = constantOf(values, this.context.parameters.slots)
    if (constant === undefined || !constant.every(part => this.fits(part, options))) return undefined
    if (options.magnitude !== undefined && !(Math.hypot(...constant) <= options.magnitude * BOUND_TOLERANCE)) return undefined
    return constant
  }

  /**
   * The plaintext of one number, or of `value` + ι·`second`. It needs no transform, so it may be as large as the modulus allows: polynomials whose result has a large scale
   * take such constants.
   * @throws InvalidScaleError, EncodingError
   */
  encodeValue(value: number, options: EncodeOptions, second?: number): Plaintext {
    const { ring, parameters } = this.context
    const { level, scale } = options
    const integer = BigInt(this.addend(value, options))
    const polynomial = into(blank(ring, parameters.ciphertextIndices(level)), out => {
      out.indices.forEach((index, k) => {
        out.row(k).fill(balance(integer, ring.moduli[index]!.value))
      })
      if (second === undefined) return
      const unit = this.monomials.get(parameters.N / 2)
      using turned = into(blank(ring, out.indices), result => ring.multiplyScalar(result, unit, this.integer(second, options)))
      ring.add(out, out, turned)
    })
    return new Plaintext(polynomial, level, scale, options.magnitude ?? Math.hypot(value, second ?? 0))
  }

  /** round(Δ·c) @throws InvalidScaleError, EncodingError */
  integer(value: number, options: EncodeOptions): bigint {
    return BigInt(this.rounded(value, options))
  }

  /**
   * The same as a double: exact below 2^53, to 53 bits beyond.
   *
   * @param limitBits the largest there may be, log2
   * @throws InvalidScaleError, EncodingError
   */
  rounded(value: number, options: EncodeOptions, limitBits?: number): number {
    const { level, scale } = options
    if (!Number.isFinite(scale) || scale <= 0) throw new InvalidScaleError('encode', scale)
    if (!Number.isFinite(value)) throw new EncodingError('value', 'finite numbers', String(value))
    this.context.parameters.checkLevel('encode', level)
    const limit = limitBits ?? this.limitBits(level)
    const bits = Math.log2(Math.abs(value * scale))
    if (bits >= limit) throw new EncodingError('magnitude', `coefficients below 2^${limit.toFixed(1)}`, `2^${bits.toFixed(1)}`)
    return Math.round(value * scale)
  }

  /** What is added to a ciphertext's message needs no transform, so it may be as large as the modulus allows. @throws as `rounded` */
  addend(value: number, options: EncodeOptions): number {
    return this.rounded(value, options, this.context.parameters.logModulus(options.level) - 1)
  }

  private fits(value: number, { level, scale }: EncodeOptions): boolean {
    const { parameters } = this.context
    if (!Number.isInteger(level) || level < 0 || level > parameters.maxLevel || !(scale > 0)) return false
    return Math.abs(value * scale) < 2 ** this.limitBits(level)
  }

  /** The encoder's limit. */
  private limitBits(level: number): number {
    return Math.min(98, this.context.parameters.logModulus(level) - 1)
  }
}

/** [c], or [c, d] for c + ι·d in every slot. */
function constantOf(values: SlotValues, slots: number): [number] | [number, number] | undefined {
  if (values instanceof Float64Array) return isConstant(values, slots, 1) ? [values[0]!] : undefined
  const { real, imaginary } = values
  return isConstant(real, slots, 1) && isConstant(imaginary, slots, -1) ? [real[0]!, imaginary[0]!] : undefined
}

/** Whether every value is the first one, in odd slots times `odd`. */
function isConstant(values: Float64Array, slots: number, odd: 1 | -1): boolean {
  const first = values[0]!
  if (values.length !== slots || !Number.isFinite(first)) return false
  for (let k = 1; k < slots; k++) if (values[k] !== (k % 2 === 0 ? first : odd * first)) return false
  return true
}
