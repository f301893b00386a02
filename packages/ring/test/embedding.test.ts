/** Slots into polynomials: the kernel against the same transform written plainly, and against the values of the polynomial. */
import { embeddingTables, findNttPrimes, LengthMismatchError, loadKernel, Ring } from '@slytherin/ring'
import { beforeAll, describe, expect, test } from 'vitest'
import { VARIANTS } from './reference.ts'

/** The transform with the operations of the kernel in the same order, stage by stage. */
function interpolated(N: number, real: Float64Array, imaginary: Float64Array | undefined, scale: number): Float64Array {
  const n = N / 2
  const { position, sign, rootsReal, rootsImaginary, twistReal, twistImaginary } = embeddingTables(N)
  const re = new Float64Array(n)
  const im = new Float64Array(n)
  real.forEach((value, k) => {
    re[position[k]!] = value
  })
  imaginary?.forEach((value, k) => {
    im[position[k]!] = value * sign[k]!
  })
  for (let half = 1, stride = n >> 1; half < n; half *= 2, stride >>= 1) {
    for (let start = 0; start < n; start += 2 * half) {
      for (let j = 0; j < half; j++) {
        const [a, b, wr, wi] = [start + j, start + j + half, rootsReal[j * stride]!, rootsImaginary[j * stride]!]
        const br = re[b]! * wr + im[b]! * wi
        const bi = im[b]! * wr - re[b]! * wi
        const [ar, ai] = [re[a]!, im[a]!]
        re[a] = ar + br
        im[a] = ai + bi
        re[b] = ar - br
        im[b] = ai - bi
      }
    }
  }
  const out = new Float64Array(N)
  for (let j = 0; j < n; j++) {
    const [c, s, x, y] = [twistReal[j]!, twistImaginary[j]!, re[j]!, im[j]!]
    out[j] = Math.round((x * c + y * s) * (scale / n))
    out[j + n] = Math.round((y * c - x * s) * (scale / n))
  }
  return out
}

const primes = (logN: number): bigint[] => [...findNttPrimes(logN, 45, 2), ...findNttPrimes(logN, 49, 1)]
const values = (length: number, seed: number): Float64Array => Float64Array.from({ length }, (_, k) => Math.sin(seed + 12.9898 * (k + 1)))
/** Zeros have no sign here. */
const plain = (integers: Float64Array): number[] => Array.from(integers, value => value + 0)

describe.each(VARIANTS)('%s', variant => {
  let kernel: Awaited<ReturnType<typeof loadKernel>>
  beforeAll(async () => {
    kernel = await loadKernel({ variant })
  })

  test.each([4, 5, 6, 11, 14])('gives the integers of the plain transform, N = 2^%i', logN => {
    using ring = new Ring(kernel, { logN, moduli: primes(logN) })
    const n = ring.N / 2
    for (const scale of [1, 2 ** 30, 2 ** 45, 2 ** 90, 2 ** 120]) {
      for (const [real, imaginary] of [
        [values(n, 1), values(n, 2)],
        [values(n, 3), undefined],
        [values(3, 4), values(n - 1, 5)]
      ] as const) {
        const expected = interpolated(ring.N, real, imaginary, scale)
        const { coefficients, largest } = ring.interpolate({ real, imaginary }, scale)
        expect(plain(coefficients)).toEqual(plain(expected))
        expect(largest).toBe(expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0))
      }
    }
  })

  test('rounds halves upwards, as Math.round does', () => {
    using ring = new Ring(kernel, { logN: 4, moduli: primes(4) })
    const { coefficients } = ring.interpolate({ real: new Float64Array(8).fill(-2.5) }, 1)
    expect(plain(coefficients).slice(0, 1)).toEqual([-2])
  })

  test.each(['ntt', 'coefficient'] as const)('reduces them into every row, in the %s domain', domain => {
    using ring = new Ring(kernel, { logN: 11, moduli: primes(11) })
    const indices = ring.moduli.map((_, index) => index)
    const slots = { real: values(1024, 6), imaginary: values(1000, 7) }
    for (const scale of [2 ** 40, 2 ** 90]) {
      using out = ring.allocate(indices, domain)
      const largest = ring.fromSlots(out, slots, scale, 2 ** 98)
      using expected = ring.fromIntegers(ring.allocate(indices, 'coefficient'), ring.interpolate(slots, scale).coefficients)
      if (domain === 'ntt') ring.ntt(expected)
      expect(out.domain).toBe(domain)
      expect(ring.encodeWords(out)).toEqual(ring.encodeWords(expected))
      using kept = out.clone()
      expect(ring.fromSlots(out, { real: values(1024, 8) }, scale, 2)).toBeGreaterThan(largest / 8)
      expect(ring.encodeWords(out)).toEqual(ring.encodeWords(kept))
    }
  })

  test('takes no more slots than there are', () => {
    using ring = new Ring(kernel, { logN: 4, moduli: primes(4) })
    expect(() => ring.interpolate({ real: new Float64Array(9) }, 1)).toThrow(LengthMismatchError)
  })
})
