import {
  type Context,
  Decryptor,
  deserializeCiphertext,
  ENCRYPTION_ERROR_BOUND,
  Encryptor,
  encryptionIndices,
  sampleEncryptionError,
  sampleEphemeral,
  secondComponent,
  serializeCiphertext
} from '@slytherin/ckks'
import { DomainMismatchError, type Polynomial } from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, type Party, party, SMALL, seedOf } from './support.js'

describe.each([1, 2])('provable encryption (%i special primes)', specialPrimes => {
  let owner: Party
  let context: Context
  beforeAll(async () => {
    owner = await party({ ...SMALL, specialPrimes })
    context = owner.context
  })

  const coefficients = (polynomial: Polynomial): Float64Array => {
    const copy = polynomial.clone()
    if (copy.domain === 'ntt') context.ring.inverseNtt(copy)
    const values = context.ring.toDoubles(copy)
    copy.dispose()
    return values
  }
  const largest = (values: Float64Array): number => values.reduce((worst, value) => Math.max(worst, Math.abs(value)), 0)

  it.each([0, 2, 3])('decrypts like any other at level %i, with the noise that it says', level => {
    const { ring, parameters } = context
    const values = complexSlots('provable', parameters.slots)
    using plaintext = context.encoder.encode(values, { level, scale: parameters.scale })
    const { ciphertext, undivided } = new Encryptor(context, owner.publicKey).encryptProvably(plaintext, seedOf('provable', level))
    const phase = ring.multiplyAdd(ciphertext.components[0]!.clone(), ciphertext.components[1]!, owner.secret.polynomial)
    const error = coefficients(ring.subtract(phase, phase, plaintext.polynomial))
    expect(Math.sqrt(error.reduce((sum, x) => sum + x * x, 0) / error.length)).toBeLessThan(2 ** ciphertext.noise)
    const decrypted = new Decryptor(context, owner.secret).decrypt(ciphertext)
    expect(largest(decrypted.real.map((x, k) => x - values.real[k]!))).toBeLessThan(2 ** -20)
    const plain = new Encryptor(context, owner.publicKey).encrypt(plaintext, seedOf('provable', level))
    expect(Math.abs(plain.noise - ciphertext.noise)).toBeLessThan(0.01)
    expect(deserializeCiphertext(context, serializeCiphertext(ciphertext), { level }).components).toHaveLength(2)
    undivided.dispose()
  })

  it.each([0, 3])('shows C1 = a·u + e1 of its seed, and c1 is made from it bit for bit (level %i)', level => {
    const { ring, parameters } = context
    using plaintext = context.encoder.encode(new Float64Array(1), { level, scale: parameters.scale })
    const seed = seedOf('shown', level)
    const { ciphertext, undivided } = new Encryptor(context, owner.publicKey).encryptProvably(plaintext, seed)
    expect(undivided.indices).toEqual([...Array.from({ length: level + 1 }, (_, k) => k), parameters.maxLevel + 1])
    const u = sampleEphemeral(ring, ring.allocate(undivided.indices, 'coefficient'), seed)
    const e = sampleEncryptionError(ring, ring.allocate(undivided.indices, 'coefficient'), seed, 1)
    expect(largest(coefficients(u))).toBe(1)
    expect(largest(coefficients(e))).toBeLessThanOrEqual(ENCRYPTION_ERROR_BOUND)
    ring.ntt(u)
    ring.ntt(e)
    const sum = ring.inverseNtt(ring.multiplyAdd(e, u, owner.publicKey.a))
    expect(ring.encodePacked(sum)).toEqual(ring.encodePacked(undivided))
    const before = ring.encodePacked(undivided)
    expect(ring.encodePacked(secondComponent(context, undivided, level))).toEqual(ring.encodePacked(ciphertext.components[1]!))
    expect(ring.encodePacked(undivided)).toEqual(before)
  })

  it('has the same bytes where its C1 is made for a higher level, and the C1 that one of that level has', () => {
    const { ring, parameters } = context
    const encryptor = new Encryptor(context, owner.publicKey)
    const seed = seedOf('raised')
    const plaintext = context.encoder.encode(new Float64Array(1).fill(0.25), { level: 1, scale: parameters.scale })
    const higher = context.encoder.encode(new Float64Array(1), { level: 2, scale: parameters.scale })
    const plain = encryptor.encryptProvably(plaintext, seed)
    const raised = encryptor.encryptProvably(plaintext, seed, 2)
    expect(serializeCiphertext(raised.ciphertext)).toEqual(serializeCiphertext(plain.ciphertext))
    expect(ring.encodePacked(raised.undivided)).toEqual(ring.encodePacked(encryptor.encryptProvably(higher, seed).undivided))
    expect(ring.encodePacked(secondComponent(context, raised.undivided, 1))).toEqual(ring.encodePacked(plain.ciphertext.components[1]!))
  })

  it('holds no more memory than it returns, and refuses a C1 in the wrong domain', () => {
    const { ring, parameters } = context
    const { kernel } = ring
    using plaintext = context.encoder.encode(new Float64Array(1), { level: 1, scale: parameters.scale })
    const encryptor = new Encryptor(context, owner.publicKey)
    encryptor.encryptProvably(plaintext, seedOf('warm'))
    const before = kernel.bytesInUse
    const { ciphertext, undivided } = encryptor.encryptProvably(plaintext, seedOf('memory'))
    ciphertext.dispose()
    const used = kernel.bytesInUse
    expect(() => secondComponent(context, ring.ntt(undivided), 1)).toThrow(DomainMismatchError)
    expect(kernel.bytesInUse).toBe(used)
    undivided.dispose()
    expect(kernel.bytesInUse).toBe(before)
    expect(encryptionIndices(parameters, 1)).toEqual([0, 1, parameters.maxLevel + 1])
  })
})
