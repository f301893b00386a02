import { galoisElementOf, KernelEvaluator } from '@slytherin/ckks'
import { describe, expect, it } from 'vitest'
import { complexSlots, encrypt, party, SMALL, seedOf } from './support.js'

describe("the kernel evaluator's memory", () => {
  for (const specialPrimes of [1, 2]) {
    it(`does not grow over 10 000 operations, ${specialPrimes} special primes`, async () => {
      const owner = await party({ ...SMALL, logN: 8, specialPrimes })
      const { context, generator, secret } = owner
      const { kernel } = context.ring
      const evaluator = new KernelEvaluator(context)
      const { N, slots } = context.parameters
      using relinearizationKey = generator.relinearizationKey(secret, { seed: seedOf('memory') })
      const galoisKeys = new Map([1, 2, -1].map(step => galoisElementOf(step, N)).map(g => [g, generator.galoisKey(secret, g)]))
      evaluator.setKeys({ relinearizationKey, galoisKeys })
      using X = encrypt(owner, complexSlots('memory', slots), 'memory')
      let operations = 0
      const round = () => {
        using a = evaluator.load(X)
        using p = evaluator.plaintext(Float64Array.of(0.5), { level: a.level, scale: a.scale })
        using sum = evaluator.multiplyAccumulate([
          [a, a],
          [a, a]
        ])
        evaluator.multiplyAddInPlace(sum, a, a)
        using linear = evaluator.relinearize(sum)
        using rescaled = evaluator.rescale(linear)
        using rotation = evaluator.rotate(rescaled, 1)
        using product = evaluator.multiplyPlain(a, p)
        evaluator.multiplyAddInPlace(product, a, p)
        expect(() => evaluator.add(rotation, product)).toThrow()
        const rotations = evaluator.rotateMany(a, [1, 2, -1, 0])
        expect(() => evaluator.rotateMany(a, [1, 2, 77])).toThrow()
        using difference = evaluator.subtract(rotations[0]!, rotations[1]!)
        using lower = evaluator.dropLevel(difference, 1)
        evaluator.addInPlace(lower, lower)
        for (const rotated of rotations) rotated.dispose()
        evaluator.store(lower).dispose()
        operations += 20
      }
      for (let k = 0; k < 5; k++) round()
      const inUse = kernel.bytesInUse
      const size = kernel.memory.buffer.byteLength
      operations = 0
      while (operations < 10_000) round()
      expect(kernel.bytesInUse).toBe(inUse)
      expect(kernel.memory.buffer.byteLength).toBe(size)
      expect(evaluator.live).toMatchObject({ ciphertexts: 0, plaintexts: 0 })
      evaluator.dispose()
      for (const key of galoisKeys.values()) key.dispose()
    })
  }
})
