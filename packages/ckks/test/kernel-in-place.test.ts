import { DegreeMismatchError, type EvaluatorCiphertext, KernelEvaluator, LevelMismatchError } from '@slytherin/ckks'
import { DisposedError } from '@slytherin/ring'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, encrypt, type Party, party, SMALL, seedOf } from './support.js'

describe('operations in place', () => {
  let owner: Party
  let evaluator: KernelEvaluator
  beforeAll(async () => {
    owner = await party({ ...SMALL, specialPrimes: 2 })
    evaluator = new KernelEvaluator(owner.context)
    using relinearizationKey = owner.generator.relinearizationKey(owner.secret, { seed: seedOf('in place') })
    evaluator.setRelinearizationKey(relinearizationKey)
  })
  afterAll(() => evaluator.dispose())

  const load = (label: string): EvaluatorCiphertext => {
    using ciphertext = encrypt(owner, complexSlots(label, owner.context.parameters.slots), label)
    return evaluator.load(ciphertext)
  }
  const contents = (ciphertext: EvaluatorCiphertext) => {
    using stored = evaluator.store(ciphertext)
    const { level, scale, degree, noise, magnitude } = stored
    return { level, scale, degree, noise, magnitude, words: stored.components.map(component => owner.context.ring.encodeWords(component)) }
  }
  type Operands = { a: EvaluatorCiphertext; b: EvaluatorCiphertext; product: EvaluatorCiphertext }
  const cases: readonly (readonly [
    string,
    (operands: Operands) => EvaluatorCiphertext,
    (target: EvaluatorCiphertext, operands: Operands) => void,
    (operands: Operands) => EvaluatorCiphertext
  ])[] = [
    ['add', o => o.a, (t, o) => evaluator.addInPlace(t, o.b), o => evaluator.add(o.a, o.b)],
    ['add a longer one', o => o.a, (t, o) => evaluator.addInPlace(t, o.product), o => evaluator.add(o.a, o.product)],
    ['add a shorter one', o => o.product, (t, o) => evaluator.addInPlace(t, o.a), o => evaluator.add(o.product, o.a)]
  ]

  it.each(cases)('%s: what the ordinary operation gives, and nothing left behind', (_name, target, inPlace, ordinary) => {
    const { kernel } = owner.context.ring
    let before = 0
    // The ring makes its tables when they are first needed.
    for (let round = 0; round < 2; round++) {
      before = kernel.bytesInUse
      using a = load('a')
      using b = load('b')
      using square = evaluator.multiply(a, b)
      // of a's scale, so that it can be added to it
      using product = evaluator.withScale(square, a.scale) as EvaluatorCiphertext
      const operands = { a, b, product }
      using expected = ordinary(operands)
      using changed = evaluator.copy(target(operands))
      inPlace(changed, operands)
      expect(contents(changed)).toEqual(contents(expected))
    }
    expect(kernel.bytesInUse).toBe(before)
  })

  it('of a ciphertext with itself', () => {
    using a = load('a')
    using twice = evaluator.add(a, a)
    using b = evaluator.copy(a)
    evaluator.addInPlace(b, b)
    expect(contents(b)).toEqual(contents(twice))
  })

  it('that are refused change nothing', () => {
    using a = load('a')
    using lower = evaluator.dropLevel(a, a.level - 1)
    const before = contents(a)
    expect(() => evaluator.addInPlace(a, lower)).toThrow(LevelMismatchError)
    expect(contents(a)).toEqual(before)
    using product = evaluator.square(a)
    expect(() => evaluator.multiply(product, a)).toThrow(DegreeMismatchError)
    const gone = evaluator.copy(a)
    gone.dispose()
    expect(() => evaluator.addInPlace(gone, a)).toThrow(DisposedError)
  })
})
