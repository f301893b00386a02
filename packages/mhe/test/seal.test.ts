/**
 * Collective keys in Microsoft SEAL: what a cohort made evaluates there and decrypts under the ideal secret.
 */
import {
  conjugationElement,
  Encryptor,
  type EvaluatorCiphertext,
  galoisElementOf,
  type KeySwitchKey,
  SealEvaluator,
  type SecretKey
} from '@slytherin/ckks'
import { GaloisKeyGeneration } from '@slytherin/mhe'
import { describe, expect, it } from 'vitest'
import {
  type Cohort,
  ciphertextError,
  collectivePublicKey,
  collectiveRelinearizationKey,
  decrypt,
  largestDifference,
  makeCohort,
  randomSlots,
  standardDeviation
} from './cohort.js'

type Slots = ReturnType<typeof randomSlots>

function galoisKeys(cohort: Cohort, elements: readonly number[]): Map<number, KeySwitchKey> {
  const protocol = new GaloisKeyGeneration(cohort.context, cohort.sessionId)
  return new Map(
    elements.map(element => {
      const shares = cohort.secrets.map((secret: SecretKey, i) => protocol.share(secret, element, cohort.seed('galois', element, i)))
      return [element, protocol.finalize(protocol.aggregate(shares), element)]
    })
  )
}

const turned = (slots: Slots, steps: number): Slots => {
  const turn = (values: Float64Array) => values.map((_, i) => values[(i + steps + values.length) % values.length]!)
  return { real: turn(slots.real), imaginary: turn(slots.imaginary) }
}

describe.each([1, 3, 10])('collective keys of %i parties in SEAL', parties => {
  it('multiply, relinearise, rescale, rotate, conjugate, within the tracked noise', async () => {
    const cohort = makeCohort({ parties, logN: 11, levels: 3, primeBits: 40, label: 'seal' })
    const { context, parameters, ring } = cohort
    const conjugation = conjugationElement(ring.N)
    const elements = [galoisElementOf(1, ring.N), galoisElementOf(-5, ring.N), conjugation]
    using evaluator = await SealEvaluator.create(context)
    evaluator.setKeys({ relinearizationKey: collectiveRelinearizationKey(cohort), galoisKeys: galoisKeys(cohort, elements) })

    const values = randomSlots(cohort, 'seal')
    const plaintext = context.encoder.encode(values, { level: parameters.maxLevel, scale: parameters.scale })
    using encrypted = evaluator.load(new Encryptor(context, collectivePublicKey(cohort)).encrypt(plaintext, cohort.seed('encryption')))

    const check = (ciphertext: EvaluatorCiphertext, expected: Slots, name: string) => {
      const stored = evaluator.store(ciphertext)
      const decrypted = decrypt(cohort, stored)
      expect(largestDifference(decrypted.real, expected.real), name).toBeLessThan(2 ** -20)
      expect(largestDifference(decrypted.imaginary, expected.imaginary), name).toBeLessThan(2 ** -20)
      const ideal = context.encoder.encode(expected, { level: stored.level, scale: stored.scale })
      expect(Math.log2(standardDeviation(ciphertextError(cohort, stored, ideal))), name).toBeLessThanOrEqual(stored.noise)
      ciphertext.dispose()
    }

    const squared: Slots = {
      real: values.real.map((re, i) => re * re - values.imaginary[i]! ** 2),
      imaginary: values.real.map((re, i) => 2 * re * values.imaginary[i]!)
    }
    using product = evaluator.square(encrypted)
    using linear = evaluator.relinearize(product)
    check(evaluator.rescale(linear), squared, 'square')
    check(evaluator.rotate(encrypted, 1), turned(values, 1), 'rotate by 1')
    check(evaluator.rotate(encrypted, -5), turned(values, -5), 'rotate by -5')
    check(evaluator.conjugate(encrypted), { real: values.real, imaginary: values.imaginary.map(im => -im) }, 'conjugate')
    using lower = evaluator.dropLevel(encrypted, 1)
    check(evaluator.rotate(lower, 1), turned(values, 1), 'rotate at level 1')
  })
})
