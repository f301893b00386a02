/** Encoded vectors that wait outside the kernel's memory, and come back. */
import {
  Context,
  type EncodedIntegers,
  EncodingError,
  type EvaluatorPlaintext,
  InvalidLevelError,
  KernelEvaluator,
  Parameters,
  type Plaintext,
  storesPlaintexts
} from '@slytherin/ckks'
import { describe, expect, it } from 'vitest'
import { complexSlots, SMALL, sharedKernel } from './support.js'

const context = Context.create(Parameters.generate(SMALL), await sharedKernel())
const { encoder, parameters } = context
const { slots, N } = parameters

const rowsOf = (plaintext: EvaluatorPlaintext | Plaintext): Float64Array[] => {
  const { polynomial } = plaintext as unknown as Plaintext
  return polynomial.indices.map((_, k) => polynomial.row(k).slice())
}

describe('an encoded vector that waits outside the kernel', () => {
  it('comes back as what would have been encoded at once, at every level, and takes none of the kernel’s memory meanwhile', () => {
    using evaluator = new KernelEvaluator(context)
    expect(storesPlaintexts(evaluator)).toBe(true)
    for (let level = 0; level <= parameters.maxLevel; level++) {
      const values = complexSlots(`outside ${level}`, slots)
      const scale = 2 ** 30
      const outside = evaluator.encodeOutside(values, { level, scale })
      expect(evaluator.live.plaintexts).toBe(0)
      // the same for all primes
      expect(outside.integers.length).toBe(N)
      using back = evaluator.bringIn(outside)
      using again = evaluator.bringIn(outside)
      using reference = encoder.encode(values, { level, scale })
      expect(back).toMatchObject({ level, scale, magnitude: outside.magnitude })
      expect(rowsOf(back)).toEqual(rowsOf(reference))
      expect(rowsOf(again)).toEqual(rowsOf(reference))
    }
  })

  it('keeps the bound that is stated, and refuses what is above it', () => {
    using evaluator = new KernelEvaluator(context)
    const values = new Float64Array(slots).map((_, slot) => (slot % 3) / 4)
    const outside = evaluator.encodeOutside(values, { level: 1, scale: 2 ** 30, magnitude: 2 })
    expect(outside.magnitude).toBe(2)
    expect(evaluator.bringIn(outside).magnitude).toBe(2)
    expect(() => evaluator.encodeOutside(values, { level: 1, scale: 2 ** 30, magnitude: 0.25 })).toThrow(EncodingError)
  })

  it('has as few coefficients as its repetitions allow', () => {
    using evaluator = new KernelEvaluator(context)
    for (const times of [1, 2, 4, slots / 2]) {
      const values = complexSlots('repeated', slots / times)
      const repeated = (part: Float64Array): Float64Array => Float64Array.from({ length: slots }, (_, slot) => part[slot % part.length]!)
      const complex = { real: repeated(values.real), imaginary: repeated(values.imaginary) }
      const outside = evaluator.encodeOutside(complex, { level: 1, scale: 2 ** 40 })
      expect(outside.integers.length).toBe(N / times)
      using back = evaluator.bringIn(outside)
      using reference = encoder.encode(complex, { level: 1, scale: 2 ** 40 })
      expect(rowsOf(back)).toEqual(rowsOf(reference))
    }
  })

  it('is one number where all slots are the same, rounded as such a vector is within the kernel', () => {
    using evaluator = new KernelEvaluator(context)
    for (const value of [0, 1, -0.3, 1e-3]) {
      const values = new Float64Array(slots).fill(value)
      const options = { level: 1, scale: 2 ** 60 }
      const outside = evaluator.encodeOutside(values, options)
      expect(outside.integers.length).toBe(1)
      using back = evaluator.bringIn(outside)
      using within = evaluator.plaintext(values, options)
      expect(rowsOf(back)).toEqual(rowsOf(within))
      expect(back.magnitude).toBe(within.magnitude)
    }
  })

  it('may have larger coefficients than a ring reduces at once', () => {
    using evaluator = new KernelEvaluator(context)
    const values = complexSlots('large', slots)
    const options = { level: parameters.maxLevel, scale: 2 ** 105 }
    const outside = evaluator.encodeOutside(values, options)
    expect(outside.shift).toBeGreaterThan(0)
    using back = evaluator.bringIn(outside)
    using reference = encoder.encode(values, options)
    expect(rowsOf(back)).toEqual(rowsOf(reference))
  })

  it('is refused where it does not fit', () => {
    using evaluator = new KernelEvaluator(context)
    const outside = evaluator.encodeOutside(complexSlots('refused', slots), { level: 1, scale: 2 ** 30 })
    const bring = (wrong: Partial<EncodedIntegers>) => () => evaluator.bringIn({ ...outside, ...wrong })
    expect(bring({ level: parameters.maxLevel + 1 })).toThrow(InvalidLevelError)
    expect(bring({ integers: outside.integers.subarray(1) })).toThrow(EncodingError)
    expect(bring({ distance: 2 })).toThrow(EncodingError)
    expect(evaluator.live.plaintexts).toBe(0)
  })
})
