import {
  AliasError,
  BasisMismatchError,
  DomainMismatchError,
  findNttPrimes,
  InvalidArgumentError,
  InvalidModulusError,
  isPrime,
  type Kernel,
  LengthMismatchError,
  loadKernel,
  Modulus,
  NotEnoughPrimesError,
  Ring,
  RingMismatchError
} from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import { seedOf } from './reference.js'

let kernel: Kernel
let ring: Ring
const moduli = findNttPrimes(6, 40, 3)
beforeAll(async () => {
  kernel = await loadKernel()
  ring = new Ring(kernel, { logN: 6, moduli })
})

describe('operands', () => {
  it('in the wrong domain', () => {
    const c = ring.allocate([0, 1, 2], 'coefficient')
    const n = ring.allocate([0, 1, 2], 'ntt')
    const out = ring.allocate([0], 'ntt')
    expect(() => ring.add(out, c, n)).toThrow(DomainMismatchError)
    expect(() => ring.subtract(out, n, c)).toThrow(DomainMismatchError)
    expect(() => ring.multiply(out, c, c)).toThrow(
      expect.objectContaining({ operation: 'multiply', expected: 'ntt', actual: 'coefficient' })
    )
    expect(() => ring.multiplyAdd(c, n, n)).toThrow(DomainMismatchError)
    expect(() => ring.multiplyAdd(out, n, c)).toThrow(DomainMismatchError)
    expect(() => ring.ntt(n)).toThrow(DomainMismatchError)
    expect(() => ring.inverseNtt(c)).toThrow(DomainMismatchError)
    expect(() => ring.toDoubles(n)).toThrow(DomainMismatchError)
    expect(() => ring.extendBasis(out, n)).toThrow(DomainMismatchError)
  })

  it('without a needed row', () => {
    const a = ring.allocate([0, 2], 'ntt')
    const out = ring.allocate([0, 1], 'ntt')
    for (const operation of [
      () => ring.copy(out, a),
      () => ring.add(out, a, a),
      () => ring.multiply(out, out, a),
      () => ring.negate(out, a),
      () => ring.multiplyScalar(out, a, 1n),
      () => ring.automorphism(out, a, 3),
      () => ring.divideAndRound(out, a, [2])
    ]) {
      expect(operation).toThrow(BasisMismatchError)
      expect(operation).toThrow(expect.objectContaining({ missingIndex: 1, indices: [0, 2] }))
    }
    expect(() => ring.divideAndRound(ring.allocate([0], 'ntt'), a, [1])).toThrow(BasisMismatchError)
    expect(() => ring.divideAndRound(ring.allocate([0], 'ntt'), a, [7])).toThrow(BasisMismatchError)
    expect(() => ring.divideAndRound(a, a, [2])).toThrow(BasisMismatchError)
    expect(() => ring.divideAndRound(ring.allocate([0], 'ntt'), a, [])).toThrow(BasisMismatchError)
  })

  it('of another ring', () => {
    const other = new Ring(kernel, { logN: 6, moduli })
    const a = ring.allocate([0], 'ntt')
    const b = other.allocate([0], 'ntt')
    expect(() => ring.add(a, a, b)).toThrow(RingMismatchError)
    expect(() => ring.add(b, a, a)).toThrow(RingMismatchError)
    expect(() => ring.uniform(b, seedOf(1))).toThrow(RingMismatchError)
  })

  it('aliased where they must not be', () => {
    const a = ring.allocate([0], 'ntt')
    expect(() => ring.automorphism(a, a, 3)).toThrow(AliasError)
  })

  it('with arguments out of range', () => {
    const a = ring.allocate([0, 1], 'ntt')
    const b = ring.allocate([0, 1], 'ntt')
    for (const g of [0, 2, -1, 128, 129, 1.5, Number.NaN]) expect(() => ring.automorphism(b, a, g)).toThrow(InvalidArgumentError)
    expect(() => ring.multiplyScalar(b, a, [1n])).toThrow(LengthMismatchError)
    expect(() => ring.fromIntegers(a, new Float64Array(63))).toThrow(LengthMismatchError)
    for (const bad of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 98]) {
      expect(() => ring.fromIntegers(a, new Float64Array(64).fill(bad, 60))).toThrow(InvalidArgumentError)
    }
    for (const indices of [[], [3], [-1], [0, 0], [1, 0], [0.5]]) expect(() => ring.allocate(indices, 'ntt')).toThrow(BasisMismatchError)
  })
})

describe('rings', () => {
  it('refuse moduli they cannot hold, saying which', () => {
    const make =
      (q: bigint[], logN = 6) =>
      () =>
        new Ring(kernel, { logN, moduli: q })
    const [tooLarge] = findNttPrimes(6, 49.1, 1)
    const inUse = kernel.bytesInUse
    expect(make([tooLarge!])).toThrow(InvalidModulusError)
    expect(make([tooLarge!])).toThrow(expect.objectContaining({ modulus: tooLarge }))
    expect(make([moduli[0]!, moduli[0]!])).toThrow(InvalidModulusError)
    expect(make([moduli[0]! + 128n * 3n])).toThrow(InvalidModulusError)
    expect(make([97n])).toThrow(InvalidModulusError)
    expect(make([129n])).toThrow(InvalidModulusError)
    expect(make([1n])).toThrow(InvalidModulusError)
    expect(make([-127n])).toThrow(InvalidModulusError)
    expect(make([])).toThrow(InvalidArgumentError)
    for (const logN of [3, 17, 6.5]) expect(make(moduli, logN)).toThrow(InvalidArgumentError)
    expect(kernel.bytesInUse).toBe(inUse)
  })
})

describe('primes', () => {
  it('isPrime', () => {
    const sieve = Array.from({ length: 2000 }, (_, n) => n > 1 && ![...Array(n).keys()].some(d => d > 1 && d * d <= n && n % d === 0))
    expect(sieve.map((_, n) => isPrime(BigInt(n)))).toEqual(sieve)
    // Carmichael numbers, strong pseudoprimes to several bases, and large primes
    for (const n of [561n, 41041n, 3215031751n, 3474749660383n, 341550071728321n, 3825123056546413051n]) expect(isPrime(n)).toBe(false)
    for (const n of [2n ** 31n - 1n, 2n ** 61n - 1n, 562949953421231n]) expect(isPrime(n)).toBe(true)
    expect(isPrime(-7n)).toBe(false)
  })

  it('findNttPrimes: largest first, congruent, below the bound, without the excluded', () => {
    for (const [logN, bits] of [
      [6, 49],
      [15, 49],
      [14, 30],
      [13, 45.5]
    ] as const) {
      const primes = findNttPrimes(logN, bits, 5)
      const step = 2n ** BigInt(logN + 1)
      const bound = BigInt(Math.floor(2 ** bits))
      expect(primes.every(q => q < bound && q % step === 1n && isPrime(q))).toBe(true)
      let expected: bigint[] = []
      for (let q = primes[4]!; q < bound; q += step) if (isPrime(q)) expected = [q, ...expected]
      expect(primes).toEqual(expected)
      expect(findNttPrimes(logN, bits, 3, [primes[0]!, primes[2]!])).toEqual([primes[1], primes[3], primes[4]])
    }
    expect(findNttPrimes(6, 30, 0)).toEqual([])
  })

  it('findNttPrimes refuses what it cannot give', () => {
    expect(() => findNttPrimes(15, 20, 3)).toThrow(NotEnoughPrimesError)
    expect(() => findNttPrimes(15, 20, 3)).toThrow(expect.objectContaining({ wanted: 3, logN: 15, bits: 20 }))
    expect(() => findNttPrimes(0, 20, 3)).toThrow(InvalidArgumentError)
    expect(() => findNttPrimes(10, 63, 3)).toThrow(InvalidArgumentError)
    expect(() => findNttPrimes(10, 40, -1)).toThrow(InvalidArgumentError)
  })

  it('Modulus knows its size', () => {
    const q = new Modulus(1073692673n)
    expect([q.value, q.number, q.bits]).toEqual([1073692673n, 1073692673, 30])
    expect(q.log2).toBeCloseTo(Math.log2(1073692673), 12)
    expect(new Modulus(17n).bits).toBe(5)
  })
})
