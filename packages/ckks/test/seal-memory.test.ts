import { galoisElementOf } from '@slytherin/ckks'
import { SealEvaluator, SealRuntime } from '@slytherin/ckks/seal'
import { describe, expect, it } from 'vitest'
import { complexSlots, encrypt, party, SMALL, seedOf } from './support.js'

describe("SEAL's memory", () => {
  it('does not grow over thousands of operations', async () => {
    const owner = await party({ ...SMALL, logN: 10 })
    const { context, generator, secret } = owner
    const runtime = await SealRuntime.load()
    const evaluator = await SealEvaluator.create(context, { runtime })
    const { N, slots } = context.parameters
    const g = galoisElementOf(1, N)
    evaluator.setKeys({
      relinearizationKey: generator.relinearizationKey(secret, { seed: seedOf('memory') }),
      galoisKeys: new Map([[g, generator.galoisKey(secret, g, { seed: seedOf('memory galois') })]])
    })
    using X = encrypt(owner, complexSlots('memory', slots), 'memory')
    const baseline = runtime.liveHandles
    const round = () => {
      using a = evaluator.load(X)
      using p = evaluator.plaintext(Float64Array.of(0.5), { level: a.level, scale: a.scale })
      using sum = evaluator.multiplyAccumulate([
        [a, a],
        [a, a]
      ])
      using linear = evaluator.relinearize(sum)
      using rescaled = evaluator.rescale(linear)
      using rotation = evaluator.rotate(rescaled, 1)
      using product = evaluator.multiplyPlain(a, p)
      evaluator.multiplyAddInPlace(product, a, p)
      expect(() => evaluator.add(rotation, product)).toThrow()
      evaluator.store(rotation).dispose()
    }
    for (let k = 0; k < 50; k++) round()
    const ringBaseline = context.ring.kernel.bytesInUse
    const heap = runtime.heapBytes
    expect(heap).toBeGreaterThan(0)
    for (let k = 0; k < 400; k++) round()
    expect(runtime.heapBytes).toBe(heap)
    expect(runtime.liveHandles).toBe(baseline)
    expect(context.ring.kernel.bytesInUse).toBe(ringBaseline)
    evaluator.dispose()
    expect(runtime.liveHandles).toBe(0)
  })

  it('holds thirty Galois keys at N = 2^14 and gives them back', async () => {
    const owner = await party({ logN: 14, firstPrimeBits: 49, primeBits: 40, levels: 6, specialPrimeBits: 49 })
    const { context, generator, secret } = owner
    const { N, slots, maxLevel } = context.parameters
    const runtime = await SealRuntime.load()
    const evaluator = await SealEvaluator.create(context, { runtime })
    using key = generator.galoisKey(secret, 3, { seed: seedOf('many') })
    // thirty elements with the residues of one key: memory is what is tested, only element 3 rotates correctly
    const load = () =>
      evaluator.setKeys({ galoisKeys: new Map(Array.from({ length: 30 }, (_, step) => [galoisElementOf(step + 1, N), key])) })
    load()
    const heap = runtime.heapBytes
    const keyBytes = 2 * (maxLevel + 1) * (maxLevel + 2) * N * 8
    expect(heap).toBeGreaterThan(30 * keyBytes)
    expect(heap).toBeLessThan(45 * keyBytes)
    using X = encrypt(owner, complexSlots('many', slots), 'many')
    using a = evaluator.load(X)
    using rotation = evaluator.rotate(a, 1)
    expect(rotation.noise).toBeGreaterThan(a.noise)
    load()
    expect(runtime.heapBytes).toBeLessThan(heap * 1.2)
    evaluator.dispose()
  })
})
