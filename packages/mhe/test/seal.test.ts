/**
 * Collective keys in Microsoft SEAL: what a cohort made evaluates there and decrypts under the ideal secret.
 */
import {
  conjugationElement,
  Encryptor,
  type EvaluatorCiphertext,
  galoisElementOf,
  KeyGenerator,
  KeyMismatchError,
  KeySwitchKey,
  Parameters,
  SecretKey
} from '@slytherin/ckks'
import { SealEvaluator } from '@slytherin/ckks/seal'
import type { Polynomial } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import {
  type Cohort,
  ciphertextError,
  cohortOf,
  collectiveGaloisKey,
  collectivePublicKey,
  collectiveRelinearizationKey,
  decrypt,
  largestDifference,
  makeCohort,
  randomSlots,
  standardDeviation
} from './cohort.js'

type Slots = ReturnType<typeof randomSlots>

function galoisKeys(cohort: Cohort, elements: readonly number[], level?: number): Map<number, KeySwitchKey> {
  return new Map(elements.map(element => [element, collectiveGaloisKey(cohort, element, level)]))
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

describe('collective keys for a lower level in SEAL', () => {
  const level = 2
  const cohort = makeCohort({ parties: 3, logN: 11, levels: 4, primeBits: 40, label: 'seal low' })
  const { context, parameters, ring } = cohort
  const element = galoisElementOf(1, ring.N)
  const values = randomSlots(cohort, 'seal low')

  it('work on its own chain, up to their level', async () => {
    using evaluator = await SealEvaluator.create(context)
    evaluator.setKeys({ relinearizationKey: collectiveRelinearizationKey(cohort, level), galoisKeys: galoisKeys(cohort, [element], level) })
    const encryptor = new Encryptor(context, collectivePublicKey(cohort))
    for (let from = 0; from <= parameters.maxLevel; from++) {
      const plaintext = context.encoder.encode(values, { level: from, scale: 2 ** 30 })
      using encrypted = evaluator.load(encryptor.encrypt(plaintext, cohort.seed('encryption', from)))
      if (from > level) {
        expect(() => evaluator.rotate(encrypted, 1)).toThrow(KeyMismatchError)
        using product = evaluator.square(encrypted)
        expect(() => evaluator.relinearize(product)).toThrow(KeyMismatchError)
        continue
      }
      const stored = evaluator.store(evaluator.rotate(encrypted, 1))
      expect(largestDifference(decrypt(cohort, stored).real, turned(values, 1).real)).toBeLessThan(2 ** -12)
    }
  })

  it('are, residue for residue, what SEAL uses on a chain of so many primes', async () => {
    const { primes, specialPrimes, scale, logN } = parameters
    const short = Parameters.create({
      logN,
      primes: primes.slice(0, level + 1).map(p => p.value),
      specialPrimes: specialPrimes.map(p => p.value),
      scale,
      insecure: true
    })
    const there = cohortOf(short, 3, 'seal short')
    const moved = (polynomial: Polynomial): Polynomial => {
      const rows = ring.copy(ring.allocate(parameters.keyIndices(level), 'ntt'), polynomial)
      return there.ring.decodeWords(ring.encodeWords(rows), short.keyIndices(), 'ntt')
    }
    const movedKey = (key: KeySwitchKey) =>
      new KeySwitchKey(
        key.digits.map(({ b, a }) => ({ b: moved(b), a: moved(a) })),
        short.maxLevel,
        key.noise
      )
    const ideal = SecretKey.fromPolynomial(moved(cohort.ideal.polynomial))
    using evaluator = await SealEvaluator.create(there.context)
    const [galois] = galoisKeys(cohort, [element], level).values()
    evaluator.setKeys({
      relinearizationKey: movedKey(collectiveRelinearizationKey(cohort, level)),
      galoisKeys: new Map([[element, movedKey(galois!)]])
    })
    const publicKey = new KeyGenerator(there.context).publicKey(ideal, cohort.seed('short public key'))
    const plaintext = there.context.encoder.encode(values, { level, scale: short.scale })
    using encrypted = evaluator.load(new Encryptor(there.context, publicKey).encrypt(plaintext, cohort.seed('short')))
    const rotated = evaluator.store(evaluator.rotate(encrypted, 1))
    expect(largestDifference(decrypt(there, rotated, ideal).real, turned(values, 1).real)).toBeLessThan(2 ** -20)
    using product = evaluator.square(encrypted)
    const squared = evaluator.store(evaluator.rescale(evaluator.relinearize(product)))
    const expected = values.real.map((re, i) => re * re - values.imaginary[i]! ** 2)
    expect(largestDifference(decrypt(there, squared, ideal).real, expected)).toBeLessThan(2 ** -20)
  })
})
