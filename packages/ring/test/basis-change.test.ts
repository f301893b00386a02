import { findNttPrimes, type Ring } from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  centred,
  divideRounded,
  fromBigIntegers,
  generator,
  makeRing,
  modulo,
  productOf,
  rowsOf,
  toBigIntegers,
  VARIANTS
} from './reference.js'

const N = 256
const LOG_N = 8

/** Uniform integers below 2^bits in magnitude. */
function integers(bits: number, seed: number): bigint[] {
  const random = generator(seed)
  return Array.from({ length: N }, () => {
    let x = 0n
    for (let have = 0; have < bits; have += 64) x = (x << 64n) | random()
    x &= (1n << BigInt(bits)) - 1n
    return random() & 1n ? x : -x
  })
}

describe.each(VARIANTS)('changes of basis (%s)', variant => {
  // 49-bit, 30-bit, 40-bit and 20-bit primes mixed, 14 in all.
  const moduli = [
    ...findNttPrimes(LOG_N, 49, 8),
    ...findNttPrimes(LOG_N, 30, 3),
    ...findNttPrimes(LOG_N, 40, 2),
    ...findNttPrimes(LOG_N, 20, 1)
  ]
  const all = moduli.map((_, i) => i)
  let ring: Ring
  beforeAll(async () => {
    ring = await makeRing(variant, LOG_N, moduli)
  })

  describe('fromIntegers', () => {
    it.each([10, 30, 50, 52, 53, 60, 90, 97])('reduces %i-bit integers exactly', bits => {
      const values = Float64Array.from(integers(bits, bits), Number)
      values[0] = 0
      values[1] = 2 ** bits
      values[2] = -(2 ** bits)
      const out = ring.fromIntegers(ring.allocate(all, 'ntt'), values)
      expect(out.domain).toBe('coefficient')
      expect(rowsOf(out)).toEqual(moduli.map(q => Array.from(values, value => modulo(BigInt(value), q))))
    })

    it('takes the largest magnitude below 2^98', () => {
      const largest = 2 ** 98 - 2 ** 45
      const values = new Float64Array(N).fill(largest).map((value, i) => (i % 2 ? value : -value))
      const out = ring.fromIntegers(ring.allocate(all, 'coefficient'), values)
      expect(rowsOf(out)).toEqual(moduli.map(q => Array.from(values, value => modulo(BigInt(value), q))))
    })
  })

  describe('toDoubles', () => {
    it.each([1, 2, 3, 6, 14])('gives the centred integers over %i rows, exact below 2^53', rows => {
      const indices = all.slice(0, rows)
      const Q = productOf(ring, indices)
      for (const bits of [1, 20, 48, 52]) {
        const values = integers(bits, bits + 100).map(x => centred(x, Q))
        if (bits === 52 && rows > 1) values[0] = 2n ** 53n - 1n
        expect(Array.from(ring.toDoubles(fromBigIntegers(ring, values, indices)))).toEqual(values.map(Number))
      }
    })

    it('rounds larger ones to about one unit in the last place', () => {
      const indices = all.slice(0, 8)
      for (const bits of [60, 100, 200, 380]) {
        const values = integers(bits, bits)
        const got = ring.toDoubles(fromBigIntegers(ring, values, indices))
        values.forEach((value, i) => {
          const want = Number(value)
          expect(Math.abs(got[i]! - want)).toBeLessThanOrEqual(Math.abs(want) * 2 ** -52)
        })
      }
    })

    it('covers the whole centred interval', () => {
      const indices = [0, 8]
      const Q = productOf(ring, indices)
      const values = new Array<bigint>(N).fill((Q - 1n) / 2n).map((value, i) => (i % 2 ? value : -value))
      expect(Array.from(ring.toDoubles(fromBigIntegers(ring, values, indices)))).toEqual(values.map(Number))
    })
  })

  describe('extendBasis', () => {
    it.each([1, 2, 3, 4, 7, 8, 13])('extends exactly from %i rows', rows => {
      const source = all.slice(0, rows)
      const Q = productOf(ring, source)
      // The ends of the centred interval, small values and zero.
      const limit = (Q - 1n) / 2n
      const values = integers(49 * rows, rows).map((x, i) =>
        i % 5 === 0 ? limit : i % 5 === 1 ? -limit : i % 5 === 2 ? BigInt(i - 100) : centred(x, Q)
      )
      const a = fromBigIntegers(ring, values, source)
      const targets = all.filter(index => index % 2 === 0 || !source.includes(index))
      const out = ring.extendBasis(ring.allocate(targets, 'coefficient'), a)
      expect(rowsOf(out)).toEqual(targets.map(index => values.map(value => modulo(value, moduli[index]!))))
      a.dispose()
      out.dispose()
    })

    it('keeps rows it already has, and the whole polynomial in place', () => {
      const values = integers(90, 1)
      const a = fromBigIntegers(ring, values, [0, 1])
      expect(rowsOf(ring.extendBasis(ring.allocate([1], 'ntt'), a))).toEqual([values.map(value => modulo(value, moduli[1]!))])
      expect(toBigIntegers(ring.extendBasis(a, a))).toEqual(values)
    })
  })

  describe('divideAndRound', () => {
    it.each([
      ['one 49-bit row', [7]],
      ['one 30-bit row', [9]],
      ['a row from the middle', [3]],
      ['two rows', [6, 7]],
      ['three rows of different sizes', [2, 8, 13]],
      ['seven rows', [0, 2, 4, 6, 8, 10, 12]]
    ] as const)('drops %s, in both domains', (_, drop) => {
      const keep = all.filter(index => !(drop as readonly number[]).includes(index))
      const P = productOf(ring, drop)
      const values = integers(400, drop.length)
      const want = values.map(value => divideRounded(value, P))
      const a = fromBigIntegers(ring, values, all)
      const b = ring.ntt(a.clone())
      const out = ring.divideAndRound(ring.allocate(keep, 'ntt'), a, drop)
      expect(out.domain).toBe('coefficient')
      expect(rowsOf(out)).toEqual(keep.map(index => want.map(value => modulo(value, moduli[index]!))))
      const outNtt = ring.divideAndRound(ring.allocate(keep, 'coefficient'), b, drop)
      expect(outNtt.domain).toBe('ntt')
      expect(rowsOf(ring.inverseNtt(outNtt))).toEqual(rowsOf(out))
      for (const p of [a, b, out, outNtt]) p.dispose()
    })

    it('rounds a dropped row at its extremes to the nearest', () => {
      const q = moduli[1]!
      const values = Array.from({ length: N }, (_, i) => BigInt(i) * q + (i % 2 ? (q - 1n) / 2n : -(q - 1n) / 2n))
      const out = ring.divideAndRound(ring.allocate([0], 'coefficient'), fromBigIntegers(ring, values, [0, 1]), [1])
      expect(toBigIntegers(out)).toEqual(values.map((_, i) => BigInt(i)))
    })
  })
})
