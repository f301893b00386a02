import { EmptySumError, type EvaluatorCiphertext, isProductSummer, KernelEvaluator, LevelMismatchError } from '@slytherin/ckks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, encrypt, type Party, party, SMALL } from './support.js'

describe('sums of products together', () => {
  let owner: Party
  let evaluator: KernelEvaluator
  beforeAll(async () => {
    owner = await party(SMALL)
    evaluator = new KernelEvaluator(owner.context)
  })
  afterAll(() => evaluator.dispose())

  const load = (label: string): EvaluatorCiphertext => {
    using ciphertext = encrypt(owner, complexSlots(label, owner.context.parameters.slots), label)
    return evaluator.load(ciphertext)
  }
  const contents = (ciphertext: EvaluatorCiphertext) => {
    using stored = evaluator.store(ciphertext)
    const { level, scale, degree, magnitude } = stored
    return { level, scale, degree, magnitude, words: stored.components.map(component => owner.context.ring.encodeWords(component)) }
  }

  it('are what they are one after another, of ciphertexts and of plaintexts', () => {
    expect(isProductSummer(evaluator)).toBe(true)
    using stack = new DisposableStack()
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(label => stack.use(load(label))) as [
      EvaluatorCiphertext,
      EvaluatorCiphertext,
      EvaluatorCiphertext,
      EvaluatorCiphertext
    ]
    const weight = stack.use(evaluator.plaintext(new Float64Array(4).fill(0.5), { level: a.level, scale: b.scale }))
    for (const second of [d, weight]) {
      const before = evaluator.live.ciphertexts
      const first = evaluator.multiply(a, b)
      const expected = evaluator.multiply(a, b)
      evaluator.multiplyAddInPlace(expected, b, second)
      evaluator.multiplyAddInPlace(expected, c, b)
      const other = evaluator.multiplyAccumulate([
        [a, second],
        [c, second]
      ])
      const [grown, made] = evaluator.multiplyAddMany([
        {
          sum: first,
          pairs: [
            [b, second],
            [c, b]
          ]
        },
        {
          pairs: [
            [a, second],
            [c, second]
          ]
        }
      ])
      expect(grown).toBe(first)
      expect(contents(grown!)).toEqual(contents(expected))
      expect(contents(made!)).toEqual(contents(other))
      expect(grown!.noise).toBeCloseTo(expected.noise, 9)
      expect(made!.noise).toBeCloseTo(other.noise, 9)
      for (const ciphertext of [first, expected, other, made!]) ciphertext.dispose()
      expect(evaluator.live.ciphertexts).toBe(before)
    }
  })

  it('leave nothing behind where one of them is refused', () => {
    using a = load('a')
    using low = evaluator.dropLevel(a, a.level - 1)
    const before = evaluator.live.ciphertexts
    expect(() => evaluator.multiplyAddMany([{ pairs: [[a, a]] }, { pairs: [] }])).toThrow(EmptySumError)
    expect(() => evaluator.multiplyAddMany([{ pairs: [[a, a]] }, { pairs: [[a, low]] }])).toThrow(LevelMismatchError)
    expect(evaluator.live.ciphertexts).toBe(before)
  })
})
