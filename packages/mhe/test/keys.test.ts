import { Encryptor, galoisElementOf, type KeySwitchKey } from '@slytherin/ckks'
import {
  GaloisKeyGeneration,
  InvalidShareRequestError,
  PublicKeyGeneration,
  RelinearizationKeyGeneration,
  ShareMismatchError
} from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import {
  type Cohort,
  coefficients,
  collectiveGaloisKey,
  collectivePublicKey,
  collectiveRelinearizationKey,
  decrypt,
  largest,
  largestDifference,
  makeCohort,
  phaseCoefficients,
  randomSlots,
  standardDeviation
} from './cohort.js'

const SIGMA = 3.2

/** Errors of a key-switch key against P·g_j·(the secret it should carry). */
function keyErrors(cohort: Cohort, key: KeySwitchKey, carried: Polynomial): Float64Array[] {
  const { ring, parameters } = cohort
  const special = parameters.specialPrimes.reduce((product, prime) => product * prime.value, 1n)
  return key.digits.map(({ b, a }, digit) => {
    const error = b.clone()
    ring.multiplyAdd(error, a, cohort.ideal.polynomial)
    const scalars = error.indices.map(index =>
      index <= parameters.maxLevel && Math.floor(index / parameters.alpha) === digit ? special % ring.moduli[index]!.value : 0n
    )
    const gadget = ring.multiplyScalar(ring.allocate(error.indices, 'ntt'), carried, scalars)
    ring.subtract(error, error, gadget)
    gadget.dispose()
    return coefficients(ring, error, true)
  })
}

describe.each([1, 2, 3, 10])('keys of %i parties', parties => {
  const cohort = makeCohort({ parties, levels: 4, specialPrimes: 1 })

  it('public key: b + a·s is the sum of the errors and nothing else', () => {
    const key = collectivePublicKey(cohort)
    const error = phaseCoefficients(cohort, key.b, key.a)
    expect(largest(error)).toBeLessThanOrEqual(parties * 6 * SIGMA)
    expect(standardDeviation(error)).toBeGreaterThan(0.7 * SIGMA * Math.sqrt(parties))
    expect(standardDeviation(error)).toBeLessThan(1.3 * SIGMA * Math.sqrt(parties))
  })

  it('public key: what is encrypted under it decrypts under the ideal secret', () => {
    const values = randomSlots(cohort, 'public key')
    const { level, scale } = { level: cohort.parameters.maxLevel, scale: cohort.parameters.scale }
    const plaintext = cohort.context.encoder.encode(values, { level, scale })
    const ciphertext = new Encryptor(cohort.context, collectivePublicKey(cohort)).encrypt(plaintext, cohort.seed('encryption'))
    const decrypted = decrypt(cohort, ciphertext)
    expect(largestDifference(decrypted.real, values.real)).toBeLessThan(2 ** -25)
    expect(largestDifference(decrypted.imaginary, values.imaginary)).toBeLessThan(2 ** -25)
  })

  it.each([1, 2, 3])('relinearisation key with %i special primes carries P·g_j·s² with the predicted error', specialPrimes => {
    const cohort = makeCohort({ parties, levels: 4, specialPrimes })
    const { ring } = cohort
    const key = collectiveRelinearizationKey(cohort)
    expect(key.digits.length).toBe(Math.ceil(5 / specialPrimes))
    const square = ring.multiply(cohort.ideal.polynomial.clone(), cohort.ideal.polynomial, cohort.ideal.polynomial)
    // s·e0 + u·e1 + e2: two products of a sum of ternaries and a sum of Gaussians
    const predicted = SIGMA * Math.sqrt(2 * ring.N * ((2 * parties) / 3) * parties + 2 * parties)
    for (const error of keyErrors(cohort, key, square)) {
      expect(standardDeviation(error)).toBeLessThan(1.5 * predicted)
      expect(standardDeviation(error)).toBeGreaterThan(0.5 * predicted)
    }
  })

  it.each([1, 2, 3])('Galois key with %i special primes carries P·g_j·σ(s) with fresh errors only', specialPrimes => {
    const cohort = makeCohort({ parties, levels: 4, specialPrimes })
    const { ring } = cohort
    for (const element of [galoisElementOf(1, ring.N), galoisElementOf(-3, ring.N), 2 * ring.N - 1]) {
      const key = collectiveGaloisKey(cohort, element)
      const image = ring.automorphism(ring.allocate(cohort.parameters.keyIndices(), 'ntt'), cohort.ideal.polynomial, element)
      for (const error of keyErrors(cohort, key, image)) {
        expect(largest(error)).toBeLessThanOrEqual(parties * 6 * SIGMA)
        expect(standardDeviation(error)).toBeGreaterThan(0.7 * SIGMA * Math.sqrt(parties))
      }
    }
  })
})

describe.each([1, 2, 3])('keys for lower levels with %i special primes', specialPrimes => {
  const cohort = makeCohort({ parties: 3, levels: 4, specialPrimes })
  const { context, parameters, ring } = cohort
  const levels = Array.from({ length: parameters.maxLevel }, (_, level) => level)
  const element = galoisElementOf(5, ring.N)

  it('carry their secret over the primes of the level, with as many digits and the same errors as one for the top level', () => {
    const image = ring.automorphism(ring.allocate(parameters.keyIndices(), 'ntt'), cohort.ideal.polynomial, element)
    const square = ring.multiply(cohort.ideal.polynomial.clone(), cohort.ideal.polynomial, cohort.ideal.polynomial)
    const predicted = SIGMA * Math.sqrt(2 * ring.N * 2 * 3 + 6)
    for (const level of levels) {
      const galois = collectiveGaloisKey(cohort, element, level)
      const relinearization = collectiveRelinearizationKey(cohort, level)
      for (const key of [galois, relinearization]) {
        expect(key.level).toBe(level)
        expect(key.digits.length).toBe(Math.ceil((level + 1) / specialPrimes))
        for (const { b, a } of key.digits) for (const part of [b, a]) expect(part.indices).toEqual(parameters.keyIndices(level))
      }
      for (const error of keyErrors(cohort, galois, image)) {
        expect(largest(error)).toBeLessThanOrEqual(3 * 6 * SIGMA)
        expect(standardDeviation(error)).toBeGreaterThan(0.7 * SIGMA * Math.sqrt(3))
      }
      for (const error of keyErrors(cohort, relinearization, square)) {
        expect(standardDeviation(error)).toBeLessThan(1.5 * predicted)
        expect(standardDeviation(error)).toBeGreaterThan(0.5 * predicted)
      }
    }
  })

  it('are not made of shares for another level, nor for one that there is not', () => {
    const high = new GaloisKeyGeneration(context, cohort.sessionId, 3)
    const low = new GaloisKeyGeneration(context, cohort.sessionId, 2)
    const share = high.share(cohort.secrets[0]!, element, cohort.seed('high'))
    expect(() => low.finalize(share, element)).toThrow(ShareMismatchError)
    expect(() => low.aggregate([low.share(cohort.secrets[0]!, element, cohort.seed('low')), share])).toThrow(ShareMismatchError)
    const highOne = new RelinearizationKeyGeneration(context, cohort.sessionId, 3)
    const lowOne = new RelinearizationKeyGeneration(context, cohort.sessionId, 2)
    const one = highOne.shareOne(cohort.secrets[0]!, cohort.seed('u'), cohort.seed('one'))
    expect(() => lowOne.shareTwo(cohort.secrets[0]!, cohort.seed('u'), one, cohort.seed('two'))).toThrow(ShareMismatchError)
    for (const level of [-1, 5, 1.5, Number.NaN]) {
      expect(() => new GaloisKeyGeneration(context, cohort.sessionId, level)).toThrow(InvalidShareRequestError)
      expect(() => new RelinearizationKeyGeneration(context, cohort.sessionId, level)).toThrow(InvalidShareRequestError)
    }
  })
})

describe('reference polynomials', () => {
  const cohort = makeCohort({ parties: 2, levels: 3 })
  const { context, ring } = cohort
  const text = (polynomial: Polynomial) => Buffer.from(ring.encodePacked(polynomial)).toString('base64')

  it('are the same for every party and differ between digits, elements, protocols and sessions', () => {
    const galois = new GaloisKeyGeneration(context, cohort.sessionId)
    const relinearization = new RelinearizationKeyGeneration(context, cohort.sessionId)
    const other = new GaloisKeyGeneration(context, cohort.seed('another session'))
    expect(text(galois.referencePolynomial(3, 0))).toBe(text(new GaloisKeyGeneration(context, cohort.sessionId).referencePolynomial(3, 0)))
    const all = [
      galois.referencePolynomial(3, 0),
      galois.referencePolynomial(3, 1),
      galois.referencePolynomial(5, 0),
      new GaloisKeyGeneration(context, cohort.sessionId, 1).referencePolynomial(3, 0),
      new RelinearizationKeyGeneration(context, cohort.sessionId, 1).referencePolynomial(0),
      relinearization.referencePolynomial(0),
      relinearization.referencePolynomial(1),
      new PublicKeyGeneration(context, cohort.sessionId).referencePolynomial(),
      other.referencePolynomial(3, 0)
    ].map(text)
    expect(new Set(all).size).toBe(all.length)
  })

  it('refuses a session identifier that is not 32 bytes, and Galois elements outside the group', () => {
    expect(() => new PublicKeyGeneration(context, new Uint8Array(31))).toThrow(InvalidShareRequestError)
    const galois = new GaloisKeyGeneration(context, cohort.sessionId)
    for (const element of [0, 1, 2, -3, 3.5, 2 * ring.N + 1, Number.NaN]) {
      expect(() => galois.share(cohort.secrets[0]!, element, cohort.seed('x'))).toThrow(InvalidShareRequestError)
    }
  })
})
