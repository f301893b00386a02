import { Context, combineNoise, Decryptor, Encryptor, ERROR_SIGMA, KeyGenerator, NoiseModel, Parameters, SecretKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { complexSlots, encrypt, measuredNoise, type Party, party, SECURE, SMALL, seedOf, sharedKernel } from './support.js'

/** A cohort: keys of the sum of `parties` secrets. */
async function cohort(parties: number): Promise<Party> {
  const context = Context.create(Parameters.generate(SMALL), await sharedKernel(), { parties })
  const secrets = Array.from({ length: parties }, (_, i) => SecretKey.fromSeed(context, seedOf('cohort', i)))
  const secret = SecretKey.sum(context, secrets)
  const generator = new KeyGenerator(context)
  const publicKey = generator.publicKey(secret, seedOf('cohort public'))
  return { context, secret, publicKey, generator, encryptor: new Encryptor(context, publicKey), decryptor: new Decryptor(context, secret) }
}

const rms = (context: Context, polynomial: Polynomial) => {
  using copy = polynomial.clone()
  if (copy.domain === 'ntt') context.ring.inverseNtt(copy)
  const values = context.ring.toDoubles(copy)
  return 0.5 * Math.log2(values.reduce((sum, x) => sum + x * x, 0) / values.length)
}

describe('combineNoise', () => {
  it('adds variances', () => {
    expect(combineNoise(3, 3)).toBeCloseTo(3.5, 12)
    expect(combineNoise(Number.NEGATIVE_INFINITY, 5)).toBe(5)
    expect(combineNoise(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY)
    expect(combineNoise(900, 0)).toBe(900)
  })

  it('is commutative, associative and at least the largest', () => {
    const bits = fc.double({ min: -50, max: 900, noNaN: true })
    fc.assert(
      fc.property(bits, bits, bits, (a, b, c) => {
        expect(combineNoise(a, b)).toBeCloseTo(combineNoise(b, a), 10)
        expect(combineNoise(combineNoise(a, b), c)).toBeCloseTo(combineNoise(a, b, c), 8)
        expect(combineNoise(a, b, c)).toBeGreaterThanOrEqual(Math.max(a, b, c))
      })
    )
  })
})

describe('noise of a fresh encryption', () => {
  it('is measured just below what is tracked, at every level', async () => {
    for (const request of [SMALL, SECURE]) {
      const owner = await party(request)
      const values = complexSlots('fresh', owner.context.parameters.slots)
      for (let level = 0; level <= owner.context.parameters.maxLevel; level++) {
        using ciphertext = encrypt(owner, values, `fresh ${level}`, level)
        const measured = measuredNoise(owner, ciphertext, values)
        expect(measured).toBeLessThanOrEqual(ciphertext.noise)
        expect(ciphertext.noise - measured).toBeLessThan(0.5)
      }
    }
  })

  it.each([2, 3, 10])('follows the number of parties, %i', async parties => {
    const owner = await cohort(parties)
    const values = complexSlots('parties', owner.context.parameters.slots)
    for (let k = 0; k < 3; k++) {
      using ciphertext = encrypt(owner, values, `parties ${k}`)
      const measured = measuredNoise(owner, ciphertext, values)
      expect(measured).toBeLessThanOrEqual(ciphertext.noise)
      expect(ciphertext.noise - measured).toBeLessThan(0.7)
    }
  })

  it('is dominated by the encryption when the special prime is small', async () => {
    const owner = await party({ ...SMALL, specialPrimeBits: 18 })
    const values = complexSlots('small prime', owner.context.parameters.slots)
    using ciphertext = encrypt(owner, values, 'small prime')
    const measured = measuredNoise(owner, ciphertext, values)
    expect(measured).toBeLessThanOrEqual(ciphertext.noise)
    expect(ciphertext.noise - measured).toBeLessThan(0.5)
  })
})

describe('noise model', () => {
  it('knows the error of a relinearisation key made in two rounds', async () => {
    const { context, secret } = await cohort(3)
    const { ring, parameters } = context
    const indices = parameters.keyIndices()
    const sum = ring.allocate(indices, 'ntt')
    const error = (label: string) => {
      const out = ring.allocate(indices, 'ntt')
      for (let i = 0; i < 3; i++) {
        using e = ring.allocate(indices, 'coefficient')
        ring.gaussian(e, seedOf(label, i), ERROR_SIGMA)
        ring.add(out, out, ring.ntt(e))
      }
      return out
    }
    const ephemeral = SecretKey.sum(
      context,
      Array.from({ length: 3 }, (_, i) => SecretKey.fromSeed(context, seedOf('ephemeral', i)))
    )
    ring.multiplyAdd(sum, secret.polynomial, error('e0'))
    ring.multiplyAdd(sum, ephemeral.polynomial, error('e1'))
    ring.add(sum, sum, error('e2'))
    ring.add(sum, sum, error('e3'))
    expect(Math.abs(rms(context, sum) - context.noise.collectiveRelinearizationKey)).toBeLessThan(0.1)
    expect(Math.abs(rms(context, error('e4')) - context.noise.collectiveKey)).toBeLessThan(0.1)
  })

  it('knows the error of a key', async () => {
    const { context, secret, generator } = await party(SMALL)
    const { ring } = context
    using key = generator.galoisKey(secret, 5, { seed: seedOf('key error') })
    // the last digit has no gadget term modulo the other primes, nor modulo the special prime
    const { b, a } = key.digits[key.digits.length - 1]!
    const special = context.parameters.specialIndices()
    using phase = ring.allocate(special, 'ntt')
    ring.copy(phase, b)
    ring.multiplyAdd(phase, a, secret.polynomial)
    expect(Math.abs(rms(context, phase) - key.noise!)).toBeLessThan(0.1)
  })

  it('takes the magnitude of a constant message exactly', () => {
    const parameters = Parameters.generate(SMALL)
    const noise = new NoiseModel(parameters, 1)
    const operand = { scale: 2 ** 40, magnitude: 1, noise: 5 }
    const exact = { scale: 2 ** 20, magnitude: 8, noise: Number.NEGATIVE_INFINITY }
    expect(noise.product(operand, exact)).toBeCloseTo(28, 12)
    expect(noise.square(operand)).toBeCloseTo(46, 6)
  })
})
