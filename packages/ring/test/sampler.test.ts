import { createCipheriv } from 'node:crypto'
import {
  deriveSeed,
  findNttPrimes,
  InvalidArgumentError,
  LengthMismatchError,
  type Polynomial,
  type Ring,
  randomSeed
} from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'
import { centred, makeRing, modulo, productOf, rowsOf, seedOf, toBigIntegers, VARIANTS } from './reference.js'

/** The key stream of `revectorised` is code of its own. */
const ALL_VARIANTS = [...VARIANTS, 'revectorised'] as const
const LOG_N = 12
const N = 2 ** LOG_N
const MODULI = [
  ...findNttPrimes(LOG_N, 49, 12),
  ...findNttPrimes(LOG_N, 48.2, 1),
  ...findNttPrimes(LOG_N, 30, 1),
  ...findNttPrimes(LOG_N, 20, 1)
]
const ALL = MODULI.map((_, i) => i)

/** Key stream of (seed, label, index) by OpenSSL: 4-byte counter, then the 12-byte nonce. */
function keyStream(seed: Uint8Array, label: string, index: number, bytes: number): BigUint64Array {
  const iv = new Uint8Array(16)
  iv.set(new TextEncoder().encode(label), 4)
  new DataView(iv.buffer).setUint32(8, index, true)
  const stream = createCipheriv('chacha20', seed, iv).update(new Uint8Array(bytes))
  return new BigUint64Array(Uint8Array.from(stream).buffer)
}

function moments(values: ArrayLike<number>): { mean: number; deviation: number } {
  let sum = 0
  let squares = 0
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!
    squares += values[i]! ** 2
  }
  const mean = sum / values.length
  return { mean, deviation: Math.sqrt(squares / values.length - mean ** 2) }
}

describe.each(ALL_VARIANTS)('samplers (%s)', variant => {
  let ring: Ring
  beforeAll(async () => {
    ring = await makeRing(variant, LOG_N, MODULI)
  })
  const sample = (body: (out: Polynomial) => Polynomial, indices = ALL): Polynomial => body(ring.allocate(indices, 'coefficient'))

  it('ChaCha20 gives the block of RFC 8439, 2.3.2, and the stream of OpenSSL', () => {
    const { kernel } = ring
    kernel.withScratch(64 + 1024 + 576, state => {
      const words = new Uint32Array(kernel.memory.buffer, state, 16)
      words.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574])
      for (let i = 0; i < 8; i++) words[4 + i] = (4 * i) | ((4 * i + 1) << 8) | ((4 * i + 2) << 16) | ((4 * i + 3) << 24)
      words.set([1, 0x09000000, 0x4a000000, 0], 12)
      kernel.exports.keyStream(state + 64, 4, state)
      const block = Array.from(new Uint32Array(kernel.memory.buffer, state + 64, 16))
      const expected =
        'e4e7f110 15593bd1 1fdd0f50 c47120a3 c7f4d1c7 0368c033 9aaa2204 4e6cd4c3 466482d2 09aa9f07 05d7c214 a2028bd9 d19c12b5 b94e16de e883d0cb 4e3c50a2'
      expect(block.map(word => word.toString(16).padStart(8, '0')).join(' ')).toBe(expected)
      expect(words[12]).toBe(17)
      const key = Uint8Array.from({ length: 32 }, (_, i) => i)
      const iv = Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0])
      const stream = createCipheriv('chacha20', key, iv).update(new Uint8Array(1024))
      expect(Buffer.compare(Buffer.from(kernel.bytes.slice(state + 64, state + 64 + 1024)), stream)).toBe(0)
    })
  })

  it('uniform: rejection of ten candidates per 64 bytes, a stream per modulus, in the order of the memory', () => {
    const seed = seedOf(1)
    const a = sample(out => ring.uniform(out, seed))
    const b = ring.uniform(ring.allocate(ALL, 'ntt'), seed)
    expect([a.domain, b.domain]).toEqual(['coefficient', 'ntt'])
    const want = MODULI.map((q, index) => {
      const mask = (1n << BigInt(ring.moduli[index]!.bits)) - 1n
      const words = Array.from(keyStream(seed, 'unif', index, 8 * 4 * N))
      const candidates: bigint[] = []
      for (let i = 0; i < words.length; i += 8) {
        const own = words.slice(i, i + 8)
        const spare = own.map(word => word >> 49n)
        const joined = (k: number): bigint => [0, 2, 4, 6].reduce((sum, j) => sum + (spare[j + k]! << BigInt((15 * j) / 2)), 0n)
        candidates.push(...[...own, joined(0), joined(1)].map(word => word & mask))
      }
      return candidates.filter(candidate => candidate < q).slice(0, N)
    })
    expect(rowsOf(a)).toEqual(want)
    // Kernel order: position i of the memory is position exchange(i) of the standard order.
    const exchange = (i: number): number => {
      const k = Math.floor(i / (N / 4))
      const r = i % (N / 4)
      return (r % 4) * (N / 4) + (r - (r % 4)) + k
    }
    const standard = want.map(row => row.map((_, i) => row[exchange(i)]!))
    expect(rowsOf(b)).toEqual(standard)
    expect(rowsOf(ring.uniform(ring.allocate([3, 13], 'ntt'), seed))).toEqual([standard[3], standard[13]])
  })

  it('uniform: mean and deviation', () => {
    const a = sample(out => ring.uniform(out, seedOf(2)))
    MODULI.forEach((q, k) => {
      const { mean, deviation } = moments(a.row(k))
      expect(Math.abs(mean) / Number(q)).toBeLessThan(5 * Math.sqrt(1 / 12 / N))
      expect(Math.abs((deviation / Number(q)) * Math.sqrt(12) - 1)).toBeLessThan(0.04)
    })
  })

  it('ternary: two-bit rejection, the same vector in every row, each value a third', () => {
    const seed = seedOf(3)
    const a = ring.ternary(ring.allocate(ALL, 'ntt'), seed)
    expect(a.domain).toBe('coefficient')
    const want: bigint[] = []
    for (const word of keyStream(seed, 'tern', 0, 16384)) {
      for (let j = 0n; j < 64n; j += 2n) if (((word >> j) & 3n) !== 3n) want.push(((word >> j) & 3n) - 1n)
    }
    expect(toBigIntegers(a)).toEqual(want.slice(0, N))
    for (const value of [-1n, 0n, 1n]) {
      const count = want.slice(0, N).filter(x => x === value).length
      expect(Math.abs(count - N / 3)).toBeLessThan(5 * Math.sqrt((N * 2) / 9))
    }
  })

  it('gaussian: the distribution, the bound, the same vector in every row', () => {
    const counts = new Map<number, number>()
    const total = 40 * N
    let sum = 0
    let squares = 0
    using a = ring.allocate(ALL, 'ntt')
    for (let i = 0; i < 40; i++) {
      ring.gaussian(a, seedOf(i))
      for (const x of a.row(0)) {
        counts.set(x, (counts.get(x) ?? 0) + 1)
        sum += x
        squares += x * x
      }
      expect(a.row(12)).toEqual(a.row(0))
    }
    expect(a.domain).toBe('coefficient')
    expect(toBigIntegers(a).map(Number)).toEqual(Array.from(a.row(0)))
    expect(Math.max(...counts.keys())).toBeLessThanOrEqual(19)
    expect(Math.min(...counts.keys())).toBeGreaterThanOrEqual(-19)
    expect(Math.abs(sum / total)).toBeLessThan((5 * 3.2) / Math.sqrt(total))
    expect(Math.abs(Math.sqrt(squares / total) / 3.2 - 1)).toBeLessThan(0.01)
    const weights = Array.from({ length: 39 }, (_, i) => Math.exp(-((i - 19) ** 2) / (2 * 3.2 ** 2)))
    const norm = weights.reduce((s, w) => s + w, 0)
    // χ² over the values expected at least ten times.
    let chi = 0
    let cells = 0
    weights.forEach((weight, i) => {
      const expected = (weight / norm) * total
      if (expected < 10) return
      chi += ((counts.get(i - 19) ?? 0) - expected) ** 2 / expected
      cells++
    })
    expect(chi).toBeLessThan(cells + 5 * Math.sqrt(2 * cells))
  })

  it.each([0.5, 1, 8, 32])('gaussian with sigma %f', sigma => {
    using a = sample(out => ring.gaussian(out, seedOf(7), sigma))
    const expectedDeviation =
      sigma === 0.5 ? Math.sqrt((2 * (Math.exp(-2) + 4 * Math.exp(-8))) / (1 + 2 * (Math.exp(-2) + Math.exp(-8)))) : sigma
    const { mean, deviation } = moments(a.row(0))
    expect(Math.abs(mean)).toBeLessThan((5 * sigma) / Math.sqrt(N))
    expect(Math.abs(deviation / expectedDeviation - 1)).toBeLessThan(0.06)
    expect(a.row(0).every(x => Math.abs(x) <= 6 * sigma)).toBe(true)
  })

  it.each([1, 100, 2 ** 30.5, 2 ** 40, 2 ** 41, 2 ** 60, 2 ** 128.3, 2 ** 200])(
    'wideGaussian with sigma %f: moments, shape, consistent rows',
    sigma => {
      using a = ring.wideGaussian(ring.allocate(ALL, 'ntt'), seedOf(8), sigma)
      expect(a.domain).toBe('coefficient')
      const values = Float64Array.from(toBigIntegers(a), Number)
      const { mean, deviation } = moments(values)
      expect(Math.abs(mean) / sigma).toBeLessThan(5 / Math.sqrt(N))
      expect(Math.abs(deviation / Math.sqrt(sigma ** 2 + (sigma < 2 ** 20 ? 1 / 12 : 0)) - 1)).toBeLessThan(0.05)
      const within = values.filter(x => Math.abs(x) < sigma).length / N
      if (sigma > 10) expect(Math.abs(within - 0.6827)).toBeLessThan(0.035)
      if (sigma > 2 ** 60) {
        // The low bits are there and uniform: the value is no multiple of a power of two.
        const odd = toBigIntegers(a).filter(x => x & 1n).length
        expect(Math.abs(odd - N / 2)).toBeLessThan(2.5 * Math.sqrt(N))
      }
    }
  )

  it.each([1, 7, 48, 49, 96, 100, 180, 512])('uniformBits of %i bits: limbs of the stream, centred', bits => {
    const seed = seedOf(9)
    using a = ring.uniformBits(ring.allocate(ALL, 'ntt'), seed, bits)
    expect(a.domain).toBe('coefficient')
    const want = new Array<bigint>(N).fill(-(1n << BigInt(bits - 1)))
    for (let limb = 0; limb * 48 < bits; limb++) {
      const width = BigInt(Math.min(48, bits - 48 * limb))
      keyStream(seed, 'bits', limb, 8 * N).forEach((word, i) => {
        want[i]! += (word & ((1n << width) - 1n)) << BigInt(48 * limb)
      })
    }
    expect(rowsOf(a)).toEqual(MODULI.map(q => want.map(x => modulo(x, q))))
    if (bits < 500) {
      const Q = productOf(ring, ALL)
      expect(toBigIntegers(a)).toEqual(want.map(x => centred(x, Q)))
    }
  })

  it('checks its arguments', () => {
    using out = ring.allocate([0], 'coefficient')
    expect(() => ring.uniform(out, new Uint8Array(31))).toThrow(LengthMismatchError)
    expect(() => ring.gaussian(out, seedOf(1), 0.1)).toThrow(InvalidArgumentError)
    expect(() => ring.gaussian(out, seedOf(1), 33)).toThrow(InvalidArgumentError)
    expect(() => ring.gaussian(out, seedOf(1), Number.NaN)).toThrow(InvalidArgumentError)
    expect(() => ring.wideGaussian(out, seedOf(1), 2 ** 201)).toThrow(InvalidArgumentError)
    expect(() => ring.uniformBits(out, seedOf(1), 513)).toThrow(InvalidArgumentError)
    expect(() => ring.uniformBits(out, seedOf(1), 0)).toThrow(InvalidArgumentError)
    expect(() => ring.uniformBits(out, seedOf(1), 1.5)).toThrow(InvalidArgumentError)
  })

  it('leaves no key stream behind', () => {
    using out = ring.allocate([0], 'coefficient')
    const seed = Uint8Array.from({ length: 32 }, (_, i) => 200 - i)
    ring.gaussian(out, seed)
    expect(Buffer.from(ring.kernel.bytes).includes(Buffer.from(seed))).toBe(false)
  })
})

describe('samplers on different variants', () => {
  it('give the same bytes', async () => {
    const all = await Promise.all(
      ALL_VARIANTS.map(async variant => {
        const ring = await makeRing(variant, LOG_N, MODULI)
        const out = ring.allocate(ALL, 'coefficient')
        return [
          ring.encodePacked(ring.uniform(out, seedOf(1))),
          ring.encodePacked(ring.ternary(out, seedOf(1))),
          ring.encodePacked(ring.gaussian(out, seedOf(1))),
          ring.encodePacked(ring.wideGaussian(out, seedOf(1), 2 ** 90.3)),
          ring.encodePacked(ring.uniformBits(out, seedOf(1), 181))
        ].map(bytes => Buffer.from(bytes).toString('base64'))
      })
    )
    expect(all[1]).toEqual(all[0])
    expect(all[2]).toEqual(all[0])
    expect(new Set(all[0]).size).toBe(5)
  })
})

describe('seeds', () => {
  it('deriveSeed separates lists of labels', () => {
    const seed = seedOf(5)
    const seeds = [
      deriveSeed(seed),
      deriveSeed(seed, ''),
      deriveSeed(seed, 'ab'),
      deriveSeed(seed, 'a', 'b'),
      deriveSeed(seed, 'b', 'a'),
      deriveSeed(seed, 1),
      deriveSeed(seed, '1'),
      deriveSeed(seed, new Uint8Array([49])),
      deriveSeed(seed, new TextEncoder().encode('ab')),
      deriveSeed(seedOf(6), 'ab')
    ]
    expect(new Set(seeds.map(s => Buffer.from(s).toString('hex'))).size).toBe(seeds.length)
    expect(deriveSeed(seed, 'a', 3)).toEqual(deriveSeed(seed, 'a', 3))
    expect(seeds.every(s => s.length === 32)).toBe(true)
  })

  it('randomSeed gives 32 fresh bytes', () => {
    expect(randomSeed().length).toBe(32)
    expect(randomSeed()).not.toEqual(randomSeed())
  })
})
