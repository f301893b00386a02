import {
  AliasError,
  type CombinationRow,
  DomainMismatchError,
  findNttPrimes,
  InvalidArgumentError,
  LengthMismatchError,
  loadKernel,
  type Polynomial,
  Ring
} from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import { centred, EXTREMES, expectRow, extremeRow, fromRows, generator, makeRing, rowsOf, seedOf, VARIANTS } from './reference.js'

const LOG_N = 7
const N = 2 ** LOG_N
const moduli = [...findNttPrimes(LOG_N, 49, 2), ...findNttPrimes(LOG_N, 30, 1)]
const all = moduli.map((_, i) => i)

/** Every residue of every output as the definition says, with BigInt. */
function expected(rows: readonly bigint[][][], row: CombinationRow, component: number): bigint[][] {
  const coefficients = Array.from(row.coefficients, BigInt)
  return moduli.map((q, k) =>
    Array.from({ length: N }, (_, i) => {
      let sum = component === 0 ? BigInt(row.constant ?? 0) : 0n
      for (let t = 0; t < row.inputs.length; t++) sum += coefficients[t]! * rows[row.inputs[t]!]![k]![i]!
      return centred(sum, q)
    })
  )
}

const values = (p: Polynomial): bigint[][] => rowsOf(p).map((row, k) => row.map(x => centred(x, moduli[k]!)))

describe.each([...VARIANTS, 'revectorised'] as const)('linear combinations (%s)', variant => {
  let ring: Ring
  beforeAll(async () => {
    ring = await makeRing(variant === 'revectorised' ? 'simd' : variant, LOG_N, moduli)
    if (variant === 'revectorised') {
      const kernel = await loadKernel({ variant }).catch(() => undefined)
      if (kernel) ring = new Ring(kernel, { logN: LOG_N, moduli })
    }
  })
  const uniform = (n: number): Polynomial => ring.uniform(ring.allocate(all, 'ntt'), seedOf(n))
  const blanks = (count: number, components: number): Polynomial[][] =>
    Array.from({ length: count }, () => Array.from({ length: components }, () => ring.allocate(all, 'ntt')))

  function check(inputs: readonly (readonly Polynomial[])[], rows: readonly CombinationRow[]): void {
    const components = inputs[0]!.length
    const outs = blanks(rows.length, components)
    ring.linearCombinations(outs, inputs, rows)
    const given = Array.from({ length: components }, (_, component) => inputs.map(input => rowsOf(input[component]!)))
    for (const [o, row] of rows.entries()) {
      for (let component = 0; component < components; component++) {
        for (const [k, wanted] of expected(given[component]!, row, component).entries()) {
          expectRow(values(outs[o]![component]!)[k]!, wanted)
        }
      }
    }
    for (const polynomial of outs.flat()) polynomial.dispose()
  }

  it('equal the sums of products with BigInt, for random sparse rows and coefficients of every size', () => {
    const next = generator(5)
    const pick = (n: number): number => Number(next() % BigInt(n))
    const inputs = Array.from({ length: 30 }, (_, k) => [uniform(2 * k), uniform(2 * k + 1)])
    const rows = Array.from({ length: 40 }, (_, o): CombinationRow => {
      const chosen = Array.from({ length: pick(23) }, () => pick(inputs.length))
      const coefficients = chosen.map(() => Number(next() % (1n << BigInt(1 + pick(97)))) * (pick(2) === 0 ? 1 : -1))
      return { inputs: chosen, coefficients, ...(o % 2 === 0 ? { constant: Number(next() % (1n << 60n)) * 2 ** 70 } : {}) }
    })
    check(inputs, rows)
  })

  it('compute rows over the same inputs together, whatever their number and order', () => {
    const inputs = Array.from({ length: 9 }, (_, k) => [uniform(k)])
    const rows = Array.from({ length: 11 }, (_, o): CombinationRow => {
      const chosen = o % 2 === 0 ? [0, 3, 7, 8, 3] : [1, 2, 4]
      return { inputs: chosen, coefficients: chosen.map(k => (o + 1) * 1000 - 77 * k), constant: o }
    })
    check(inputs, rows)
  })

  it.each(Object.keys(EXTREMES) as (keyof typeof EXTREMES)[])('stay exact at the bounds: 300 terms of extreme residues (%s)', pattern => {
    const inputs = Array.from({ length: 300 }, () => [
      fromRows(
        ring,
        moduli.map(q => extremeRow(q, N, pattern)),
        all,
        'ntt'
      )
    ])
    const chosen = inputs.map((_, k) => k)
    const largest = Number(moduli[0]! >> 1n)
    // The last has both parts of every coefficient as large as they get.
    const coefficients = [largest, -largest, 2 ** 48 - 2 ** 23, -(2 ** 48) + 2 ** 23]
    check(
      inputs,
      coefficients.map(w => ({ inputs: chosen, coefficients: chosen.map(() => w), constant: w }))
    )
  })

  it('of nothing are constants', () => {
    const out = blanks(2, 2)
    ring.linearCombinations(
      out,
      [[uniform(1), uniform(2)]],
      [
        { inputs: [], coefficients: [], constant: -5 },
        { inputs: [], coefficients: [] }
      ]
    )
    expect(out.map(pair => pair.map(p => values(p)[0]![3]))).toEqual([
      [-5n, 0n],
      [0n, 0n]
    ])
  })

  it('are in the domain of the inputs', () => {
    const input = ring.inverseNtt(uniform(3))
    const out = ring.allocate(all, 'ntt')
    ring.linearCombinations([[out]], [[input]], [{ inputs: [0], coefficients: [3] }])
    expect(out.domain).toBe('coefficient')
    expect(values(out)).toEqual(values(ring.multiplyScalar(ring.allocate(all, 'coefficient'), input, 3n)))
  })

  it('refuse what makes no sense', () => {
    const [a, b] = [uniform(1), uniform(2)]
    const out = ring.allocate(all, 'ntt')
    const one = { inputs: [0], coefficients: [1] }
    expect(() => ring.linearCombinations([[out]], [[a]], [])).toThrow(LengthMismatchError)
    expect(() => ring.linearCombinations([[out]], [[a, b]], [one])).toThrow(LengthMismatchError)
    expect(() => ring.linearCombinations([[out]], [[a]], [{ inputs: [0], coefficients: [] }])).toThrow(LengthMismatchError)
    expect(() => ring.linearCombinations([[out]], [[out]], [one])).toThrow(AliasError)
    expect(() => ring.linearCombinations([[out], [out]], [[a]], [one, one])).toThrow(AliasError)
    expect(() => ring.linearCombinations([[out]], [[a], [ring.inverseNtt(b)]], [one])).toThrow(DomainMismatchError)
    for (const bad of [
      { inputs: [1], coefficients: [1] },
      { inputs: [0], coefficients: [0.5] },
      { inputs: [0], coefficients: [Number.POSITIVE_INFINITY] },
      { ...one, constant: Number.NaN }
    ]) {
      expect(() => ring.linearCombinations([[out]], [[a]], [bad])).toThrow(InvalidArgumentError)
    }
  })
})

it('linear combinations do not depend on the number of threads', async () => {
  const results: number[][] = []
  for (const threads of [1, 3]) {
    await using kernel = await loadKernel({ threads, parallelThreshold: 0 })
    using ring = new Ring(kernel, { logN: 12, moduli: findNttPrimes(12, 49, 3) })
    const blank = () => ring.allocate([0, 1, 2], 'ntt')
    const inputs = Array.from({ length: 20 }, (_, k) => [ring.uniform(blank(), seedOf(k)), ring.uniform(blank(), seedOf(k + 20))])
    const outs = Array.from({ length: 7 }, () => [blank(), blank()])
    const rows = outs.map((_, o) => ({
      inputs: inputs.map((_input, k) => k),
      coefficients: inputs.map((_input, k) => (k - o) * 2 ** 44 + k)
    }))
    ring.linearCombinations(outs, inputs, rows)
    results.push(outs.flat().flatMap(p => [0, 1, 2].flatMap(k => [...p.row(k)])))
  }
  expect(results[1]).toEqual(results[0])
})
