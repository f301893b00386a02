import {
  Ciphertext,
  Context,
  Encryptor,
  type EvaluatorCiphertext,
  galoisElementOf,
  KernelEvaluator,
  KeyGenerator,
  LinearTransform,
  MissingKeyError,
  Parameters,
  SecretKey
} from '@slytherin/ckks'
import { loadKernel, VaultFullError } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import { complexSlots, encrypt, measuredNoise, type Party, party, rotated, SMALL, seedOf } from './support.js'

const STEPS = [1, 2, 3, 4, 5, 6]
const REQUEST = { ...SMALL, levels: 4, specialPrimes: 2 }

const keysOf = ({ context, generator, secret }: Party) => ({
  relinearizationKey: generator.relinearizationKey(secret, { seed: seedOf('memory of keys') }),
  galoisKeys: new Map(
    STEPS.map(step => galoisElementOf(step, context.parameters.N)).map(g => [
      g,
      generator.galoisKey(secret, g, { seed: seedOf('memory', g) })
    ])
  )
})

const keyBytes = ({ context: { parameters, ring } }: Party) =>
  2 * parameters.digits(parameters.maxLevel) * parameters.keyIndices().length * ring.rowBytes

describe('keys that do not all fit', () => {
  it('are used all the same, few at a time', async () => {
    const owner = await party(REQUEST)
    const { context } = owner
    const { kernel } = context.ring
    const x = complexSlots('few', context.parameters.slots)
    using X = encrypt(owner, x, 'few')
    const keys = keysOf(owner)
    const all = new KernelEvaluator(context)
    all.setKeys(keys)
    using a = all.load(X)
    const words = (evaluator: KernelEvaluator, ciphertext: EvaluatorCiphertext) => {
      using stored = evaluator.store(ciphertext)
      return stored.components.map(component => context.ring.encodeWords(component))
    }
    const diagonals = new Map([0, 1, 2, 3, 4, 5, 6].map(d => [d, complexSlots(`few ${d}`, context.parameters.slots)]))
    using transform = new LinearTransform(context, diagonals, { level: a.level, babySteps: 4 })
    const outcome = (evaluator: KernelEvaluator, input: EvaluatorCiphertext) => {
      using stack = new DisposableStack()
      const rotations = evaluator.rotateMany(input, [...STEPS, 0]).map(ciphertext => stack.use(ciphertext))
      const square = stack.use(evaluator.square(input))
      const mapped = stack.use(evaluator.linearTransform(input, transform))
      return [...rotations, stack.use(evaluator.rotate(input, 3)), stack.use(evaluator.relinearize(square)), mapped].map(c =>
        words(evaluator, c)
      )
    }
    const expected = outcome(all, a)
    for (const room of [2.5, 1]) {
      const before = kernel.bytesInUse
      const few = new KernelEvaluator(context, { keyBytes: room * keyBytes(owner) })
      few.setKeys(keys)
      // a few cache lines between polynomials are not counted
      expect(kernel.bytesInUse - before).toBeLessThanOrEqual(1.02 * room * keyBytes(owner))
      using b = few.load(X)
      expect(outcome(few, b)).toEqual(expected)
      expect(outcome(few, b)).toEqual(expected)
      few.dispose()
    }
    const none = new KernelEvaluator(context, { keyBytes: keyBytes(owner) / 2 })
    none.setKeys(keys)
    using c = none.load(X)
    expect(() => none.rotate(c, 1)).toThrow(VaultFullError)
    none.dispose()
    all.dispose()
  })

  it('are shared by evaluators of one process', async () => {
    const owner = await party(REQUEST)
    const { context } = owner
    const x = complexSlots('shared', context.parameters.slots)
    const first = new KernelEvaluator(context)
    first.setKeys(keysOf(owner))
    // what postMessage does
    const shared = structuredClone(first.shareKeys())
    const elsewhere = Context.create(context.parameters, await loadKernel())
    const second = new KernelEvaluator(elsewhere)
    second.adoptKeys(shared)
    const buffers = new Set([...shared.galoisKeys.values()].flatMap(({ digits }) => digits.flatMap(({ b, a }) => [b.buffer, a.buffer])))
    expect(buffers.size).toBe(STEPS.length * 2 * context.parameters.digits(4))
    using X = encrypt(owner, x, 'shared')
    const bytes = X.components.map(component => context.ring.encodeWords(component))
    const { level, scale, noise, magnitude } = X
    using Y = new Ciphertext(
      bytes.map(words => elsewhere.ring.decodeWords(words, context.parameters.ciphertextIndices(level), 'ntt')),
      { level, scale, noise, magnitude }
    )
    using a = first.load(X)
    using b = second.load(Y)
    using here = first.rotate(a, 5)
    using there = second.rotate(b, 5)
    expect(there.noise).toBe(here.noise)
    using stored = first.store(here)
    using storedThere = second.store(there)
    expect(storedThere.components.map(c => elsewhere.ring.encodeWords(c))).toEqual(stored.components.map(c => context.ring.encodeWords(c)))
    expect(measuredNoise(owner, stored, rotated(x, 5))).toBeLessThanOrEqual(stored.noise)
    expect(() => second.rotate(b, 7)).toThrow(MissingKeyError)
    second.dispose()
    expect(() => second.adoptKeys(shared)).toThrow()
    first.dispose()
  })
})

describe('threads', () => {
  it('give the same residues', async () => {
    const x = complexSlots('threads', 2 ** 10)
    const results: Uint8Array[][] = []
    for (const threads of [1, 2, 3]) {
      await using kernel = await loadKernel({ threads, parallelThreshold: 0 })
      expect(kernel.threads).toBe(threads)
      const context = Context.create(Parameters.generate(REQUEST), kernel)
      const secret = SecretKey.fromSeed(context, seedOf('threads'))
      const generator = new KeyGenerator(context)
      using publicKey = generator.publicKey(secret, seedOf('threads public'))
      using plaintext = context.encoder.encode(x, { level: 4, scale: 2 ** 40 })
      using X = new Encryptor(context, publicKey).encrypt(plaintext, seedOf('threads encryption'))
      const evaluator = new KernelEvaluator(context)
      const g = galoisElementOf(1, context.parameters.N)
      evaluator.setRelinearizationKey(generator.relinearizationKey(secret, { seed: seedOf('threads relinearization') }))
      evaluator.setGaloisKey(g, generator.galoisKey(secret, g, { seed: seedOf('threads galois') }))
      using a = evaluator.load(X)
      using transform = new LinearTransform(context, new Map([0, 1].map(d => [d, complexSlots(`threads ${d}`, 2 ** 10)])), { level: 4 })
      using mapped = evaluator.linearTransform(a, transform)
      using rescaled = evaluator.rescale(mapped)
      using square = evaluator.square(rescaled)
      using linear = evaluator.relinearize(square)
      const [left, right] = evaluator.rotateMany(linear, [1, 0])
      using sum = evaluator.add(left!, right!)
      using stored = evaluator.store(sum)
      results.push(stored.components.map(component => context.ring.encodeWords(component)))
    }
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })
})
