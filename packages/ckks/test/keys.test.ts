import { inspect } from 'node:util'
import {
  Ciphertext,
  checkGaloisElement,
  conjugationElement,
  galoisElementOf,
  InvalidGaloisElementError,
  KeyMismatchError,
  KeySwitchKey,
  SecretKey
} from '@slytherin/ckks'
import { DisposedError } from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, encrypt, largestDifference, type Party, party, SMALL, seedOf, times } from './support.js'

describe('Galois elements', () => {
  it('are the powers of 3, and the rotations left', () => {
    const N = 64
    let power = 1
    for (let rotation = 0; rotation < N / 2; rotation++) {
      expect(galoisElementOf(rotation, N)).toBe(power)
      expect(galoisElementOf(rotation - N / 2, N)).toBe(power)
      expect(galoisElementOf(rotation + 5 * N, N)).toBe(power)
      power = (power * 3) % (2 * N)
    }
    expect(power).toBe(1)
    expect(conjugationElement(N)).toBe(127)
    // exact at the largest ring: the product of inverse rotations is 1
    const large = 2 ** 16
    expect((BigInt(galoisElementOf(12345, large)) * BigInt(galoisElementOf(-12345, large))) % BigInt(2 * large)).toBe(1n)
    expect(() => galoisElementOf(0.5, N)).toThrow(RangeError)
  })

  it('are odd and below 2N', () => {
    for (const good of [1, 3, 127]) expect(() => checkGaloisElement(good, 64)).not.toThrow()
    for (const bad of [0, 2, 129, -3, 1.5, Number.NaN]) expect(() => checkGaloisElement(bad, 64)).toThrow(InvalidGaloisElementError)
  })
})

describe('keys', () => {
  let owner: Party
  beforeAll(async () => {
    owner = await party(SMALL)
  })

  it('a secret is ternary, follows from its seed, and the sum of secrets is their sum', () => {
    const { context } = owner
    const { ring } = context
    const coefficients = (key: SecretKey) => {
      using copy = key.polynomial.clone()
      // adding 0 turns -0 into 0
      return ring.toDoubles(ring.inverseNtt(copy)).map(value => value + 0)
    }
    const one = SecretKey.fromSeed(context, seedOf('one'))
    const two = SecretKey.fromSeed(context, seedOf('two'))
    const [a, b] = [coefficients(one), coefficients(two)]
    for (const value of [-1, 0, 1]) expect(a.filter(v => v === value).length / a.length).toBeCloseTo(1 / 3, 1)
    expect(a.every(v => Math.abs(v) <= 1)).toBe(true)
    expect(coefficients(SecretKey.fromSeed(context, seedOf('one')))).toEqual(a)
    expect(b).not.toEqual(a)
    expect(coefficients(SecretKey.sum(context, [one, two]))).toEqual(a.map((v, k) => v + b[k]!))
    expect(coefficients(SecretKey.generate(context))).not.toEqual(coefficients(SecretKey.generate(context)))
  })

  it('a secret shows in neither JSON nor inspection, and is zeroed on dispose', () => {
    const secret = SecretKey.fromSeed(owner.context, seedOf('hidden'))
    expect(JSON.stringify({ secret })).toBe('{"secret":{}}')
    expect(inspect(secret, { depth: 10, showHidden: true, getters: true })).toBe('SecretKey {}')
    expect(Object.keys(secret)).toEqual([])
    const memory = secret.polynomial.row(0)
    expect(memory.some(value => value !== 0)).toBe(true)
    secret.dispose()
    expect(memory.every(value => value === 0)).toBe(true)
    expect(() => secret.polynomial.clone()).toThrow(DisposedError)
  })

  it('the same seeds give the same keys, others do not', () => {
    const { context, generator, secret } = owner
    const words = (key: KeySwitchKey) => key.digits.flatMap(({ b, a }) => [context.ring.encodeWords(b), context.ring.encodeWords(a)])
    using first = generator.galoisKey(secret, 3, { seed: seedOf('same') })
    using again = generator.galoisKey(secret, 3, { seed: seedOf('same') })
    using other = generator.galoisKey(secret, 9, { seed: seedOf('same') })
    using random = generator.galoisKey(secret, 3)
    expect(words(again)).toEqual(words(first))
    // a seed used for two keys by mistake still gives independent reference polynomials
    expect(words(other)[1]).not.toEqual(words(first)[1])
    expect(words(random)[1]).not.toEqual(words(first)[1])
    const references = words(first).filter((_, k) => k % 2 === 1)
    expect(new Set(references.map(row => row.join())).size).toBe(references.length)
  })

  it('a key for a lower level has the rows and digits of that level, and refuses higher ones', () => {
    const { context, generator, secret } = owner
    using key = generator.galoisKey(secret, 3, { level: 1, seed: seedOf('low level') })
    expect(key.digits).toHaveLength(2)
    expect(key.digits[0]!.b.indices).toEqual(context.parameters.keyIndices(1))
    expect(() => key.check(context, 'test', 1)).not.toThrow()
    expect(() => key.check(context, 'test', 2)).toThrow(KeyMismatchError)
    expect(() => new KeySwitchKey(key.digits.slice(1), 1).check(context, 'test', 1)).toThrow(KeyMismatchError)
    expect(() => generator.galoisKey(secret, 2)).toThrow(InvalidGaloisElementError)
  })

  it('encryption is determined by its seed and never repeats without one', () => {
    const { context, encryptor } = owner
    using plaintext = context.encoder.encode(Float64Array.of(1), { level: 2, scale: 2 ** 40 })
    const words = (seed?: Uint8Array) => {
      using ciphertext = encryptor.encrypt(plaintext, seed)
      return ciphertext.components.map(component => context.ring.encodeWords(component))
    }
    expect(words(seedOf('fixed'))).toEqual(words(seedOf('fixed')))
    expect(words()[1]).not.toEqual(words()[1])
  })

  it('decryption handles degree 2 and leaves the ciphertext as it was', () => {
    const { context, decryptor } = owner
    const { ring, parameters } = context
    const x = complexSlots('degree 2', parameters.slots)
    using X = encrypt(owner, x, 'degree 2')
    const [c0, c1] = X.components as [(typeof X.components)[0], (typeof X.components)[0]]
    const product = [0, 1, 2].map(() => ring.allocate(parameters.ciphertextIndices(3), 'ntt'))
    ring.multiply(product[0]!, c0, c0)
    ring.multiply(product[1]!, c0, c1)
    ring.add(product[1]!, product[1]!, product[1]!)
    ring.multiply(product[2]!, c1, c1)
    using square = new Ciphertext(product, { level: 3, scale: X.scale ** 2, noise: 50, magnitude: 2 })
    expect(square.degree).toBe(2)
    const before = square.components.map(component => ring.encodeWords(component))
    // the ring makes its tables for these moduli at the first use
    decryptor.decrypt(square)
    const inUse = ring.kernel.bytesInUse
    expect(largestDifference(decryptor.decrypt(square), times(x, x))).toBeLessThan(1e-7)
    expect(square.components.map(component => ring.encodeWords(component))).toEqual(before)
    expect(ring.kernel.bytesInUse).toBe(inUse)
    using copy = square.clone()
    expect(largestDifference(decryptor.decrypt(copy), times(x, x))).toBeLessThan(1e-7)
  })
})
