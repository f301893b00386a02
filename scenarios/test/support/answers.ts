/** Scenarios that are run whole, and what must be true of their reports. */
import { fileURLToPath } from 'node:url'
import { failuresOf, loadScenario, partiesOf, renderReport, runScenario, type Scenario } from '@slytherin/scenarios'
import { expect, inject } from 'vitest'
import { smallScenario } from '../support.js'

/** The small network, both operands encrypted. */
export async function expectAnswers(evaluator: Scenario['evaluator']): Promise<void> {
  // The kernel's evaluator measures its machine, as parties do where nothing else is said.
  const scenario = smallScenario({ evaluator, costs: evaluator === 'kernel' ? 'measured' : 'reference' })
  const { report, predictions, clear } = await runScenario(scenario, { commandOf: () => inject('command') })
  expect(failuresOf(report, scenario)).toEqual([])
  expect(report).toMatchObject({ scenario: 'small', parties: 2, images: 16, agreement: 1, evaluator })
  expect(report.accuracyEncrypted).toBe(report.accuracyClear)
  expect(report.refreshes).toBeGreaterThanOrEqual(1)
  expect(report.parameters.securityBits).toBeGreaterThanOrEqual(128)
  expect(report.parameters.floodingBits).toBeGreaterThanOrEqual(30)
  expect(report.maxLogitError).toBeGreaterThan(0)
  expect(report.peakMemoryBytes).toBeGreaterThan(2 ** 26)
  expect(Object.keys(report.secondsByPhase)).toEqual([
    'ceremony',
    'modelUpload',
    'dataEncryption',
    'evaluation',
    'refresh',
    'result',
    'total'
  ])
  for (const seconds of Object.values(report.secondsByPhase)) expect(seconds).toBeGreaterThan(0)
  expect(report.layers.filter(layer => layer.kind === 'refresh')).toHaveLength(report.refreshes)
  for (const layer of report.layers) expect(layer.seconds, layer.name).toBeGreaterThan(0)
  const steps = report.layers.reduce((sum, layer) => sum + layer.seconds, 0)
  expect(steps).toBeLessThan(report.secondsByPhase.evaluation)
  for (const party of partiesOf(scenario)) expect(report.bytesByParty[party.name]!.sent).toBeGreaterThan(1000)
  expect(renderReport(report, predictions, clear)).toContain('16 of 16')
}

/** The parties and operands of a scenario file, on the small network: ten samples in batches of six. */
async function small(file: string): Promise<Scenario> {
  const { parties, session } = await loadScenario(fileURLToPath(new URL(`../../${file}`, import.meta.url)))
  return smallScenario({ images: 10, batch: 6, parties, session: { ...session, minimumRefreshes: 1 } })
}

/** A scenario in which one operand is clear at the evaluator. */
export async function expectAnswersWithClearOperand(name: 'encrypted-data' | 'encrypted-model'): Promise<void> {
  const scenario = await small(`${name}.yaml`)
  const { report } = await runScenario(scenario, { commandOf: () => inject('command') })
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
}
