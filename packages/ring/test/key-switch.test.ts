import {
  AliasError,
  BasisMismatchError,
  type ComponentPair,
  DomainMismatchError,
  findNttPrimes,
  LengthMismatchError,
  type Polynomial,
  type Ring
} from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  centred,
  divideRounded,
  EXTREMES,
  extremeRow,
  fromBigIntegers,
  fromRows,
  generator,
  makeRing,
  modulo,
  productOf,
  referenceTransform,
  rowsOf,
  seedOf,
  toBigIntegers,
  VARIANTS
} from './reference.js'

const LOG_N = 7
const N = 2 ** LOG_N

describe.each(VARIANTS)('fused kernels (%s)', variant => {
  // Six ciphertext primes and three special primes; sizes differ so that digits meet smaller and larger targets.
  const moduli = [...findNttPrimes(LOG_N, 48, 5), ...findNttPrimes(LOG_N, 30, 1), ...findNttPrimes(LOG_N, 49, 3)]
  const all = moduli.map((_, i) => i)
  const chain = [0, 1, 2, 3, 4, 5]
  const special = [6, 7, 8]
  let ring: Ring
  beforeAll(async () => {
    ring = await makeRing(variant, LOG_N, moduli)
  })
  const patterns = Object.keys(EXTREMES) as (keyof typeof EXTREMES)[]
  const uniform = (n: number, indices = all): Polynomial => ring.uniform(ring.allocate(indices, 'ntt'), seedOf(n))
  const extreme = (pattern: keyof typeof EXTREMES, indices = all): Polynomial =>
    fromRows(
      ring,
      indices.map(index => extremeRow(moduli[index]!, N, pattern)),
      indices,
      'ntt'
    )

  describe('decompose', () => {
    it.each([[[0]], [[5]], [[0, 1]], [[4, 5]], [[0, 1, 2]], [[2, 3, 4, 5]]] as const)(
      'digit %j: the centred residue in every row',
      digit => {
        for (const source of [uniform(1, chain), ...patterns.map(pattern => extreme(pattern, chain))]) {
          const coefficients = ring.inverseNtt(source.clone())
          const own = ring.copy(ring.allocate(digit, 'coefficient'), coefficients)
          const out = ring.allocate(all, 'coefficient')
          expect(ring.decompose(out, coefficients, source, digit)).toBe(out)
          expect(out.domain).toBe('ntt')
          const values = toBigIntegers(own)
          expect(rowsOf(out)).toEqual(
            all.map(index =>
              referenceTransform(
                values.map(value => modulo(value, moduli[index]!)),
                moduli[index]!,
                ring.roots[index]!
              )
            )
          )
          out.indices.forEach((index, k) => {
            expect(out.row(k).every(x => Math.abs(x) <= (ring.moduli[index]!.number - 1) / 2)).toBe(true)
          })
          for (const p of [source, coefficients, own, out]) p.dispose()
        }
      }
    )

    it('checks its operands', () => {
      const a = uniform(1, chain)
      const c = ring.inverseNtt(a.clone())
      const out = ring.allocate(all, 'ntt')
      expect(() => ring.decompose(out, a, a, [0])).toThrow(DomainMismatchError)
      expect(() => ring.decompose(out, c, c, [0])).toThrow(DomainMismatchError)
      expect(() => ring.decompose(out, c, a, [6])).toThrow(BasisMismatchError)
      expect(() => ring.decompose(c, c, a, [0])).toThrow(AliasError)
    })
  })

  describe('multiplyAccumulate', () => {
    const expected = (shape: number, pairs: readonly ComponentPair[], start: readonly bigint[][][]): bigint[][][] => {
      const rows = pairs.map(({ a, b }) => ({ a: a.map(rowsOf), b: b.map(rowsOf) }))
      return Array.from({ length: shape }, (_, component) =>
        all.map((index, k) =>
          Array.from({ length: N }, (_, i) => {
            let sum = start[component]![k]![i]!
            for (const { a, b } of rows) {
              a.forEach((x, u) => {
                b.forEach((y, v) => {
                  if (u + v === component) sum += x[k]![i]! * y[k]![i]!
                })
              })
            }
            return modulo(sum, moduli[index]!)
          })
        )
      )
    }

    // Through and past the bursts of 4 and 8 after which sums are reduced.
    for (const [shape, left, right] of [
      [1, 1, 1],
      [2, 2, 1],
      [3, 2, 2]
    ] as const) {
      it.each([0, 1, 3, 4, 8, 9, 21])(`(${left},${right}): %i pairs`, count => {
        const inputs = (component: number): Polynomial[] => Array.from({ length: count }, (_, j) => uniform(10 * component + j))
        const [a0, a1, b0, b1] = [inputs(0), inputs(1), inputs(2), inputs(3)]
        const pairs = Array.from({ length: count }, (_, j) => ({
          a: [a0[j]!, a1[j]!].slice(0, left),
          b: [b0[j]!, b1[j]!].slice(0, right)
        }))
        for (const add of [false, true]) {
          const out = Array.from({ length: shape }, (_, component) => uniform(100 + component))
          const start = out.map(output => (add ? rowsOf(output) : all.map(() => new Array<bigint>(N).fill(0n))))
          ring.multiplyAccumulate(out, pairs, add)
          expect(out.map(rowsOf)).toEqual(expected(shape, pairs, start))
          for (const output of out) output.dispose()
        }
        for (const p of [a0, a1, b0, b1].flat()) p.dispose()
      })

      it(`(${left},${right}): residues at the ends of their range`, () => {
        for (const x of patterns) {
          for (const y of patterns) {
            const [px, py] = [extreme(x), extreme(y)]
            const pairs = Array.from({ length: 17 }, () => ({ a: [px, px].slice(0, left), b: [py, py].slice(0, right) }))
            const out = Array.from({ length: shape }, () => extreme(x))
            const start = out.map(rowsOf)
            ring.multiplyAccumulate(out, pairs, true)
            expect(out.map(rowsOf)).toEqual(expected(shape, pairs, start))
            for (const output of out) {
              output.indices.forEach((index, k) => {
                expect(output.row(k).every(r => Math.abs(r) <= (ring.moduli[index]!.number - 1) / 2)).toBe(true)
              })
            }
            for (const p of [px, py, ...out]) p.dispose()
          }
        }
      })
    }

    it('innerProduct is the (2,1) sum of digits and keys', () => {
      const digits = [1, 2, 3].map(n => uniform(n))
      const keys = [4, 5, 6].map(n => ({ b: uniform(n), a: uniform(n + 10) }))
      const out0 = ring.allocate(chain, 'coefficient')
      const out1 = ring.allocate(chain, 'coefficient')
      ring.innerProduct(out0, out1, digits, keys)
      for (const [out, part] of [
        [out0, 'b'],
        [out1, 'a']
      ] as const) {
        const sum = ring.allocate(chain, 'ntt')
        digits.forEach((digit, j) => {
          ring.multiplyAdd(sum, digit, keys[j]![part])
        })
        expect(out.domain).toBe('ntt')
        expect(rowsOf(out)).toEqual(rowsOf(sum))
      }
    })

    it('checks its operands', () => {
      const [a, b, c] = [uniform(1), uniform(2), uniform(3)]
      const out = [0, 1, 2].map(() => ring.allocate(all, 'ntt'))
      const two = out.slice(0, 2)
      expect(() => ring.multiplyAccumulate([], [])).toThrow(LengthMismatchError)
      expect(() => ring.multiplyAccumulate([...out, c], [])).toThrow(LengthMismatchError)
      expect(() => ring.multiplyAccumulate(two, [{ a: [a], b: [b] }])).toThrow(LengthMismatchError)
      expect(() => ring.multiplyAccumulate(two, [{ a: [a, b], b: [b, c] }])).toThrow(LengthMismatchError)
      expect(() => ring.multiplyAccumulate([out[0]!, out[0]!], [{ a: [a, b], b: [c] }])).toThrow(AliasError)
      expect(() => ring.multiplyAccumulate(two, [{ a: [a, out[1]!], b: [c] }])).toThrow(AliasError)
      expect(() => ring.multiplyAccumulate([out[0]!, ring.allocate([0], 'ntt')], [{ a: [a, b], b: [c] }])).toThrow(BasisMismatchError)
      expect(() => ring.multiplyAccumulate(two, [{ a: [a, uniform(1, chain)], b: [c] }])).toThrow(BasisMismatchError)
      expect(() => ring.multiplyAccumulate(two, [{ a: [a, b], b: [ring.allocate(all, 'coefficient')] }])).toThrow(DomainMismatchError)
      expect(() => ring.innerProduct(out[0]!, out[1]!, [a], [])).toThrow(LengthMismatchError)
    })
  })

  it.each([[[6]], [[6, 7]], [[6, 7, 8]], [[5, 8]]] as const)('divideAndRound by %j with an addend', drop => {
    const keep = all.filter(index => !(drop as readonly number[]).includes(index))
    const random = generator(3)
    const Q = productOf(ring, all)
    const values = Array.from({ length: N }, () => {
      let x = 0n
      for (let k = 0; k < 7; k++) x = (x << 64n) | random()
      return centred(x, Q)
    })
    const addend = ring.uniform(ring.allocate(all, 'coefficient'), seedOf(4))
    const extra = rowsOf(addend)
    const want = keep.map(index =>
      values.map((value, i) => modulo(divideRounded(value, productOf(ring, drop)) + extra[index]![i]!, moduli[index]!))
    )
    const a = fromBigIntegers(ring, values, all)
    const transformed = ring.ntt(a.clone())
    const out = ring.allocate(keep, 'ntt')
    expect(rowsOf(ring.divideAndRound(out, a, drop, addend))).toEqual(want)
    // In the transform domain, adding to the output itself.
    const accumulator = ring.ntt(ring.copy(ring.allocate(keep, 'ntt'), addend))
    expect(() => ring.divideAndRound(accumulator, transformed, drop, addend)).toThrow(DomainMismatchError)
    expect(rowsOf(ring.inverseNtt(ring.divideAndRound(accumulator, transformed, drop, accumulator)))).toEqual(want)
  })

  it('automorphisms fused with sums', () => {
    const [a, b, c] = [uniform(1), uniform(2), extreme('all positive')]
    const [image, sum] = [ring.allocate(all, 'ntt'), ring.allocate(all, 'ntt')]
    for (const g of [3, 27, 2 * N - 1]) {
      for (const other of [b, c]) {
        ring.automorphism(image, ring.add(sum, a, other), g)
        expect(rowsOf(ring.automorphismOfSum(ring.allocate(all, 'coefficient'), a, other, g))).toEqual(rowsOf(image))
        ring.automorphism(image, a, g)
        expect(rowsOf(ring.addAutomorphism(other.clone(), a, g))).toEqual(rowsOf(ring.add(sum, image, other)))
      }
    }
    expect(() => ring.addAutomorphism(a, a, 3)).toThrow(AliasError)
    expect(() => ring.automorphismOfSum(a, b, a, 3)).toThrow(AliasError)
    expect(() => ring.addAutomorphism(a, ring.allocate(all, 'coefficient'), 3)).toThrow(DomainMismatchError)
    expect(() => ring.automorphismOfSum(a, b, ring.allocate(all, 'coefficient'), 3)).toThrow(DomainMismatchError)
  })

  it.each([1, 2, 3])('a whole key switch with %i special primes leaves only small noise', alpha => {
    const specials = special.slice(0, alpha)
    const rows = [...chain, ...specials]
    const P = productOf(ring, specials)
    const digits: number[][] = []
    for (let i = 0; i < chain.length; i += alpha) digits.push(chain.slice(i, i + alpha))
    const secret = ring.ntt(ring.ternary(ring.allocate(rows, 'coefficient'), seedOf(1)))
    const other = ring.ntt(ring.ternary(ring.allocate(rows, 'coefficient'), seedOf(2)))
    // b_j = -a_j·s + e + P·[rows of the digit]·s'
    const keys = digits.map((digit, j) => {
      const a = uniform(20 + j, rows)
      const b = ring.ntt(ring.gaussian(ring.allocate(rows, 'coefficient'), seedOf(30 + j)))
      ring.subtract(b, b, ring.multiply(ring.allocate(rows, 'ntt'), a, secret))
      const gadget = ring.multiplyScalar(
        ring.allocate(rows, 'ntt'),
        other,
        rows.map(index => (digit.includes(index) ? P : 0n))
      )
      ring.add(b, b, gadget)
      return { b, a }
    })
    const c = uniform(40, chain)
    const coefficients = ring.inverseNtt(c.clone())
    const parts = digits.map(digit => ring.decompose(ring.allocate(rows, 'ntt'), coefficients, c, digit))
    const [u, v] = [ring.allocate(rows, 'ntt'), ring.allocate(rows, 'ntt')]
    ring.innerProduct(u, v, parts, keys)
    // the same row by row, for two keys
    const other2 = [...keys.slice(1), keys[0]!]
    const [u2, v2] = [ring.allocate(rows, 'ntt'), ring.allocate(rows, 'ntt')]
    ring.innerProduct(u2, v2, parts, other2)
    const pair = (indices: readonly number[]) => [ring.allocate(indices, 'coefficient'), ring.allocate(indices, 'coefficient')] as const
    const one = [pair(rows)]
    const sums = [...one, pair(rows)]
    const bytes = (polynomials: readonly Polynomial[]) => polynomials.map(p => ring.encodeWords(p))
    ring.decomposeInnerProduct(sums, c, digits, [keys, other2])
    expect(sums.flat().every(p => p.domain === 'ntt')).toBe(true)
    expect(bytes(sums.flat())).toEqual(bytes([u, v, u2, v2]))
    const r = one[0]![0]
    expect(() => ring.decomposeInnerProduct(one, c, digits, [keys, other2])).toThrow(LengthMismatchError)
    expect(() => ring.decomposeInnerProduct(one, c, digits, [keys.slice(1)])).toThrow(LengthMismatchError)
    expect(() => ring.decomposeInnerProduct([[r, r]], c, digits, [keys])).toThrow(AliasError)
    expect(() => ring.decomposeInnerProduct([[r, c]], c, digits, [keys])).toThrow(BasisMismatchError)
    expect(() => ring.decomposeInnerProduct([[r, keys[0]!.a]], c, digits, [keys])).toThrow(AliasError)
    expect(() => ring.decomposeInnerProduct(one, coefficients, digits, [keys])).toThrow(DomainMismatchError)
    // and divided, with and without addends
    const divided = (p: Polynomial, addend?: Polynomial) => ring.divideAndRound(ring.allocate(chain, 'ntt'), p, specials, addend)
    const switched = [pair(chain), pair(chain)]
    ring.switchKeys(switched, c, digits, [keys, other2], specials)
    expect(switched.flat().every(p => p.domain === 'ntt')).toBe(true)
    expect(bytes(switched.flat())).toEqual(bytes([u, v, u2, v2].map(p => divided(p))))
    ring.switchKeys(switched, c, digits, [keys, other2], specials, { addends: [c] })
    expect(bytes(switched.flat())).toEqual(bytes([divided(u, c), divided(v), divided(u2, c), divided(v2)]))
    ring.switchKeys(switched, c, digits, [keys, other2], specials, { addends: [undefined, c] })
    expect(bytes(switched.flat())).toEqual(bytes([divided(u), divided(v, c), divided(u2), divided(v2, c)]))
    const galoisElements = [5, 1]
    const moved = (p: Polynomial) => ring.automorphism(ring.allocate(p.indices, 'ntt'), p, 5)
    ring.switchKeys(switched, c, digits, [keys, other2], specials, { addends: [c], galoisElements })
    expect(bytes(switched.flat())).toEqual(bytes([moved(divided(u, c)), moved(divided(v)), divided(u2, c), divided(v2)]))
    const plus = (p: Polynomial) => ring.add(ring.allocate(rows, 'ntt'), p, uniform(50, rows))
    ring.decomposeInnerProduct(sums, c, digits, [keys, other2], { addends: [undefined, uniform(50, rows)], galoisElements })
    expect(bytes(sums.flat())).toEqual(bytes([moved(u), moved(plus(v)), u2, plus(v2)]))
    ring.switchKeys([], c, digits, [], specials)
    expect(() => ring.switchKeys(switched, c, digits, [keys, other2], specials, { galoisElements: [5] })).toThrow(LengthMismatchError)
    expect(() => ring.switchKeys(switched, c, digits, [keys, other2], specials, { galoisElements: [5, 2] })).toThrow()
    const single = [pair(chain)]
    expect(() => ring.switchKeys(single, c, digits, [keys], [chain[0]!])).toThrow(BasisMismatchError)
    expect(() => ring.switchKeys(single, c, digits, [keys], specials, { addends: [coefficients] })).toThrow(DomainMismatchError)
    expect(() => ring.switchKeys(switched.slice(0, 1), c, digits, [keys], specials, { addends: [switched[0]![0]] })).toThrow(AliasError)
    const narrow = keys.map(({ b, a }) => ({ b, a: ring.copy(ring.allocate(chain, 'ntt'), a) }))
    expect(() => ring.switchKeys(single, c, digits, [narrow], specials)).toThrow(BasisMismatchError)
    const before = ring.encodeWords(u)
    const [x, y] = [ring.allocate(chain, 'ntt'), ring.allocate(chain, 'ntt')]
    ring.divideAndRound(x, u, specials)
    expect(ring.encodeWords(u)).toEqual(before)
    ring.divideAndRound(y, v, specials)
    // x + y·s - c·s' is small
    ring.multiplyAdd(x, y, secret)
    ring.subtract(x, x, ring.multiply(y, c, other))
    const noise = toBigIntegers(ring.inverseNtt(x))
    expect(noise.every(e => e < 200n && e > -200n)).toBe(true)
    expect(noise.some(e => e !== 0n)).toBe(true)
  })
})
