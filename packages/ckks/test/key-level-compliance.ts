/** Keys for lower levels: every evaluator uses them up to their level and refuses with a typed error above it. */
import {
  type ComplexVector,
  conjugationElement,
  type Evaluator,
  type EvaluatorCiphertext,
  galoisElementOf,
  KeyMismatchError,
  type ParametersRequest
} from '@slytherin/ckks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Implementation } from './evaluator-compliance.js'
import {
  complexSlots,
  conjugated,
  encrypt,
  largestDifference,
  measuredNoise,
  type Party,
  party,
  rotated,
  seedOf,
  times
} from './support.js'

export function keyLevelCompliance(implementation: Implementation, request: ParametersRequest): void {
  const label = `${implementation.name}, N = 2^${request.logN}, ${request.levels + 1} + ${request.specialPrimes ?? 1} primes`

  describe(`keys for lower levels: ${label}`, () => {
    let owner: Party
    let evaluator: Evaluator
    let top: number
    let middle: number
    let peak: number
    let x: ComplexVector
    let held: number

    beforeAll(async () => {
      owner = await party(request)
      const { context, generator, secret } = owner
      const { N, maxLevel, slots } = context.parameters
      top = maxLevel
      middle = Math.floor(top / 2)
      peak = implementation.slotPeak?.(N) ?? 1
      evaluator = await implementation.create(context)
      using stack = new DisposableStack()
      const galois = (element: number, level: number) =>
        [element, stack.use(generator.galoisKey(secret, element, { level, seed: seedOf('low galois', element) }))] as const
      evaluator.setKeys({
        relinearizationKey: stack.use(generator.relinearizationKey(secret, { level: middle, seed: seedOf('low relinearization') })),
        galoisKeys: new Map([galois(galoisElementOf(1, N), 0), galois(galoisElementOf(2, N), top), galois(conjugationElement(N), middle)])
      })
      x = complexSlots('x', slots)
      held = implementation.held(evaluator)
    })

    afterAll(() => {
      evaluator[Symbol.dispose]()
      owner.context.dispose()
    })

    /** A ciphertext of x at a level, and a check of what was made of it. */
    const scope = (level: number, body: (a: EvaluatorCiphertext, keep: <T extends Disposable>(object: T) => T) => void) => {
      {
        using stack = new DisposableStack()
        using X = encrypt(owner, x, `level ${level}`, level)
        body(stack.use(evaluator.load(X)), object => stack.use(object))
      }
      expect(implementation.held(evaluator)).toBe(held)
    }

    const verify = (result: EvaluatorCiphertext, expected: ComplexVector) => {
      using ciphertext = evaluator.store(result)
      expect(measuredNoise(owner, ciphertext, expected)).toBeLessThanOrEqual(result.noise)
      const tolerance = (9 * peak * 2 ** result.noise * Math.sqrt(owner.context.parameters.N)) / result.scale
      expect(largestDifference(owner.decryptor.decrypt(ciphertext), expected)).toBeLessThan(tolerance)
    }

    it('serve their own level and every one below', () => {
      scope(0, (a, keep) => {
        verify(keep(evaluator.rotate(a, 1)), rotated(x, 1))
        const [one, two] = evaluator.rotateMany(a, [1, 2]).map(keep)
        verify(one!, rotated(x, 1))
        verify(two!, rotated(x, 2))
        verify(keep(evaluator.conjugate(a)), conjugated(x))
      })
      for (let level = 1; level <= middle; level++) {
        scope(level, (a, keep) => {
          verify(keep(evaluator.conjugate(a)), conjugated(x))
          verify(keep(evaluator.relinearize(keep(evaluator.square(a)))), times(x, x))
        })
      }
      scope(top, (a, keep) => verify(keep(evaluator.rotate(a, 2)), rotated(x, 2)))
    })

    it('are refused above it', () => {
      for (let level = 1; level <= top; level++) {
        scope(level, a => {
          expect(() => evaluator.rotate(a, 1)).toThrow(KeyMismatchError)
          expect(() => evaluator.rotateMany(a, [2, 1])).toThrow(KeyMismatchError)
        })
      }
      scope(middle + 1, (a, keep) => {
        const product = keep(evaluator.square(a))
        expect(() => evaluator.conjugate(a)).toThrow(KeyMismatchError)
        expect(() => evaluator.relinearize(product)).toThrow(
          expect.objectContaining({ field: 'level', expected: middle + 1, actual: middle })
        )
      })
    })
  })
}
