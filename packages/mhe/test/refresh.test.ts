import { type Ciphertext, Encryptor, MASK_STATISTICAL_BITS } from '@slytherin/ckks'
import { InvalidShareRequestError, Refresh, RefreshLevelError, ShareMismatchError } from '@slytherin/mhe'
import { describe, expect, it } from 'vitest'
import {
  type Cohort,
  ciphertextError,
  collectivePublicKey,
  decrypt,
  exactCoefficients,
  largestDifference,
  makeCohort,
  randomSlots,
  standardDeviation
} from './cohort.js'

function encrypted(cohort: Cohort, level: number, label: string): { values: ReturnType<typeof randomSlots>; ciphertext: Ciphertext } {
  const values = randomSlots(cohort, label)
  const plaintext = cohort.context.encoder.encode(values, { level, scale: cohort.parameters.scale })
  const ciphertext = new Encryptor(cohort.context, collectivePublicKey(cohort)).encrypt(plaintext, cohort.seed('encryption', label))
  return { values, ciphertext }
}

function refreshed(cohort: Cohort, ciphertext: Ciphertext, instance: string, maskOnly = false): Ciphertext {
  const protocol = new Refresh(cohort.context, cohort.sessionId)
  const request = {
    instance,
    level: ciphertext.level,
    scale: ciphertext.scale,
    magnitude: ciphertext.magnitude,
    c1: ciphertext.components[1]!
  }
  const shares = cohort.secrets.map((secret, i) => protocol.share(secret, request, cohort.seed('refresh', instance, i)))
  if (maskOnly) shares.push(protocol.share(null, request, cohort.seed('refresh', instance, 'evaluator')))
  return protocol.finalize(ciphertext, protocol.aggregate(shares), instance, shares.length)
}

describe.each([1, 2, 3, 10])('refresh by %i parties', parties => {
  const cohort = makeCohort({ parties })
  const { parameters } = cohort

  it.each([false, true])('lifts to the top level and keeps the message (mask-only share of the evaluator: %s)', maskOnly => {
    const level = Refresh.minimumLevel(parameters, parties + 1, parameters.scale, 1)
    expect(level).toBeLessThan(parameters.maxLevel)
    const { values, ciphertext } = encrypted(cohort, level, `message ${maskOnly}`)
    const out = refreshed(cohort, ciphertext, `instance ${maskOnly}`, maskOnly)
    expect(out.level).toBe(parameters.maxLevel)
    expect(out.scale).toBe(ciphertext.scale)
    expect(out.magnitude).toBe(ciphertext.magnitude)
    const decrypted = decrypt(cohort, out)
    expect(largestDifference(decrypted.real, values.real)).toBeLessThan(2 ** -25)
    expect(largestDifference(decrypted.imaginary, values.imaginary)).toBeLessThan(2 ** -25)
    const plaintext = cohort.context.encoder.encode(values, { level: parameters.maxLevel, scale: parameters.scale })
    const error = standardDeviation(ciphertextError(cohort, out, plaintext))
    expect(Math.log2(error)).toBeLessThanOrEqual(out.noise)
    expect(Math.log2(error)).toBeGreaterThan(out.noise - 8)
  })

  it('shows the evaluator a message masked by 128 bits', () => {
    const level = Refresh.minimumLevel(parameters, parties, parameters.scale, 1)
    const { ciphertext } = encrypted(cohort, level, 'masked')
    const protocol = new Refresh(cohort.context, cohort.sessionId)
    const request = { instance: 'masked', level, scale: ciphertext.scale, magnitude: ciphertext.magnitude, c1: ciphertext.components[1]! }
    const sum = protocol.aggregate(cohort.secrets.map((secret, i) => protocol.share(secret, request, cohort.seed('masked', i))))
    const masked = cohort.ring.add(sum.h0.clone(), sum.h0, ciphertext.components[0]!)
    const bits = protocol.maskBits(level, ciphertext.scale, ciphertext.magnitude)
    expect(bits).toBeGreaterThanOrEqual(MASK_STATISTICAL_BITS + Math.log2(ciphertext.scale * ciphertext.magnitude))
    const values = exactCoefficients(cohort.ring, masked)
    const limit = BigInt(parties + 1) << BigInt(bits - 1)
    const variance = values.reduce((total, value) => total + Number((value * 1024n) >> BigInt(bits)) ** 2, 0) / values.length / 2 ** 20
    expect(values.every(value => value < limit && value > -limit)).toBe(true)
    // a uniform mask of 2^bits values has variance 4^bits / 12
    expect(variance * 12).toBeGreaterThan(0.75 * parties)
    expect(variance * 12).toBeLessThan(1.25 * parties)
  })
})

describe('levels of a refresh', () => {
  const cohort = makeCohort({ parties: 3 })
  const { parameters, context } = cohort

  it('the minimum level is the first whose modulus exceeds the masks by the margin', () => {
    for (const parties of [1, 2, 3, 10, 100]) {
      for (const magnitude of [0.5, 1, 37, 2 ** 20]) {
        const level = Refresh.minimumLevel(parameters, parties, parameters.scale, magnitude)
        const masks = BigInt(parties) << BigInt(Refresh.leastMaskBits(parameters.scale, magnitude) - 1)
        const modulus = (to: number) => parameters.primes.slice(0, to + 1).reduce((product, prime) => product * prime.value, 1n)
        expect(modulus(level) >= 4n * masks).toBe(true)
        expect(modulus(level - 1) < 5n * masks).toBe(true)
      }
    }
  })

  it('masks fill what modulus there is, so that a value far beyond its bound shows nothing either', () => {
    const protocol = new Refresh(context, cohort.sessionId)
    const level = parameters.maxLevel
    const { ciphertext } = encrypted(cohort, level, 'large')
    const bits = protocol.maskBits(level, ciphertext.scale, 1)
    expect(bits).toBe(Math.floor(parameters.logModulus(level)) - 4)
    const request = { instance: 'large', level, scale: ciphertext.scale, magnitude: 1, c1: ciphertext.components[1]! }
    const share = protocol.share(cohort.secrets[0]!, request, cohort.seed('large', 0))
    const product = cohort.ring.multiply(share.h0.clone(), cohort.secrets[0]!.polynomial, request.c1)
    const masks = exactCoefficients(cohort.ring, cohort.ring.subtract(product, product, share.h0))
    // where one below 2^(log2 scale) was planned for, and masks of 128 bits more would all be smaller than it
    const value = 1n << BigInt(bits - 20)
    expect(bits - 20).toBeGreaterThan(Refresh.leastMaskBits(ciphertext.scale, 1))
    expect(masks.every(mask => mask < 1n << BigInt(bits - 1) && mask >= -(1n << BigInt(bits - 1)))).toBe(true)
    const outliers = masks.filter(mask => mask + value >= 1n << BigInt(bits - 1))
    expect(outliers.length).toBeLessThanOrEqual(2)
    expect(masks.filter(mask => (mask < 0n ? -mask : mask) > value).length).toBeGreaterThan(0.99 * masks.length)
  })

  it('refuses a level that is too low, a level outside the chain and senseless bounds', () => {
    const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1) - 1
    const { ciphertext } = encrypted(cohort, level, 'low')
    const protocol = new Refresh(context, cohort.sessionId)
    const request = { instance: 'low', level, scale: parameters.scale, magnitude: 1, c1: ciphertext.components[1]! }
    const share = (changes: object) => () => protocol.share(cohort.secrets[0]!, { ...request, ...changes }, cohort.seed('low'))
    expect(share({})).toThrow(RefreshLevelError)
    expect(share({ magnitude: 2 ** 400 })).toThrow(RefreshLevelError)
    expect(share({ level: 99 })).toThrow(InvalidShareRequestError)
    expect(share({ level: 1.5 })).toThrow(InvalidShareRequestError)
    expect(share({ magnitude: Number.NaN })).toThrow(InvalidShareRequestError)
    expect(share({ scale: 0 })).toThrow(InvalidShareRequestError)
    expect(share({ level: level + 1 })).toThrow(ShareMismatchError)
  })

  it('a message at the edge of its bound survives the lift', () => {
    const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
    const values = { real: new Float64Array(parameters.slots).fill(1), imaginary: new Float64Array(parameters.slots) }
    const plaintext = context.encoder.encode(values, { level, scale: parameters.scale })
    const ciphertext = new Encryptor(context, collectivePublicKey(cohort)).encrypt(plaintext, cohort.seed('edge'))
    const decrypted = decrypt(cohort, refreshed(cohort, ciphertext, 'edge'))
    expect(largestDifference(decrypted.real, values.real)).toBeLessThan(2 ** -25)
  })

  it('refuses shares of another level', () => {
    const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
    const low = encrypted(cohort, level, 'one').ciphertext
    const high = encrypted(cohort, level + 1, 'two').ciphertext
    const protocol = new Refresh(context, cohort.sessionId)
    const request = { instance: 'mix', level, scale: low.scale, magnitude: low.magnitude, c1: low.components[1]! }
    const sum = protocol.aggregate(cohort.secrets.map((secret, i) => protocol.share(secret, request, cohort.seed('mix', i))))
    expect(() => protocol.finalize(high, sum, 'mix')).toThrow(ShareMismatchError)
  })
})
