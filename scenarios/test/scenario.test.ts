import { fileURLToPath } from 'node:url'
import { failuresOf, loadScenario, partiesOf, renderReport, runScenario, ScenarioFileError } from '@slytherin/scenarios'
import { describe, expect, it } from 'vitest'
import { smallScenario } from './support.js'

const file = fileURLToPath(new URL('../both-encrypted.yaml', import.meta.url))

describe('a scenario file', () => {
  it('is read, with what the command line says on top', async () => {
    const scenario = await loadScenario(file, { parties: 5, images: 7, evaluator: 'seal' })
    expect(partiesOf(scenario).filter(party => party.roles.includes('key-holder'))).toHaveLength(5)
    expect(scenario).toMatchObject({ images: 7, evaluator: 'seal', session: { minimumRefreshes: 1 } })
  })

  it.each(['encrypted-data', 'encrypted-model'])('%s can have further key holders', async name => {
    const path = fileURLToPath(new URL(`../${name}.yaml`, import.meta.url))
    const holders = async (parties: number): Promise<string[]> =>
      partiesOf(await loadScenario(path, { parties }))
        .filter(party => party.roles.includes('key-holder'))
        .map(party => party.name)
    expect(await holders(1)).toHaveLength(1)
    expect((await holders(3)).slice(1)).toEqual(['key-holder-1', 'key-holder-2'])
  })

  it('that is missing or wrong is refused with the key at fault', async () => {
    await expect(loadScenario('/nowhere.yaml')).rejects.toThrow(ScenarioFileError)
    await expect(loadScenario(fileURLToPath(new URL('../package.json', import.meta.url)))).rejects.toThrow(/model: /)
  })
})

describe('a scenario among processes', () => {
  for (const evaluator of ['kernel', 'seal'] as const) {
    it(`answers as the clear model does (${evaluator})`, async () => {
      const scenario = smallScenario({ evaluator })
      const { report, predictions, clear } = await runScenario(scenario)
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
    })
  }
})
