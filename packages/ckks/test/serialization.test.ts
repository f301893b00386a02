import {
  type Ciphertext,
  deserializeCiphertext,
  deserializeKeySwitchKey,
  deserializePublicKey,
  KeySwitchKey,
  type MalformedBytesError,
  MalformedCiphertextError,
  MalformedKeySwitchKeyError,
  MalformedPublicKeyError,
  serializeCiphertext,
  serializedCiphertextLength,
  serializedKeySwitchKeyLength,
  serializedPublicKeyLength,
  serializeKeySwitchKey,
  serializePublicKey
} from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { complexSlots, encrypt, type Party, party, SMALL, seedOf } from './support.js'

const TINY = { ...SMALL, logN: 6 }

/** Byte ranges of the header's fields. */
const FIELDS = {
  magic: [0, 4],
  version: [4, 6],
  kind: [6, 7],
  logN: [7, 8],
  level: [8, 10],
  degree: [10, 12],
  reserved: [12, 16],
  ring: [16, 24],
  scale: [24, 32],
  noise: [32, 40],
  magnitude: [40, 48]
} as const

let owner: Party
let ciphertext: Ciphertext
let bytes: Uint8Array

beforeAll(async () => {
  owner = await party(TINY)
  ciphertext = encrypt(owner, complexSlots('serialise', owner.context.parameters.slots), 'serialise')
  bytes = serializeCiphertext(ciphertext)
})

const words = (polynomials: readonly Polynomial[]) => polynomials.map(polynomial => owner.context.ring.encodeWords(polynomial))

const fieldOf = (run: () => unknown, kind: new (...args: never[]) => MalformedBytesError = MalformedCiphertextError): string => {
  const { kernel } = owner.context.ring
  const before = kernel.bytesInUse
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(kind)
    expect(kernel.bytesInUse).toBe(before)
    return (error as MalformedBytesError).field
  }
  return 'accepted'
}

const read = (changed: Uint8Array, expected = { level: 3 }) => deserializeCiphertext(owner.context, changed, expected)
const patch = (change: (view: DataView, copy: Uint8Array) => void, source = bytes) => {
  const copy = source.slice()
  change(new DataView(copy.buffer), copy)
  return copy
}

describe('ciphertexts as bytes', () => {
  it('come back the same', () => {
    expect(bytes.length).toBe(serializedCiphertextLength(owner.context.parameters, 3))
    const { scale } = owner.context.parameters
    using back = deserializeCiphertext(owner.context, bytes, { level: 3, degree: 1, scale })
    expect(words(back.components)).toEqual(words(ciphertext.components))
    const { level, noise, magnitude, degree } = ciphertext
    expect({ level: back.level, scale: back.scale, noise: back.noise, magnitude: back.magnitude, degree: back.degree }).toEqual({
      level,
      scale,
      noise,
      magnitude,
      degree
    })
    expect(serializeCiphertext(back)).toEqual(bytes)
  })

  it('come back the same at any level and seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1e6 }), (level, label) => {
        using fresh = encrypt(owner, complexSlots(`${label}`, owner.context.parameters.slots), `${label}`, level)
        const serialised = serializeCiphertext(fresh)
        expect(serialised.length).toBe(serializedCiphertextLength(owner.context.parameters, level))
        using back = read(serialised, { level })
        expect(serializeCiphertext(back)).toEqual(serialised)
      }),
      { numRuns: runs(30) }
    )
  })

  it.each(Object.keys(FIELDS) as (keyof typeof FIELDS)[])('are refused when any bit of %s that matters is wrong', field => {
    const [from, to] = FIELDS[field]
    const strict = { level: 3, degree: 1, scale: owner.context.parameters.scale }
    for (let bit = 8 * from; bit < 8 * to; bit++) {
      const changed = patch((_view, copy) => {
        copy[bit >> 3]! ^= 1 << (bit & 7)
      })
      let refused = 'accepted'
      try {
        deserializeCiphertext(owner.context, changed, strict).dispose()
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedCiphertextError)
        refused = (error as MalformedCiphertextError).field
      }
      // noise and magnitude are the sender's statement: within their range any value is well-formed
      if (field === 'noise' || field === 'magnitude') expect(['accepted', field]).toContain(refused)
      else expect(refused).toBe(field)
    }
  })

  it.each([
    ['scale', 24, [Number.NaN, Number.POSITIVE_INFINITY, 0, -1, 2 ** 180]],
    ['noise', 32, [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -17, 170]],
    ['magnitude', 40, [Number.NaN, Number.POSITIVE_INFINITY, -1, -0, 2 ** 129]]
  ] as const)('are refused when %s is out of range', (field, offset, values) => {
    for (const value of values) expect(fieldOf(() => read(patch(view => view.setFloat64(offset, value, true))))).toBe(field)
  })

  it('are refused when they are not what is expected', () => {
    expect(fieldOf(() => read(bytes, { level: 2 }))).toBe('level')
    expect(fieldOf(() => deserializeCiphertext(owner.context, bytes, { level: 3, degree: 2 }))).toBe('degree')
    expect(fieldOf(() => deserializeCiphertext(owner.context, bytes, { level: 3, scale: 2 ** 39 }))).toBe('scale')
    expect(fieldOf(() => deserializeCiphertext(owner.context, 'text' as unknown as Uint8Array, { level: 3 }))).toBe('bytes')
  })

  it('are refused when a byte is missing or too many', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), length => {
        expect(fieldOf(() => read(bytes.slice(0, length)))).toBe('length')
      })
    )
    expect(fieldOf(() => read(new Uint8Array([...bytes, 0])))).toBe('length')
  })

  it('are refused when a residue is not below its prime', () => {
    const { primes, N } = owner.context.parameters
    let offset = 48 * 8
    for (const component of [0, 1]) {
      for (const [row, prime] of primes.entries()) {
        for (const index of [0, 17, N - 1]) {
          const at = offset + index * prime.bits
          for (const value of [prime.value, 2n ** BigInt(prime.bits) - 1n]) {
            const error = (() => {
              try {
                read(patch((_view, copy) => writeBits(copy, at, prime.bits, value)))
              } catch (caught) {
                return caught
              }
              return undefined
            })()
            expect(error).toBeInstanceOf(MalformedCiphertextError)
            expect(error).toMatchObject({
              field: 'payload',
              actual: expect.stringContaining(`residue ${index} of row ${row} of polynomial ${component}`)
            })
          }
          using accepted = read(patch((_view, copy) => writeBits(copy, at, prime.bits, prime.value - 1n)))
          expect(accepted.level).toBe(3)
        }
        offset += N * prime.bits
      }
    }
  })

  it('never throw anything but a typed error, whatever the bytes', () => {
    const { kernel } = owner.context.ring
    const before = kernel.bytesInUse
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: bytes.length }), (noise, at) => {
        const changed = patch((_view, copy) => copy.set(noise.subarray(0, copy.length - at), at))
        try {
          read(changed).dispose()
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedCiphertextError)
        }
      }),
      { numRuns: runs(300) }
    )
    expect(kernel.bytesInUse).toBe(before)
  })

  it('of another ring are refused', async () => {
    const other = await party({ ...TINY, primeBits: 38 })
    using foreign = encrypt(other, complexSlots('foreign', other.context.parameters.slots), 'foreign')
    expect(fieldOf(() => read(serializeCiphertext(foreign)))).toBe('ring')
    const larger = await party(SMALL)
    using big = encrypt(larger, complexSlots('larger', 4), 'larger')
    expect(fieldOf(() => read(serializeCiphertext(big)))).toBe('logN')
  })
})

describe('keys as bytes', () => {
  it('come back the same', () => {
    const { context, publicKey, generator, secret } = owner
    const serialised = serializePublicKey(publicKey)
    expect(serialised.length).toBe(serializedPublicKeyLength(context.parameters))
    using back = deserializePublicKey(context, serialised)
    expect(words([back.b, back.a])).toEqual(words([publicKey.b, publicKey.a]))

    for (const level of [3, 1]) {
      using key = generator.galoisKey(secret, 3, { level, seed: seedOf('serialised key') })
      const keyBytes = serializeKeySwitchKey(key)
      expect(keyBytes.length).toBe(serializedKeySwitchKeyLength(context.parameters, level))
      using again = deserializeKeySwitchKey(context, keyBytes, { level })
      expect(again.level).toBe(level)
      expect(again.noise).toBe(key.noise)
      expect(serializeKeySwitchKey(again)).toEqual(keyBytes)
    }
  })

  it('keep an unknown noise unknown', () => {
    const { context, generator, secret } = owner
    using key = generator.relinearizationKey(secret, { seed: seedOf('unknown noise') })
    using back = deserializeKeySwitchKey(context, serializeKeySwitchKey(new KeySwitchKey(key.digits, key.level)))
    expect(back.noise).toBeUndefined()
  })

  it('are refused when a field is wrong', () => {
    const { context, publicKey, generator, secret } = owner
    const serialised = serializePublicKey(publicKey)
    const asPublic = (changed: Uint8Array) => fieldOf(() => deserializePublicKey(context, changed), MalformedPublicKeyError)
    expect(asPublic(patch(view => view.setUint16(8, 1, true), serialised))).toBe('level')
    expect(asPublic(patch(view => view.setUint16(10, 3, true), serialised))).toBe('count')
    expect(asPublic(patch(view => view.setFloat64(24, 2, true), serialised))).toBe('scale')
    expect(asPublic(patch(view => view.setFloat64(32, 2, true), serialised))).toBe('noise')
    expect(asPublic(patch(view => view.setFloat64(40, 2, true), serialised))).toBe('magnitude')
    expect(asPublic(serialised.subarray(1))).toBe('magic')
    expect(asPublic(serialised.subarray(0, serialised.length - 1))).toBe('length')
    expect(asPublic(patch((_view, copy) => copy.fill(255, 60, 80), serialised))).toBe('payload')
    expect(asPublic(bytes)).toBe('kind')

    using key = generator.galoisKey(secret, 3, { seed: seedOf('refused key') })
    const keyBytes = serializeKeySwitchKey(key)
    const asKey = (changed: Uint8Array) => fieldOf(() => deserializeKeySwitchKey(context, changed), MalformedKeySwitchKeyError)
    expect(asKey(patch(view => view.setUint16(8, 1, true), keyBytes))).toBe('level')
    expect(asKey(patch(view => view.setUint16(10, 65535, true), keyBytes))).toBe('count')
    expect(asKey(patch(view => view.setFloat64(24, 0, true), keyBytes))).toBe('scale')
    expect(asKey(patch(view => view.setFloat64(32, Number.NaN, true), keyBytes))).toBe('noise')
    expect(asKey(patch(view => view.setFloat64(40, 1, true), keyBytes))).toBe('magnitude')
    expect(asKey(patch((_view, copy) => copy.fill(255, copy.length - 20), keyBytes))).toBe('payload')
    expect(asKey(serialised)).toBe('kind')
  })
})

function writeBits(target: Uint8Array, bitOffset: number, bits: number, value: bigint): void {
  for (let k = 0; k < bits; k++) {
    const at = bitOffset + k
    const mask = 1 << (at & 7)
    target[at >> 3] = (value >> BigInt(k)) & 1n ? target[at >> 3]! | mask : target[at >> 3]! & ~mask
  }
}
