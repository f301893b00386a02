import {
  AliasError,
  DomainMismatchError,
  findNttPrimes,
  LengthMismatchError,
  loadKernel,
  type Polynomial,
  Ring,
  type SumOfProducts
} from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeRing, seedOf, VARIANTS } from './reference.js'

/** So large that rows take several tiles. */
const LOG_N = 12
const moduli = findNttPrimes(LOG_N, 49, 3)
const all = moduli.map((_, i) => i)

describe.each([...VARIANTS, 'revectorised', 'two threads'] as const)('many sums of products (%s)', variant => {
  let ring: Ring
  beforeAll(async () => {
    ring = await makeRing(variant === 'revectorised' || variant === 'two threads' ? 'simd' : variant, LOG_N, moduli)
    if (variant === 'revectorised') {
      const kernel = await loadKernel({ variant }).catch(() => undefined)
      if (kernel) ring = new Ring(kernel, { logN: LOG_N, moduli })
    }
    if (variant === 'two threads') ring = new Ring(await loadKernel({ threads: 2, parallelThreshold: 0 }), { logN: LOG_N, moduli })
    return async () => await ring.kernel.dispose()
  })
  const uniform = (n: number): Polynomial => ring.uniform(ring.allocate(all, 'ntt'), seedOf(n))
  const pair = (n: number): [Polynomial, Polynomial] => [uniform(2 * n), uniform(2 * n + 1)]
  const out = (n: number): Polynomial[] => [uniform(n), uniform(n + 1), uniform(n + 2)]

  it('are what each of them is by itself', () => {
    const inputs = Array.from({ length: 11 }, (_, n) => pair(n))
    const weights = Array.from({ length: 11 }, (_, n) => pair(100 + n))
    // fewer and more than a burst, with factors in common
    const sums = [1, 8, 11, 3].flatMap((count, k) =>
      [false, true].map((add): SumOfProducts => {
        const pairs = Array.from({ length: count }, (_, t) => ({ a: inputs[t]!, b: weights[(t + k) % weights.length]! }))
        return { out: out(200 + 10 * k), pairs, add }
      })
    )
    const expected = sums.map(({ out, pairs, add }) => {
      const alone = out.map(component => component.clone())
      ring.multiplyAccumulate(alone, pairs, add)
      return alone.map(component => ring.encodeWords(component))
    })
    ring.multiplyAccumulateMany(sums)
    expect(sums.map(({ out }) => out.map(component => ring.encodeWords(component)))).toEqual(expected)
  })

  it('of rows that have more primes than the sums', () => {
    const [a, b] = [pair(1), pair(2)]
    const few = Array.from({ length: 3 }, () => ring.allocate([0, 2], 'ntt'))
    const alone = Array.from({ length: 3 }, () => ring.allocate([0, 2], 'ntt'))
    ring.multiplyAccumulate(alone, [{ a, b }])
    ring.multiplyAccumulateMany([{ out: few, pairs: [{ a, b }], add: false }])
    expect(few.map(component => ring.encodeWords(component))).toEqual(alone.map(component => ring.encodeWords(component)))
  })

  it('are refused where they could not be right', () => {
    const [a, b] = [pair(1), pair(2)]
    const sum = out(5)
    const of = (changes: Partial<SumOfProducts>): SumOfProducts => ({ out: sum, pairs: [{ a, b }], add: false, ...changes })
    expect(() => ring.multiplyAccumulateMany([of({ out: sum.slice(1) })])).toThrow(LengthMismatchError)
    expect(() => ring.multiplyAccumulateMany([of({ pairs: [{ a, b: [b[0]] }] })])).toThrow(LengthMismatchError)
    expect(() => ring.multiplyAccumulateMany([of({}), of({})])).toThrow(AliasError)
    // an output of one is a factor of another
    expect(() => ring.multiplyAccumulateMany([of({}), of({ out: out(9), pairs: [{ a: [sum[0]!, sum[1]!], b }] })])).toThrow(AliasError)
    const coefficients = [ring.inverseNtt(uniform(7)), b[1]] as const
    expect(() => ring.multiplyAccumulateMany([of({ pairs: [{ a, b: coefficients }] })])).toThrow(DomainMismatchError)
    ring.multiplyAccumulateMany([])
  })
})
