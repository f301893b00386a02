import { CanonicalEmbedding, type Context, EncodingError, InvalidLevelError, InvalidScaleError } from '@slytherin/ckks'
import { SealCodec, SealParameters, SealRuntime } from '@slytherin/ckks/seal'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { complexSlots, largestDifference, type Party, party, plus, realSlots, SMALL } from './support.js'

const TINY = { ...SMALL, logN: 5 }

describe('canonical embedding', () => {
  it.each([16, 32, 256])('evaluates at the roots of the slot order, N = %i', N => {
    const embedding = new CanonicalEmbedding(N)
    const coefficients = realSlots(`embedding ${N}`, N)
    const slots = embedding.evaluate(coefficients, 1)
    let exponent = 1
    for (let k = 0; k < N / 2; k++) {
      let re = 0
      let im = 0
      for (let j = 0; j < N; j++) {
        re += coefficients[j]! * Math.cos((Math.PI * ((exponent * j) % (2 * N))) / N)
        im += coefficients[j]! * Math.sin((Math.PI * ((exponent * j) % (2 * N))) / N)
      }
      expect(slots.real[k]).toBeCloseTo(re, 10)
      expect(slots.imaginary[k]).toBeCloseTo(im, 10)
      exponent = (exponent * 3) % (2 * N)
    }
  })
})

describe('Encoder', () => {
  let owner: Party
  let context: Context
  beforeAll(async () => {
    owner = await party(SMALL)
    context = owner.context
  })

  it.each([0, 1, 2, 3])('decodes what it encodes at level %i', level => {
    const values = complexSlots('round trip', context.parameters.slots)
    using plaintext = context.encoder.encode(values, { level, scale: 2 ** 40 })
    expect(plaintext.polynomial.domain).toBe('ntt')
    expect(plaintext.polynomial.indices).toEqual(context.parameters.ciphertextIndices(level))
    expect(largestDifference(context.encoder.decode(plaintext), values)).toBeLessThan(2 ** -33)
    expect(plaintext.magnitude).toBe(Math.max(...values.real.map((re, k) => Math.sqrt(re * re + values.imaginary[k]! ** 2))))
  })

  it.each([20, 60, 90, 97, 99, 140])('keeps double precision at a scale of 2^%i', bits => {
    const values = complexSlots('scales', context.parameters.slots)
    using plaintext = context.encoder.encode(values, { level: 3, scale: 2 ** bits })
    expect(largestDifference(context.encoder.decode(plaintext), values)).toBeLessThan(2 ** Math.max(-46, 6 - bits))
  })

  it('fills missing slots with zero', () => {
    using plaintext = context.encoder.encode(Float64Array.of(1, -2), { level: 1, scale: 2 ** 40 })
    const { real, imaginary } = context.encoder.decode(plaintext)
    expect(real[0]).toBeCloseTo(1, 9)
    expect(real[1]).toBeCloseTo(-2, 9)
    expect(Math.max(...real.subarray(2).map(Math.abs))).toBeLessThan(1e-9)
    expect(Math.max(...imaginary.map(Math.abs))).toBeLessThan(1e-9)
  })

  it('is additive and homogeneous up to rounding', async () => {
    const { context: tiny } = await party(TINY)
    const { slots } = tiny.parameters
    const value = fc.double({ min: -100, max: 100, noNaN: true })
    const vector = fc
      .array(value, { minLength: slots, maxLength: slots })
      .chain(real =>
        fc
          .array(value, { minLength: slots, maxLength: slots })
          .map(imaginary => ({ real: Float64Array.from(real), imaginary: Float64Array.from(imaginary) }))
      )
    fc.assert(
      fc.property(vector, vector, fc.integer({ min: -8, max: 8 }), (a, b, factor) => {
        const options = { level: 2, scale: 2 ** 40 }
        using p = tiny.encoder.encode(a, options)
        using q = tiny.encoder.encode(b, options)
        using sum = tiny.encoder.encode(plus(a, b), options)
        tiny.ring.add(p.polynomial, p.polynomial, q.polynomial)
        tiny.ring.subtract(sum.polynomial, sum.polynomial, p.polynomial)
        tiny.ring.inverseNtt(sum.polynomial)
        // three roundings of at most 1/2 each, and the double arithmetic of 2^47
        expect(Math.max(...tiny.ring.toDoubles(sum.polynomial).map(Math.abs))).toBeLessThanOrEqual(2)
        using multiple = tiny.encoder.encode({ real: a.real.map(x => factor * x), imaginary: a.imaginary.map(x => factor * x) }, options)
        using scaled = tiny.encoder.encode(a, options)
        tiny.ring.multiplyScalar(scaled.polynomial, scaled.polynomial, BigInt(factor))
        tiny.ring.subtract(multiple.polynomial, multiple.polynomial, scaled.polynomial)
        tiny.ring.inverseNtt(multiple.polynomial)
        expect(Math.max(...tiny.ring.toDoubles(multiple.polynomial).map(Math.abs))).toBeLessThanOrEqual(1 + Math.abs(factor))
      }),
      { numRuns: runs(50) }
    )
  })

  it('refuses what cannot be encoded', () => {
    const { encoder, parameters } = context
    const ok = { level: 1, scale: 2 ** 40 }
    const field = (run: () => unknown) => {
      try {
        run()
      } catch (error) {
        expect(error).toBeInstanceOf(EncodingError)
        return (error as EncodingError).field
      }
      return 'nothing'
    }
    const before = context.ring.kernel.bytesInUse
    expect(field(() => encoder.encode(new Float64Array(parameters.slots + 1), ok))).toBe('length')
    expect(field(() => encoder.encode({ real: new Float64Array(1), imaginary: new Float64Array(parameters.slots + 1) }, ok))).toBe('length')
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(field(() => encoder.encode(Float64Array.of(0, bad), ok))).toBe('value')
    }
    expect(field(() => encoder.encode(new Float64Array(4).fill(1e200), ok))).toBe('magnitude')
    expect(field(() => encoder.encode(new Float64Array(parameters.slots).fill(2 ** 10), { level: 0, scale: 2 ** 39 }))).toBe('magnitude')
    expect(field(() => encoder.encode(new Float64Array(parameters.slots).fill(1), { level: 3, scale: 2 ** 182 }))).toBe('magnitude')
    expect(() => encoder.encode(new Float64Array(1), { level: 4, scale: 2 ** 40 })).toThrow(InvalidLevelError)
    for (const scale of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => encoder.encode(new Float64Array(1), { level: 1, scale })).toThrow(InvalidScaleError)
    }
    expect(context.ring.kernel.bytesInUse).toBe(before)
  })

  it('decodes in SEAL what it encodes, and the other way round', async () => {
    const runtime = await SealRuntime.load()
    using seal = new SealParameters(runtime, context.parameters)
    const codec = new SealCodec(context, seal)
    const values = realSlots('seal', context.parameters.slots)
    const encoder = runtime.create('CKKSEncoder', module => new module.CKKSEncoder(seal.context.object))
    const object = runtime.create('Plaintext', module => new module.Plaintext())
    for (const level of [3, 1]) {
      using plaintext = context.encoder.encode(values, { level, scale: 2 ** 40 })
      object.object.loadFromArray(seal.context.object, codec.plaintextBytes(plaintext))
      const decoded: Float64Array = encoder.object.decodeFloat64(object.object)
      expect(Math.max(...decoded.map((v, k) => Math.abs(v - values[k]!)))).toBeLessThan(2 ** -33)
    }
    encoder.object.encode(values, 2 ** 40, object.object)
    using theirs = codec.readPlaintext(object.object.saveToArray(runtime.module.ComprModeType.none), 1)
    expect(theirs.level).toBe(3)
    expect(largestDifference(context.encoder.decode(theirs), { real: values, imaginary: new Float64Array(values.length) })).toBeLessThan(
      2 ** -33
    )
    // the same rounded polynomial up to one unit in the coefficients
    using ours = context.encoder.encode(values, { level: 3, scale: 2 ** 40 })
    context.ring.subtract(ours.polynomial, ours.polynomial, theirs.polynomial)
    context.ring.inverseNtt(ours.polynomial)
    expect(Math.max(...context.ring.toDoubles(ours.polynomial).map(Math.abs))).toBeLessThanOrEqual(1)
    object.dispose()
    encoder.dispose()
  })

  it('states the bound it is given and not the largest slot, and refuses what exceeds it', () => {
    const values = Float64Array.of(0.25, -0.5)
    using bounded = context.encoder.encode(values, { level: 0, scale: 2 ** 20, magnitude: 4 })
    expect(bounded.magnitude).toBe(4)
    using measured = context.encoder.encode(values, { level: 0, scale: 2 ** 20 })
    expect(measured.magnitude).toBe(0.5)
    expect(() => context.encoder.encode(values, { level: 0, scale: 2 ** 20, magnitude: 0.4 })).toThrow(EncodingError)
  })
})
