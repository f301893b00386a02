/** What of a key holder may be restored from a backup, and what may not: docs/operations.md, among processes. */
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AnswerReport, EpochReport, GrantReport, ModelReport, QueryReport, StatusReport } from '../src/control/reports.js'
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
  await cohort.configure('c', text => `${text}metrics: { port: 0 }\n`)
  await Promise.all(cohort.names.map(async name => await cohort.start(name)))
})
afterAll(async () => {
  await cohort?.remove()
})

async function up(...names: string[]): Promise<void> {
  await until(
    async () => {
      const { peers } = await cohort.ask<StatusReport>('carol', 'status')
      return names.every(name => peers.some(peer => peer.name === name && peer.state === 'up' && peer.software !== undefined))
        ? true
        : undefined
    },
    `${names.join(', ')} up`
  )
}

async function ask(): Promise<Asked> {
  return await cohort.ask<Asked>('clinic', 'query', 'cancer', '--samples', SAMPLES, '--count', '2', '--follow')
}

describe('a holder that is restored', () => {
  it('is not started on a ledger of before it gave shares, and helps again under its old identity once it was given a new share', async () => {
    await up('a', 'b', 'c', 'owner', 'clinic')
    const create = ['cohort', 'create', 'hospitals', '--for', MODEL, '--batch', '2', '--flooding-bits', '30', '--decryptions', '1024']
    await cohort.ask<EpochReport>('carol', ...create)
    await until(async () => (await cohort.ask<{ epochs: unknown[] }>('owner', 'cohort', 'status')).epochs[0], 'the owner knows the keys')
    await cohort.ask<ModelReport>('owner', 'model', 'publish', MODEL, '--name', 'cancer', '--batch', '2')
    await cohort.ask<GrantReport>('owner', 'grant', 'create', 'clinic', '--models', 'cancer', '--queries', '10')
    await until(async () => (await cohort.ask<ModelReport[]>('clinic', 'model', 'list'))[0], 'the clinic knows the model')
    await until(async () => (await cohort.ask<GrantReport[]>('clinic', 'grant', 'list'))[0], 'the clinic has its grant')

    const state = join(cohort.directory, 'c')
    const backup = join(cohort.directory, 'backup')
    await cohort.stop('c')
    await cp(state, backup, { recursive: true })
    await cohort.start('c')
    await up('a', 'c')
    // The two that are left have to help.
    await cohort.stop('b')
    const before = await ask()

    await cohort.stop('c')
    for (const suffix of ['', '-wal', '-shm']) await rm(join(state, `shares.sqlite${suffix}`), { force: true })
    await cp(join(backup, 'shares.sqlite'), join(state, 'shares.sqlite'))
    await expect(cohort.start('c')).rejects.toThrow(/shares\.sqlite: it knows \d+ shares, and \d+ were given/)

    // What never changes is enough for another start: who it is, and what its secrets are sealed with.
    await rename(state, join(cohort.directory, 'lost'))
    await mkdir(state, { mode: 0o700 })
    for (const name of ['identity.json', 'keystore.json']) await cp(join(backup, name), join(state, name))
    await Promise.all(['b', 'c'].map(async name => await cohort.start(name)))
    await up('a', 'b', 'c')
    const ready = async (): Promise<unknown> => await (await fetch(`http://127.0.0.1:${cohort.ports.get('c')}/health/ready`)).json()
    await until(
      async () => ((await cohort.ask<{ epochs: unknown[] }>('c', 'cohort', 'status')).epochs.length > 0 ? true : undefined),
      'c is told of the keys'
    )
    expect(await ready()).toMatchObject({
      ready: false,
      missing: [{ what: 'keys', remedy: expect.stringContaining('cohort join hospitals c') }]
    })
    const joined = await cohort.ask<EpochReport>('carol', 'cohort', 'join', 'hospitals', 'c')
    expect(joined).toMatchObject({ generation: 1, threshold: 2 })
    expect(joined.holders.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c'])
    expect(await ready()).toEqual({ ready: true, missing: [] })
    await cohort.stop('b')
    const after = await ask()
    expect(after.answer.predictions).toEqual(before.answer.predictions)
    const log = await readFile(join(state, 'audit', 'audit.jsonl'), 'utf8')
    expect(log).toContain(after.query)
    expect(log).not.toContain(before.query)
  })
})
