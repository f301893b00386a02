import {
  doubledSlots,
  EncodingError,
  type EvaluatorCiphertext,
  type EvaluatorPlaintext,
  InvalidScaleError,
  KernelEvaluator,
  pairSlots,
  ScaleOverflowError
} from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, encrypt, measuredNoise, type Party, party, SMALL } from './support.js'

describe('constants in the kernel evaluator', () => {
  let owner: Party
  let evaluator: KernelEvaluator
  let a: EvaluatorCiphertext
  const x = () => complexSlots('constants', owner.context.parameters.slots)

  beforeAll(async () => {
    owner = await party(SMALL)
    evaluator = new KernelEvaluator(owner.context)
    using X = encrypt(owner, x(), 'constants')
    a = evaluator.load(X)
  })
  afterAll(() => {
    a.dispose()
    evaluator.dispose()
    owner.context.dispose()
  })

  const words = (ciphertext: EvaluatorCiphertext) => {
    using stored = evaluator.store(ciphertext)
    return stored.components.map(component => owner.context.ring.encodeWords(component))
  }
  const full = (value: number) => new Float64Array(owner.context.parameters.slots).fill(value)

  it('are encoded as the encoder does', () => {
    const { encoder, ring, parameters } = owner.context
    for (const value of [0, -0, 1, -1, 0.3, -17.25, 2 ** -30]) {
      for (const level of [1, 2, 3]) {
        const options = { level, scale: 2 ** 30 }
        using ours = evaluator.plaintext(full(value), options)
        using theirs = encoder.encode(full(value), options)
        using low = evaluator.dropLevel(a, level)
        using withOurs = evaluator.multiplyPlain(low, ours)
        using product = ring.multiply(
          ring.allocate(parameters.ciphertextIndices(level), 'ntt'),
          owner.context.ring.decodeWords(words(low)[0]!, parameters.ciphertextIndices(level), 'ntt'),
          theirs.polynomial
        )
        expect(words(withOurs)[0]).toEqual(ring.encodeWords(product))
        expect(ours.magnitude).toBe(Math.abs(value))
      }
    }
    using stated = evaluator.plaintext(full(0.5), { level: 1, scale: 2 ** 20, magnitude: 4 })
    expect(stated.magnitude).toBe(4)
    expect(() => evaluator.plaintext(full(0.5), { level: 1, scale: 2 ** 20, magnitude: 0.4 })).toThrow(EncodingError)
    expect(() => evaluator.plaintext(full(Number.NaN), { level: 1, scale: 2 ** 20 })).toThrow(EncodingError)
    expect(() => evaluator.plaintext(full(1), { level: 1, scale: 2 ** 98 })).toThrow(EncodingError)
    expect(() => evaluator.plaintext(full(1), { level: 1, scale: -1 })).toThrow(InvalidScaleError)
  })

  it('of two vectors in one are encoded as the encoder does', () => {
    const { encoder, ring } = owner.context
    for (const [first, second] of [
      [0.3, 0.3],
      [-17.25, 2 ** -30],
      [0, 1]
    ] as const) {
      const options = { level: 2, scale: 2 ** 30 }
      const slots = pairSlots(full(first), full(second))
      using ours = evaluator.plaintext(slots, options) as EvaluatorPlaintext & { readonly polynomial: Polynomial }
      using theirs = encoder.encode(slots, options)
      expect(ring.encodeWords(ours.polynomial)).toEqual(ring.encodeWords(theirs.polynomial))
      expect(ours.magnitude).toBeCloseTo(Math.hypot(first, second), 12)
    }
    expect(() => evaluator.plaintext(doubledSlots(full(0.5)), { level: 1, scale: 2 ** 20, magnitude: 0.6 })).toThrow(EncodingError)
  })

  it('multiply like plaintexts of them', () => {
    for (const value of [0.75, -3, 0]) {
      using p = evaluator.plaintext(full(value), { level: a.level, scale: 2 ** 30 })
      using expected = evaluator.multiplyPlain(a, p)
      using product = evaluator.multiplyScalar(a, value, 2 ** 30)
      expect(words(product)).toEqual(words(expected))
      expect([product.level, product.scale, product.degree, product.noise, product.magnitude]).toEqual([
        expected.level,
        expected.scale,
        expected.degree,
        expected.noise,
        expected.magnitude
      ])
    }
    using square = evaluator.square(a)
    using scaled = evaluator.multiplyScalar(square, 2, 1)
    expect(scaled.degree).toBe(2)
    expect(scaled.scale).toBe(square.scale)
    expect(() => evaluator.multiplyScalar(a, Number.POSITIVE_INFINITY, 2)).toThrow(EncodingError)
    expect(() => evaluator.multiplyScalar(a, 1, 0)).toThrow(InvalidScaleError)
    using low = evaluator.dropLevel(a, 0)
    expect(() => evaluator.multiplyScalar(low, 1, 2 ** 60)).toThrow(EncodingError)
    expect(() => evaluator.multiplyScalar(low, 2 ** -20, 2 ** 40)).toThrow(ScaleOverflowError)
  })

  it('leave a stated noise that may only be larger', () => {
    using copy = evaluator.copy(a)
    expect(evaluator.withNoise(copy, a.noise + 3)).toBe(copy)
    expect(copy.noise).toBe(a.noise + 3)
    evaluator.withNoise(copy, a.noise)
    expect(copy.noise).toBe(a.noise + 3)
    expect(() => evaluator.withNoise(copy, Number.NaN)).toThrow(RangeError)
    using stored = evaluator.store(copy)
    expect(stored.noise).toBe(a.noise + 3)
    expect(measuredNoise(owner, stored, x())).toBeLessThan(a.noise)
  })
})
