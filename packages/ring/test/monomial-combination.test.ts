import {
  AliasError,
  DomainMismatchError,
  findNttPrimes,
  InvalidArgumentError,
  LengthMismatchError,
  loadKernel,
  NO_TERM,
  type Polynomial,
  Ring
} from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import { centred, EXTREMES, extremeRow, fromRows, generator, makeRing, rowsOf, seedOf, VARIANTS } from './reference.js'

const moduli = [...findNttPrimes(11, 49, 2), ...findNttPrimes(11, 30, 1)]
const all = moduli.map((_, i) => i)

/** X^e·row modulo X^N + 1, straight from the definition. */
function timesMonomial(row: readonly bigint[], e: number): bigint[] {
  const N = row.length
  const out = new Array<bigint>(N).fill(0n)
  row.forEach((value, i) => {
    const at = (i + e) % (2 * N)
    out[at % N] = at < N ? value : -value
  })
  return out
}

describe.each([...VARIANTS, 'revectorised'] as const)('monomial combinations (%s)', variant => {
  const rings = new Map<number, Ring>()
  beforeAll(async () => {
    for (const logN of [4, 11]) {
      let ring = await makeRing(variant === 'revectorised' ? 'simd' : variant, logN, moduli)
      if (variant === 'revectorised') {
        const kernel = await loadKernel({ variant }).catch(() => undefined)
        if (kernel) ring = new Ring(kernel, { logN, moduli })
      }
      rings.set(logN, ring)
    }
  })

  const blanks = (ring: Ring, count: number): Polynomial[] => Array.from({ length: count }, () => ring.allocate(all, 'coefficient'))
  const values = (p: Polynomial): bigint[][] => rowsOf(p).map((row, k) => row.map(x => centred(x, moduli[k]!)))

  function check(
    ring: Ring,
    outs: readonly Polynomial[],
    inputs: readonly Polynomial[],
    exponents: readonly number[][],
    add: boolean
  ): void {
    const rows = inputs.map(rowsOf)
    const before = outs.map(rowsOf)
    ring.monomialCombinations(outs, inputs, exponents, add)
    for (const [o, out] of outs.entries()) {
      const sums = moduli.map((q, k) => {
        const sum = before[o]![k]!.map(x => (add ? x : 0n))
        exponents[o]!.forEach((e, i) => {
          if (e !== NO_TERM) for (const [j, x] of timesMonomial(rows[i]![k]!, e).entries()) sum[j]! += x
        })
        return sum.map(x => centred(x, q))
      })
      expect(values(out)).toEqual(sums)
    }
  }

  it.each([4, 11])('equal the definition with BigInt, N = 2^%i: any exponents, gaps, sums that start anew or go on', logN => {
    const ring = rings.get(logN)!
    const next = generator(logN)
    const pick = (n: number): number => Number(next() % BigInt(n))
    for (const [count, add] of [
      [1, false],
      [7, true],
      [8, false],
      [23, true]
    ] as const) {
      const inputs = Array.from({ length: count }, (_, i) => ring.uniform(ring.allocate(all, 'coefficient'), seedOf(i)))
      const outs = blanks(ring, 4)
      for (const [o, out] of outs.entries()) ring.uniform(out, seedOf(100 + o))
      check(
        ring,
        outs,
        inputs,
        outs.map(() => inputs.map(() => (pick(5) === 0 ? NO_TERM : pick(2 * ring.N)))),
        add
      )
      for (const polynomial of [...inputs, ...outs]) polynomial.dispose()
    }
  })

  it('turn at every place: all exponents of a small ring', () => {
    const ring = rings.get(4)!
    const input = ring.uniform(ring.allocate(all, 'coefficient'), seedOf(9))
    const outs = blanks(ring, 2 * ring.N)
    check(
      ring,
      outs,
      [input],
      outs.map((_, e) => [e]),
      false
    )
  })

  it.each(Object.keys(EXTREMES) as (keyof typeof EXTREMES)[])('stay exact at the bounds (%s)', pattern => {
    const ring = rings.get(11)!
    const rows = moduli.map(q => extremeRow(q, ring.N, pattern))
    const inputs = Array.from({ length: 15 }, () => fromRows(ring, rows, all, 'coefficient'))
    const out = fromRows(ring, rows, all, 'coefficient')
    check(ring, [out], inputs, [inputs.map((_, i) => (i % 2 === 0 ? 0 : 2 * ring.N - 2))], true)
  })

  it('take the rows of the outputs from inputs that have more, and nothing of no inputs', () => {
    const ring = rings.get(4)!
    const input = ring.uniform(ring.allocate(all, 'coefficient'), seedOf(1))
    const out = ring.allocate([1], 'coefficient')
    ring.monomialCombinations([out], [input], [[0]])
    expect(rowsOf(out)[0]).toEqual(rowsOf(input)[1])
    ring.monomialCombinations([out], [], [[]])
    expect(rowsOf(out)[0]!.every(x => x === 0n)).toBe(true)
  })

  it('refuse what has no meaning', () => {
    const ring = rings.get(4)!
    const [a, b] = [ring.allocate(all, 'coefficient'), ring.allocate(all, 'coefficient')]
    expect(() => ring.monomialCombinations([a], [a], [[0]])).toThrow(AliasError)
    expect(() => ring.monomialCombinations([a, a], [b], [[0], [0]])).toThrow(AliasError)
    expect(() => ring.monomialCombinations([a], [b], [])).toThrow(LengthMismatchError)
    expect(() => ring.monomialCombinations([a], [b], [[0, 1]])).toThrow(LengthMismatchError)
    for (const e of [2 * ring.N, -2, 0.5, Number.NaN])
      expect(() => ring.monomialCombinations([a], [b], [[e]])).toThrow(InvalidArgumentError)
    expect(() => ring.monomialCombinations([a], [ring.allocate(all, 'ntt')], [[0]])).toThrow(DomainMismatchError)
    expect(() => ring.monomialCombinations([ring.allocate(all, 'ntt')], [b], [[0]], true)).toThrow(DomainMismatchError)
  })
})
