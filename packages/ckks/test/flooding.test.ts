import {
  Context,
  combineNoise,
  floodedBits,
  floodingDistanceBits,
  floodingFactor,
  floodingGrowth,
  floodingNoise,
  leastMaskBits,
  maskBits,
  maskedModulusBits,
  minimumNoise,
  minimumRefreshLevel,
  minimumWholeKeyRefreshLevel,
  NoiseModel,
  noiseAfterFlooding,
  Parameters,
  refreshErrorNoise,
  refreshNoise,
  SOURCE_MARGIN_BITS,
  securityBitsFor,
  slotNoise,
  wholeKeyModulusBits
} from '@slytherin/ckks'
import { loadKernel } from '@slytherin/ring'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SECURE } from './support.js'

const FLOODING = { securityBits: 30, maximumDecryptions: 64 }
const PARTIES = 3
const parameters = Parameters.generate({ ...SECURE, insecure: true, logN: 12, levels: 6 })
const model = new NoiseModel(parameters, PARTIES)

describe('flooding', () => {
  it('is sqrt(12·τ)·2^(s/2) times the tracked noise, of every share', () => {
    expect(2 ** floodingFactor(FLOODING)).toBeCloseTo(Math.sqrt(12 * 64) * 2 ** 15, 3)
    expect(floodingNoise(model, 20, FLOODING)).toBeCloseTo(20 + 4.792481250360578 + 15, 10)
    expect(floodingNoise(model, -50, FLOODING)).toBe(floodingNoise(model, minimumNoise(model), FLOODING))
  })

  it('of several shares is tracked with the margin of a source of noise', () => {
    expect(floodingGrowth(FLOODING, 4)).toBeCloseTo(1 + floodingFactor(FLOODING) + SOURCE_MARGIN_BITS, 12)
    const flood = 0.5 * Math.log2(3) + floodingNoise(model, 20, FLOODING) + SOURCE_MARGIN_BITS
    // 3 encryptions of zero, of variance 2·N·(2/3)·3.2² each
    const zeros = Math.log2(3.2) + 0.5 * Math.log2(3 * 2 * 4096 * (2 / 3)) + SOURCE_MARGIN_BITS
    expect(noiseAfterFlooding(model, 20, FLOODING, 3)).toBeCloseTo(combineNoise(20, flood, zeros), 12)
    // to be changed only together with the version of plans: parties refuse each other's otherwise
    expect(noiseAfterFlooding(model, 20, FLOODING, 3)).toBeCloseTo(40.7349625, 6)
  })

  it('and a message must fit below half of the modulus', () => {
    expect(floodedBits(40)).toBe(43)
    expect(floodedBits(40, 43)).toBe(44)
    expect(floodedBits(40, 200)).toBe(200)
    expect(floodedBits(Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY)
  })

  it('shows in a slot by sqrt(N/2) over the scale', () => {
    expect(slotNoise(2 ** 13, 20, 2 ** 40)).toBe(20 + 6 - 40)
  })
})

describe('what flooding gives', () => {
  it('as a statistical distance: Pinsker on the divergence of N coefficients over all decryptions', () => {
    for (const [s, N] of [
      [30, 2 ** 14],
      [89, 2 ** 14],
      [60, 2 ** 13]
    ] as const) {
      const divergence = (N * 2 ** -s) / 24
      expect(2 ** -floodingDistanceBits(s, N) / Math.sqrt(divergence / 2)).toBeCloseTo(1, 9)
    }
    expect(floodingDistanceBits(30, 2 ** 14)).toBeCloseTo(10.79, 2)
  })

  it('from the least whole number of bits that has it', () => {
    for (const N of [2 ** 13, 2 ** 14, 2 ** 15, 2 ** 16]) {
      const bits = securityBitsFor(40, N)
      expect(floodingDistanceBits(bits, N)).toBeGreaterThanOrEqual(40)
      expect(floodingDistanceBits(bits - 1, N)).toBeLessThan(40)
    }
    expect(securityBitsFor(40, 2 ** 14)).toBe(89)
  })

  it('is sized by another noise than the tracked one where one is given', () => {
    expect(noiseAfterFlooding(model, 10, FLOODING, 3, 30)).toBeCloseTo(noiseAfterFlooding(model, 30, FLOODING, 3), 6)
    expect(noiseAfterFlooding(model, 60, FLOODING, 3, 20)).toBeGreaterThan(60)
  })
})

describe('masks of a refresh', () => {
  it('exceed the message by 128 bits', () => {
    expect(leastMaskBits(40)).toBe(168)
    expect(leastMaskBits(40.01)).toBe(169)
    expect(leastMaskBits(-3)).toBe(128)
  })

  it('stay below a quarter of the modulus, all together with the message', () => {
    for (const shares of [1, 2, 3, 5, 100]) {
      for (const magnitude of [2 ** -20, 1, 7, 1000]) {
        const { scale } = parameters
        const level = minimumRefreshLevel(parameters, shares, scale, magnitude)!
        const bits = maskedModulusBits(Math.log2(scale * magnitude), shares)
        expect(parameters.logModulus(level)).toBeGreaterThanOrEqual(bits)
        expect(parameters.logModulus(level - 1)).toBeLessThan(bits)
        const largest =
          BigInt(shares) * 2n ** BigInt(maskBits(parameters, level, shares, Math.log2(scale * magnitude)) - 1) +
          BigInt(Math.ceil(scale * magnitude))
        const modulus = parameters.primes.slice(0, level + 1).reduce((product, { value }) => product * value, 1n)
        expect(4n * largest <= modulus).toBe(true)
      }
    }
    expect(minimumRefreshLevel(parameters, 2, 2 ** 200, 1)).toBeUndefined()
  })

  it('fill the modulus wherever there is more of it', () => {
    const { maxLevel } = parameters
    for (const shares of [1, 2, 3, 4, 5]) {
      const bits = maskBits(parameters, maxLevel, shares, 40)
      expect(bits).toBe(Math.floor(parameters.logModulus(maxLevel)) - 2 - Math.ceil(Math.log2(shares)))
      expect(bits).toBeGreaterThan(leastMaskBits(40))
    }
  })

  it('of who holds the whole key wrap a ciphertext with a probability below 2^-40', () => {
    for (const magnitude of [2 ** -20, 1, 7, 1000]) {
      const { scale, N } = parameters
      const level = minimumWholeKeyRefreshLevel(parameters, scale, magnitude)!
      const modulus = (top: number): bigint => parameters.primes.slice(0, top + 1).reduce((product, { value }) => product * value, 1n)
      // the sum of the absolute values of all coefficients, twice
      const largest = (2n * BigInt(Math.sqrt(N)) * BigInt(Math.ceil(scale * 2 ** 20 * Math.max(magnitude, 1 / scale)))) / 2n ** 20n
      expect(modulus(level) >= 2n ** 40n * largest).toBe(true)
      expect(modulus(level - 1) < 2n ** 40n * largest).toBe(true)
      expect(wholeKeyModulusBits(Math.log2(scale * magnitude), parameters.logN)).toBeCloseTo(40 + Math.log2(Number(largest)), 6)
    }
    expect(minimumWholeKeyRefreshLevel(parameters, 2 ** 300, 1)).toBeUndefined()
  })

  it('are sized by coefficients that sum to no more than √N·scale·magnitude', async () => {
    const context = Context.create(parameters, await loadKernel())
    const { scale, slots, N } = parameters
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: slots }), (frequency, filled) => {
        const values = Float64Array.from({ length: slots }, (_, k) => (k < filled ? Math.sign(Math.sin(frequency * k * k + 0.5)) : 0))
        const { coefficients } = context.encoder.coefficients(values, parameters.maxLevel, scale)
        // each rounded
        expect(coefficients.reduce((sum, value) => sum + Math.abs(value), 0)).toBeLessThanOrEqual(Math.sqrt(N) * scale + N)
      }),
      { numRuns: 10 }
    )
    context.dispose()
  })

  it('leave two errors per share', () => {
    expect(refreshErrorNoise(4)).toBeCloseTo(Math.log2(3.2) + 1 + SOURCE_MARGIN_BITS, 12)
    expect(refreshNoise(4)).toBeCloseTo(combineNoise(refreshErrorNoise(4), refreshErrorNoise(4)), 12)
  })
})
