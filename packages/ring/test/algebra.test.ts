import { findNttPrimes, type Polynomial, type Ring } from '@slytherin/ring'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { fromBigIntegers, makeRing, productOf, rowsOf, toBigIntegers, VARIANTS } from './reference.js'

describe.each(VARIANTS)('algebra (%s)', variant => {
  const N = 64
  const moduli = [...findNttPrimes(6, 49, 3), ...findNttPrimes(6, 25, 1)]
  const indices = [0, 1, 2, 3]
  let ring: Ring
  beforeAll(async () => {
    ring = await makeRing(variant, 6, moduli)
  })

  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const galois = fc.nat(N - 1).map(k => 2 * k + 1)
  const uniform = (s: Uint8Array): Polynomial => ring.uniform(ring.allocate(indices, 'ntt'), s)
  const fresh = (): Polynomial => ring.allocate(indices, 'ntt')
  const same = (a: Polynomial, b: Polynomial): void => expect(ring.encodeWords(a)).toEqual(ring.encodeWords(b))
  const options = { numRuns: runs(30) }

  it('is a commutative ring', () => {
    fc.assert(
      fc.property(seed, seed, seed, (x, y, z) => {
        using a = uniform(x)
        using b = uniform(y)
        using c = uniform(z)
        using left = fresh()
        using right = fresh()
        using temporary = fresh()
        same(ring.add(left, a, b), ring.add(right, b, a))
        same(ring.multiply(left, a, b), ring.multiply(right, b, a))
        same(ring.add(left, ring.add(left, a, b), c), ring.add(right, a, ring.add(right, b, c)))
        same(ring.multiply(left, ring.multiply(left, a, b), c), ring.multiply(right, a, ring.multiply(right, b, c)))
        ring.multiply(left, a, ring.add(temporary, b, c))
        same(left, ring.multiplyAdd(ring.multiply(right, a, b), a, c))
        same(ring.subtract(left, a, b), ring.negate(right, ring.subtract(right, b, a)))
        same(ring.add(left, a, ring.negate(left, a)), ring.multiplyScalar(right, a, 0n))
        same(ring.multiplyScalar(left, a, 3n), ring.add(right, ring.add(right, a, a), a))
      }),
      options
    )
  })

  it('transforms are linear and inverse to each other', () => {
    fc.assert(
      fc.property(seed, seed, (x, y) => {
        using a = ring.inverseNtt(uniform(x))
        using b = ring.inverseNtt(uniform(y))
        using sum = ring.add(fresh(), a, b)
        ring.ntt(sum)
        same(sum, ring.add(a, ring.ntt(a), ring.ntt(b)))
      }),
      options
    )
  })

  it('automorphisms compose, respect products, and have inverses', () => {
    fc.assert(
      fc.property(seed, seed, galois, galois, fc.boolean(), (x, y, g, h, inCoefficients) => {
        using a = uniform(x)
        using b = uniform(y)
        using u = fresh()
        using v = fresh()
        using w = fresh()
        ring.multiply(v, ring.automorphism(u, a, g), ring.automorphism(w, b, g))
        same(v, ring.automorphism(u, ring.multiply(w, a, b), g))
        if (inCoefficients) ring.inverseNtt(a)
        ring.automorphism(v, ring.automorphism(u, a, g), h)
        same(v, ring.automorphism(w, a, (g * h) % (2 * N)))
        let inverse = 1
        while ((inverse * g) % (2 * N) !== 1) inverse += 2
        same(ring.automorphism(v, ring.automorphism(u, a, g), inverse), a)
      }),
      options
    )
  })

  it('residues and integers determine each other', () => {
    const Q = moduli.reduce((product, q) => product * q, 1n)
    const integers = fc.array(fc.bigInt({ min: -(Q - 1n) / 2n, max: (Q - 1n) / 2n }), { minLength: N, maxLength: N })
    fc.assert(
      fc.property(integers, x => {
        using a = fromBigIntegers(ring, x, indices)
        expect(toBigIntegers(a)).toEqual(x)
      }),
      options
    )
  })

  it('extension and division undo each other', () => {
    const bound = productOf({ moduli: ring?.moduli ?? moduli.map(value => ({ value })) } as Ring, [0, 1]) / 4n
    const integers = fc.array(fc.bigInt({ min: -bound, max: bound }), { minLength: N, maxLength: N })
    fc.assert(
      fc.property(integers, fc.boolean(), (x, transformed) => {
        using a = fromBigIntegers(ring, x, [0, 1])
        using wide = ring.extendBasis(fresh(), a)
        expect(toBigIntegers(wide)).toEqual(x)
        // x·P / P = x exactly, P the product of the dropped rows
        ring.multiplyScalar(wide, wide, moduli[2]! * moduli[3]!)
        if (transformed) ring.ntt(wide)
        using back = ring.divideAndRound(ring.allocate([0, 1], 'coefficient'), wide, [2, 3])
        if (transformed) ring.inverseNtt(back)
        expect(rowsOf(back)).toEqual(rowsOf(a))
      }),
      options
    )
  })
})
