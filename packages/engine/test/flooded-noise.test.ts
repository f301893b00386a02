/** What flooding is sized by: never by what costs a model owner nothing to understate. */
import { type Architecture, describePlan, type Plan, parsePlan, plan } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.js'

const TINY = 2 ** -60
const WISHES = {
  data: 'encrypted',
  weights: 'encrypted',
  parties: 3,
  batch: 8,
  maximumDecryptions: 64,
  logN: 14,
  floodingBits: 30
} as const

/** Norms and sensitivities 2^60 too small. */
function understated(architecture: Architecture): Architecture {
  const layers = architecture.layers.map((layer): Architecture['layers'][number] =>
    layer.kind === 'affine'
      ? { ...layer, sensitivity: TINY, rowNorm: TINY, norms: { input: TINY, gain: TINY } }
      : { ...layer, sensitivity: TINY }
  )
  return { ...architecture, input: { ...architecture.input, sensitivity: TINY }, layers }
}

const withArchitecture = (made: Plan, architecture: Architecture): Plan =>
  plan(architecture, { ...WISHES, floodingBounds: made.floodingBounds })

describe('what flooding is sized by', () => {
  const honest = architectureFor('breast-cancer-wdbc-mlp-square')
  const made = plan(honest, WISHES)

  test('is what the largest values allow, where others than the model owner hold keys', () => {
    expect(made.floodingBounds).toBe('magnitudes')
    expect(made.output.floodedNoise).toBeGreaterThan(made.output.noise - 1)
    expect(plan(honest, { ...WISHES, weights: 'clear', parties: 1 }).floodingBounds).toBe('norms')
  })

  test('does not shrink with understated norms and sensitivities, as the expected noise does', () => {
    const lying = withArchitecture(made, understated(honest))
    const relative = ({ output }: Plan, noise: number): number => noise - Math.log2(output.scale)
    expect(Math.abs(relative(lying, lying.output.floodedNoise) - relative(made, made.output.floodedNoise))).toBeLessThan(4)
    expect(relative(lying, lying.output.noise)).toBeLessThan(relative(lying, lying.output.floodedNoise) - 10)
  })

  test('does not shrink so for one party that holds the whole key and is not the model owner', () => {
    const alone = plan(honest, { ...WISHES, parties: 1 })
    const lying = plan(understated(honest), { ...WISHES, parties: 1 })
    const relative = ({ output }: Plan): number => output.floodedNoise - Math.log2(output.scale)
    expect(Math.abs(relative(lying) - relative(alone))).toBeLessThan(4)
    expect(lying.output.floodedNoise).toBeGreaterThan(lying.output.noise + 10)
  })

  test('counts with weights as large as the values of a layer call for, whatever is published of them', () => {
    const layers = honest.layers.map(layer =>
      layer.kind === 'affine' ? { ...layer, weightMagnitude: layer.weightMagnitude * TINY } : layer
    )
    const lying = withArchitecture(made, { ...honest, layers })
    expect(lying.output.floodedNoise - Math.log2(lying.output.scale)).toBeGreaterThan(
      made.output.floodedNoise - Math.log2(made.output.scale) - 30
    )
  })

  test('and the distance are derived again from a plan that is parsed', () => {
    const document = (): Record<string, never> => JSON.parse(JSON.stringify(made))
    expect(() => parsePlan({ ...document(), output: { ...made.output, floodedNoise: made.output.floodedNoise - 5 } })).toThrow(
      /output\.floodedNoise/
    )
    expect(() => parsePlan({ ...document(), floodingDistanceBits: 40 })).toThrow(/floodingDistanceBits/)
  })

  test('is planned for a distance of 2^-40 unless flooding is fixed; a plan that has less says what that would take', () => {
    const { floodingBits: _, ...free } = WISHES
    const wanted = plan(honest, free)
    expect(wanted.floodingDistanceBits).toBeGreaterThanOrEqual(40)
    expect(wanted.precision.relativeError).toBeLessThanOrEqual(0.005)
    expect(describePlan(wanted)).toMatch(/89 bits of security, a statistical distance of 2\^-40\.3/)
    expect(describePlan(made)).toMatch(/2\^-40 would take 89 bits of security and 29\.5 bits more/)
  })
})
