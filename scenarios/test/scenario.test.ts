import { fileURLToPath } from 'node:url'
import { loadScenario, partiesOf, runScenario, ScenarioFileError } from '@slytherin/scenarios'
import { describe, expect, it } from 'vitest'
import { expectAnswers } from './support/answers.js'

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

describe('data that are not here', () => {
  it('are missed before anything starts, with where they are had', async () => {
    const { data, ...scenario } = await loadScenario(file)
    const missing = { ...data, calibration: '/nowhere/data_batch_1.bin', source: 'https://example.org/images' }
    await expect(runScenario({ ...scenario, data: missing })).rejects.toThrow(
      '/nowhere/data_batch_1.bin: no such file; its data are had from https://example.org/images: put them into /nowhere'
    )
    await expect(runScenario({ ...scenario, data: { ...data, samples: '/nowhere/x.npz#x' } })).rejects.toThrow(ScenarioFileError)
  })
})

describe('a scenario among processes', () => {
  it('answers as the clear model does', async () => await expectAnswers('kernel'))
})
