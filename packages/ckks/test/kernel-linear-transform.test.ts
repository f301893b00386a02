import {
  type ComplexVector,
  DegreeMismatchError,
  Diagonals,
  type Evaluator,
  type EvaluatorCiphertext,
  evaluateDiagonals,
  galoisElementOf,
  KernelEvaluator,
  LevelMismatchError,
  LinearTransform,
  MissingKeyError
} from '@slytherin/ckks'
import { SealEvaluator } from '@slytherin/ckks/seal'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, encrypt, measuredNoise, type Party, party, plus, rotated, SMALL, seedOf, times } from './support.js'

/** Σ_d diag_d ⊙ rot_d(x). */
const mapped = (x: ComplexVector, diagonals: ReadonlyMap<number, ComplexVector>) =>
  [...diagonals].map(([d, values]) => times(values, rotated(x, d))).reduce(plus)

for (const specialPrimes of [1, 2, 3]) {
  describe(`linear maps of the slots, ${specialPrimes} special primes`, () => {
    let owner: Party
    let evaluator: KernelEvaluator
    let x: ComplexVector
    let a: EvaluatorCiphertext
    const request = { ...SMALL, levels: 4, specialPrimes }

    beforeAll(async () => {
      owner = await party(request)
      evaluator = new KernelEvaluator(owner.context)
      x = complexSlots('linear', owner.context.parameters.slots)
      using X = encrypt(owner, x, 'linear')
      a = evaluator.load(X)
    })
    afterAll(() => {
      evaluator.dispose()
      a.dispose()
      owner.context.dispose()
    })

    const diagonalsOf = (offsets: readonly number[]) =>
      new Map(offsets.map(d => [d, complexSlots(`diagonal ${d}`, owner.context.parameters.slots)]))

    const provide = (to: Evaluator, rotations: readonly number[]) => {
      const { N } = owner.context.parameters
      const galoisKeys = new Map(
        rotations
          .map(step => galoisElementOf(step, N))
          .map(g => [g, owner.generator.galoisKey(owner.secret, g, { seed: seedOf('linear', g) })])
      )
      to.setKeys({ galoisKeys })
      for (const key of galoisKeys.values()) key.dispose()
    }

    const verify = (from: Evaluator, result: EvaluatorCiphertext, expected: ComplexVector) => {
      using stored = from.store(result)
      expect(measuredNoise(owner, stored, expected)).toBeLessThanOrEqual(result.noise)
      const largest = Math.max(...expected.real.map((re, k) => Math.hypot(re, expected.imaginary[k]!)))
      expect(result.magnitude).toBeGreaterThanOrEqual(largest)
    }

    it('are what the diagonals say, for every split into steps', () => {
      const { slots } = owner.context.parameters
      const offsets = [0, 1, 2, 5, 7, 8, 13, slots - 3, -1]
      const diagonals = diagonalsOf(offsets)
      const expected = mapped(x, diagonals)
      const { kernel } = owner.context.ring
      for (const babySteps of [undefined, 1, 3, 4, 16, slots]) {
        using transform = new LinearTransform(owner.context, diagonals, {
          level: a.level,
          ...(babySteps === undefined ? {} : { babySteps })
        })
        provide(evaluator, transform.rotations)
        evaluator.linearTransform(a, transform).dispose()
        const held = kernel.bytesInUse
        evaluator.linearTransform(a, transform).dispose()
        expect(kernel.bytesInUse).toBe(held)
        using result = evaluator.linearTransform(a, transform)
        expect(result.scale).toBe(a.scale * transform.scale)
        verify(evaluator, result, expected)
        using rescaled = evaluator.rescale(result)
        expect(rescaled.scale).toBe(a.scale)
        verify(evaluator, rescaled, expected)
        using plain = evaluateDiagonals(evaluator, a, transform.diagonals)
        verify(evaluator, plain, expected)
        expect(plain.noise).toBeCloseTo(result.noise, 9)
      }
    })

    it('work below the top level, also with keys restricted to it', () => {
      const level = 2
      using low = evaluator.dropLevel(a, level)
      const diagonals = diagonalsOf([0, 3, 4])
      using transform = new LinearTransform(owner.context, diagonals, { level, babySteps: 4, scale: 2 ** 30 })
      expect(transform.rotations).toEqual([3, 4])
      for (const step of transform.rotations) {
        using key = owner.generator.galoisKey(owner.secret, galoisElementOf(step, owner.context.parameters.N), {
          level,
          seed: seedOf('low', step)
        })
        evaluator.setGaloisKey(galoisElementOf(step, owner.context.parameters.N), key)
      }
      using result = evaluator.linearTransform(low, transform)
      expect(result.scale).toBe(a.scale * 2 ** 30)
      verify(evaluator, result, mapped(x, diagonals))
    })

    it('refuse what does not fit', () => {
      using transform = new LinearTransform(owner.context, diagonalsOf([0, 9]), { level: a.level })
      using low = evaluator.dropLevel(a, 1)
      expect(() => evaluator.linearTransform(a, transform)).toThrow(MissingKeyError)
      using diagonal = new LinearTransform(owner.context, diagonalsOf([0]), { level: a.level })
      expect(() => evaluator.linearTransform(low, diagonal)).toThrow(LevelMismatchError)
      using square = evaluator.square(a)
      using step = new LinearTransform(owner.context, diagonalsOf([3]), { level: a.level, scale: 1 })
      provide(evaluator, [3])
      expect(() => evaluator.linearTransform(square, step)).toThrow(DegreeMismatchError)
      expect(() => new LinearTransform(owner.context, new Map(), { level: 0 })).toThrow(RangeError)
      const { slots } = owner.context.parameters
      expect(() => new Diagonals(slots, diagonalsOf([1, 1 - slots]))).toThrow(/twice/)
      expect(() => new Diagonals(8, new Map([[0, new Float64Array(9)]]))).toThrow(/more than 8/)
      expect(() => new Diagonals(8, new Map([[0.5, new Float64Array(8)]]))).toThrow(RangeError)
      expect(() => new Diagonals(8, new Map([[0, new Float64Array(8)]]), { babySteps: 0 })).toThrow(RangeError)
    })

    if (specialPrimes === 1) {
      it('mean the same to SEAL', async () => {
        const seal = await SealEvaluator.create(owner.context)
        const diagonals = diagonalsOf([0, 1, 4, 6])
        const split = new Diagonals(owner.context.parameters.slots, diagonals, { babySteps: 4 })
        provide(seal, split.rotations)
        using X = encrypt(owner, x, 'linear')
        using b = seal.load(X)
        using result = evaluateDiagonals(seal, b, split)
        verify(seal, result, mapped(x, diagonals))
        result.dispose()
        b.dispose()
        seal.dispose()
      })
    }
  })
}

describe('diagonals', () => {
  it('split into about two square roots of rotations', () => {
    for (const count of [16, 64, 256]) {
      const diagonals = new Map(Array.from({ length: count }, (_, d) => [d, Float64Array.of(1)]))
      expect(new Diagonals(1024, diagonals).rotations.length).toBeLessThanOrEqual(3 * Math.sqrt(count))
    }
  })

  it('add up to the map whatever the split', () => {
    const slots = 16
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: slots - 1 }), { minLength: 1 }),
        fc.integer({ min: 1, max: slots }),
        fc.float64Array({ minLength: slots, maxLength: slots, noNaN: true, min: -1, max: 1 }),
        (offsets, babySteps, x) => {
          const diagonals = new Map(offsets.map(d => [d, Float64Array.from({ length: slots }, (_, i) => Math.sin(i * 17 + d))]))
          const split = new Diagonals(slots, diagonals, { babySteps })
          const at = (vector: Float64Array, i: number) => vector[((i % slots) + slots) % slots]!
          for (let i = 0; i < slots; i++) {
            const direct = offsets.reduce((sum, d) => sum + diagonals.get(d)![i]! * at(x, i + d), 0)
            let bySteps = 0
            for (const [giant, terms] of split.giants)
              for (const { baby, values } of terms) bySteps += at(values as Float64Array, i + giant) * at(x, i + giant + baby)
            expect(bySteps).toBeCloseTo(direct, 10)
            expect(Math.abs(direct)).toBeLessThanOrEqual(split.growth + 1e-12)
          }
        }
      )
    )
  })
})
