/** Encoded vectors outside the kernel's memory and back. */
import {
  Context,
  EncodingError,
  ForeignOperandError,
  InvalidLevelError,
  KernelEvaluator,
  Parameters,
  storesPlaintexts
} from '@slytherin/ckks'
import { describe, expect, it } from 'vitest'
import { complexSlots, SMALL, sharedKernel } from './support.js'

const context = Context.create(Parameters.generate(SMALL), await sharedKernel())
const { encoder, parameters } = context

describe('an encoded vector that waits outside the kernel', () => {
  it('comes back as it was, at every level, and takes none of the kernel’s memory meanwhile', () => {
    using evaluator = new KernelEvaluator(context)
    expect(storesPlaintexts(evaluator)).toBe(true)
    for (let level = 0; level <= parameters.maxLevel; level++) {
      const values = complexSlots(`stored ${level}`, parameters.slots)
      const scale = 2 ** 30
      const encoded = evaluator.plaintext(values, { level, scale })
      const stored = evaluator.storePlaintext(encoded)
      encoded[Symbol.dispose]()
      expect(evaluator.live.plaintexts).toBe(0)
      expect(stored.residues.length).toBe((level + 1) * parameters.N)
      // something else where it was
      using other = evaluator.plaintext(new Float64Array(parameters.slots).fill(0.5), { level, scale })
      using back = evaluator.loadPlaintext(stored)
      expect(back).toMatchObject({ level, scale, magnitude: stored.magnitude })
      expect(evaluator.live.plaintexts).toBe(2)
      const again = evaluator.storePlaintext(back)
      expect(again.residues).toEqual(stored.residues)
      using reference = encoder.encode(values, { level, scale })
      for (let k = 0; k <= level; k++)
        expect(stored.residues.subarray(k * parameters.N, (k + 1) * parameters.N)).toEqual(Float64Array.from(reference.polynomial.row(k)))
      expect(evaluator.storePlaintext(other).residues).not.toEqual(stored.residues)
    }
  })

  it('is held once where its slots repeat', () => {
    using evaluator = new KernelEvaluator(context)
    const { slots, N } = parameters
    for (const times of [1, 2, 4, slots]) {
      const values = complexSlots('repeated', slots / times)
      const repeated = (part: Float64Array): Float64Array => Float64Array.from({ length: slots }, (_, slot) => part[slot % part.length]!)
      const complex = { real: repeated(values.real), imaginary: repeated(values.imaginary) }
      using encoded = evaluator.plaintext(complex, { level: 1, scale: 2 ** 75 })
      const stored = evaluator.storePlaintext(encoded)
      // no closer than 256 places: what is shorter is written out
      expect(stored.residues.length).toBeLessThanOrEqual(Math.max((2 * N) / times, 2 * 256))
      expect(stored.residues.length).toBe((2 * N) / 2 ** stored.distances.length)
      using reference = encoder.encode(complex, { level: 1, scale: 2 ** 75 })
      using back = evaluator.loadPlaintext(stored)
      const rows = (back as unknown as { polynomial: typeof reference.polynomial }).polynomial
      for (const k of [0, 1]) expect(rows.row(k)).toEqual(reference.polynomial.row(k))
    }
  })

  it('is refused where it does not fit, and is not another evaluator’s', () => {
    using evaluator = new KernelEvaluator(context)
    using other = new KernelEvaluator(context)
    using encoded = evaluator.plaintext(new Float64Array([1, 2]), { level: 1, scale: 2 ** 30 })
    expect(() => other.storePlaintext(encoded)).toThrow(ForeignOperandError)
    const stored = evaluator.storePlaintext(encoded)
    expect(() => evaluator.loadPlaintext({ ...stored, level: parameters.maxLevel + 1 })).toThrow(InvalidLevelError)
    expect(() => evaluator.loadPlaintext({ ...stored, level: 0 })).toThrow(EncodingError)
    expect(() => evaluator.loadPlaintext({ ...stored, residues: stored.residues.subarray(1) })).toThrow(EncodingError)
    expect(evaluator.live.plaintexts).toBe(1)
  })
})
