import {
  type BasisPolynomial,
  conjugationElement,
  degreeOf,
  EvaluationRules,
  type Evaluator,
  type EvaluatorCiphertext,
  evaluateClear,
  evaluatePolynomial,
  evaluatePolynomialOfPairs,
  InvalidLevelError,
  KernelEvaluator,
  pairSlots,
  polynomialDepth,
  tracePolynomial,
  tracePolynomialOfPairs
} from '@slytherin/ckks'
import { SealEvaluator } from '@slytherin/ckks/seal'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encrypt, largestDifference, measuredNoise, numbers, type Party, party, realSlots, SMALL, seedOf } from './support.js'

const LEVELS = 6

/** `held`: handles of an evaluator that are not disposed yet. */
const EVALUATORS = {
  kernel: {
    specialPrimes: 2,
    create: async (owner: Party): Promise<Evaluator> => new KernelEvaluator(owner.context),
    held: (evaluator: Evaluator) =>
      Object.values((evaluator as KernelEvaluator).live).reduce((sum: number, count: number) => sum + count, 0)
  },
  seal: {
    specialPrimes: 1,
    create: (owner: Party): Promise<Evaluator> => SealEvaluator.create(owner.context),
    held: (evaluator: Evaluator) => (evaluator as SealEvaluator).runtime.liveHandles
  }
}

for (const [name, { specialPrimes, create, held }] of Object.entries(EVALUATORS)) {
  describe(`polynomials of encrypted slots: ${name}`, () => {
    let owner: Party
    let evaluator: Evaluator
    let x: Float64Array
    let a: EvaluatorCiphertext

    beforeAll(async () => {
      owner = await party({ ...SMALL, levels: LEVELS, specialPrimes })
      evaluator = await create(owner)
      using relinearizationKey = owner.generator.relinearizationKey(owner.secret, { seed: seedOf('polynomial') })
      const element = conjugationElement(owner.context.parameters.N)
      using conjugation = owner.generator.galoisKey(owner.secret, element, { seed: seedOf('conjugation') })
      evaluator.setKeys({ relinearizationKey, galoisKeys: new Map([[element, conjugation]]) })
      x = realSlots('polynomial', owner.context.parameters.slots)
      // the ends of the interval, where errors are in step
      x.set([1, -1, 0.999, -0.999])
      using X = encrypt(owner, { real: x, imaginary: new Float64Array(x.length) }, 'polynomial')
      a = evaluator.load(X)
    })
    afterAll(() => {
      a.dispose()
      evaluator[Symbol.dispose]()
      owner.context.dispose()
    })

    const clear = (polynomial: BasisPolynomial, arguments_: Float64Array) => ({
      real: arguments_.map(value => evaluateClear(polynomial, value)),
      imaginary: new Float64Array(arguments_.length)
    })

    const verify = (polynomial: BasisPolynomial, result: EvaluatorCiphertext, expected = clear(polynomial, x)) => {
      expect(result.level).toBe(a.level - polynomialDepth(polynomial))
      expect(Math.abs(result.scale / a.scale - 1)).toBeLessThan(2 ** -45)
      using stored = evaluator.store(result)
      expect(measuredNoise(owner, stored, expected)).toBeLessThanOrEqual(result.noise)
      // absolutely: coefficients of order one keep twenty bits of the forty
      expect(largestDifference(owner.decryptor.decrypt(stored), expected)).toBeLessThan(2 ** -16)
      expect(result.magnitude).toBeGreaterThanOrEqual(Math.max(...expected.real.map(Math.abs)) * (1 - 1e-12))
    }

    const random = (basis: BasisPolynomial['basis'], degree: number): BasisPolynomial => {
      const source = numbers(`${basis} ${degree}`)
      return { basis, coefficients: Array.from({ length: degree + 1 }, () => source.next().value / (1 + degree / 8)) }
    }

    for (const basis of ['power', 'chebyshev'] as const) {
      it(`of every degree up to 17 and some larger ones, ${basis} basis`, () => {
        for (const degree of [...Array.from({ length: 17 }, (_, k) => k + 1), 27, 31, 32, 48, 63]) {
          const polynomial = random(basis, degree)
          expect(polynomialDepth(polynomial)).toBe(Math.ceil(Math.log2(degree + 1)))
          using result = evaluatePolynomial(evaluator, a, polynomial)
          verify(polynomial, result)
        }
      })

      it(`with terms missing, ${basis} basis`, () => {
        for (const coefficients of [
          [3],
          [0, 0, 1],
          [1, 0, 0, 0, 0.5],
          [0, 0.5, 0, -0.25, 0, 0.125, 0, 0.3],
          [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
        ]) {
          const polynomial = { basis, coefficients }
          using result = evaluatePolynomial(evaluator, a, polynomial)
          verify(polynomial, result)
        }
      })
    }

    it('does what its trace foretells, to the last bit of the scale', () => {
      const rules = new EvaluationRules(owner.context.parameters, owner.context.noise, name === 'kernel' ? 'centred' : 'positive')
      for (const degree of [3, 4, 6, 7, 15]) {
        const polynomial = random('chebyshev', degree)
        const options = { scale: 1.25 * 2 ** 39, magnitude: 3 }
        using result = evaluatePolynomial(evaluator, a, polynomial, options)
        const { result: traced, operations } = tracePolynomial(owner.context.parameters, rules, a, polynomial, options)
        expect([result.level, result.scale, result.magnitude]).toEqual([traced.level, traced.scale, traced.magnitude])
        // the keys of one party are a little better than those of a cohort, which the trace takes
        expect(result.noise).toBeLessThanOrEqual(traced.noise)
        expect(result.noise).toBeGreaterThan(traced.noise - 0.5)
        expect(operations.filter(({ operation }) => operation === 'relinearize')).toHaveLength({ 3: 2, 4: 2, 6: 3, 7: 4, 15: 7 }[degree]!)
      }
    })

    it('at a scale of the result whose constants no encoder holds', () => {
      const polynomial = random('chebyshev', 7)
      using result = evaluatePolynomial(evaluator, a, polynomial, { scale: 2 ** 125 })
      expect(Math.log2(result.scale)).toBeCloseTo(125, 9)
      using stored = evaluator.store(result)
      expect(largestDifference(owner.decryptor.decrypt(stored), clear(polynomial, x))).toBeLessThan(2 ** -16)
    })

    it('of two vectors in one, each by itself', () => {
      const other = realSlots('other', x.length)
      const pairs = pairSlots(x, other)
      using Z = encrypt(owner, { real: pairs.real, imaginary: pairs.imaginary }, 'pairs')
      using z = evaluator.load(Z)
      const rules = new EvaluationRules(owner.context.parameters, owner.context.noise, name === 'kernel' ? 'centred' : 'positive')
      for (const [basis, degree] of [
        ['chebyshev', 7],
        ['power', 4]
      ] as const) {
        const polynomial = random(basis, degree)
        const options = { bound: 1, scale: 2 ** 39 }
        using result = evaluatePolynomialOfPairs(evaluator, z, polynomial, options)
        const expected = pairSlots(clear(polynomial, x).real, clear(polynomial, other).real)
        const { result: traced } = tracePolynomialOfPairs(owner.context.parameters, rules, z, polynomial, options)
        expect([result.level, result.scale]).toEqual([traced.level, traced.scale])
        expect(result.noise).toBeLessThanOrEqual(traced.noise)
        using stored = evaluator.store(result)
        expect(measuredNoise(owner, stored, expected)).toBeLessThanOrEqual(result.noise)
        expect(largestDifference(owner.decryptor.decrypt(stored), expected)).toBeLessThan(2 ** -15)
      }
    })

    it('keeps errors in step within the tracked noise', () => {
      // every T_i is 1 at 1, and its derivative i²
      const ends = new Float64Array(x.length).fill(1)
      using X = encrypt(owner, { real: ends, imaginary: new Float64Array(x.length) }, 'ends')
      using b = evaluator.load(X)
      const polynomial = { basis: 'chebyshev', coefficients: Array.from({ length: 32 }, () => 1) } as const
      using result = evaluatePolynomial(evaluator, b, polynomial)
      using stored = evaluator.store(result)
      expect(measuredNoise(owner, stored, clear(polynomial, ends))).toBeLessThanOrEqual(result.noise)
    })

    it('on another interval, to another scale, with a known bound', () => {
      const polynomial = random('chebyshev', 7)
      const interval = [-3, 2] as const
      const scale = 2 ** 38
      using result = evaluatePolynomial(evaluator, a, polynomial, { interval, scale, magnitude: 9 })
      expect(polynomialDepth(polynomial, { interval })).toBe(4)
      expect(result.level).toBe(a.level - 4)
      expect(Math.abs(result.scale / scale - 1)).toBeLessThan(2 ** -45)
      expect(result.magnitude).toBe(9)
      const t = x.map(value => (2 * value + 1) / 5)
      using stored = evaluator.store(result)
      expect(measuredNoise(owner, stored, clear(polynomial, t))).toBeLessThanOrEqual(result.noise)
      expect(largestDifference(owner.decryptor.decrypt(stored), clear(polynomial, t))).toBeLessThan(2 ** -16)
      // an interval of length 2 costs no level
      using shifted = evaluatePolynomial(evaluator, a, polynomial, { interval: [-2, 0] })
      expect(shifted.level).toBe(a.level - 3)
    })

    it('leaves its argument and nothing else behind', () => {
      const polynomial = random('chebyshev', 23)
      const { noise, magnitude, level } = a
      const handles = held(evaluator)
      evaluatePolynomial(evaluator, a, polynomial).dispose()
      const { bytesInUse } = owner.context.ring.kernel
      evaluatePolynomial(evaluator, a, polynomial).dispose()
      expect(owner.context.ring.kernel.bytesInUse).toBe(bytesInUse)
      expect(held(evaluator)).toBe(handles)
      expect([a.noise, a.magnitude, a.level]).toEqual([noise, magnitude, level])
    })

    it('refuses what it cannot do', () => {
      expect(() => evaluatePolynomial(evaluator, a, random('power', 64))).toThrow(InvalidLevelError)
      using low = evaluator.dropLevel(a, 1)
      expect(() => evaluatePolynomial(evaluator, low, random('chebyshev', 2))).toThrow(InvalidLevelError)
      expect(() => evaluatePolynomial(evaluator, a, { basis: 'power', coefficients: [1, Number.NaN] })).toThrow(RangeError)
      for (const interval of [
        [1, -1],
        [0, Number.POSITIVE_INFINITY]
      ] as const) {
        expect(() => evaluatePolynomial(evaluator, a, random('chebyshev', 2), { interval })).toThrow(RangeError)
      }
    })
  })
}

describe('polynomials in the clear', () => {
  it('evaluate alike in both bases', () => {
    // T_3 = 4x³ - 3x
    for (const x of [-1, -0.3, 0, 0.7, 1]) {
      expect(evaluateClear({ basis: 'chebyshev', coefficients: [0, 0, 0, 1] }, x)).toBeCloseTo(4 * x ** 3 - 3 * x, 12)
      expect(evaluateClear({ basis: 'power', coefficients: [1, 2, 3] }, x)).toBeCloseTo(1 + 2 * x + 3 * x * x, 12)
    }
  })

  it('have the degree of their last coefficient that is not zero', () => {
    expect(degreeOf({ basis: 'power', coefficients: [] })).toBe(0)
    expect(degreeOf({ basis: 'power', coefficients: [0, 0] })).toBe(0)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), fc.nat(5), (coefficients, zeros) => {
        expect(degreeOf({ basis: 'power', coefficients: [...coefficients, ...Array(zeros).fill(0)] })).toBe(coefficients.length - 1)
      })
    )
  })
})
