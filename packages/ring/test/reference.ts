/** Slow, obvious BigInt counterparts of what the kernel does, and shared helpers of the tests. */

import { type Domain, encodeWords, type KernelVariant, loadKernel, type Polynomial, powerModulo, Ring } from '@slytherin/ring'
import { expect } from 'vitest'

/** Every observable behaviour is tested on both of these; `revectorised` shares all code but the pass layout with `simd`. */
export const VARIANTS: readonly KernelVariant[] = ['simd', 'fallback']

export async function makeRing(variant: KernelVariant, logN: number, moduli: readonly bigint[]): Promise<Ring> {
  return new Ring(await loadKernel({ variant }), { logN, moduli })
}

export const modulo = (x: bigint, q: bigint): bigint => ((x % q) + q) % q

/** Centred representative of x modulo an odd q. */
export function centred(x: bigint, q: bigint): bigint {
  const r = modulo(x, q)
  return r > q >> 1n ? r - q : r
}

/** Deterministic 64-bit generator (xorshift) for test inputs. */
export function generator(seed: number): () => bigint {
  const mask = (1n << 64n) - 1n
  let state = (BigInt(seed) * 0x9e3779b97f4a7c15n + 1n) & mask
  return () => {
    state ^= (state << 13n) & mask
    state ^= state >> 7n
    state ^= (state << 17n) & mask
    return state
  }
}

export function reverse(i: number, bits: number): number {
  let reversed = 0
  for (let bit = 0; bit < bits; bit++) reversed = 2 * reversed + ((i >> bit) & 1)
  return reversed
}

/** Cooley-Tukey with bit-reversed output: output i is the value at root^(2·bitreverse(i)+1). */
export function referenceTransform(a: readonly bigint[], q: bigint, root: bigint): bigint[] {
  const N = a.length
  const bits = Math.log2(N)
  const powers = new Array<bigint>(N)
  let x = 1n
  for (let i = 0; i < N; i++) {
    powers[reverse(i, bits)] = x
    x = (x * root) % q
  }
  const out = [...a]
  for (let m = 1, t = N / 2; m < N; m *= 2, t /= 2) {
    for (let i = 0; i < m; i++) {
      const w = powers[m + i]!
      for (let j = 2 * i * t; j < 2 * i * t + t; j++) {
        const u = out[j]!
        const v = (out[j + t]! * w) % q
        out[j] = (u + v) % q
        out[j + t] = (u - v + q) % q
      }
    }
  }
  return out
}

/** a·b modulo X^N + 1, integers. */
export function negacyclicProduct(a: readonly bigint[], b: readonly bigint[]): bigint[] {
  const N = a.length
  const c = new Array<bigint>(N).fill(0n)
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < N; j++) {
      const k = (i + j) % N
      const product = a[i]! * b[j]!
      c[k]! += i + j < N ? product : -product
    }
  }
  return c
}

/** Canonical residues of every row, standard order. */
export function rowsOf(a: Polynomial): bigint[][] {
  const words = new BigUint64Array(encodeWords(a.ring, a).buffer)
  return a.indices.map((_, k) => Array.from(words.subarray(k * a.ring.N, (k + 1) * a.ring.N)))
}

/** That two rows are equal, residue by residue; `toEqual` by itself takes longer over as many integers than the transform that they come from. */
export function expectRow(actual: readonly bigint[], expected: readonly bigint[]): void {
  if (actual.length !== expected.length || actual.some((x, i) => x !== expected[i])) expect(actual).toEqual(expected)
}

/** A polynomial with these canonical residues (standard order). */
export function fromRows(ring: Ring, rows: readonly (readonly bigint[])[], indices: readonly number[], domain: Domain): Polynomial {
  return ring.decodeWords(wordsOf(rows), indices, domain)
}

/** Canonical residues as they are decoded. */
export function wordsOf(rows: readonly (readonly bigint[])[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(rows.flat()).buffer)
}

/** The residues of integers in every row. */
export function fromBigIntegers(ring: Ring, values: readonly bigint[], indices: readonly number[]): Polynomial {
  return fromRows(
    ring,
    indices.map(index => values.map(value => modulo(value, ring.moduli[index]!.value))),
    indices,
    'coefficient'
  )
}

/** Centred integers of a coefficient-domain polynomial by the Chinese remainder theorem. */
export function toBigIntegers(a: Polynomial): bigint[] {
  const moduli = a.indices.map(index => a.ring.moduli[index]!.value)
  const Q = moduli.reduce((product, q) => product * q, 1n)
  const units = moduli.map(q => {
    const rest = Q / q
    return rest * powerModulo(rest % q, q - 2n, q)
  })
  const rows = rowsOf(a)
  return rows[0]!.map((_, i) =>
    centred(
      rows.reduce((sum, row, k) => sum + row[i]! * units[k]!, 0n),
      Q
    )
  )
}

export const productOf = (ring: Ring, indices: readonly number[]): bigint => indices.reduce((p, index) => p * ring.moduli[index]!.value, 1n)

/** round(x/p), p odd, so no ties. */
export function divideRounded(x: bigint, p: bigint): bigint {
  return (x - centred(x, p)) / p
}

/** Residues at the ends of the balanced range, by a pattern. */
export const EXTREMES: Readonly<Record<string, (i: number, random: () => bigint) => boolean>> = {
  'all positive': () => true,
  'all negative': () => false,
  alternating: i => i % 2 === 0,
  'random signs': (_, random) => (random() & 1n) === 1n
}

/** (q-1)/2 where positive, else its negative, canonical. */
export function extremeRow(q: bigint, N: number, pattern: keyof typeof EXTREMES): bigint[] {
  const random = generator(5)
  const [positive, negative] = [(q - 1n) / 2n, (q + 1n) / 2n]
  return Array.from({ length: N }, (_, i) => (EXTREMES[pattern]!(i, random) ? positive : negative))
}

export function randomRow(q: bigint, N: number, seed: number): bigint[] {
  const random = generator(seed)
  return Array.from({ length: N }, () => random() % q)
}

export const seedOf = (n: number): Uint8Array<ArrayBuffer> => new Uint8Array(32).fill(n)
