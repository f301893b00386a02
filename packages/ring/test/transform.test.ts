import { findNttPrimes, loadKernel, powerModulo } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import {
  EXTREMES,
  expectRow,
  extremeRow,
  fromRows,
  makeRing,
  modulo,
  negacyclicProduct,
  randomRow,
  referenceTransform,
  rowsOf
} from './reference.js'

const SIZES: readonly (readonly [logN: number, bits: number])[] = [
  [4, 49],
  [5, 30],
  [6, 49],
  [7, 49],
  [8, 30],
  [9, 49],
  [10, 20],
  [11, 49],
  [12, 36],
  [13, 49],
  [14, 49],
  [15, 49],
  [16, 49]
]

/** BigInt transforms by the prime and the input that they are of: every variant has the same ones. */
const known = new Map<string, bigint[]>()
function expectedTransform(input: readonly bigint[], name: string, q: bigint, root: bigint): bigint[] {
  const key = `${q} ${root} ${input.length} ${name}`
  const values = known.get(key) ?? referenceTransform(input, q, root)
  known.set(key, values)
  return values
}

describe.each(['simd', 'fallback', 'revectorised'] as const)('transform (%s)', variant => {
  it.each(SIZES)('N = 2^%i, prime below 2^%i: equals the BigInt transform, on random and extreme residues', async (logN, bits) => {
    const [q] = findNttPrimes(logN, bits, 1)
    const ring = await makeRing(variant, logN, [q!])
    const patterns = logN >= 15 ? (['random signs'] as const) : (Object.keys(EXTREMES) as (keyof typeof EXTREMES)[])
    const inputs = patterns.map(pattern => [pattern, extremeRow(q!, ring.N, pattern)] as const)
    for (const [name, input] of [['random', randomRow(q!, ring.N, logN)] as const, ...inputs]) {
      const a = fromRows(ring, [input], [0], 'coefficient')
      ring.ntt(a)
      expect(a.domain).toBe('ntt')
      const limit = (Number(q!) - 1) / 2
      expect(a.row(0).every(x => Number.isInteger(x) && Math.abs(x) <= limit)).toBe(true)
      expectRow(rowsOf(a)[0]!, expectedTransform(input, name, q!, ring.roots[0]!))
      ring.inverseNtt(a)
      expect(a.domain).toBe('coefficient')
      expect(a.row(0).every(x => Number.isInteger(x) && Math.abs(x) <= limit)).toBe(true)
      expectRow(rowsOf(a)[0]!, input)
      a.dispose()
    }
  })

  it('inverts extreme residues given in the transform domain', async () => {
    for (const logN of [6, 11, 14]) {
      const [q] = findNttPrimes(logN, 49, 1)
      const ring = await makeRing(variant, logN, [q!])
      for (const pattern of Object.keys(EXTREMES) as (keyof typeof EXTREMES)[]) {
        const values = extremeRow(q!, ring.N, pattern)
        const a = fromRows(ring, [values], [0], 'ntt')
        const coefficients = rowsOf(ring.inverseNtt(a))[0]!
        expectRow(referenceTransform(coefficients, q!, ring.roots[0]!), values)
        a.dispose()
      }
    }
  })

  it.each([49, 44, 30])('takes inputs up to 2^50, as base extensions hand them over, out of place, prime below 2^%i', async bits => {
    for (const logN of [6, 13, 14]) {
      const [q] = findNttPrimes(logN, bits, 1)
      const ring = await makeRing(variant, logN, [q!])
      for (const pattern of Object.keys(EXTREMES) as (keyof typeof EXTREMES)[]) {
        const signs = extremeRow(q!, ring.N, pattern).map(x => (x === (q! - 1n) / 2n ? 1 : -1))
        const a = ring.allocate([0], 'coefficient')
        const b = ring.allocate([0], 'ntt')
        a.row(0).set(signs.map((sign, i) => sign * (2 ** 50 - (i % 7))))
        const input = Array.from(a.row(0), x => modulo(BigInt(x), q!))
        ring.kernel.exports.forward(b.rowAddress(0), a.rowAddress(0), ring.block(0))
        const limit = (Number(q!) - 1) / 2
        expect(b.row(0).every(x => Number.isInteger(x) && Math.abs(x) <= limit)).toBe(true)
        expectRow(rowsOf(b)[0]!, expectedTransform(input, `${pattern} up to 2^50`, q!, ring.roots[0]!))
      }
    }
  })

  it('multiplies modulo X^N + 1', async () => {
    const moduli = findNttPrimes(6, 49, 2)
    const ring = await makeRing(variant, 6, moduli)
    const rows = (seed: number): bigint[][] => moduli.map((q, k) => randomRow(q, ring.N, seed + k))
    const a = rows(1)
    const b = rows(11)
    const pa = ring.ntt(fromRows(ring, a, [0, 1], 'coefficient'))
    const pb = ring.ntt(fromRows(ring, b, [0, 1], 'coefficient'))
    ring.inverseNtt(ring.multiply(pa, pa, pb))
    expect(rowsOf(pa)).toEqual(moduli.map((q, k) => negacyclicProduct(a[k]!, b[k]!).map(x => modulo(x, q))))
  })
})

describe('root of unity', () => {
  it('is the smallest primitive 2N-th root', async () => {
    for (const [logN, bits] of [
      [6, 20],
      [8, 49]
    ] as const) {
      const [q] = findNttPrimes(logN, bits, 1)
      const ring = await makeRing('simd', logN, [q!])
      const root = ring.roots[0]!
      const order = BigInt(2 * ring.N)
      expect(powerModulo(root, order / 2n, q!)).toBe(q! - 1n)
      const all = Array.from({ length: ring.N }, (_, k) => powerModulo(root, BigInt(2 * k + 1), q!))
      expect(all.every(other => other >= root)).toBe(true)
    }
  })
})

describe('tables', () => {
  it('are built fast: 17 primes at N = 2^15 well below a second', async () => {
    const moduli = findNttPrimes(15, 49, 17)
    const started = performance.now()
    const ring = await makeRing('simd', 15, moduli)
    expect(performance.now() - started).toBeLessThan(1000)
    ring.dispose()
    expect(ring.kernel.bytesInUse).toBe(0)
  })

  it('agree between variants', async () => {
    const moduli = findNttPrimes(12, 49, 3)
    const roots = await Promise.all((['simd', 'fallback'] as const).map(async variant => (await makeRing(variant, 12, moduli)).roots))
    expect(roots[0]).toEqual(roots[1])
  })

  it('leave other rings of the same kernel alone', async () => {
    const kernel = await loadKernel()
    const { Ring } = await import('@slytherin/ring')
    const q = findNttPrimes(9, 49, 1)
    const first = new Ring(kernel, { logN: 8, moduli: q })
    const second = new Ring(kernel, { logN: 7, moduli: q })
    const input = randomRow(q[0]!, 128, 3)
    const a = fromRows(second, [input], [0], 'coefficient')
    first.dispose()
    expect(rowsOf(second.inverseNtt(second.ntt(a)))[0]).toEqual(input)
  })
})
