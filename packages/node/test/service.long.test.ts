/** A service among processes over loopback, by commands alone: made, asked, killed, started again, asked again. */

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fuse, importOnnx } from '@slytherin/engine'
import { loadSamples, sourceOf } from '@slytherin/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AnswerReport, EpochReport, GrantReport, ModelReport, QueryReport, StatusReport } from '../src/control/reports.js'
import { ServiceCohort, slytherin, until } from './support/service-cohort.js'

const MODELS = fileURLToPath(new URL('../../../models', import.meta.url))
const MODEL = `${MODELS}/onnx/breast-cancer-wdbc-mlp-square.onnx`
const SAMPLES = `${MODELS}/data/breast-cancer-wdbc-test-x.npy`
type Asked = QueryReport & { answer: AnswerReport }

let cohort: ServiceCohort
let epoch: EpochReport
let grant: GrantReport

beforeAll(async () => {
  cohort = await ServiceCohort.make({
    carol: ['evaluator'],
    a: ['key-holder'],
    b: ['key-holder'],
    c: ['key-holder'],
    d: ['key-holder'],
    w: ['witness'],
    owner: ['model-owner'],
    clinic: ['querier', 'data-owner']
  })
  for (const name of cohort.names)
    await cohort.configure(name, text => `${text.replace('# file: party.log', `file: ${name}.log`)}metrics: { port: 0 }\n`)
  // Comes later.
  await cohort.ask('carol', 'roster', 'remove', 'd')
  await Promise.all(cohort.names.filter(name => name !== 'd').map(async name => await cohort.start(name)))
})
afterAll(async () => {
  await cohort?.remove()
})

async function logitsOf(offset: number, count: number): Promise<number[][]> {
  const network = fuse(importOnnx(await readFile(MODEL)))
  const samples = await loadSamples({ ...sourceOf(SAMPLES), offset, count, normalisation: { scale: 1, mean: 0, deviation: 1 } })
  return samples.map(sample => [...network.forward(sample)])
}

async function ask(offset: number, count = 2): Promise<Asked> {
  const words = ['query', 'cancer', '--samples', SAMPLES, '--offset', String(offset), '--count', String(count), '--follow']
  return await cohort.ask<Asked>('clinic', ...words)
}

async function expectRight({ answer }: Asked, offset: number, count = 2): Promise<void> {
  const clear = await logitsOf(offset, count)
  expect(answer.logits).toHaveLength(count)
  const largest = Math.max(...clear.flat().map(Math.abs))
  for (const [k, row] of clear.entries()) {
    for (const [j, value] of row.entries()) expect(Math.abs(answer.logits[k]![j]! - value)).toBeLessThan(0.05 * largest)
  }
}

/** Everybody is there, as the evaluator sees it. */
async function connected(names: readonly string[]): Promise<StatusReport> {
  return await until(
    async () => {
      const status = await cohort.ask<StatusReport>('carol', 'status')
      return status.peers.filter(({ state, software }) => state === 'up' && software !== undefined).length === names.length
        ? status
        : undefined
    },
    `${names.join(', ')} up`
  )
}

describe('a service among processes', () => {
  it('makes keys, publishes, grants, and answers', async () => {
    await connected(['a', 'b', 'c', 'w', 'owner', 'clinic'])
    const create = ['cohort', 'create', 'hospitals', '--for', MODEL, '--batch', '2', '--flooding-bits', '30', '--decryptions', '1024']
    epoch = await cohort.ask<EpochReport>('carol', ...create)
    expect(epoch).toMatchObject({ cohort: 'hospitals', threshold: 2, generation: 0, logN: 8 })
    expect(epoch.holders.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(epoch.witnesses).toMatchObject([{ name: 'w' }])
    await until(async () => (await cohort.ask<{ epochs: unknown[] }>('owner', 'cohort', 'status')).epochs[0], 'the owner knows the keys')
    const model = await cohort.ask<ModelReport>('owner', 'model', 'publish', MODEL, '--name', 'cancer', '--batch', '2')
    expect(model).toMatchObject({ name: 'cancer', revision: '1', epoch: epoch.epoch, owner: { name: 'owner' } })
    grant = await cohort.ask<GrantReport>('owner', 'grant', 'create', 'clinic', '--models', 'cancer', '--queries', '4')
    await until(async () => (await cohort.ask<ModelReport[]>('clinic', 'model', 'list'))[0], 'the clinic knows the model')
    await until(async () => (await cohort.ask<GrantReport[]>('clinic', 'grant', 'list'))[0], 'the clinic has its grant')
    const asked = await ask(0)
    expect(asked).toMatchObject({ state: 'answered', samples: 2, model: 'cancer' })
    await expectRight(asked, 0)
    const { witnessing } = await cohort.ask<StatusReport>('w', 'status')
    expect(witnessing!.endorsements).toBeGreaterThan(0)
    // What was answered can be shown again; nobody else has it any more.
    const again = await cohort.ask<Asked>('clinic', 'query', 'fetch', asked.query.slice(0, 10))
    expect(again.answer).toEqual(asked.answer)
    const { queries } = await cohort.ask<StatusReport>('carol', 'status')
    expect(queries).toEqual([])
  })

  it('says what it does: one name of a query in the logs of all, what was given in audit logs, figures without names', async () => {
    const at = async (name: string, path: string): Promise<Response> => await fetch(`http://127.0.0.1:${cohort.ports.get(name)}${path}`)
    for (const name of ['carol', 'a', 'clinic', 'owner'])
      expect(await (await at(name, '/health/ready')).json(), name).toEqual({ ready: true, missing: [] })
    const { query } = (await cohort.logged('clinic.log')).find(({ msg }) => msg === 'query answered') as { query: string }
    const states = (await cohort.logged('carol.log')).filter(line => line['query'] === query).map(({ state }) => state)
    expect(states).toEqual(['open', 'queued', 'running', 'done', 'fetched'])
    const helping: string[] = []
    for (const name of ['a', 'b', 'c']) {
      const audit = (await cohort.logged(`${name}/audit/audit.jsonl`)).filter(line => line['query'] === query)
      if (audit.length === 0) continue
      helping.push(name)
      expect(audit.map(({ event }) => event)).toContain('shares')
      expect((await cohort.logged(`${name}.log`)).filter(line => line['query'] === query)).not.toEqual([])
      const figures = await (await at(name, '/metrics')).text()
      expect(figures).toMatch(/slytherin_shares_total{protocol="switch"} 1\n/)
      expect(figures).toMatch(/slytherin_epoch_decryptions_left{cohort="hospitals",epoch="[0-9a-f]{12}"} 102[0-3]\n/)
      expect(figures).not.toContain(query)
    }
    expect(helping).toHaveLength(2)
    const granted = (await cohort.logged('owner/audit/audit.jsonl')).map(({ event }) => event)
    expect(granted).toEqual(expect.arrayContaining(['keys-made', 'model-published', 'grant-given']))
    const figures = await (await at('carol', '/metrics')).text()
    expect(figures).toContain('slytherin_queries_total{outcome="fetched"} 1')
    expect(figures).toContain('slytherin_query_phase_seconds_count{phase="switch"} 1')
    expect(figures).not.toContain(query)
  })

  it('goes on after every party was killed and started again, with a holder and the owner away', async () => {
    await Promise.all(cohort.names.map(async name => await cohort.stop(name, 'SIGKILL')))
    expect(await slytherin('status', '--config', cohort.file('carol'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('slytherin party --config')
    })
    const ready: string[] = []
    for (const name of ['carol', 'a', 'c', 'clinic']) ready.push(`${name} ${((await cohort.start(name)) / 1000).toFixed(1)} s`)
    console.info(`ready for commands again after: ${ready.join(', ')}`)
    const status = await connected(['a', 'c', 'clinic'])
    expect(status.epochs).toMatchObject([{ epoch: epoch.epoch, state: 'no witness is up' }])
    expect(status.epochs[0]!.holders.find(({ name }) => name === 'b')).toMatchObject({ state: 'down' })
    expect(status.grants).toMatchObject([{ grant: grant.grant, queries: { used: 1, limit: 4 }, state: 'valid' }])
    // Who gives no share counts none.
    expect(status.grants[0]!.decryptions).not.toHaveProperty('used')
    await until(
      async () => ((await cohort.ask<ModelReport[]>('carol', 'model', 'list'))[0]?.state === 'ready' ? true : undefined),
      'the model is ready'
    )
    // Holders give nothing that the witness has not come to: the query waits for it.
    const words = ['query', 'cancer', '--samples', SAMPLES, '--offset', '2', '--count', '2']
    const { query } = await cohort.ask<QueryReport>('clinic', ...words)
    const report = async (): Promise<QueryReport> => (await cohort.ask<QueryReport[]>('carol', 'query', 'status', query))[0]!
    await until(async () => ((await report()).state === 'running' ? true : undefined), 'the query runs')
    await cohort.start('w')
    await expectRight(await cohort.ask<Asked>('clinic', 'query', 'fetch', query), 2)
    const holder = await cohort.ask<StatusReport>('a', 'status')
    expect(holder.epochs[0]!.decryptions!.used).toBeGreaterThan(0)
  })

  it('queues a query whose holders are away, and answers it when they are back', async () => {
    await cohort.stop('a')
    const words = ['query', 'cancer', '--samples', SAMPLES, '--offset', '4', '--count', '1']
    const waiting = await cohort.ask<QueryReport>('clinic', ...words)
    expect(['queued', 'running']).toContain(waiting.state)
    // Its querier may be away, too.
    await cohort.stop('clinic', 'SIGKILL')
    await Promise.all(['b', 'owner', 'clinic'].map(async name => await cohort.start(name)))
    const answered = await cohort.ask<Asked>('clinic', 'query', 'fetch', waiting.query)
    await expectRight(answered, 4, 1)
    await cohort.start('a')
  })

  it('refuses who has spent its grant, has it revoked, or is in no roster, and says what to do', async () => {
    await connected(['a', 'b', 'c', 'w', 'owner', 'clinic'])
    await ask(6)
    await expect(ask(6)).rejects.toThrow(/grant-refused|at most 4 queries/)
    const more = await cohort.ask<GrantReport>('owner', 'grant', 'create', 'clinic', '--models', '*')
    await until(
      async () => (await cohort.ask<GrantReport[]>('clinic', 'grant', 'list')).find(({ grant: known }) => known === more.grant),
      'the clinic has its second grant'
    )
    await cohort.ask('owner', 'grant', 'revoke', more.grant.slice(0, 8))
    await until(
      async () => (await cohort.ask<GrantReport[]>('carol', 'grant', 'list')).find(({ state }) => state === 'revoked'),
      'the evaluator knows of the revocation'
    )
    await expect(ask(6)).rejects.toThrow(/slytherin grant create/)
    const told = await cohort.ask<{ running: boolean; removed: unknown[] }>('carol', 'roster', 'remove', 'clinic')
    expect(told).toMatchObject({ running: true, removed: [{ name: 'clinic' }] })
    await until(async () => {
      const { peers } = await cohort.ask<StatusReport>('clinic', 'status')
      return peers.find(({ name, state }) => name === 'carol' && state === 'down')
    }, 'the clinic is let in no more')
    await cohort.ask('carol', 'roster', 'add', cohort.lines['clinic']!)
    await connected(['a', 'b', 'c', 'w', 'owner', 'clinic'])
  })

  it('gives a share to a holder that comes to the roster while it runs', async () => {
    await cohort.start('d')
    await cohort.ask('carol', 'roster', 'add', cohort.lines['d']!)
    await connected(['a', 'b', 'c', 'd', 'w', 'owner', 'clinic'])
    const joined = await cohort.ask<EpochReport>('carol', 'cohort', 'reshare', 'hospitals', '--holders', 'a,b,d')
    expect(joined).toMatchObject({ epoch: epoch.epoch, threshold: 2, generation: 1 })
    expect(joined.holders.map(({ name }) => name).sort()).toEqual(['a', 'b', 'd'])
    const reshared = (await cohort.logged('b/audit/audit.jsonl')).filter(({ event }) => event === 'keys-reshared')
    expect(reshared).toMatchObject([{ epoch: epoch.epoch, generation: 1, threshold: 2 }])
    await cohort.stop('a')
    const more = await cohort.ask<GrantReport>('owner', 'grant', 'create', 'clinic', '--models', 'cancer')
    await until(
      async () => (await cohort.ask<GrantReport[]>('clinic', 'grant', 'list')).find(({ grant: known }) => known === more.grant),
      'the clinic has its third grant'
    )
    await expectRight(await ask(8), 8)
    await cohort.start('a')
  })

  it('takes models back, and ends in good order', async () => {
    await cohort.ask('owner', 'model', 'withdraw', 'cancer')
    await until(
      async () => ((await cohort.ask<ModelReport[]>('clinic', 'model', 'list'))[0]?.state === 'withdrawn' ? true : undefined),
      'the clinic knows of the withdrawal'
    )
    await expect(ask(0)).rejects.toThrow(/is known here/)
    expect(await Promise.all(cohort.names.map(async name => await cohort.stop(name)))).toEqual(cohort.names.map(() => 0))
  })
})
