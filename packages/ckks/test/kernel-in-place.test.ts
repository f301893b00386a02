import {
  DegreeMismatchError,
  type EvaluatorCiphertext,
  type EvaluatorPlaintext,
  KernelEvaluator,
  LevelMismatchError
} from '@slytherin/ckks'
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
  type Operands = { a: EvaluatorCiphertext; b: EvaluatorCiphertext; product: EvaluatorCiphertext; p: EvaluatorPlaintext }
  const cases: readonly (readonly [
    string,
    (operands: Operands) => EvaluatorCiphertext,
    (target: EvaluatorCiphertext, operands: Operands) => void,
    (operands: Operands) => EvaluatorCiphertext
  ])[] = [
    ['subtract', o => o.a, (t, o) => evaluator.subtractInPlace(t, o.b), o => evaluator.subtract(o.a, o.b)],
    ['subtract a longer one', o => o.a, (t, o) => evaluator.subtractInPlace(t, o.product), o => evaluator.subtract(o.a, o.product)],
    ['add a shorter one', o => o.product, (t, o) => evaluator.addInPlace(t, o.a), o => evaluator.add(o.product, o.a)],
    ['addPlain', o => o.a, (t, o) => evaluator.addPlainInPlace(t, o.p), o => evaluator.addPlain(o.a, o.p)],
    ['multiplyPlain', o => o.a, (t, o) => evaluator.multiplyPlainInPlace(t, o.p), o => evaluator.multiplyPlain(o.a, o.p)],
    [
      'multiplyPlain, degree 2',
      o => o.product,
      (t, o) => evaluator.multiplyPlainInPlace(t, o.p),
      o => evaluator.multiplyPlain(o.product, o.p)
    ],
    ['relinearize', o => o.product, t => evaluator.relinearizeInPlace(t), o => evaluator.relinearize(o.product)],
    ['relinearize, degree 1', o => o.a, t => evaluator.relinearizeInPlace(t), o => evaluator.copy(o.a)],
    ['rescale', o => o.product, t => evaluator.rescaleInPlace(t), o => evaluator.rescale(o.product)]
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
      using p = evaluator.plaintext(complexSlots('p', 16), { level: a.level, scale: a.scale })
      const operands = { a, b, product, p }
      using expected = ordinary(operands)
      using changed = evaluator.copy(target(operands))
      inPlace(changed, operands)
      expect(contents(changed)).toEqual(contents(expected))
    }
    expect(kernel.bytesInUse).toBe(before)
  })

  it('of a ciphertext with itself', () => {
    using a = load('a')
    using nothing = evaluator.subtract(a, a)
    using b = evaluator.copy(a)
    evaluator.subtractInPlace(b, b)
    expect(contents(b)).toEqual(contents(nothing))
  })

  it('that are refused change nothing', () => {
    using a = load('a')
    using lower = evaluator.dropLevel(a, a.level - 1)
    using p = evaluator.plaintext(complexSlots('p', 16), { level: lower.level, scale: a.scale })
    const before = contents(a)
    expect(() => evaluator.subtractInPlace(a, lower)).toThrow(LevelMismatchError)
    expect(() => evaluator.addPlainInPlace(a, p)).toThrow(LevelMismatchError)
    expect(() => evaluator.multiplyPlainInPlace(a, p)).toThrow(LevelMismatchError)
    expect(contents(a)).toEqual(before)
    using product = evaluator.square(a)
    expect(() => evaluator.multiply(product, a)).toThrow(DegreeMismatchError)
    const gone = evaluator.copy(a)
    gone.dispose()
    expect(() => evaluator.rescaleInPlace(gone)).toThrow(DisposedError)
  })
})
