import {
  CIPHERTEXT_SEED_BYTES,
  type Ciphertext,
  deserializeCiphertext,
  deserializeSeeded,
  Encryptor,
  expandCiphertext,
  isKeyPair,
  KernelEvaluator,
  MalformedBytesError,
  MalformedCiphertextError,
  SecretKey,
  SecretKeyEncryptor,
  type SeededCiphertext,
  serializeCiphertext,
  serializedCiphertextLength,
  serializedSeededLength,
  serializeSeeded
} from '@slytherin/ckks'
import { SealCodec, SealParameters, SealRuntime } from '@slytherin/ckks/seal'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { complexSlots, largestDifference, measuredNoise, type Party, party, SMALL, seedOf, times } from './support.js'

const HEADER_BYTES = 48

let owner: Party
let encryptor: SecretKeyEncryptor
beforeAll(async () => {
  owner = await party(SMALL)
  encryptor = new SecretKeyEncryptor(owner.context, owner.secret)
})

const slots = () => complexSlots('seeded', owner.context.parameters.slots)
const make = (level = 3, seed = seedOf('seeded', level)): SeededCiphertext =>
  encryptor.encrypt(slots(), { level, scale: owner.context.parameters.scale }, seed)
const words = ({ components }: Ciphertext) => components.map(component => owner.context.ring.encodeWords(component))

describe('encryption with the secret key', () => {
  it('decrypts at every level, with the error that it says', () => {
    for (let level = 0; level <= 3; level++) {
      using ciphertext = expandCiphertext(owner.context, make(level))
      const noise = measuredNoise(owner, ciphertext, slots())
      expect(noise).toBeLessThanOrEqual(ciphertext.noise + 0.05)
      expect(ciphertext.noise - noise).toBeLessThan(0.5)
      expect(ciphertext.noise).toBeLessThan(owner.context.noise.fresh())
    }
  })

  it('comes out the same at the evaluator, from half the bytes', () => {
    const { parameters } = owner.context
    const seeded = make()
    const bytes = serializeSeeded(seeded)
    expect(bytes.length).toBe(serializedSeededLength(parameters, 3))
    expect(2 * bytes.length - serializedCiphertextLength(parameters, 3)).toBe(HEADER_BYTES + 2 * CIPHERTEXT_SEED_BYTES)
    using ciphertext = expandCiphertext(owner.context, seeded)
    using read = deserializeSeeded(owner.context, bytes, { level: 3, scale: parameters.scale })
    expect(words(read)).toEqual(words(ciphertext))
    expect(read).toMatchObject({ level: 3, scale: parameters.scale, degree: 1, noise: ciphertext.noise, magnitude: ciphertext.magnitude })
  })

  it('gives stock SEAL a ciphertext like any other', async () => {
    const { context } = owner
    const runtime = await SealRuntime.load()
    using seal = new SealParameters(runtime, context.parameters)
    const codec = new SealCodec(context, seal)
    const { module } = runtime
    const secretKey = runtime.create('SecretKey', () => new module.SecretKey())
    secretKey.object.loadFromArray(seal.context.object, codec.secretKeyBytes(owner.secret))
    const encoder = runtime.create('CKKSEncoder', () => new module.CKKSEncoder(seal.context.object))
    const decryptor = runtime.create('Decryptor', () => new module.Decryptor(seal.context.object, secretKey.object))
    const plaintext = runtime.create('Plaintext', () => new module.Plaintext())
    const ciphertext = runtime.create('Ciphertext', () => new module.Ciphertext())
    try {
      const { real } = slots()
      for (const level of [3, 1]) {
        const bytes = serializeSeeded(encryptor.encrypt(real, { level, scale: context.parameters.scale }, seedOf('to SEAL', level)))
        using ours = deserializeSeeded(context, bytes, { level })
        ciphertext.object.loadFromArray(seal.context.object, codec.ciphertextBytes(ours))
        decryptor.object.decrypt(ciphertext.object, plaintext.object)
        const decoded = encoder.object.decodeFloat64(plaintext.object) as Float64Array
        expect(Math.max(...decoded.map((value, k) => Math.abs(value - real[k]!)))).toBeLessThan(1e-8)
      }
    } finally {
      for (const handle of [secretKey, encoder, decryptor, plaintext, ciphertext]) handle.dispose()
    }
  })

  it('is multiplied, and added to encryptions under the public key', () => {
    const { context, publicKey, decryptor } = owner
    const { scale } = context.parameters
    using evaluator = new KernelEvaluator(context)
    using relinearizationKey = owner.generator.relinearizationKey(owner.secret, { seed: seedOf('seeded relinearisation') })
    evaluator.setRelinearizationKey(relinearizationKey)
    using seeded = expandCiphertext(context, make())
    using plaintext = context.encoder.encode(slots(), { level: 3, scale })
    using ordinary = new Encryptor(context, publicKey).encrypt(plaintext, seedOf('ordinary'))
    using a = evaluator.load(seeded)
    using b = evaluator.load(ordinary)
    using product = evaluator.multiply(a, b)
    using relinearised = evaluator.relinearize(product)
    using stored = evaluator.store(relinearised)
    expect(largestDifference(decryptor.decrypt(stored), times(slots(), slots()))).toBeLessThan(1e-5)
  })

  it('draws a new seed for every ciphertext, from which neither error nor secret seed follows', () => {
    const options = { level: 1, scale: owner.context.parameters.scale }
    const seeds = new Set<string>()
    for (let k = 0; k < 20; k++) {
      const { first, seed } = encryptor.encrypt(slots(), options)
      seeds.add(Buffer.from(seed).toString('hex'))
      first.dispose()
    }
    expect(seeds.size).toBe(20)
    const secretSeed = seedOf('one way')
    const { first, seed } = encryptor.encrypt(slots(), options, secretSeed)
    first.dispose()
    expect(seed).not.toEqual(secretSeed)
  })

  it('knows the public key of its secret from others', () => {
    const { context, secret, publicKey } = owner
    expect(isKeyPair(context, secret, publicKey)).toBe(true)
    using other = SecretKey.fromSeed(context, seedOf('another secret'))
    expect(isKeyPair(context, other, publicKey)).toBe(false)
  })
})

describe('seeded ciphertexts as bytes', () => {
  it('are no ciphertexts, nor the other way round', () => {
    const { context } = owner
    const bytes = serializeSeeded(make())
    expect(() => deserializeCiphertext(context, bytes, { level: 3 })).toThrow(expect.objectContaining({ field: 'kind' }))
    using ciphertext = deserializeSeeded(context, bytes, { level: 3 })
    expect(() => deserializeSeeded(context, serializeCiphertext(ciphertext), { level: 3 })).toThrow(
      expect.objectContaining({ field: 'kind' })
    )
  })

  it('are refused unless they are what is expected', () => {
    const { context } = owner
    const bytes = serializeSeeded(make())
    const refused = (changed: Uint8Array, expected = { level: 3 }): string => {
      const before = context.ring.kernel.bytesInUse
      try {
        deserializeSeeded(context, changed, expected)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedCiphertextError)
        expect(context.ring.kernel.bytesInUse).toBe(before)
        return (error as MalformedCiphertextError).field
      }
      return 'accepted'
    }
    expect(refused(bytes, { level: 2 })).toBe('level')
    expect(refused(bytes.subarray(1))).toBe('magic')
    expect(refused(bytes.subarray(0, bytes.length - 1))).toBe('length')
    expect(refused(new Uint8Array([...bytes, 0]))).toBe('length')
    const twice = bytes.slice()
    twice[10] = 2
    expect(refused(twice)).toBe('count')
    const large = bytes.slice().fill(255, HEADER_BYTES + CIPHERTEXT_SEED_BYTES)
    expect(refused(large)).toBe('payload')
  })

  it('that are changed anywhere are refused by a typed error or read as something else of the same shape', () => {
    const { context } = owner
    const bytes = serializeSeeded(make(1))
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const changed = bytes.slice()
        changed[place]! ^= flip
        try {
          using read = deserializeSeeded(context, changed, { level: 1 })
          expect(read.components.map(({ indices }) => indices.length)).toEqual([2, 2])
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytesError)
        }
      }),
      { numRuns: runs(100) }
    )
  })
})
