import {
  Context,
  ForeignOperandError,
  galoisElementOf,
  InvalidGaloisElementError,
  KernelEvaluator,
  KeyMismatchError,
  KeySwitchKey,
  MissingKeyError
} from '@slytherin/ckks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, encrypt, measuredNoise, type Party, party, rotated, SMALL, seedOf, times } from './support.js'

for (const alpha of [1, 2, 3]) {
  describe(`keys in the kernel evaluator, ${alpha} special primes`, () => {
    let owner: Party
    let evaluator: KernelEvaluator
    const top = 6
    const request = { ...SMALL, levels: top, specialPrimes: alpha }

    beforeAll(async () => {
      owner = await party(request)
    })
    afterAll(() => owner.context.dispose())

    const keyAt = (level: number) => owner.generator.galoisKey(owner.secret, 3, { level, seed: seedOf('level', level) })

    it('serve the ciphertexts at or below their level, every digit shape', () => {
      const { context, generator, secret } = owner
      const { slots } = context.parameters
      const x = complexSlots('levels', slots)
      for (let keyLevel = top; keyLevel >= 1; keyLevel--) {
        evaluator = new KernelEvaluator(context)
        using relinearizationKey = generator.relinearizationKey(secret, { level: keyLevel, seed: seedOf('relinearization', keyLevel) })
        using galoisKey = keyAt(keyLevel)
        evaluator.setKeys({ relinearizationKey, galoisKeys: new Map([[3, galoisKey]]) })
        for (let level = keyLevel; level >= 1; level--) {
          using X = encrypt(owner, x, `levels ${level}`, level)
          using a = evaluator.load(X)
          using rotation = evaluator.rotate(a, 1)
          using stored = evaluator.store(rotation)
          expect(measuredNoise(owner, stored, rotated(x, 1))).toBeLessThanOrEqual(rotation.noise)
          using square = evaluator.square(a)
          using linear = evaluator.relinearize(square)
          using product = evaluator.store(linear)
          expect(measuredNoise(owner, product, times(x, x))).toBeLessThanOrEqual(linear.noise)
        }
        if (keyLevel < top) {
          using X = encrypt(owner, x, 'above', keyLevel + 1)
          using a = evaluator.load(X)
          using square = evaluator.square(a)
          expect(() => evaluator.rotate(a, 1)).toThrow(KeyMismatchError)
          expect(() => evaluator.rotateMany(a, [1])).toThrow(KeyMismatchError)
          expect(() => evaluator.relinearize(square)).toThrow(KeyMismatchError)
        }
        evaluator.dispose()
      }
    })

    it('are copied, replaced and released', () => {
      const { context, generator, secret } = owner
      const { kernel } = context.ring
      const { N } = context.parameters
      evaluator = new KernelEvaluator(context)
      const before = kernel.bytesInUse
      using first = keyAt(top)
      using relinearizationKey = generator.relinearizationKey(secret, { seed: seedOf('replaced') })
      evaluator.setKeys({ relinearizationKey, galoisKeys: new Map([[3, first]]) })
      const held = kernel.bytesInUse
      evaluator.setKeys({ relinearizationKey, galoisKeys: new Map([[3, first]]) })
      evaluator.setGaloisKey(3, first)
      evaluator.setRelinearizationKey(relinearizationKey)
      expect(kernel.bytesInUse).toBe(held)
      evaluator.setKeys({ galoisKeys: new Map() })
      using X = encrypt(owner, complexSlots('released', N / 2), 'released')
      using a = evaluator.load(X)
      expect(() => evaluator.rotate(a, 1)).toThrow(MissingKeyError)
      evaluator.setGaloisKey(galoisElementOf(1, N), first)
      evaluator.rotate(a, 1).dispose()
      a.dispose()
      X.dispose()
      evaluator.dispose()
      relinearizationKey.dispose()
      first.dispose()
      // the kernel keeps the tables of automorphisms and base extensions it has met
      expect(kernel.bytesInUse - before).toBeLessThan(N * 8 * 4)
    })

    it('are refused when they do not fit, and then none is left', async () => {
      const { context } = owner
      evaluator = new KernelEvaluator(context)
      const { kernel } = context.ring
      using good = keyAt(top)
      evaluator.setGaloisKey(3, good)
      const other = Context.create(context.parameters, kernel)
      const before = kernel.bytesInUse
      const elsewhere = new KernelEvaluator(other)
      expect(() => elsewhere.setGaloisKey(3, good)).toThrow(ForeignOperandError)
      elsewhere.dispose()
      expect(kernel.bytesInUse).toBe(before)
      other.dispose()
      const short = new KeySwitchKey(good.digits.slice(1), top)
      const relabelled = new KeySwitchKey(good.digits.slice(0, context.parameters.digits(top - alpha)), top - alpha)
      expect(() => evaluator.setGaloisKey(3, short)).toThrow(KeyMismatchError)
      expect(() => evaluator.setGaloisKey(3, relabelled)).toThrow(KeyMismatchError)
      expect(() => evaluator.setGaloisKey(4, good)).toThrow(InvalidGaloisElementError)
      expect(() => evaluator.setGaloisKey(2 * context.parameters.N + 1, good)).toThrow(InvalidGaloisElementError)
      expect(() => evaluator.setRelinearizationKey(short)).toThrow(KeyMismatchError)
      const galoisKeys = new Map([
        [3, good],
        [9, short]
      ])
      expect(() => evaluator.setKeys({ galoisKeys })).toThrow(KeyMismatchError)
      using X = encrypt(owner, complexSlots('refused', context.parameters.slots), 'refused')
      using a = evaluator.load(X)
      expect(() => evaluator.rotate(a, 1)).toThrow(MissingKeyError)
      evaluator.dispose()
      expect(() => evaluator.setGaloisKey(3, good)).toThrow()
    })
  })
}
