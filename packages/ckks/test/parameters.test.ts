import {
  InsecureParametersError,
  InvalidLevelError,
  InvalidParametersError,
  maximumLogQP,
  Parameters,
  SECURITY_TABLE
} from '@slytherin/ckks'
import { findNttPrimes } from '@slytherin/ring'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SMALL } from './support.js'

const secure = () => Parameters.generate({ logN: 14, firstPrimeBits: 49, primeBits: 40, levels: 7, specialPrimeBits: 49, specialPrimes: 2 })

describe('security table', () => {
  it('is the one of eprint 2024/463', () => {
    expect([...SECURITY_TABLE]).toEqual([
      [12, 106],
      [13, 214],
      [14, 430],
      [15, 868],
      [16, 1747]
    ])
    expect(maximumLogQP(11)).toBe(0)
  })

  it.each([...SECURITY_TABLE])('accepts nothing above the limit at N = 2^%i', (logN, limit) => {
    // as many 45-bit primes as fit, and then one more
    const count = Math.floor(limit / 45)
    const primes = findNttPrimes(logN, 45, count + 1)
    const init = (n: number) => ({ logN, primes: primes.slice(1, n), specialPrimes: primes.slice(0, 1), scale: 2 ** 40 })
    const good = Parameters.create(init(count))
    expect(good.securityBits).toBe(128)
    expect(good.insecure).toBe(false)
    expect(good.logQP).toBeLessThanOrEqual(limit)
    expect(() => Parameters.create(init(count + 1))).toThrow(InsecureParametersError)
    const insecure = Parameters.create({ ...init(count + 1), insecure: true })
    expect(insecure.securityBits).toBe(0)
    expect(insecure.insecure).toBe(true)
  })

  it('has no entry for small rings', () => {
    expect(() => Parameters.generate({ ...SMALL, insecure: false })).toThrow(InsecureParametersError)
    try {
      Parameters.generate({ ...SMALL, insecure: false })
    } catch (error) {
      expect(error).toMatchObject({ logN: 11, limit: 0 })
    }
  })
})

describe('Parameters', () => {
  it('numbers the moduli: ciphertext primes, then special primes', () => {
    const parameters = secure()
    expect(parameters.maxLevel).toBe(7)
    expect(parameters.alpha).toBe(2)
    expect(parameters.ciphertextIndices(2)).toEqual([0, 1, 2])
    expect(parameters.keyIndices(1)).toEqual([0, 1, 8, 9])
    expect(parameters.specialIndices()).toEqual([8, 9])
    expect(parameters.digits(7)).toBe(4)
    expect(parameters.digits(2)).toBe(2)
    expect(parameters.digitIndices(1, 2)).toEqual([2])
    expect(parameters.logModulus(1)).toBeCloseTo(89, 3)
    expect(parameters.moduli()).toHaveLength(10)
    expect(() => parameters.ciphertextIndices(8)).toThrow(InvalidLevelError)
    expect(() => parameters.ciphertextIndices(0.5)).toThrow(InvalidLevelError)
  })

  it('survives JSON', () => {
    const parameters = secure()
    const again = Parameters.fromJSON(JSON.parse(JSON.stringify(parameters)))
    expect(again.toJSON()).toEqual(parameters.toJSON())
    expect(again.equals(parameters)).toBe(true)
    expect(again.equals(Parameters.generate({ logN: 14, firstPrimeBits: 48, primeBits: 40, levels: 7, specialPrimeBits: 49 }))).toBe(false)
  })

  it('takes an insecure set from JSON only when told to', () => {
    const json = Parameters.generate(SMALL).toJSON()
    expect(json.insecure).toBe(true)
    expect(() => Parameters.fromJSON(json)).toThrow(InsecureParametersError)
    expect(() => Parameters.fromJSON({ ...json, insecure: undefined })).toThrow(InsecureParametersError)
    expect(Parameters.fromJSON(json, { allowInsecure: true }).insecure).toBe(true)
    // marked insecure, though it is not: still refused
    expect(() => Parameters.fromJSON({ ...secure().toJSON(), insecure: true })).toThrow(InsecureParametersError)
  })

  const good = secure().toJSON()
  const prime = good.primes[3]!
  it.each<[string, string, unknown]>([
    ['not an object', 'json', 7],
    ['null', 'json', null],
    ['an array', 'json', []],
    ['an unknown field', 'json', { ...good, sigma: 3.2 }],
    ['no logN', 'logN', { ...good, logN: undefined }],
    ['a fractional logN', 'logN', { ...good, logN: 14.5 }],
    ['a huge logN', 'logN', { ...good, logN: 40 }],
    ['no primes', 'primes', { ...good, primes: [] }],
    ['primes as numbers', 'primes', { ...good, primes: [17] }],
    ['primes as one string', 'primes', { ...good, primes: prime }],
    ['too many primes', 'primes', { ...good, primes: Array(65).fill(prime) }],
    ['a negative prime', 'primes', { ...good, primes: ['-3'] }],
    ['a long prime', 'primes', { ...good, primes: ['9'.repeat(40)] }],
    ['a prime of 50 bits', 'primes', { ...good, primes: ['1125899906840833'] }],
    ['a prime twice', 'primes', { ...good, primes: [prime, prime] }],
    ['a composite', 'primes', { ...good, primes: [String(32769n * 32769n)] }],
    ['not 1 modulo 2N', 'primes', { ...good, primes: ['1000003'] }],
    ['a special prime among the others', 'specialPrimes', { ...good, specialPrimes: [prime] }],
    ['no special prime', 'specialPrimes', { ...good, specialPrimes: [] }],
    ['a scale of zero', 'scale', { ...good, scale: 0 }],
    ['a scale that is text', 'scale', { ...good, scale: '2' }],
    ['a scale of NaN', 'scale', { ...good, scale: Number.NaN }],
    ['insecure: false', 'insecure', { ...good, insecure: false }]
  ])('refuses %s', (_name, field, json) => {
    expect(() => Parameters.fromJSON(json)).toThrow(InvalidParametersError)
    try {
      Parameters.fromJSON(json)
    } catch (error) {
      expect((error as InvalidParametersError).field).toBe(field)
    }
  })

  it('never throws anything but its own errors for arbitrary JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('logN', 'primes', 'specialPrimes', 'scale', 'insecure'), (value, field) => {
        try {
          Parameters.fromJSON({ ...good, [field]: value })
        } catch (error) {
          expect(error instanceof InvalidParametersError || error instanceof InsecureParametersError).toBe(true)
        }
      })
    )
  })
})
