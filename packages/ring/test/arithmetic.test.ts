import { findNttPrimes, type Polynomial, type Ring } from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import { EXTREMES, extremeRow, fromRows, makeRing, modulo, randomRow, referenceTransform, reverse, rowsOf, VARIANTS } from './reference.js'

type Operation = (ring: Ring, out: Polynomial, a: Polynomial, b: Polynomial) => Polynomial
const OPERATIONS: Record<string, readonly [Operation, (a: bigint, b: bigint) => bigint]> = {
  add: [(ring, out, a, b) => ring.add(out, a, b), (a, b) => a + b],
  subtract: [(ring, out, a, b) => ring.subtract(out, a, b), (a, b) => a - b],
  multiply: [(ring, out, a, b) => ring.multiply(out, a, b), (a, b) => a * b],
  negate: [(ring, out, a) => ring.negate(out, a), a => -a],
  copy: [(ring, out, a) => ring.copy(out, a), a => a]
}

describe.each(VARIANTS)('arithmetic (%s)', variant => {
  // The largest prime a ring takes, a small one, and one between.
  const moduli = [...findNttPrimes(10, 49, 1), ...findNttPrimes(10, 20, 1), ...findNttPrimes(10, 36, 1)]
  const indices = [0, 1, 2]
  const patterns = Object.keys(EXTREMES) as (keyof typeof EXTREMES)[]
  let ring: Ring
  beforeAll(async () => {
    ring = await makeRing(variant, 10, moduli)
  })

  const inputs = (): (readonly [bigint[][], bigint[][]])[] => [
    [moduli.map(q => randomRow(q, 1024, 1)), moduli.map(q => randomRow(q, 1024, 2))],
    ...patterns.flatMap(p =>
      patterns.map(o => [moduli.map(q => extremeRow(q, 1024, p)), moduli.map(q => extremeRow(q, 1024, o))] as const)
    ),
    [moduli.map(() => new Array<bigint>(1024).fill(0n)), moduli.map(q => randomRow(q, 1024, 2))]
  ]

  it.each(Object.keys(OPERATIONS))('%s equals BigInt arithmetic, also in place', name => {
    const [operation, expected] = OPERATIONS[name]!
    for (const [x, y] of inputs()) {
      const want = moduli.map((q, k) => x[k]!.map((value, i) => modulo(expected(value, y[k]![i]!), q)))
      const a = fromRows(ring, x, indices, 'ntt')
      const b = fromRows(ring, y, indices, 'ntt')
      const out = ring.allocate(indices, 'ntt')
      expect(operation(ring, out, a, b)).toBe(out)
      expect(rowsOf(out)).toEqual(want)
      moduli.forEach((q, k) => {
        expect(out.row(k).every(r => Math.abs(r) <= (Number(q) - 1) / 2)).toBe(true)
      })
      expect(rowsOf(operation(ring, a, a, b))).toEqual(want)
      for (const p of [a, b, out]) p.dispose()
    }
  })

  it('multiplyAdd accumulates', () => {
    for (const [x, y] of inputs()) {
      const a = fromRows(ring, x, indices, 'ntt')
      const b = fromRows(ring, y, indices, 'ntt')
      const out = fromRows(ring, y, indices, 'ntt')
      for (let times = 0; times < 3; times++) ring.multiplyAdd(out, a, b)
      expect(rowsOf(out)).toEqual(moduli.map((q, k) => x[k]!.map((value, i) => modulo(y[k]![i]! + 3n * value * y[k]![i]!, q))))
      for (const p of [a, b, out]) p.dispose()
    }
  })

  it('multiplyScalar takes any integer, or one per row', () => {
    const x = moduli.map(q => extremeRow(q, 1024, 'random signs'))
    const a = fromRows(ring, x, indices, 'coefficient')
    const out = ring.allocate(indices, 'ntt')
    for (const scalar of [0n, 1n, -1n, 3n ** 200n, -(7n ** 100n)]) {
      ring.multiplyScalar(out, a, scalar)
      expect(out.domain).toBe('coefficient')
      expect(rowsOf(out)).toEqual(moduli.map((q, k) => x[k]!.map(value => modulo(value * scalar, q))))
    }
    const scalars = [(moduli[0]! - 1n) / 2n, (moduli[1]! + 1n) / 2n, 5n]
    ring.multiplyScalar(out, a, scalars)
    expect(rowsOf(out)).toEqual(moduli.map((q, k) => x[k]!.map(value => modulo(value * scalars[k]!, q))))
  })

  it('matches rows by modulus index when an operand has more rows', () => {
    const x = moduli.map(q => randomRow(q, 1024, 4))
    const y = moduli.map(q => randomRow(q, 1024, 5))
    const a = fromRows(ring, x, indices, 'ntt')
    const b = fromRows(ring, [y[0]!, y[2]!], [0, 2], 'ntt')
    const out = ring.allocate([2], 'ntt')
    expect(rowsOf(ring.multiply(out, a, b))).toEqual([x[2]!.map((value, i) => modulo(value * y[2]![i]!, moduli[2]!))])
    expect(rowsOf(ring.copy(out, a))).toEqual([x[2]])
  })

  it('clone and wipe', () => {
    const x = moduli.map(q => randomRow(q, 1024, 6))
    const a = fromRows(ring, x, indices, 'ntt')
    const b = a.clone()
    expect(b.domain).toBe('ntt')
    a.wipe()
    expect(
      rowsOf(a)
        .flat()
        .every(value => value === 0n)
    ).toBe(true)
    expect(rowsOf(b)).toEqual(x)
  })

  describe('automorphism', () => {
    const N = 1024
    const elements = [1, 3, 5, 9, 2 * N - 1, N + 1, 1023]

    it('permutes coefficients with signs', () => {
      const x = moduli.map(q => randomRow(q, N, 7))
      const a = fromRows(ring, x, indices, 'coefficient')
      const out = ring.allocate(indices, 'ntt')
      for (const g of elements) {
        const want = moduli.map((q, k) => {
          const row = new Array<bigint>(N)
          x[k]!.forEach((value, i) => {
            const j = (i * g) % (2 * N)
            row[j % N] = j < N ? value : modulo(-value, q)
          })
          return row
        })
        expect(rowsOf(ring.automorphism(out, a, g))).toEqual(want)
        expect(out.domain).toBe('coefficient')
      }
    })

    it('permutes values in the transform domain: output i is the input at exponent (2·reverse(i)+1)·g', () => {
      const x = moduli.map(q => randomRow(q, N, 8))
      const a = fromRows(ring, x, indices, 'ntt')
      const out = ring.allocate(indices, 'coefficient')
      for (const g of elements) {
        const want = x.map(row => row.map((_, i) => row[reverse((((2 * reverse(i, 10) + 1) * g) % (2 * N)) >> 1, 10)]!))
        expect(rowsOf(ring.automorphism(out, a, g))).toEqual(want)
        expect(out.domain).toBe('ntt')
      }
    })

    it('commutes with the transform', () => {
      const x = moduli.map(q => randomRow(q, N, 9))
      const a = fromRows(ring, x, indices, 'coefficient')
      const b = ring.ntt(a.clone())
      const out = ring.allocate(indices, 'coefficient')
      const outNtt = ring.allocate(indices, 'ntt')
      for (const g of elements) {
        expect(rowsOf(ring.ntt(ring.automorphism(out, a, g)))).toEqual(rowsOf(ring.automorphism(outNtt, b, g)))
        out.domain = 'coefficient'
      }
    })
  })
})

describe('transform-domain rows', () => {
  it('give standard order only as bytes', async () => {
    const [q] = findNttPrimes(6, 30, 1)
    const ring = await makeRing('simd', 6, [q!])
    const x = randomRow(q!, 64, 10)
    const a = ring.ntt(fromRows(ring, [x], [0], 'coefficient'))
    const standard = referenceTransform(x, q!, ring.roots[0]!)
    expect(rowsOf(a)[0]).toEqual(standard)
    expect(Array.from(a.row(0), value => modulo(BigInt(value), q!)).sort()).toEqual([...standard].sort())
  })
})
