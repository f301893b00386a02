import { endToEnd, KERNEL_COSTS, LAN, parsePlan, plan } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { architectureFor } from './simulate.ts'

const QUERY = { batch: 83, data: 'encrypted', weights: 'clear', parties: 1, floodingBits: 30, logN: 14 } as const

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

describe('inputs that are encrypted with the whole key', () => {
  const architecture = architectureFor('cryptonet-square')
  const seeded = plan(architecture, { ...QUERY, seededInputs: true })
  const usual = plan(architecture, QUERY)
  const bytesOf = ({ costs, inputs, batchBlocks }: typeof usual): number => costs.bytes.input / (inputs.count * batchBlocks)

  test('are half as long, and less noisy', () => {
    expect(seeded.inputs.seeded).toBe(true)
    expect(usual.inputs).not.toHaveProperty('seeded')
    const rows = (made: typeof usual): number => made.inputs.level + 1
    expect(bytesOf(usual) / rows(usual)).toBeCloseTo((2 * bytesOf(seeded)) / rows(seeded), -4)
    expect(endToEnd(seeded, KERNEL_COSTS, LAN).bytes.up).toBe(seeded.costs.bytes.input)
    // the same steps, of which tracking is asked
    const { noise } = usual.output
    const tracked = /tracking gives (\S+)$/.exec(refusal(() => parsePlan({ ...usual, inputs: { ...usual.inputs, seeded: true } })))![1]
    expect(Number(tracked)).toBeLessThan(noise)
  })

  test('are refused where nobody could make them', () => {
    expect(() => plan(architecture, { ...QUERY, parties: 3, seededInputs: true })).toThrow(/seededInputs/)
    expect(() => plan(architecture, { ...QUERY, data: 'clear', weights: 'encrypted', seededInputs: true })).toThrow(/seededInputs/)
    const shared = plan(architecture, { ...QUERY, parties: 3 })
    expect(() => parsePlan({ ...shared, inputs: { ...shared.inputs, seeded: true } })).toThrow(/inputs.seeded.*3 key holders/)
    expect(parsePlan(JSON.parse(JSON.stringify(seeded))).inputs).toEqual(seeded.inputs)
  })
})
