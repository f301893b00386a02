/** Vectors of one real constant c: the polynomial round(Δ·c), the same residue at every place of the ntt domain. */
import { balance } from '@slytherin/ring'
import type { Context } from '../context.js'
import type { EncodeOptions, SlotValues } from '../encoder.js'
import { EncodingError, InvalidScaleError } from '../errors.js'
import { Plaintext } from '../plaintext.js'
import { blank, into } from './memory.js'

export class Constants {
  constructor(private readonly context: Context) {}

  /** The plaintext, or undefined when the slots are not all one real number, or not one that can be encoded (the encoder says why). */
  encode(values: SlotValues, options: EncodeOptions): Plaintext | undefined {
    const value = constantOf(values, this.context.parameters.slots)
    if (value === undefined || !this.fits(value, options)) return undefined
    if (options.magnitude !== undefined && !(Math.abs(value) <= options.magnitude)) return undefined
    return this.encodeValue(value, options)
  }

  /** The plaintext of one number. @throws InvalidScaleError, EncodingError */
  encodeValue(value: number, options: EncodeOptions): Plaintext {
    const { ring, parameters } = this.context
    const { level, scale } = options
    const integer = this.integer(value, options)
    const polynomial = into(blank(ring, parameters.ciphertextIndices(level)), out => {
      out.indices.forEach((index, k) => {
        out.row(k).fill(balance(integer, ring.moduli[index]!.value))
      })
    })
    return new Plaintext(polynomial, level, scale, options.magnitude ?? Math.abs(value))
  }

  /** round(Δ·c) @throws InvalidScaleError, EncodingError */
  integer(value: number, options: EncodeOptions): bigint {
    if (!Number.isFinite(options.scale) || options.scale <= 0) throw new InvalidScaleError('encode', options.scale)
    if (!Number.isFinite(value)) throw new EncodingError('value', 'finite numbers', String(value))
    this.context.parameters.checkLevel('encode', options.level)
    if (!this.fits(value, options)) {
      const limit = this.context.parameters.logModulus(options.level) - 1
      throw new EncodingError(
        'magnitude',
        `coefficients below 2^${limit.toFixed(1)}`,
        `2^${Math.log2(Math.abs(value * options.scale)).toFixed(1)}`
      )
    }
    return BigInt(Math.round(value * options.scale))
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

function constantOf(values: SlotValues, slots: number): number | undefined {
  if (!(values instanceof Float64Array) || values.length !== slots) return undefined
  const first = values[0]!
  if (!Number.isFinite(first)) return undefined
  for (let k = 1; k < values.length; k++) if (values[k] !== first) return undefined
  return first
}
