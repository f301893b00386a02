import { findNttPrimes, InvalidArgumentError, LengthMismatchError, ResidueRangeError, type Ring, visitPacked } from '@slytherin/ring'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { fromRows, makeRing, rowsOf, seedOf, VARIANTS } from './reference.js'

/** Bits of all residues, lowest first, rows padded to bytes. */
function pack(rows: readonly (readonly bigint[])[], bits: readonly number[]): Uint8Array {
  return Uint8Array.from(
    rows.flatMap((row, k) => {
      let number = 0n
      row.forEach((value, i) => {
        number |= value << BigInt(i * bits[k]!)
      })
      return Array.from({ length: Math.ceil((row.length * bits[k]!) / 8) }, (_, i) => Number((number >> BigInt(8 * i)) & 255n))
    })
  )
}

describe.each(VARIANTS)('codec (%s)', variant => {
  const moduli = [...findNttPrimes(6, 49, 1), ...findNttPrimes(6, 31, 1), ...findNttPrimes(6, 17, 1), ...findNttPrimes(6, 42, 1)]
  const bits = [49, 31, 17, 42]
  const indices = [0, 1, 2, 3]
  let ring: Ring
  beforeAll(async () => {
    ring = await makeRing(variant, 6, moduli)
  })

  const rows = fc.tuple(...moduli.map(q => fc.array(fc.bigInt({ min: 0n, max: q - 1n }), { minLength: 64, maxLength: 64 })))
  const domain = fc.constantFrom('coefficient' as const, 'ntt' as const)

  it('round trips words and packed bits, canonical and in standard order', () => {
    fc.assert(
      fc.property(rows, domain, (x, where) => {
        const words = new Uint8Array(BigUint64Array.from(x.flat()).buffer)
        using a = ring.decodeWords(words, indices, where)
        expect(a.domain).toBe(where)
        expect(ring.encodeWords(a)).toEqual(words)
        const packed = ring.encodePacked(a)
        expect(packed).toEqual(pack(x, bits))
        expect(packed.length).toBe(ring.packedLength(indices))
        using b = ring.decodePacked(packed, indices, where)
        expect(rowsOf(b)).toEqual(x)
      }),
      { numRuns: runs(40) }
    )
  })

  it('stores balanced residues', () => {
    const x = moduli.map(q => Array.from({ length: 64 }, (_, i) => [0n, 1n, (q - 1n) / 2n, (q + 1n) / 2n, q - 1n][i % 5]!))
    using a = fromRows(ring, x, indices, 'coefficient')
    moduli.forEach((q, k) => {
      const half = (Number(q) - 1) / 2
      expect(Array.from(a.row(k).slice(0, 5))).toEqual([0, 1, half, -half, -1])
    })
    expect(ring.decodePacked(ring.encodePacked(a), indices, 'coefficient').row(2)).toEqual(a.row(2))
  })

  it('reads bytes at any offset of their buffer', () => {
    using a = ring.uniform(ring.allocate(indices, 'ntt'), seedOf(1))
    const packed = ring.encodePacked(a)
    const shifted = new Uint8Array(packed.length + 3)
    shifted.set(packed, 3)
    using b = ring.decodePacked(shifted.subarray(3), indices, 'ntt')
    expect(rowsOf(b)).toEqual(rowsOf(a))
  })

  it('refuses residues that are not below their modulus, saying where, and frees what it had allocated', () => {
    const before = ring.kernel.bytesInUse
    fc.assert(
      fc.property(fc.nat(3), fc.nat(63), fc.boolean(), domain, (row, index, atModulus, where) => {
        const x = moduli.map(() => new Array<bigint>(64).fill(1n))
        const largest = (1n << BigInt(bits[row]!)) - 1n
        x[row]![index] = atModulus ? moduli[row]! : largest
        const expected = expect.objectContaining({ name: 'ResidueRangeError', row, index })
        expect(() => ring.decodePacked(pack(x, bits), indices, where)).toThrow(expected)
        x[row]![index] = atModulus ? moduli[row]! : (1n << 64n) - 1n
        const words = new Uint8Array(BigUint64Array.from(x.flat()).buffer)
        expect(() => ring.decodeWords(words, indices, where)).toThrow(expected)
        expect(() => ring.decodeWords(words, indices, where)).toThrow(ResidueRangeError)
      }),
      { numRuns: runs(60) }
    )
    expect(ring.kernel.bytesInUse).toBe(before)
  })

  it('refuses any other length', () => {
    using a = ring.uniform(ring.allocate(indices, 'ntt'), seedOf(2))
    for (const [bytes, decode] of [
      [ring.encodeWords(a), 'decodeWords'],
      [ring.encodePacked(a), 'decodePacked']
    ] as const) {
      for (const wrong of [bytes.subarray(1), new Uint8Array([...bytes, 0]), new Uint8Array()]) {
        expect(() => ring[decode](wrong, indices, 'ntt')).toThrow(LengthMismatchError)
        expect(() => ring[decode](wrong, indices, 'ntt')).toThrow(expect.objectContaining({ expected: bytes.length, actual: wrong.length }))
      }
    }
  })

  it('any flipped bit changes the polynomial or is refused', () => {
    using a = ring.uniform(ring.allocate(indices, 'coefficient'), seedOf(3))
    const packed = ring.encodePacked(a)
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.nat(7), (at, bit) => {
        const changed = packed.slice()
        changed[at]! ^= 1 << bit
        try {
          using b = ring.decodePacked(changed, indices, 'coefficient')
          expect(rowsOf(b)).not.toEqual(rowsOf(a))
        } catch (error) {
          expect(error).toBeInstanceOf(ResidueRangeError)
        }
      }),
      { numRuns: runs(100) }
    )
  })

  it('visits the packed rows in order', () => {
    using a = ring.uniform(ring.allocate(indices, 'ntt'), seedOf(3))
    const rows: number[][] = []
    visitPacked(ring, a, row => rows.push([...row]))
    expect(rows.map(row => row.length)).toEqual(bits.map(count => 8 * count))
    expect(rows.flat()).toEqual([...ring.encodePacked(a)])
  })

  it('round trips integers of every width, to the ends of their range', () => {
    const width = fc.integer({ min: 1, max: 48 })
    const fractions = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 24, maxLength: 24 })
    fc.assert(
      fc.property(width, fractions, (width, fractions) => {
        const half = 2 ** (width - 1)
        const values = Float64Array.from(fractions, x => Math.max(-half, Math.min(half - 1, Math.round(x * half))) + 0)
        const bytes = ring.encodeIntegers(values, width)
        const unsigned = Array.from(values, value => BigInt(value) + BigInt(half))
        expect(bytes).toEqual(pack([unsigned], [width]))
        expect(ring.decodeIntegers(bytes, values.length, width)).toEqual(values)
      }),
      { numRuns: runs(200) }
    )
    for (const value of [4, -5, 0.5, Number.NaN]) {
      expect(() => ring.encodeIntegers(new Float64Array(8).fill(value), 3)).toThrow(InvalidArgumentError)
    }
    expect(() => ring.encodeIntegers(new Float64Array(7), 3)).toThrow(InvalidArgumentError)
    expect(() => ring.encodeIntegers(new Float64Array(8), 49)).toThrow(InvalidArgumentError)
    expect(() => ring.decodeIntegers(new Uint8Array(4), 8, 3)).toThrow(LengthMismatchError)
  })
})
