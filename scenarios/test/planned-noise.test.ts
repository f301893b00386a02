/** What a plan says of flooding and masks is what the multiparty package does, to the last place: both take it from one set of formulas. */
import { type Context, NoiseModel, Parameters } from '@slytherin/ckks'
import { type PlanOptions, plan, refreshShares, switchShares } from '@slytherin/engine'
import { checkHeadroom, noiseAfterFlooding, Refresh, slotPrecision, WholeKeyRefresh } from '@slytherin/mhe'
import { describe, expect, it } from 'vitest'
import { recorded } from './observation.js'

const WORST_CASE_DEVIATIONS = 5

describe.each([
  ['everything encrypted', { data: 'encrypted', weights: 'encrypted', parties: 3 }],
  ['everything encrypted and two of five key holders', { data: 'encrypted', weights: 'encrypted', parties: 5, threshold: 2 }],
  ['the model clear at the evaluator', { data: 'encrypted', weights: 'clear', parties: 1 }],
  ['the model clear at the evaluator and two of three key holders', { data: 'encrypted', weights: 'clear', parties: 3, threshold: 2 }],
  ['the data clear at the evaluator', { data: 'clear', weights: 'encrypted', parties: 2 }]
] as const)('a plan with %s', (_, operands) => {
  const made = async (options: Partial<PlanOptions> = {}) => {
    const { plan: known } = await recorded({ images: 4 })
    return plan(known.architecture, { ...operands, batch: 64, minimumRefreshes: 1, ...options })
  }
  const contextOf = ({ parameters: json, parties }: Awaited<ReturnType<typeof made>>) => {
    const parameters = Parameters.fromJSON(json)
    return { parameters, noise: new NoiseModel(parameters, parties), parties } satisfies Partial<Context>
  }

  it('ends with the error that its flooding leaves', async () => {
    const small = await made()
    const { output, floodingBits: securityBits, maximumDecryptions, precision, threshold } = small
    const context = contextOf(small)
    const shares = switchShares(threshold, small.operands)
    const flooding = { securityBits, maximumDecryptions }
    const left = slotPrecision(context, noiseAfterFlooding(context, output.noise, flooding, shares, output.floodedNoise), output.scale)
    expect(precision.worstError).toBeCloseTo(WORST_CASE_DEVIATIONS * 2 ** -left, 12)
    expect(() => checkHeadroom(context, { ...output, noise: output.floodedNoise }, flooding, shares)).not.toThrow()
    expect(noiseAfterFlooding(context, output.floodedNoise, flooding, shares)).toBeGreaterThan(output.floodedNoise + securityBits / 2)
  })

  it('refreshes no lower than shares are given', async () => {
    const small = await made()
    const { parameters } = contextOf(small)
    expect(small.refreshes.length).toBeGreaterThan(0)
    for (const { level, scale, magnitude } of small.refreshes) {
      expect(level).toBeGreaterThanOrEqual(
        small.parties === 1
          ? WholeKeyRefresh.minimumLevel(parameters, scale, magnitude)
          : Refresh.minimumLevel(parameters, refreshShares(small.threshold, small.operands), scale, magnitude)
      )
    }
  })
})
