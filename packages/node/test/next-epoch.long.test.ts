/** Keys that follow, among processes and by commands alone: a model is moved while its owner is away, and asked under the grant that it had. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AnswerReport, EpochReport, ModelReport, QueryReport, StatusReport } from '../src/control/reports.js'
import { ServiceCohort, until } from './support/service-cohort.js'

const MODELS = fileURLToPath(new URL('../../../models', import.meta.url))
const MODEL = `${MODELS}/onnx/breast-cancer-wdbc-mlp-square.onnx`
const SAMPLES = `${MODELS}/data/breast-cancer-wdbc-test-x.npy`
type Asked = QueryReport & { answer: AnswerReport }

let cohort: ServiceCohort
beforeAll(async () => {
  cohort = await ServiceCohort.make({
    carol: ['evaluator'],
    a: ['key-holder'],
    b: ['key-holder'],
    c: ['key-holder'],
    owner: ['model-owner'],
    clinic: ['querier', 'data-owner']
  })
  await Promise.all(cohort.names.map(async name => await cohort.start(name)))
})
afterAll(async () => {
  await cohort?.remove()
})

it('slytherin cohort next: the model goes along', async () => {
  await until(async () => {
    const { peers } = await cohort.ask<StatusReport>('carol', 'status')
    return peers.filter(({ state, software }) => state === 'up' && software !== undefined).length === 5 ? true : undefined
  }, 'everybody up')
  const create = ['cohort', 'create', 'hospitals', '--for', MODEL, '--batch', '2', '--flooding-bits', '30', '--decryptions', '1024']
  const epoch = await cohort.ask<EpochReport>('carol', ...create)
  await until(async () => (await cohort.ask<{ epochs: unknown[] }>('owner', 'cohort', 'status')).epochs[0], 'the owner knows the keys')
  await cohort.ask<ModelReport>('owner', 'model', 'publish', MODEL, '--name', 'cancer', '--batch', '2', '--movable')
  await cohort.ask('owner', 'grant', 'create', 'clinic', '--models', 'cancer', '--queries', '2')
  const models = async (): Promise<ModelReport[]> => await cohort.ask<ModelReport[]>('clinic', 'model', 'list')
  await until(async () => (await models())[0], 'the clinic knows the model')
  await until(async () => (await cohort.ask<unknown[]>('clinic', 'grant', 'list'))[0], 'the clinic has its grant')
  const ask = async (): Promise<Asked> =>
    await cohort.ask<Asked>('clinic', 'query', 'cancer', '--samples', SAMPLES, '--count', '2', '--follow')
  const before = await ask()
  await cohort.stop('owner', 'SIGKILL')
  const next = await cohort.ask<EpochReport>('carol', 'cohort', 'next', 'hospitals', '--days', '30')
  expect(next).toMatchObject({ cohort: 'hospitals', threshold: 2, generation: 0, logN: 8 })
  expect(next.epoch).not.toBe(epoch.epoch)
  await until(async () => (await models()).find(model => model.epoch === next.epoch), 'the model has moved')
  const after = await ask()
  for (const [k, row] of before.answer.logits.entries()) {
    for (const [j, value] of row.entries())
      expect(Math.abs(after.answer.logits[k]![j]! - value)).toBeLessThan(0.05 * Math.max(...row.map(Math.abs)))
  }
  await expect(ask()).rejects.toThrow(/2 queries/)
})
