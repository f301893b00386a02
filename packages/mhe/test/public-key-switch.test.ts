import { type Ciphertext, Encryptor, type Flooding, KeyGenerator, SecretKey } from '@slytherin/ckks'
import {
  checkHeadroom,
  FloodingHeadroomError,
  FloodingSecurityError,
  floodingNoise,
  InvalidShareRequestError,
  minimumNoise,
  noiseAfterFlooding,
  PublicKeySwitch,
  precisionLeft,
  roundToPrecision
} from '@slytherin/mhe'
import { describe, expect, it } from 'vitest'
import {
  type Cohort,
  ciphertextError,
  collectivePublicKey,
  decrypt,
  largestDifference,
  makeCohort,
  randomSlots,
  standardDeviation
} from './cohort.js'

const FLOODING: Flooding = { securityBits: 30, maximumDecryptions: 16 }

function receiver(cohort: Cohort) {
  const secret = SecretKey.fromSeed(cohort.context, cohort.seed('receiver'))
  return { secret, publicKey: new KeyGenerator(cohort.context).publicKey(secret, cohort.seed('receiver key')) }
}

function encrypted(cohort: Cohort, level: number, label: string): { values: ReturnType<typeof randomSlots>; ciphertext: Ciphertext } {
  const values = randomSlots(cohort, label)
  const plaintext = cohort.context.encoder.encode(values, { level, scale: cohort.parameters.scale })
  const ciphertext = new Encryptor(cohort.context, collectivePublicKey(cohort)).encrypt(plaintext, cohort.seed('encryption', label))
  return { values, ciphertext }
}

describe.each([1, 2, 3, 10])('switch to a public key by %i parties', parties => {
  const cohort = makeCohort({ parties })
  const { context } = cohort
  const target = receiver(cohort)

  it.each([1, 2, 6])(
    'at level %i decrypts under the target key to the precision that is reported, with the noise that is tracked',
    level => {
      const { values, ciphertext } = encrypted(cohort, level, `switch ${level}`)
      const protocol = new PublicKeySwitch(context, cohort.sessionId)
      const instance = `result ${level}`
      const request = { instance, level, noise: ciphertext.noise, c1: ciphertext.components[1]! }
      const shares = cohort.secrets.map((secret, i) =>
        protocol.share(secret, request, target.publicKey, FLOODING, cohort.seed('switch', level, i))
      )
      const out = protocol.finalize(ciphertext, protocol.aggregate(shares), FLOODING)
      expect(out.level).toBe(level)
      expect(out.scale).toBe(ciphertext.scale)

      const plaintext = context.encoder.encode(values, { level, scale: ciphertext.scale })
      const measured = Math.log2(standardDeviation(ciphertextError(cohort, out, plaintext, target.secret)))
      expect(measured).toBeLessThanOrEqual(out.noise)
      expect(measured).toBeGreaterThan(out.noise - 0.4)

      const precision = precisionLeft(context, ciphertext, FLOODING)
      const decrypted = decrypt(cohort, out, target.secret)
      const error = Float64Array.from(decrypted.real, (value, i) => value - values.real[i]!)
      expect(-Math.log2(standardDeviation(error))).toBeGreaterThanOrEqual(precision)
      expect(-Math.log2(standardDeviation(error))).toBeLessThan(precision + 0.4)

      // the cohort's own key is of no use any more
      expect(largestDifference(decrypt(cohort, out).real, values.real)).toBeGreaterThan(1)
    }
  )

  it('each share alone carries the whole flooding', () => {
    const { ciphertext } = encrypted(cohort, 6, 'alone')
    const protocol = new PublicKeySwitch(context, cohort.sessionId)
    const request = { instance: 'alone', level: 6, noise: ciphertext.noise, c1: ciphertext.components[1]! }
    const secret = cohort.secrets[0]!
    const share = protocol.share(secret, request, target.publicKey, FLOODING, cohort.seed('alone'))
    // the receiver removes u·p0, and is given s·c1: what is left is the flooding of this party
    const rest = share.h0
    cohort.ring.multiplyAdd(rest, share.h1, target.secret.polynomial)
    const known = cohort.ring.multiply(rest.clone(), secret.polynomial, ciphertext.components[1]!)
    cohort.ring.subtract(rest, rest, known)
    cohort.ring.inverseNtt(rest)
    const measured = Math.log2(standardDeviation(cohort.ring.toDoubles(rest)))
    expect(Math.abs(measured - floodingNoise(context, ciphertext.noise, FLOODING))).toBeLessThan(0.3)
  })
})

describe('flooding', () => {
  const cohort = makeCohort({ parties: 3 })
  const { context, parameters } = cohort
  const target = receiver(cohort)

  it('follows σ_flood = sqrt(12·τ)·2^(s/2)·σ_ct', () => {
    for (const [noise, securityBits, maximumDecryptions] of [
      [10, 30, 1],
      [17.25, 40, 64],
      [9.5, 80, 1000]
    ] as const) {
      const sigma = Math.sqrt(12 * maximumDecryptions) * 2 ** (securityBits / 2) * 2 ** noise
      expect(floodingNoise(context, noise, { securityBits, maximumDecryptions })).toBeCloseTo(Math.log2(sigma), 10)
    }
  })

  it('never believes in less noise than the scheme can have', () => {
    const floor = floodingNoise(context, minimumNoise(context), FLOODING)
    expect(floodingNoise(context, -1000, FLOODING)).toBe(floor)
    expect(floodingNoise(context, minimumNoise(context) + 1, FLOODING)).toBe(floor + 1)
    expect(minimumNoise(context)).toBeCloseTo(Math.log2(Math.sqrt((1 + 256 * 3 * (2 / 3)) / 12)), 0)
  })

  it('refuses fewer than 30 bits of security and senseless numbers', () => {
    for (const securityBits of [29.999, 0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => floodingNoise(context, 10, { securityBits, maximumDecryptions: 1 })).toThrow(FloodingSecurityError)
    }
    for (const maximumDecryptions of [0, -1, 1.5, Number.NaN]) {
      expect(() => floodingNoise(context, 10, { securityBits: 30, maximumDecryptions })).toThrow(InvalidShareRequestError)
    }
    for (const noise of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => floodingNoise(context, noise, FLOODING)).toThrow(InvalidShareRequestError)
    }
  })

  it('refuses a level without room, naming the precision that would be left', () => {
    const { ciphertext } = encrypted(cohort, 0, 'no room')
    const protocol = new PublicKeySwitch(context, cohort.sessionId)
    const flooding = { securityBits: 80, maximumDecryptions: 1 }
    const { scale, magnitude, noise } = ciphertext
    const request = { instance: 'no room', level: 0, noise, c1: ciphertext.components[1]!, scale, magnitude }
    const make = () => protocol.share(cohort.secrets[0]!, request, target.publicKey, flooding, cohort.seed('no room'))
    expect(make).toThrow(FloodingHeadroomError)
    try {
      make()
    } catch (error) {
      expect((error as FloodingHeadroomError).precisionLeft).toBeCloseTo(precisionLeft(context, ciphertext, flooding), 10)
      expect((error as FloodingHeadroomError).level).toBe(0)
    }
    expect(() => checkHeadroom(context, { level: 6, noise: 190, scale }, FLOODING)).toThrow(FloodingHeadroomError)
  })

  it('counts the message in the headroom when its bound is known', () => {
    const flooded = { level: 0, noise: 12 }
    expect(() => checkHeadroom(context, flooded, FLOODING)).not.toThrow()
    expect(() => checkHeadroom(context, { ...flooded, scale: parameters.scale, magnitude: 2 ** 10 }, FLOODING)).toThrow(
      FloodingHeadroomError
    )
  })

  it('adds up over parties', () => {
    const one = noiseAfterFlooding(context, 20, FLOODING, 1)
    expect(noiseAfterFlooding(context, 20, FLOODING, 4)).toBeCloseTo(one + 1, 3)
  })

  it('rounds decoded values to the precision left', () => {
    expect([...roundToPrecision(Float64Array.of(0.3, -0.7, 1.26), 2.9)]).toEqual([0.25, -0.75, 1.25])
  })
})
