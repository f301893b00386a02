/** The two scenarios in which one operand is clear at the evaluator, among real processes. */
import { fileURLToPath } from 'node:url'
import { failuresOf, loadScenario, partiesOf, runScenario, type Scenario } from '@slytherin/scenarios'
import { describe, expect, it } from 'vitest'
import { smallScenario } from './support.js'

/** The parties and operands of a scenario file, on the small network: ten samples in batches of six. */
async function small(file: string): Promise<Scenario> {
  const { parties, session } = await loadScenario(fileURLToPath(new URL(`../${file}`, import.meta.url)))
  return smallScenario({ images: 10, batch: 6, parties, session: { ...session, minimumRefreshes: 1 } })
}

describe.each(['encrypted-data', 'encrypted-model'])('%s', name => {
  it('answers as the clear model does, batch after batch', async () => {
    const scenario = await small(`${name}.yaml`)
    const { report } = await runScenario(scenario)
    expect(failuresOf(report, scenario)).toEqual([])
    expect(report).toMatchObject({ parties: 1, images: 10, batch: 6, queries: 2, agreement: 1 })
    expect(report.refreshes).toBeGreaterThanOrEqual(2)
    expect(report.parameters.securityBits).toBeGreaterThanOrEqual(128)
    const { modelUpload, dataEncryption } = report.secondsByPhase
    expect(modelUpload).toBeGreaterThan(0)
    if (name === 'encrypted-data') expect(dataEncryption).toBeGreaterThan(0)
    const phases = (party: string): Record<string, { sent: number; received: number }> => report.bytesByParty[party]!.phases
    const bytes = (party: string, phase: string): number => (phases(party)[phase]?.sent ?? 0) + (phases(party)[phase]?.received ?? 0)
    expect(partiesOf(scenario).map(party => party.name)).toEqual(
      name === 'encrypted-data' ? ['hospital', 'company'] : ['company', 'hospital']
    )
    // Only what is encrypted is sent.
    expect(bytes('company', 'model-upload') > 0).toBe(name === 'encrypted-model')
    expect(bytes('hospital', 'input') > 0).toBe(name === 'encrypted-data')
  })
})
